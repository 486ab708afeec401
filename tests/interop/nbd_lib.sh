# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# For the suites of NBD, after tests/lib.sh and in $work: servers that end with the suite, and the disk they serve.
servers=
at_exit 'kill $servers 2>/dev/null; wait 2>/dev/null'

# wait_for COMMAND...: until it succeeds, ten seconds at most
wait_for() {
    for _ in $(seq 200); do
        "$@" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

# started NAME COMMAND...: COMMAND, a server, makes the socket ./NAME; $uri and $server tell of the last one.
started() {
    started_name=$1
    shift
    rm -f "$started_name"
    "$@" >"$started_name.out" 2>"$started_name.err" &
    server=$!
    servers="$servers $server"
    uri="nbd+unix:///?socket=$work/$started_name"
    wait_for test -S "$started_name" || {
        sed 's/^/# /' "$started_name.out" "$started_name.err"
        return 1
    }
}

# make_disk: disk.raw, 24 MiB of data and holes of odd lengths, random and reproducible
make_disk() {
    python3 - <<'PY'
import random
source = random.Random(2)
with open("disk.raw", "wb") as disk:
    disk.truncate(24 << 20)
    for start, length in ((0, 3 << 20), (5 << 20, 4096), ((6 << 20) + 65536, 1 << 20), (20 << 20, (4 << 20) - 512)):
        disk.seek(start)
        disk.write(source.randbytes(length))
PY
}
