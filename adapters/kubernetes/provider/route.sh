# Keeps routes on a node while it runs, and takes them away when it is ended. Its words come from the ConfigMap:
# NETWORKS, INTERFACE, NEXT_HOP (empty: what is there is reached without a router), INTERVAL in seconds.
set -eu

if [ -n "${NEXT_HOP}" ]; then
    way="via ${NEXT_HOP} dev ${INTERFACE} onlink"
else
    way="dev ${INTERFACE} scope link"
fi

if [ "${1:-keep}" = there ]; then
    for network in ${NETWORKS}; do
        [ -n "$(ip route show "${network}" dev "${INTERFACE}")" ] || exit 1
    done
    exit 0
fi

end() {
    for network in ${NETWORKS}; do
        # shellcheck disable=SC2086 - words of a route
        ip route del "${network}" ${way} || echo "${network}: it is gone already" >&2
    done
    exit 0
}
trap end TERM INT

while true; do
    for network in ${NETWORKS}; do
        # shellcheck disable=SC2086
        ip route replace "${network}" ${way}
    done
    sleep "${INTERVAL}" &
    wait $!
done
