# What a program says that changes nothing. Arguments: base, seconds, program, its arguments.
main() {
    seconds=$2
    shift 2
    timeout "$seconds" "$@" || fail "$1 ended with status $?" 45
}
