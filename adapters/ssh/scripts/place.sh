# Give an uploaded file mode and owner and move it to its place, atomically. Arguments: base, uploaded file,
# path, mode, owner and group, note (what a file with secrets was made from; empty: none).
main() {
    busy "$1" "place $3"
    base=$1 path=$3
    folder=$(dirname -- "$path")
    mkdir -p -- "$folder" || fail "cannot make $folder"
    new=$2
    if [ "$(dirname -- "$2")" != "$folder" ]; then
        new=$(mktemp "$folder/.hopbook.XXXXXX") || fail "cannot write in $folder"
        cat -- "$2" >"$new" || fail "cannot copy to $folder"
        rm -f -- "$2"
    fi
    if [ -n "$6" ]; then
        (
            umask 077
            mkdir -p -- "$base/files"
            note=$base/files/$(printf %s "$path" | sha256sum | cut -d ' ' -f 1)
            printf '%s %s' "$(sha256sum <"$new" | cut -d ' ' -f 1)" "$6" >"$note.new" && mv -T -- "$note.new" "$note"
        ) || fail "cannot write in $base/files"
    fi
    said=$({ chown -- "$5" "$new" && chmod -- "$4" "$new" && sync "$new" && mv -T -- "$new" "$path"; } 2>&1) || {
        rm -f -- "$new"
        fail "$path: $said"
    }
}
