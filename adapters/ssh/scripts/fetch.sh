# Runs as a job: get a file over HTTPS. Arguments: URL, path, SHA-256, mode.
work() {
    folder=$(dirname -- "$2")
    mkdir -p -- "$folder" || fail "cannot make $folder"
    new=$(mktemp "$folder/.hopbook.XXXXXX") || fail "cannot write in $folder"
    trap 'rm -f -- "$new"' EXIT
    # As a login shell: by the web proxy that the host was told of
    for told in /etc/profile.d/*proxy*.sh; do
        if [ -r "$told" ]; then . "$told"; fi
    done
    curl --fail --silent --show-error --location --proto '=https' --retry 2 --output "$new" -- "$1" || exit
    sum=$(sha256sum <"$new" | cut -d ' ' -f 1)
    [ "$sum" = "$3" ] || fail "$1 has the SHA-256 $sum, expected $3: it is damaged, not complete or another one" 65
    chmod -- "$4" "$new" && sync "$new" && mv -T -- "$new" "$2"
}
