# Start, stop, enable and disable units. Arguments: base, then pairs of verb and name.
main() {
    busy "$1" services
    shift
    while [ "$#" -ge 2 ]; do
        said=$(systemctl "$1" -- "$2.service" 2>&1) || fail "systemctl $1 $2: $(printf '%s\n' "$said" | tail -n 4)"
        shift 2
    done
}
