# Make a key pair if there is none. Arguments: base, path, bits.
main() {
    busy "$1" "make a key pair"
    if [ -e "$2" ]; then return; fi
    umask 077
    folder=$(dirname -- "$2")
    mkdir -p -- "$folder" || fail "cannot make $folder"
    new=$(mktemp -d "$folder/.hopbook.XXXXXX") || fail "cannot write in $folder"
    said=$(ssh-keygen -q -t rsa -b "$3" -m PEM -N '' -C "hopbook@$(uname -n)" -f "$new/key" 2>&1) \
        && chmod 0400 "$new/key" && mv -T -- "$new/key.pub" "$2.pub" && mv -T -- "$new/key" "$2"
    code=$?
    rm -rf -- "${new:?}"
    [ "$code" = 0 ] || fail "${said:-cannot write $2}"
}
