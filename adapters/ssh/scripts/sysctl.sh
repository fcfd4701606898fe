# Set kernel parameters. Arguments: base, then pairs of name and value.
main() {
    busy "$1" sysctl
    shift
    while [ "$#" -ge 2 ]; do
        said=$(sysctl -q -w "$1=$2" 2>&1) || fail "$said"
        shift 2
    done
}
