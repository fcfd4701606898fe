# A job's state, and its output from an offset. Arguments: base, id, offset, most bytes.
main() {
    job=$1/jobs/$2
    [ -d "$job" ] || fail "there is no job $2" 44
    printf '%s %s\n' "$(job_state "$job")" "$(stat -c %s "$job/log")"
    tail -c "+$(($3 + 1))" "$job/log" | head -c "$4"
}
