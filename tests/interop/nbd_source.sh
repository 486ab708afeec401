#!/bin/bash
# SPDX-License-Identifier: MIT
# Images behind the NBD servers of others: nbdkit, qemu-nbd, qemu-storage-daemon. Loopback and Unix sockets only.
. tests/lib.sh
need nbdkit qemu-nbd qemu-img qemu-storage-daemon python3
platter=${PLATTER:-$root/build/host/platter}
tool=${IMAGE_TOOL:-$root/build/host/image_tool}
engine=${ENGINE_TOOL:-$root/build/asan/engine_tool}
cd "$work" || exit 1
. "$root/tests/interop/nbd_lib.sh"
. "$root/tests/interop/formats_lib.sh"

kit() { started "$1" nbdkit -f -U "$work/$1" "${@:2}"; }
stop() { kill -TERM "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
crash() { kill -KILL "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
# copies NAME URI: converted whole, and at random, it holds what disk.raw holds
copies() {
    rm -f out
    check "$1: converted" timeout 100 "$platter" convert --format raw "$2" out
    check "$1: the same bytes" cmp out disk.raw
    check "$1: random reads" timeout 100 "$tool" read "$2" disk.raw 5 "${3:-500}"
}
# writes NAME URI FILE: after random writes and flushes of four threads FILE holds what a copy of disk.raw with them holds
writes() {
    cp --sparse=always disk.raw shadow.raw
    check "$1: random writes" timeout 100 "$tool" write "$2" shadow.raw 3 "${4:-400}"
    check "$1: they are in the file" cmp "$3" shadow.raw
}

make_disk

# ---- Reading

kit file file "$work/disk.raw"
copies "nbdkit file" "$uri" 3000
same_map() {
    "$engine" map "$uri" >map.remote && "$engine" map disk.raw >map.file && grep -q ^hole map.remote && cmp map.remote map.file
}
check "the holes of the file are seen" same_map
check "the copy is sparse" test "$(du -k out | cut -f1)" -le $(($(du -k disk.raw | cut -f1) + 64))
check "info tells size and format" sh -c "'$platter' info --format raw '$uri' | grep -q '24 MiB'"
check "verify reads it all" "$platter" verify --format raw "$uri"
stop
kit readonly -r file "$work/disk.raw"
copies "a read-only export" "$uri"
refuses "which is not opened for writing" 12 'reading only' "$engine" -w -f raw write "$uri" 0 words
stop
kit blocks --filter=blocksize-policy file "$work/disk.raw" blocksize-minimum=4096 blocksize-preferred=65536 \
    blocksize-maximum=131072 blocksize-error-policy=error
copies "blocks of 4096 bytes, requests of 128 KiB" "$uri" 2000
stop
for kind in --filter=noextents --no-sr --filter=nozero --filter=noparallel; do
    kit kind "$kind" file "$work/disk.raw"
    copies "nbdkit $kind" "$uri"
    stop
done
kit single --filter=multi-conn file "$work/disk.raw" multi-conn-mode=disable
copies "a server of one connection" "$uri"
stop
started qemu qemu-nbd -r -t -e 8 -f raw -k "$work/qemu" "$work/disk.raw"
copies "qemu-nbd" "$uri" 3000
stop
started qsd qemu-storage-daemon --blockdev file,filename="$work/disk.raw",node-name=disk,read-only=on \
    --nbd-server addr.type=unix,addr.path="$work/qsd",max-connections=8 \
    --export nbd,id=disk,node-name=disk,name=a%20disk/x,writable=off
for _ in 1 2 3 4 5 6 7 8 9 10; do "$platter" info "nbd+unix:///a%2520disk/x?socket=$work/qsd" >/dev/null 2>&1 && break; sleep 0.1; done
copies "qemu-storage-daemon, an export with a name" "nbd+unix:///a%2520disk/x?socket=$work/qsd"
refuses "an export that is not there" 3 'no such export' "$platter" info "nbd+unix:///other?socket=$work/qsd"
stop
many() {
    for i in 1 2 3 4; do
        timeout 100 "$platter" convert --format raw --threads 16 "$uri" "many$i" >/dev/null &
        copies="$copies $!"
    done
    for copy in $copies; do wait "$copy" || return 1; done
    for i in 1 2 3 4; do cmp "many$i" disk.raw || return 1; done
}
kit late --filter=delay file "$work/disk.raw" rdelay=3ms
check "many readers of a slow server" many
stop
kit big null 64T
opens_small "64 TiB at a server" "$uri"
stop
kit errors --filter=error file "$work/disk.raw" error=EIO error-pread-rate=100%
refuses "a server's error is told with its place" 9 'at byte [0-9]+: the server failed: input/output error' "$platter" convert --format raw "$uri" bad
check "and nothing is left behind" test ! -e bad
stop
# A small disk, so that the reads are.
head -c 300000 disk.raw >small.raw
truncate -s 299520 small.raw
kit small file "$work/small.raw"
check "100,000 random reads" timeout 100 "$tool" read "$uri" small.raw 7 100000
stop

# ---- Formats in an export, and what they may not do

qemu-img convert -f raw -O qcow2 -c disk.raw disk.qcow2 && qemu-img convert -f raw -O vhdx disk.raw disk.vhdx || exit 1
qemu-img create -q -f qcow2 -b "$work/disk.raw" -F raw child.qcow2 || exit 1
for image in disk.qcow2 disk.vhdx; do
    kit format file "$work/$image"
    rm -f out
    check "a $image in an export is found by its content" "$platter" convert "$uri" out
    check "and read" cmp out disk.raw
    refuses "and not written to" 12 'only read' "$engine" -w write "$uri" 0 words
    stop
done
for kind in vhd vhdx vdi vmdk; do "$platter" create "single.$kind" --from disk.raw >made || exit 1; done
qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw stream.vmdk || exit 1
"$platter" create fixed.vhd --from disk.raw --subformat fixed >made || exit 1
for image in single.vhd single.vhdx single.vdi single.vmdk stream.vmdk fixed.vhd; do
    kit format file "$work/$image"
    rm -f out
    check "a $image in an export is found by its content" "$platter" convert --format raw "$uri" out
    check "a $image in an export: the same bytes" cmp out disk.raw
    stop
done
mkdir backups
python3 "$root/tests/images/make-mrimgx.py" full backups >made && python3 "$root/tests/images/make-mrimgx.py" chain backups >chain || exit 1
kit backup file "$work/backups/full.mrimgx"
rm -f out
check "a backup in an export is found by its content" "$platter" convert --format raw "$uri" out
check "a backup in an export: the same bytes" cmp out backups/full.raw
stop
# Each of these needs another file: the chain's last backup, an extent, a parent found by its id.
qemu-img convert -O vmdk -o subformat=monolithicFlat disk.raw flat.vmdk
cp disk.raw changed.raw
printf changed | dd of=changed.raw bs=1 seek=5000 conv=notrunc status=none
python3 "$root/tests/images/make-vdi.py" child.vdi changed.raw parent=single.vdi base=disk.raw
for kind in vhd vhdx; do
    python3 "$root/tests/images/vhd_images.py" $kind child.$kind changed.raw parent=single.$kind base=disk.raw
done
for image in "backups/$(tail -1 chain | cut -d' ' -f1)" flat.vmdk child.vdi child.vhd child.vhdx; do
    kit several file "$work/$image"
    refuses "${image##*/} at a server may not need other files" 7 'may not need other files' "$platter" info "$uri"
    stop
done
kit child file "$work/child.qcow2"
refuses "an image at a server may name no files here" 7 'may not need other files' "$platter" info "$uri"
stop
qemu-img create -q -f qcow2 -u -b "nbd://127.0.0.1:9/x" -F raw urls.qcow2 24M
refuses "a file may name no server" 4 'not followed' "$platter" info urls.qcow2

# ---- Writing

cp --sparse=always disk.raw served.raw
kit rw file "$work/served.raw"
writes "nbdkit file" "$uri" served.raw
stop
for options in "--filter=blocksize-policy file served.raw blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error" \
    "--filter=nozero file served.raw" "--filter=multi-conn file served.raw multi-conn-mode=disable"; do
    cp --sparse=always disk.raw served.raw
    # shellcheck disable=SC2086
    kit rw $options
    writes "nbdkit $options" "$uri" served.raw 200
    stop
done
cp --sparse=always disk.raw served.raw
started qrw qemu-nbd -t -e 8 -f raw --discard=unmap -k "$work/qrw" "$work/served.raw"
writes "qemu-nbd" "$uri" served.raw
stop

# ---- Servers that come back, and servers that do not

qemu_slow() { started slow nbdkit -f -U "$work/slow" --filter=delay file "$work/disk.raw" rdelay=150ms; }
qemu_slow
rm -f out
timeout 100 "$platter" convert --format raw --threads 1 "$uri" out >again.out 2>&1 &
copy=$!
sleep 0.6
crash
sleep 1.5
qemu_slow
check "a server that was killed and started again while it was read" wait "$copy"
check "the same bytes" cmp out disk.raw
timeout 100 "$platter" convert --format raw --threads 1 "$uri" gone >gone.out 2>&1 &
copy=$!
begun=$(date +%s)
sleep 0.5
crash
wait "$copy"
status=$?
took=$(($(date +%s) - begun))
refuses "a server that is gone for good is an error" 9 'nbd\+unix:///\?socket=.*(cannot be connected to|hung up)' sh -c "cat gone.out; exit $status"
check "within the 30 seconds that the driver waits ($took s)" test "$took" -le 28
check "and nothing is left behind" test ! -e gone

# ---- URIs

tcp() {
    nbdkit -f -i 127.0.0.1 -p "$1" -P tcp.pid file "$work/disk.raw" >tcp.out 2>&1 &
    server=$!
    servers="$servers $server"
    for _ in $(seq 100); do [ -s tcp.pid ] && return 0; sleep 0.05; done
    return 1
}
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
tcp "$port"
copies "over TCP" "nbd://127.0.0.1:$port/"
check "by name, without a path" "$platter" info --format raw "nbd://localhost:$port"
stop
refuses "nobody listens" 9 'nbd://127.0.0.1:.*cannot be connected to' "$platter" info "nbd://127.0.0.1:$port/"
refuses "no such socket" 3 'cannot be connected to' "$platter" info "nbd+unix:///?socket=$work/nothing"
for bad in nbd://host:0/ nbd://host:99999/ nbd://host:x/ 'nbd://[::1/' nbd:///x nbd://u@host/ nbd+unix:///x nbd+unix://h/x?socket=s \
    'nbd://host/?tls=1' 'nbd://host/%zz' 'nbd://host/%00' 'nbd://host/a#b' nbd+vsock:///x; do
    refuses "$bad" 2 'want nbd://HOST' "$platter" info "$bad"
done
for tls in nbds://host/ nbds+unix:///x?socket=s; do refuses "$tls" 7 'TLS is not supported' "$platter" info "$tls"; done
finish
