# Install or remove packages. Arguments: base, `install` or `remove`, then pairs of name and version (- for any).
main() {
    busy "$1" "$2 packages"
    what=$2
    shift 2
    between='='
    command -v apt-get >/dev/null 2>&1 || between=-
    names=
    while [ "$#" -ge 2 ]; do # names and versions are single words
        if [ "$2" = - ]; then names="$names $1"; else names="$names $1$between$2"; fi
        shift 2
    done
    if [ "$between" = '=' ]; then with_apt; else with_yum; fi || fail "$(printf '%s\n' "$said" | tail -n 4)"
}

with_apt() {
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    set -- -y -q -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120
    # shellcheck disable=SC2086 # words
    if [ "$what" = remove ]; then
        said=$(apt-get "$@" remove -- $names 2>&1)
    else
        # The lists of a template are old; they are fetched where they do not do
        said=$(apt-get "$@" --no-install-recommends --allow-downgrades install -- $names 2>&1) || {
            said=$(apt-get "$@" update 2>&1)
            said=$(apt-get "$@" --no-install-recommends --allow-downgrades install -- $names 2>&1)
        }
    fi
}

with_yum() {
    # shellcheck disable=SC2086 # words
    said=$(yum -y -q "$what" $names 2>&1)
}
