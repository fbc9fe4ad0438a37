# For scripts that are run by root in a network namespace of their own, with a folder of theirs in $folder, and the built
# programs in $release.

# A machine's BMC at 10.0.0.5, by IPMI and Redfish: user admin, password secret.
start_machine() {
    ip link set lo up
    ip address add 10.0.0.0/24 dev lo
    simulate serve --listen 10.0.0.5:623
    simulate redfish --listen 10.0.0.5:443
}

# simulate ARGUMENT…: starts bmc-sim, and waits until it has said where it listens.
simulate() {
    local log
    log=$(mktemp "$folder/bmc-sim.XXXXXX")
    "$release/bmc-sim" "$@" >"$log" 2>&1 &
    for _ in $(seq 200); do
        [ ! -s "$log" ] || return 0
        kill -0 $! || break
        sleep 0.05
    done
    echo "bmc-sim $* says nothing" >&2
    exit 1
}
