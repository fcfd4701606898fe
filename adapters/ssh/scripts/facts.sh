# Tell everything that is asked for in one go. Arguments: base, then pairs of a word and what it is about.
# An answer is a line of tab-separated fields, which begin with the question's number; free text is base64.
tell() {
    text=$number
    for part in "$@"; do text="$text	$part"; done
    printf '%s\n' "$text"
}

possession() {
    stat -L -c '%a	%U	%G	%s' -- "$1"
}

on_file() {
    if [ -f "$1" ]; then
        if [ "$(stat -L -c %s -- "$1")" -le 262144 ]; then
            tell "$(possession "$1")" "$(b64 <"$1")"
        else
            tell "$(possession "$1")" -
        fi
    elif [ -e "$1" ]; then
        tell other
    else
        tell -
    fi
}

on_secret() {
    if [ -f "$1" ]; then
        note=$base/files/$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
        tell "$(possession "$1")" "$(sha256sum <"$1" | cut -d ' ' -f 1)" "$(b64 2>/dev/null <"$note")"
    else
        tell -
    fi
}

on_directory() {
    if [ -d "$1" ]; then tell "$(possession "$1")"; else tell -; fi
}

on_exists() {
    if [ -e "$1" ] || [ -L "$1" ]; then tell yes; else tell no; fi
}

on_pair() {
    if [ -f "$1" ]; then tell yes "$(b64 2>/dev/null <"$1.pub")"; else tell -; fi
}

# Large files are summed once; the sum serves while size, time and number of the file stay
on_sum() {
    if [ ! -f "$1" ]; then
        tell -
        return
    fi
    seen=$base/sums/$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    as=$(stat -L -c '%s %.9Y %.9Z %i' -- "$1")
    if [ "$(sed -n 1p "$seen" 2>/dev/null)" != "$as" ]; then
        sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
        mkdir -p -- "$base/sums" && printf '%s\n%s\n' "$as" "$sum" >"$seen.$$" && mv -f -- "$seen.$$" "$seen"
    else
        sum=$(sed -n 2p "$seen")
    fi
    tell "$(stat -L -c %s -- "$1")" "$sum"
}

on_package() {
    if command -v dpkg-query >/dev/null 2>&1; then
        # shellcheck disable=SC2016 # dpkg-query expands it
        version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null)
        case $version in
            'installed '*) tell "${version#installed }" ;;
            *) tell - ;;
        esac
    elif version=$(rpm -q --qf '%{VERSION}-%{RELEASE}' "$1" 2>/dev/null); then
        tell "$version"
    else
        tell -
    fi
}

on_sysctl() {
    tell "$(sysctl -n "$1" 2>/dev/null | b64)"
}

on_service() {
    tell "$(systemctl is-active -- "$1.service" 2>/dev/null)" "$(systemctl is-enabled -- "$1.service" 2>/dev/null)"
}

on_keys() {
    home=$(getent passwd "$1" | cut -d : -f 6)
    if [ -z "$home" ]; then tell -; else tell "$home" "$(b64 2>/dev/null <"$home/.ssh/authorized_keys")"; fi
}

on_image() {
    if docker image inspect "$1" >/dev/null 2>&1; then tell yes; else tell no; fi
}

on_job() {
    job=$base/jobs/$1
    if [ -d "$job" ]; then
        # shellcheck disable=SC2046 # two words
        tell $(job_state "$job") "$(b64 <"$job/spec")" "$(stat -c %s "$job/log")" "$(tail -c 1024 "$job/log" | b64)"
    else
        tell -
    fi
}

on_ping() {
    round=$(ping -n -q -c 3 -i 0.2 -W 2 "$1" 2>/dev/null | sed -n 's|^.*= *[0-9.]*/\([0-9.]*\)/.*$|\1|p')
    tell "${round:--}"
}

on_disk() {
    place=$1
    while [ ! -e "$place" ]; do place=$(dirname -- "$place"); done
    # shellcheck disable=SC2046 # two words
    tell $(df -P -k -- "$place" | awk 'NR == 2 { print $2, $4 }')
}

on_system() {
    tell uid "$(id -u)"
    tell hostname "$(uname -n)"
    tell clock "$(date +%s.%N)"
    # shellcheck disable=SC1091,SC2154
    tell os "$(. /etc/os-release && printf '%s	%s' "$ID" "$VERSION_ID")"
    tell cpus "$(grep -c '^processor' /proc/cpuinfo)"
    tell memory "$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)"
    tell swap "$(awk 'NR > 1 { sum += $3 } END { print sum + 0 }' /proc/swaps)"
    for name in python python2 python2.7; do
        if version=$("$name" --version 2>&1); then tell python "$name" "${version#Python }"; fi
    done
    tell resolved "$(getent ahostsv4 "$(uname -n)" | awk '{ print $1 }' | sort -u | tr '\n' ' ')"
    tell synchronized "$(timedatectl status 2>/dev/null | sed -n 's/^.*synchronized: *//p')"
    for name in chronyd chrony ntpd ntp systemd-timesyncd; do
        if [ "$(systemctl is-active "$name" 2>/dev/null)" = active ]; then tell timeservice "$name"; fi
    done
    if ufw status 2>/dev/null | grep -q '^Status: active'; then tell firewall ufw; fi
    if [ "$(systemctl is-active firewalld 2>/dev/null)" = active ]; then tell firewall firewalld; fi
    ip -o -4 address 2>/dev/null | while read -r _ name _ address _; do tell address "$name" "$address"; done
    ss -tnl 2>/dev/null | awk 'NR > 1 { sub(/^.*:/, "", $4); print $4 }' | sort -un | while read -r port; do
        tell listens "$port"
    done
    # shellcheck disable=SC2046 # two words
    tell docker $(docker info --format '{{.ServerVersion}} {{.Driver}}' 2>/dev/null)
}

main() {
    base=$1
    shift
    number=-
    for mark in "$base"/busy/*; do
        if [ -f "$mark" ] && read -r since name <"$mark" && [ "$(born "${mark##*/}")" = "$since" ]; then
            tell busy "$name"
        fi
    done
    number=0
    while [ "$#" -ge 2 ]; do
        case $1 in
            file | secret | directory | exists | pair | sum | package | sysctl | service | keys | image | job) ;;
            ping | disk | system) ;;
            *) fail "no such question: $1" ;;
        esac
        "on_$1" "$2"
        number=$((number + 1))
        shift 2
    done
    number=-
    tell end
}
