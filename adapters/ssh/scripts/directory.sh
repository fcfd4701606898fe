# Make a directory, or give it mode and owner. Arguments: base, path, mode, owner and group.
main() {
    busy "$1" "make $2"
    said=$({ mkdir -p -- "$2" && chown -- "$4" "$2" && chmod -- "$3" "$2"; } 2>&1) || fail "$said"
}
