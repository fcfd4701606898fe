# Start a command under a supervisor, at most once under an id. Arguments: base, id, `again` (one that ended is
# put aside first) or `once`, directory, description, number of variables, the variables, the command.
supervisor() {
    cat <<'END'
job=$1
shift
born() { sed 's/^.*) //' "/proc/$1/stat" | cut -d ' ' -f 20; }
printf '%s %s\n' "$$" "$(born $$)" >"$job/pid.new"
mv -T -- "$job/pid.new" "$job/pid"
"$@" >>"$job/log" 2>&1
printf '%s\n' "$?" >"$job/status.new"
sync "$job/status.new"
mv -T -- "$job/status.new" "$job/status"
END
}

main() {
    busy "$1" "start $2"
    jobs=$1/jobs job=$1/jobs/$2 again=$3 where=$4 spec=$5 count=$6
    shift 6
    umask 077
    mkdir -p -- "$jobs" || fail "cannot make $jobs"
    if [ "$again" = again ] && [ -d "$job" ]; then
        case $(job_state "$job") in
            running*) ;;
            *) job_aside "$job" ;;
        esac
    fi
    cd -- "$where" || fail "there is no directory $where"
    # A folder that is not empty is not replaced by a renaming: of two starters one comes first
    mkdir -- "$job.$$.new" || fail "cannot make $job.$$.new"
    printf '%s' "$spec" >"$job.$$.new/spec"
    cat /proc/sys/kernel/random/boot_id >"$job.$$.new/boot"
    : >"$job.$$.new/log"
    if ! mv -T -- "$job.$$.new" "$job" 2>/dev/null; then
        rm -rf -- "${job:?}.$$.new"
        [ -d "$job" ] || fail "cannot make $job"
        echo found
        return
    fi
    while [ "$count" -gt 0 ]; do
        export "${1?}"
        shift
        count=$((count - 1))
    done
    umask 022
    setsid sh -c "$(supervisor)" hopbook-job "$job" "$@" </dev/null >/dev/null 2>&1 &
    while [ ! -f "$job/pid" ] && kill -0 "$!" 2>/dev/null; do sleep 0.02; done
    echo started
}
