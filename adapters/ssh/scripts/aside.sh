# Put a job that is not running aside, with its log. Arguments: base, id.
main() {
    busy "$1" "put aside $2"
    job=$1/jobs/$2
    [ -d "$job" ] || return 0
    case $(job_state "$job") in
        running*) fail "it is running" ;;
    esac
    job_aside "$job"
}
