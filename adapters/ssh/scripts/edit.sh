# Replace small files, each atomically, if they are still as they were read. Arguments: base, then for each
# file: path, SHA-256 of its content before (- where there was none), mode and owner where it is new, content.
main() {
    busy "$1" edit
    shift
    while [ "$#" -ge 5 ]; do
        was=-
        if [ -f "$1" ]; then was=$(sha256sum <"$1" | cut -d ' ' -f 1); fi
        [ "$was" = "$2" ] || fail "$1 was changed while it was edited" 75
        path=$1
        if [ -L "$1" ]; then path=$(readlink -f -- "$1"); fi
        folder=$(dirname -- "$path")
        if [ ! -d "$folder" ]; then
            mkdir -p -m 0700 -- "$folder" && chown -- "$4" "$folder" || fail "cannot make $folder"
        fi
        new=$(mktemp "$path.XXXXXX") || fail "cannot write beside $path"
        if [ -f "$path" ]; then
            cp -p -- "$path" "$new"
        else
            chmod -- "$3" "$new" && chown -- "$4" "$new"
        fi && printf %s "$5" | base64 -d >"$new" && sync "$new" && mv -T -- "$new" "$path" || {
            rm -f -- "$new"
            fail "cannot write $path"
        }
        shift 5
    done
}
