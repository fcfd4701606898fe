# The numbers of a user and a group. Arguments: base, user, group.
main() {
    uid=$(id -u -- "$2" 2>/dev/null) || fail "there is no user $2"
    gid=$(getent group "$3" | cut -d : -f 3)
    [ -n "$gid" ] || fail "there is no group $3"
    printf '%s %s\n' "$uid" "$gid"
}
