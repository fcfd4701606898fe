# Runs as a job: load the images of an archive. Argument: its path. tar's status is read for itself, as
# docker may take what a truncated archive gives.
work() {
    status=$(mktemp) || fail "no room for a temporary file"
    { tar -xf "$1" -O || echo "$?" >"$status"; } | docker load
    loaded=$?
    unpacked=$(cat "$status")
    rm -f -- "$status"
    [ -z "$unpacked" ] || fail "$1 cannot be unpacked: it is damaged or not complete; get it again" 65
    exit "$loaded"
}
