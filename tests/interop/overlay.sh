#!/bin/bash
# SPDX-License-Identifier: MIT
# Overlays: images of every format written through `serve --overlay`, and what QEMU and `platter overlay` make of them.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img qemu-io python3 zstd
cd "$work" || exit 1
platter=$root/build/host/platter
TMPDIR=$work/tmp
export TMPDIR
mkdir tmp
# Compressible, so that compressed images have compressed clusters.
python3 - <<'PYTHON'
import random
random.seed(1)
disk = bytearray()
for i in range(96):
    disk += bytes([random.randrange(256)]) * 65536 if i % 3 else random.randbytes(30000) + bytes(35536)
open("base.raw", "wb").write(disk)
PYTHON

# served COMMAND... -- IMAGE OPTION...: COMMAND runs while IMAGE is served, with its address in $uri; the server is
# stopped in order afterwards. Fails if any of it does.
server=
serve() {
    # By another name each time: a killed server leaves its socket.
    socket=$work/s$((socket_number = socket_number + 1))
    uri="nbd+unix:///?socket=$socket"
    # Nothing here wants the medium itself: waiting for it would test the disk.
    LD_PRELOAD=$cutter "$platter" serve --socket "$socket" "$@" >"$work/served" 2>"$work/served.err" &
    server=$!
    for _ in $(seq 100); do
        [ -S "$socket" ] && [ -s "$work/served" ] && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    wait "$server"
    server_status=$?
    server=
    cat "$work/served.err"
    return "$server_status"
}
stop() {
    kill "-${1:-TERM}" "$server"
    wait "$server" 2>/dev/null
    server_status=$?
    server=
    return "$server_status"
}
at_exit '[ -z "$server" ] || kill -9 "$server"'

# ops SEED COUNT FROM TO MODEL: commands for qemu-io on standard output; MODEL gets the same.
ops() {
    python3 - "$@" <<'PYTHON'
import random, sys
seed, count, start, end = map(int, sys.argv[1:5])
rng = random.Random(seed)
with open(sys.argv[5], "r+b") as model:
    for i in range(count):
        length = min(rng.choice([512, 4096, 65536, 200000]) * rng.randrange(1, 4) // 512 * 512, end - start)
        offset = rng.randrange(start // 512, (end - length) // 512 + 1) * 512
        kind = rng.randrange(8)
        model.seek(offset)
        if kind == 0:
            print(f"write -z {offset} {length}")
            model.write(bytes(length))
        else:
            value = rng.randrange(1, 255)
            print(f"write -P {value} {offset} {length}")
            model.write(bytes([value]) * length)
        if i % 20 == 19:
            print("flush")
print("flush")
PYTHON
}
write_ops() { ops "$@" >ops && qemu-io -f raw "$uri" <ops >io.log 2>&1 && ! grep -iE 'error|fail' io.log; }
same_disk() {
    rm -f converted.raw
    "$platter" convert "$1" converted.raw && cmp converted.raw "$2"
}

# over NAME FORMAT IMAGE: FORMAT is QEMU's word; "": QEMU does not read it.
over() {
    rm -rf pair
    mkdir pair
    cp base.raw model.raw
    cp "$3" "pair/$3"
    sum=$(sha256sum "$3")
    check "$1: served with an overlay" serve "pair/$3" --overlay=pair/o.qcow2
    check "$1: written to" write_ops 1 60 0 6291456 model.raw
    refuses "$1: nobody else gets the overlay" 5 "in use" "$platter" serve "pair/$3" --overlay=pair/o.qcow2 --port 0
    refuses "$1: it is not committed while it is used" 5 "in use" "$platter" overlay commit pair/o.qcow2
    refuses "$1: nor discarded" 5 "in use" "$platter" overlay discard pair/o.qcow2
    check "$1: stopped" stop
    check "$1: the image is untouched" cmp "$3" "pair/$3"
    check "$1: qemu-img check" qemu-img check -q pair/o.qcow2
    check "$1: the overlay is the disk" same_disk pair/o.qcow2 model.raw
    check "$1: gone on with" serve "pair/$3" --overlay=pair/o.qcow2
    check "$1: written to again" write_ops 2 40 0 6291456 model.raw
    check "$1: stopped again" stop
    # Clusters of zeros, as we make them where something is discarded; QEMU makes them when told to.
    check "$1: zeros without data" qemu-io -f qcow2 -c "write -z -u 1M 1M" pair/o.qcow2
    dd if=/dev/zero of=model.raw bs=1M seek=1 count=1 conv=notrunc status=none
    check "$1: the overlay is the disk still" same_disk pair/o.qcow2 model.raw
    check "$1: verified" "$platter" verify pair/o.qcow2
    cp -r pair qemu
    if [ -n "$2" ]; then
        check "$1: qemu-img compare" qemu-img compare -q -F raw pair/o.qcow2 model.raw
        cp "qemu/$3" qemu/other
        check "$1: qemu-img rebase" qemu-img rebase -q -f qcow2 -F "$2" -b other qemu/o.qcow2
        check "$1: rebased, it is the disk still" qemu-img compare -q -F raw qemu/o.qcow2 model.raw
    else
        refuses "$1: qemu-img commit keeps off" 1 "read-only" qemu-img commit -q qemu/o.qcow2
        check "$1: and leaves the image alone" cmp "$3" "qemu/$3"
        cp base.raw qemu/base.raw
        check "$1: qemu-img rebase on the image, converted" qemu-img rebase -q -u -f qcow2 -F raw -b base.raw qemu/o.qcow2
        check "$1: rebased, it is the disk still" qemu-img compare -q -F raw qemu/o.qcow2 model.raw
    fi
    check "$1: the image is untouched at the end" [ "$sum" = "$(sha256sum "$3")" ]
    rm -rf qemu
}
# commits NAME FORMAT IMAGE: what `over` left, committed by QEMU and by us.
commits() {
    cp -r pair qemu
    check "$1: qemu-img commit" qemu-img commit -q qemu/o.qcow2
    check "$1: committed by QEMU, the image is the disk" qemu-img compare -q -f "$2" -F raw "qemu/$3" model.raw
    check "$1: overlay commit" "$platter" overlay commit pair/o.qcow2
    check "$1: committed, the image is the disk" same_disk "pair/$3" model.raw
    check "$1: for QEMU too" qemu-img compare -q -f "$2" -F raw "pair/$3" model.raw
    check "$1: the overlay is gone" [ ! -e pair/o.qcow2 ]
    rm -rf qemu
}
# keeps_off NAME IMAGE: what `over` left is not committed.
keeps_off() {
    refuses "$1: overlay commit is refused" 12 "not written to" "$platter" overlay commit pair/o.qcow2
    check "$1: and leaves both alone" cmp "$2" "pair/$2"
    check "$1: the overlay is the disk" same_disk pair/o.qcow2 model.raw
    check "$1: discarded" "$platter" overlay discard pair/o.qcow2
    check "$1: is gone" [ ! -e pair/o.qcow2 ]
}

for format in raw vpc vhdx vmdk vdi qcow2; do
    options=
    [ $format = vpc ] && options="-o force_size=on"
    # shellcheck disable=SC2086 # options are words
    qemu-img convert -O $format $options base.raw disk.$format
    over "$format" $format disk.$format
    commits "$format" $format disk.$format
done
qemu-img convert -O vmdk -o subformat=streamOptimized base.raw stream.vmdk
over "stream-optimized VMDK" vmdk stream.vmdk
keeps_off "stream-optimized VMDK" stream.vmdk
qemu-img convert -c -O qcow2 base.raw packed.qcow2
over "compressed QCOW2" qcow2 packed.qcow2
keeps_off "compressed QCOW2" packed.qcow2
python3 "$root/tests/images/make-mrimgx.py" full full >list
read -r backup raw <list
mv "full/$backup" "a \"backup\" é.mrimgx"
backup="a \"backup\" é.mrimgx"
mv "full/$raw" base.raw
truncate -s $((($(stat -c %s base.raw) + 511) / 512 * 512)) base.raw
over "a Macrium backup" "" "$backup"
keeps_off "a Macrium backup" "$backup"

# ---- Without being asked
for image in stream.vmdk packed.qcow2 "$backup"; do
    sum=$(sha256sum "$image")
    check "$image: writable without being asked" serve "$image" --json
    check "$image: says that changes are lost" grep -q -- "--overlay=FILE" served.err
    check "$image: tells so in JSON" python3 -c 'import json; assert json.load(open("served"))["overlay"] == {"file": None, "temporary": True}'
    rm -f through.raw converted.raw
    qemu-img convert -f raw -O raw "$uri" through.raw
    check "$image: shows the disk" sh -c "'$platter' convert '$image' converted.raw && cmp through.raw converted.raw"
    check "$image: is written to" qemu-io -f raw "$uri" -c "write -P 9 4096 70000" -c flush -c "read -P 9 4096 70000"
    check "$image: nothing lies about meanwhile" [ -z "$(ls tmp)" ]
    check "$image: stopped" stop
    check "$image: as it was" [ "$sum" = "$(sha256sum "$image")" ]
done
check "read-only, there is no overlay" serve packed.qcow2 --read-only --json
check "and none is told of" python3 -c 'import json; j = json.load(open("served")); assert j["overlay"] is None and j["read_only"]'
stop

# ---- Temporary, asked for
sum=$(sha256sum disk.vdi)
check "a temporary overlay" serve disk.vdi --overlay
check "shows the image" qemu-img compare -q -f raw -F vdi "$uri" disk.vdi
check "takes writes" qemu-io -f raw "$uri" -c "write -P 7 0 1M" -c flush -c "read -P 7 0 1M"
overlay_fd=$(find "/proc/$server/fd" -lname "$work/tmp/*" | wc -l)
check "which go into the folder for temporary files" [ "$overlay_fd" = 1 ]
stop KILL
check "killed, it leaves nothing" [ -z "$(ls tmp)" ]
check "and the image as it was" [ "$sum" = "$(sha256sum disk.vdi)" ]

# ---- Two at once on one image
cp base.raw one.raw
cp base.raw two.raw
check "a first overlay" serve disk.raw --overlay=one.qcow2
first=$server first_uri=$uri
check "a second on the same image" serve disk.raw --overlay=two.qcow2
cp disk.raw one.raw
cp disk.raw two.raw
check "the second is written to" write_ops 5 30 0 6291456 two.raw
uri=$first_uri
check "the first is written to" write_ops 6 30 0 6291456 one.raw
refuses "the image is written to by nobody" 5 "in use" "$platter" overlay commit two.qcow2
stop
server=$first
stop
check "the first has its own" same_disk one.qcow2 one.raw
check "the second has its own" same_disk two.qcow2 two.raw

# ---- Killed while it is written to: what was flushed is there
cp disk.raw model.raw
rm -f o.qcow2
serve disk.raw --overlay=o.qcow2
check "written to and flushed" write_ops 7 40 0 3145728 model.raw
cp model.raw scratch.raw
ops 8 4000 3145728 6291456 scratch.raw >ops
(qemu-io -f raw "$uri" <ops >io.log 2>&1) &
client=$!
sleep 0.3
stop KILL
wait $client
qemu-img check -q o.qcow2
status=$?
check "killed, it has at most lost room" [ $status = 0 -o $status = 3 ]
check "and is gone on with" serve disk.raw --overlay=o.qcow2
check "written to" qemu-io -f raw "$uri" -c "write -P 3 0 64k" -c flush
stop
printf '\003%.0s' $(seq 65536) | dd of=model.raw conv=notrunc status=none
rm -f converted.raw
check "read" "$platter" convert o.qcow2 converted.raw
check "what was flushed is there" cmp -n 3145728 converted.raw model.raw
check "and may be committed" "$platter" overlay commit o.qcow2

# ---- Killed while it is committed
qemu-img create -q -f raw empty.raw 6M
serve empty.raw --overlay=o.qcow2
cp empty.raw model.raw
write_ops 9 60 0 6291456 model.raw
stop
cp o.qcow2 kept.qcow2
changes=$(LD_PRELOAD=$cutter "$platter" overlay commit o.qcow2 2>&1 | sed -n 's/^changes //p')
check "commit changes the image ${changes:-0} times" [ "${changes:-0}" -ge 5 ]
bad=
for cut in $(seq 1 $((${changes:-0} / 8 + 1)) "${changes:-0}"); do
    cp kept.qcow2 o.qcow2
    truncate -s 0 empty.raw && truncate -s 6M empty.raw
    PLATTER_CUT_AT=$cut LD_PRELOAD=$cutter "$platter" overlay commit o.qcow2 >out 2>&1
    [ $? = 77 ] || bad="$bad $cut:not-cut"
    same_disk o.qcow2 model.raw >>out 2>&1 || bad="$bad $cut:overlay"
    "$platter" overlay commit o.qcow2 >>out 2>&1 || bad="$bad $cut:again"
    cmp empty.raw model.raw >>out 2>&1 || bad="$bad $cut:lost"
done
check "cut at places of $changes, and done again${bad:+, bad:$bad}" [ -z "$bad" ]

# ---- The disk full
cp disk.raw model.raw
rm -f o.qcow2
(trap '' XFSZ && ulimit -f 1500 && exec "$platter" serve --socket "$work/brim" disk.raw --overlay=o.qcow2) >served 2>&1 &
server=$!
for _ in $(seq 100); do [ -S brim ] && break; sleep 0.05; done
uri="nbd+unix:///?socket=$work/brim"
qemu-io -f raw "$uri" -c "write -P 5 0 512k" -c flush >/dev/null
check "the disk full is an error" sh -c "! qemu-io -f raw '$uri' -c 'write -P 6 1M 4M' >out 2>&1 || grep -qi 'no space' out"
check "which says what it is" grep -qi "no space" out
check "reading goes on" qemu-io -f raw "$uri" -c "read -P 5 0 512k"
check "so does writing where there is room" qemu-io -f raw "$uri" -c "write -P 4 0 64k" -c flush -c "read -P 4 0 64k" -c "read -P 5 64k 448k"
stop
qemu-img check -q o.qcow2
status=$?
check "it has at most lost room" [ $status = 0 -o $status = 3 ]

# ---- Of a snapshot in the image
qemu-img convert -O qcow2 disk.raw with.qcow2
qemu-img snapshot -c 'then' with.qcow2
qemu-io -f qcow2 -c "write -P 99 0 1M" with.qcow2 >/dev/null
refuses "an overlay that is kept cannot stand on a snapshot" 7 "snapshot" "$platter" serve with.qcow2 --snapshot 'then' \
    --overlay=s.qcow2 --port 0
check "and is not made" [ ! -e s.qcow2 ]
check "a temporary one can" serve with.qcow2 --snapshot 'then' --overlay
check "and shows it" qemu-img compare -q -f raw -F raw "$uri" disk.raw
check "and is written to" qemu-io -f raw "$uri" -c "write -P 8 64k 64k" -c "read -P 8 64k 64k"
stop

# ---- Of an image at a server
for image in disk.raw "$backup"; do
    rm -f far.qcow2
    serve "$image" --read-only
    at_server=$uri
    first=$server
    check "$image at a server: an overlay" serve "$at_server" --overlay=far.qcow2
    check "$image at a server: is written to" qemu-io -f raw "$uri" -c "write -P 8 64k 64k" -c flush
    stop
    check "$image at a server: gone on with" serve "$at_server" --overlay=far.qcow2
    check "$image at a server: has what was written" qemu-io -f raw "$uri" -c "read -P 8 64k 64k"
    stop
    check "$image at a server: qemu-img check" qemu-img check -q far.qcow2
    server=$first
    stop
done

# ---- What is refused
rm -f o.qcow2
qemu-img create -q -f qcow2 -b disk.vdi -F vdi o.qcow2
refuses "an overlay on another image" 2 "not on this image" "$platter" serve disk.raw --overlay=o.qcow2 --port 0
refuses "the image itself" 2 "the image itself" "$platter" serve disk.raw --overlay=disk.raw --port 0
refuses "a file that is no overlay" 6 "not an overlay" "$platter" serve disk.raw --overlay=model.raw --port 0
qemu-img create -q -f qcow2 alone.qcow2 6M
refuses "an image without a backing file" 6 "no backing file" "$platter" serve disk.raw --overlay=alone.qcow2 --port 0
refuses "to discard an image that is no overlay" 6 "no backing file" "$platter" overlay discard alone.qcow2
refuses "to discard what is no QCOW2" 6 "not an overlay" "$platter" overlay discard disk.raw
check "which are there still" [ -e alone.qcow2 -a -e disk.raw ]
qemu-img create -q -f qcow2 -b disk.raw -F raw o2.qcow2
cp disk.raw longer.raw
truncate -s +1M disk.raw
refuses "an image that has grown" 6 "has been changed" "$platter" serve disk.raw --overlay=o2.qcow2 --port 0
refuses "to commit to it" 6 "has been changed" "$platter" overlay commit o2.qcow2
mv longer.raw disk.raw
qemu-img create -q -f qcow2 -u -b gone.raw -F raw gone.qcow2 1M
refuses "an image that is gone" 3 "gone.raw" "$platter" overlay commit gone.qcow2
refuses "--overlay and --read-only" 2 "exclude" "$platter" serve disk.raw --overlay --read-only --port 0
refuses "an empty name" 2 "empty value" "$platter" serve disk.raw --overlay= --port 0
refuses "a folder that is not there" 3 "no/o.qcow2" "$platter" serve disk.raw --overlay=no/o.qcow2 --port 0
check "nothing half made lies about" [ -z "$(find . -name '*.part')" ]
finish
