# A directory as a tar archive. Arguments: base, path.
main() {
    [ -d "$2" ] || fail "there is no directory $2" 44
    tar -C "$2" -czf - . || fail "cannot read all of $2"
}
