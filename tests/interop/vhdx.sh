#!/bin/bash
# SPDX-License-Identifier: MIT
# VHDX: against QEMU, and against images of the tests' own writer where QEMU has none.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img python3
cd "$work" || exit 1
platter=$root/build/host/platter
make_vhdx() { python3 "$root/tests/images/vhd_images.py" vhdx "$@"; }

make_base base.raw 12
truncate -s 12M zero.raw
# child.raw: base.raw with changes, a part emptied, a part all new.
python3 - <<'PYTHON'
import random
random.seed(2)
disk = bytearray(open("base.raw", "rb").read())
for _ in range(40):
    at = random.randrange(len(disk) - 40000) // 4096 * 4096
    disk[at:at + 8192] = random.randbytes(8192)
disk[4 << 20:6 << 20] = bytes(2 << 20)
disk[8 << 20:10 << 20] = random.randbytes(2 << 20)
open("child.raw", "wb").write(disk)
open("grandchild.raw", "wb").write(disk[:6 << 20] + random.randbytes(1 << 20) + disk[7 << 20:])
PYTHON

for variant in subformat=dynamic subformat=fixed subformat=dynamic,block_size=1M \
    subformat=dynamic,block_size=256M,log_size=2M; do
    rm -f image.vhdx
    qemu-img convert -O vhdx -o $variant base.raw image.vhdx
    reads_like "$variant" image.vhdx base.raw
    keeps_writes "$variant" image.vhdx base.raw
done
check "a fixed one is told" bash -c "qemu-img create -q -f vhdx -o subformat=fixed f.vhdx 8M; '$platter' info f.vhdx | grep -q 'vhdx, fixed'"
for variant in sector=512 sector=512,block=8388608 sector=4096 sector=4096,block=2097152 sector=512,fixed=1; do
    make_vhdx own.vhdx base.raw ${variant//,/ }
    reads_like "own writer, $variant" own.vhdx base.raw
    sound_before=$sound
    # QEMU has no sectors of 4096 bytes.
    case $variant in sector=4096*) sound="$platter verify" ;; esac
    cp --sparse=always base.raw shadow.raw
    check "own writer, $variant: random writes" env LD_PRELOAD="$cutter" "$tool" write own.vhdx shadow.raw 3 1000
    check "own writer, $variant: sound afterwards" $sound own.vhdx
    reads_like "own writer, $variant: written" own.vhdx shadow.raw
    sound=$sound_before
done
make_vhdx own.vhdx base.raw sector=4096 physical=4096
check "sectors of 4096 bytes are told" bash -c "'$platter' info own.vhdx | grep -q 'sectors: *4096 bytes'"

# ---- headers and logs
make_vhdx heads.vhdx base.raw header=damaged region=damaged
reads_like "one header and one region table damaged" heads.vhdx base.raw 200
check "that is told" bash -c "'$platter' verify heads.vhdx | grep -c 'one of the two' | grep -qx 2"
cp base.raw shadow.raw
check "one header and one region table damaged: random writes" "$tool" write heads.vhdx shadow.raw 3 100
reads_like "one header and one region table damaged, written" heads.vhdx shadow.raw 200
check "the header is whole again" bash -c "'$platter' verify heads.vhdx | grep -c 'one of the two' | grep -qx 1"
make_vhdx broken.vhdx base.raw header=both
refuses "both headers damaged" 6 "neither of the two headers" "$platter" info broken.vhdx
make_vhdx broken.vhdx base.raw region=both
refuses "both region tables damaged" 6 "neither of the two region tables" "$platter" info broken.vhdx
for log in dirty torn foreign; do
    make_vhdx log.vhdx base.raw log=$log
    sum=$(sha256sum log.vhdx)
    reads_like "a log that is $log, in memory" log.vhdx base.raw
    check "a log that is $log: the file is left alone" test "$sum" = "$(sha256sum log.vhdx)"
    cp log.vhdx qemu.vhdx
    check "a log that is $log: QEMU replays the same" \
        bash -c "qemu-img check -q -r all qemu.vhdx && qemu-img compare -q -F raw qemu.vhdx base.raw"
    keeps_writes "a log that is $log, into the file" log.vhdx base.raw 200
    check "a log that is $log: is empty afterwards" bash -c "! '$platter' info log.vhdx | grep -q replayed"
done
make_vhdx log.vhdx base.raw log=cut
refuses "a log of a longer file" 6 "cut short" "$platter" info log.vhdx
make_vhdx log.vhdx base.raw log=far
refuses "a log that changes headers" 6 "which it may not" "$platter" info log.vhdx
make_vhdx log.vhdx base.raw log=dirty
dd if=/dev/zero of=log.vhdx bs=1M seek=1 count=1 conv=notrunc status=none
refuses "a log that should not be empty" 6 "is damaged" "$platter" info log.vhdx

# ---- differencing
mkdir -p sub
for sector in 512 4096; do
    make_vhdx parent.vhdx base.raw sector=$sector
    make_vhdx child.vhdx child.raw sector=$sector parent=parent.vhdx base=base.raw
    reads_like "differencing, sectors of $sector" child.vhdx child.raw
    make_vhdx grandchild.vhdx grandchild.raw sector=$sector block=4194304 parent=child.vhdx base=child.raw
    reads_like "differencing on a differencing one, sectors of $sector" grandchild.vhdx grandchild.raw
    sum=$(sha256sum child.vhdx parent.vhdx)
    for image in child grandchild; do
        cp $image.vhdx written.vhdx
        cp $image.raw shadow.raw
        check "differencing, $image, sectors of $sector: random writes" \
            env LD_PRELOAD="$cutter" "$tool" write written.vhdx shadow.raw 3 1500
        check "differencing, $image, sectors of $sector: sound afterwards" "$platter" verify written.vhdx
        reads_like "differencing, $image, sectors of $sector: written" written.vhdx shadow.raw
    done
    check "the parents are left alone" test "$sum" = "$(sha256sum child.vhdx parent.vhdx)"
done
make_vhdx parent.vhdx base.raw
differs() { make_vhdx "$1" child.raw parent=parent.vhdx base=base.raw "${@:2}"; }
for names in 'absolute_win32_path:\\?\C:\Disks\parent.vhdx' 'relative_path:..\elsewhere\parent.vhdx' \
    'volume_path:\\?\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\parent.vhdx' \
    'relative_path:gone.vhdx;absolute_win32_path:C:\parent.vhdx'; do
    differs names.vhdx names="$names"
    reads_like "parent named $names" names.vhdx child.raw 200
done
differs sub/names.vhdx names='relative_path:..\parent.vhdx'
reads_like "parent in the folder above" sub/names.vhdx child.raw 200
differs dirty.vhdx log=dirty
reads_like "differencing with a log" dirty.vhdx child.raw 500
differs orphan.vhdx names='relative_path:gone.vhdx'
refuses "a missing parent" 3 'gone.vhdx.*same folder' "$platter" info orphan.vhdx
differs other.vhdx id='{00112233-4455-6677-8899-aabbccddeeff}'
refuses "another parent's id" 6 "another id" "$platter" info other.vhdx
cp parent.vhdx keep.vhdx
"$tool" write parent.vhdx shadow.raw 3 4
refuses "a parent that was written to" 6 "it has been changed" "$platter" info names.vhdx
mv keep.vhdx parent.vhdx
differs names.vhdx id="{$("$platter" info parent.vhdx | sed -n 's/^data write id: *//p')}"
reads_like "the id that info shows is the one" names.vhdx child.raw 100
# A child that is its own parent.
differs snake.vhdx
id=$("$platter" info snake.vhdx | sed -n 's/^data write id: *//p')
differs snake.vhdx id="{$id}" names='relative_path:snake.vhdx'
refuses "a parent of itself" 6 "stands on this image itself" "$platter" info snake.vhdx

# ---- cut anywhere: our own eyes first, which replay in memory; then QEMU's, which replay into the file
sound_vhdx() {
    "$tool" tagged-check "$1" "$cut_raw" "$work/log" && { [ "$cut_own" = yes ] || qemu-img check -q -r all "$1"; } &&
        "$platter" verify "$1"
}
sound=sound_vhdx cut_raw=zero.raw cut_own=no
survives_cuts "dynamic" 'image=cut.vhdx; qemu-img create -q -f vhdx -o block_size=1M cut.vhdx 12M' zero.raw 18
cut_raw=base.raw
survives_cuts "with a log to replay" 'image=cut.vhdx; make_vhdx cut.vhdx base.raw log=dirty' base.raw 15
cut_raw=child.raw cut_own=yes
survives_cuts "differencing" 'image=cut.vhdx; cp child.vhdx cut.vhdx' child.raw 18

# QEMU replays into a copy.
sound_cut='cp "$1" replayed.vhdx && qemu-img check -q -r all replayed.vhdx'
truncate -s 6M none.raw
head -c 6M base.raw >small.raw
head -c 6M child.raw >changed.raw
survives_power_cuts "dynamic" 'image=cut.vhdx; qemu-img create -q -f vhdx -o block_size=1M cut.vhdx 6M' none.raw
survives_power_cuts "with a log to replay" 'image=cut.vhdx; make_vhdx cut.vhdx small.raw block=1048576 log=dirty' small.raw
survives_power_cuts "one header damaged" 'image=cut.vhdx; make_vhdx cut.vhdx small.raw block=1048576 header=damaged' small.raw
sound_cut=
make_vhdx below.vhdx small.raw block=1048576
survives_power_cuts "differencing" \
    'image=cut.vhdx; make_vhdx cut.vhdx changed.raw block=1048576 parent=below.vhdx base=small.raw' changed.raw

# ---- a disk that is full: what has been flushed stays, and the image sound
full_disk() {
    eval "$2"
    (trap '' XFSZ && ulimit -f $(($(stat -c %s "$image") / 1024 + $4)) && exec "$tool" tagged-write "$image" "$work/log" 4 60) >out 2>&1
    check "$1: the disk full is an error" grep -q "$image" out
    check "$1: sound all the same" $sound "$image"
    check "$1: nothing flushed is lost" "$tool" tagged-check "$image" "$3" "$work/log"
}
cut_raw=zero.raw cut_own=no
full_disk "dynamic" 'image=cut.vhdx; qemu-img create -q -f vhdx -o block_size=1M cut.vhdx 12M' zero.raw 5000
cut_raw=base.raw cut_own=yes
full_disk "differencing" 'image=cut.vhdx; make_vhdx cut.vhdx base.raw parent=parent.vhdx base=base.raw' base.raw 4500

# ---- hostile, and large
make_vhdx base.vhdx base.raw
# broken [OFFSET HEX]...: base.vhdx with bytes replaced.
broken() {
    cp base.vhdx broken.vhdx
    while [ $# -gt 0 ]; do
        echo "$2" | xxd -r -p | dd of=broken.vhdx bs=1 seek="$1" conv=notrunc status=none
        shift 2
    done
}
bat=3145728 # of the tests' own writer
broken $bat 060000ffffff0000
refuses "a block outside the file" 6 "at byte $bat: .*the file ends at" "$platter" convert broken.vhdx out.raw
check "and nothing is left of it" test ! -e out.raw
refuses "it can only be read" 1 "damaged and can only be read" "$tool" write broken.vhdx shadow.raw 3 10
refuses "it is found" 8 "where none can be" "$platter" verify broken.vhdx
broken $bat 0600300000000000
refuses "a block over the BAT" 6 "which cannot be" "$platter" convert broken.vhdx out.raw
broken $bat 0400000000000000
refuses "a reserved state" 6 "state 4" "$platter" convert broken.vhdx out.raw
broken $bat 0700400000000000
refuses "partially present with no parent" 6 "state 7" "$platter" convert broken.vhdx out.raw
broken $bat 0600400000000000 $((bat + 8)) 0600400000000000
refuses "blocks over each other" 8 "lies over another" "$platter" verify broken.vhdx
head -c 6000000 base.vhdx >short.vhdx
refuses "a file cut short" 6 "short.vhdx" "$platter" convert short.vhdx out.raw
for size in 0 1000 71000000000000; do
    make_vhdx broken.vhdx base.raw size=$size block=268435456
    refuses "a disk of $size bytes" 6 "not possible|too few" "$platter" info broken.vhdx
done
make_vhdx broken.vhdx base.raw block=3145728
refuses "blocks of 3 MiB" 6 "not possible" "$platter" info broken.vhdx

rm -f huge.vhdx
qemu-img create -q -f vhdx -o block_size=32M huge.vhdx 64T
opens_small "64 TiB" huge.vhdx
rm -f huge.vhdx
qemu-img create -q -f vhdx -o block_size=32M huge.vhdx 15T
truncate -s 15T huge.raw
check "15 TiB are written to" timeout 20 "$tool" write huge.vhdx huge.raw 3 40
check "15 TiB are sound afterwards" qemu-img check -q huge.vhdx
check "15 TiB read at random" timeout 20 "$tool" read huge.vhdx huge.raw 3 40
finish
