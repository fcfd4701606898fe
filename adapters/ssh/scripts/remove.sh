# Remove what lies at a path. Arguments: base, `file`, `pair`, `directory` (an empty one) or `tree`, path.
main() {
    busy "$1" "remove $3"
    case $2 in
        file) said=$(rm -f -- "$3" 2>&1) ;;
        pair) said=$(rm -f -- "$3" "$3.pub" 2>&1) ;;
        directory) if [ -e "$3" ]; then said=$(rmdir -- "$3" 2>&1); fi ;;
        tree) said=$(rm -rf --one-file-system -- "${3:?}" 2>&1) ;;
        *) fail "no such thing: $2" ;;
    esac || fail "$said"
    rm -f -- "$1/files/$(printf %s "$3" | sha256sum | cut -d ' ' -f 1)"
}
