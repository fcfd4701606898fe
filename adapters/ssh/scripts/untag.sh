# Take an image away. Arguments: base, image.
main() {
    busy "$1" "remove an image"
    said=$(docker rmi "$2" 2>&1) || fail "$said"
}
