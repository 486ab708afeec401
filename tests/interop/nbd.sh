#!/bin/bash
# SPDX-License-Identifier: MIT
# `platter serve` with the clients of others: libnbd's and QEMU's.
. tests/lib.sh
need nbdcopy nbdinfo qemu-io qemu-img python3
platter=${PLATTER:-$root/build/host/platter}
cd "$work" || exit 1
. "$root/tests/interop/nbd_lib.sh"

# start NAME ARGUMENT...: serves on the socket ./NAME and waits until it does.
start() {
    started "$1" "$platter" serve "${@:2}" --socket "$1" && wait_for test -s "$1.out"
}
gone() { ! kill -0 "$1"; }
# stop: ends the last server; its exit status
stop() {
    kill -TERM "$server"
    wait "$server"
}

make_disk
# The length is that of the raw disk, not rounded to a disk geometry.
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on disk.raw disk.vhd || exit 1

# ---- Reading

start raw disk.raw --read-only
check "nbdcopy of a raw image equals the image" sh -c "nbdcopy '$uri' out && cmp out disk.raw"
check "over one connection, with tiny requests, too" \
    sh -c "nbdcopy --connections=1 --request-size=4096 '$uri' out && cmp out disk.raw"
check "and without the help of the block map" sh -c "nbdcopy --allocated '$uri' out && cmp out disk.raw"

same_map() {
    nbdinfo --map --json "$uri" >map.nbd && qemu-img map --output=json -f raw disk.raw >map.qemu &&
        qemu-img map --output=json -f raw "$uri" >map.remote && python3 - <<'PY'
import json
def runs(name, start, data):
    merged = []
    for entry in json.load(open(name)):
        if merged and merged[-1][2] == data(entry):
            merged[-1][1] += entry["length"]
        else:
            merged.append([entry[start], entry["length"], data(entry)])
    return merged
want = runs("map.qemu", "start", lambda e: e["data"])
assert len(want) >= 7, want
assert runs("map.nbd", "offset", lambda e: e["type"] == 0) == want, (runs("map.nbd", "offset", lambda e: e["type"] == 0), want)
assert runs("map.remote", "start", lambda e: e["data"]) == want
PY
}
check "nbdinfo and qemu-img see the holes that the file has" same_map

shape() {
    nbdinfo --json "$uri" >info.json && python3 - <<'PY'
import json
info = json.load(open("info.json"))
assert info["protocol"] == "newstyle-fixed" and info["structured"] is True, info
export = info["exports"][0]
assert export["export-size"] == 24 << 20
assert export["is_read_only"] and export["can_multi_conn"] and export["can_df"] and export["can_cache"]
assert not (export["can_trim"] or export["can_zero"] or export["can_fua"])
assert export["contexts"] == ["base:allocation"]
assert export["block_size_minimum"] == 1 and export["block_size_maximum"] == 32 << 20
PY
}
check "nbdinfo --json tells what a read-only export can do" shape
check "nbdinfo --list names the image" sh -c "nbdinfo --list '$uri' | grep -q disk.raw"
refuses "a write to a read-only export is refused" 1 'ead.only|ermi' qemu-io -f raw -c 'write 0 512' "$uri"
check "the client library refuses it as well" sh -c "! nbdcopy disk.raw '$uri'"
check "and the image is as it was" sh -c "nbdcopy '$uri' out && cmp out disk.raw"

eight() {
    for i in 1 2 3 4 5 6 7 8; do
        nbdcopy "$uri" "out$i" &
        copies="$copies $!"
    done
    for copy in $copies; do wait "$copy" || return 1; done
    for i in 1 2 3 4 5 6 7 8; do cmp "out$i" disk.raw || return 1; rm "out$i"; done
}
check "eight clients read at once" eight

killed() {
    for delay in 0.01 0.03 0.05 0.1; do
        nbdcopy --request-size=4096 --allocated "$uri" null: &
        sleep "$delay"
        kill -KILL $! 2>/dev/null
        wait $! 2>/dev/null
    done
    nbdcopy "$uri" out && cmp out disk.raw
}
check "clients killed in mid-transfer leave the server as it was" killed
check "a server told to stop exits with 0" stop
check "and takes its socket with it" test ! -e raw

start vhd disk.vhd --read-only
check "nbdcopy of a fixed VHD equals the disk in it" sh -c "nbdcopy '$uri' out && cmp out disk.raw"
stop

start name disk.raw --read-only --name 'my disk'
check "the export's name is answered" sh -c "nbdinfo 'nbd+unix:///my%20disk?socket=$work/name' | grep -q 'export=\"my disk\"'"
check "so is the empty name" nbdinfo "$uri"
refuses "another name is refused" 1 'export' nbdinfo "nbd+unix:///other?socket=$work/name"
stop

# ---- Writing

cp --sparse=always disk.raw served.raw
cp --sparse=always disk.raw want.raw
start rw served.raw
work_on() { # the same work on a file, or on what is served
    qemu-io -f raw -d unmap -c 'write -P 1 100k 300k' -c 'write -P 2 1234 777' -c 'write -z 2m 1m' \
        -c 'write -z -u 21m 1m' -c 'discard 22m 512k' -c 'write -f -P 3 20m 4k' -c 'write -P 4 8m 4m' \
        -c 'aio_write -P 5 15m 64k' -c 'aio_write -P 6 16m 64k' -c 'aio_flush' -c 'flush' \
        -c 'read -P 1 100k 300k' -c 'read -P 0 2m 1m' -c 'read -P 4 8m 4m' "$1"
}
check "qemu-io does the same to a file" work_on want.raw
check "and to what is served: write, zero, discard, flush, read back" work_on "$uri"
check "qemu-img compare finds no difference" qemu-img compare -f raw -F raw want.raw "$uri"
check "what was flushed is in the file" cmp served.raw want.raw
punched() { qemu-img map --output=json -f raw served.raw | python3 -c "
import json, sys
assert any(e['start'] <= 22 << 20 and e['start'] + e['length'] >= (22 << 20) + (512 << 10) and not e['data'] for e in json.load(sys.stdin))"; }
check "the discarded range is a hole of the file" punched
check "nbdcopy writes a whole disk, over several connections" sh -c "nbdcopy --flush disk.raw '$uri' && cmp served.raw disk.raw"
convert() { qemu-img convert -n -f raw -O raw -m 16 -W want.raw "$uri" && cmp served.raw want.raw; }
check "qemu-img convert writes it out of order" convert
check "the server stops cleanly after writing" stop

# ---- Where it listens

start taken disk.raw --read-only
refuses "a socket that a live server listens on is left alone" 5 'another server' \
    "$platter" serve disk.raw --read-only --socket taken
check "and that server goes on" nbdinfo "$uri"
kill -KILL "$server"
wait "$server" 2>/dev/null
check "the socket of a killed server is there" test -S taken
mv taken.out old.out
start taken disk.raw --read-only
check "and is taken over by the next" nbdinfo "$uri"
check "the socket is its owner's alone" sh -c '[ "$(stat -c %a taken)" = 600 ]'

exec 9< <(nbdcopy --request-size=4096 --allocated "$uri" - 2>/dev/null) # stuck: nobody reads from it
sleep 0.2
started=$(date +%s)
check "a server with a client that is stuck stops cleanly" stop
check "within seconds" test $(($(date +%s) - started)) -le 5
exec 9<&-

"$platter" serve disk.raw --read-only --port 0 >port.out 2>port.err &
server=$!
servers="$servers $server"
wait_for test -s port.out
port=$(sed -n 's|^nbd://localhost:\([0-9]*\)/.*|\1|p' port.out)
check "port 0 names the port it chose" test -n "$port"
check "and serves there" sh -c "nbdcopy 'nbd://localhost:$port/' out && cmp out disk.raw"
check "on 127.0.0.1" nbdinfo "nbd://127.0.0.1:$port/"
only_loopback() {
    python3 - "$port" <<'PY'
import socket, struct, sys
port = int(sys.argv[1])
found = []
for name, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
    try:
        lines = open(name).read().splitlines()[1:]
    except FileNotFoundError:
        continue
    for line in lines:
        fields = line.split()
        address, number = fields[1].split(":")
        if fields[3] == "0A" and int(number, 16) == port:  # 0A: listening
            words = [address[i:i + 8] for i in range(0, len(address), 8)]
            raw = b"".join(struct.pack("=I", int(word, 16)) for word in words)
            found.append(socket.inet_ntop(family, raw))
print(found)
assert "127.0.0.1" in found and set(found) <= {"127.0.0.1", "::1"}, found
PY
}
check "and nowhere else than on the loopback addresses" only_loopback
refuses "a port that is taken is refused" 5 'in use' "$platter" serve disk.raw --read-only --port "$port"
check "it stops cleanly" stop
finish
