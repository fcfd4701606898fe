# Every script begins with this. It is parsed to its end before anything of it runs, so that one cut off by a
# lost connection does nothing.
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

fail() {
    printf '%s\n' "$1" >&2
    exit "${2:-1}"
}

# Base64 on one line
b64() {
    base64 | tr -d '\n'
}

# When a process began, in ticks since the host's start: a number used again is another process
born() {
    sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# While a script that changes something runs, its process is on file: whoever lost its answer waits for it
busy() {
    mkdir -p -- "$1/busy" || fail "cannot make $1/busy"
    trap 'rm -f -- "$busy"' EXIT
    busy=$1/busy/$$
    printf '%s %s\n' "$(born $$)" "$2" >"$busy"
}

# Whether a process of a group runs. A dead one that nobody buried yet does not.
group_runs() {
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^.*) //' \
        | GROUP=$1 awk '$3 == ENVIRON["GROUP"] && $1 != "Z" { found = 1 } END { exit !found }'
}

# A job's state: running, ended and its status, or killed
job_state() {
    if [ -f "$1/status" ]; then
        printf 'ended %s' "$(cat "$1/status")"
    elif [ "$(cat "$1/boot" 2>/dev/null)" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        printf 'killed -'
    elif [ ! -f "$1/pid" ]; then
        # Not started yet; a minute later whoever should have started it is gone
        if [ -n "$(find "$1" -maxdepth 0 -mmin +1)" ]; then printf 'killed -'; else printf 'running -'; fi
    else
        read -r job_pid job_born <"$1/pid"
        job_now=$(born "$job_pid")
        if [ "${job_now:-$job_born}" = "$job_born" ] && group_runs "$job_pid"; then
            printf 'running -'
        elif [ -f "$1/status" ]; then
            printf 'ended %s' "$(cat "$1/status")" # meanwhile
        else
            printf 'killed -'
        fi
    fi
}

# Under another name, so that its log stays and its id is free
job_aside() {
    number=1
    while [ -e "$1.$number" ]; do number=$((number + 1)); done
    mv -T -- "$1" "$1.$number" || fail "cannot rename $1"
}
