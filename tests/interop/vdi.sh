#!/bin/bash
# SPDX-License-Identifier: MIT
# VDI: against QEMU, and against images of the tests' own writer where QEMU has none.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img python3 xxd
cd "$work" || exit 1
platter=$root/build/host/platter
make_vdi() { python3 "$root/tests/images/make-vdi.py" "$@"; }
# QEMU and we ourselves have to find it sound.
sound_vdi() { qemu-img check -q "$1" && "$platter" verify "$1"; }
sound=sound_vdi

make_base base.raw 12
truncate -s 12M zero.raw
make_children

for option in static=off static=on; do
    qemu-img convert -O vdi -o $option base.raw qemu.vdi
    reads_like "$option, by QEMU" qemu.vdi base.raw
    keeps_writes "$option, by QEMU" qemu.vdi base.raw
done
qemu-img create -q -f vdi empty.vdi 12M
reads_like "empty" empty.vdi zero.raw
keeps_writes "empty" empty.vdi zero.raw
make_vdi laid.vdi base.raw
keeps_writes "as VirtualBox lays it out" laid.vdi base.raw
make_vdi laid.vdi base.raw order=reverse
keeps_writes "blocks in another order" laid.vdi base.raw

# QEMU knows blocks of 1 MiB only, and no parents: what it cannot read only we look at.
keeps_own() {
    cp --sparse=always "$3" shadow.raw
    check "$1: random writes" env LD_PRELOAD="$cutter" "$tool" write "$2" shadow.raw 3 "${4:-700}"
    check "$1: sound afterwards" "$platter" verify "$2"
    check "$1: holds what was written" "$tool" read "$2" shadow.raw 5 1000
}
head -c 12000256 base.raw >odd.raw
for keys in block=65536 block=4194304 extra=512 block=65536,extra=4096,order=reverse map=512; do
    make_vdi own.vdi odd.raw ${keys//,/ }
    reads_like "$keys" own.vdi odd.raw 1000
    keeps_own "$keys" own.vdi odd.raw
done
# A size that is no whole sectors is rounded up, as QEMU does.
head -c 5000001 base.raw >uneven.raw
make_vdi uneven.vdi uneven.raw
truncate -s 5000192 uneven.raw
reads_like "an uneven size" uneven.vdi uneven.raw 500

# ---- differencing
mkdir -p machine/Snapshots
make_vdi machine/base.vdi base.raw
make_vdi machine/other.vdi child.raw
make_vdi machine/Snapshots/child.VDI child.raw parent=machine/base.vdi base=base.raw
make_vdi machine/Snapshots/grandchild.vdi grandchild.raw parent=machine/Snapshots/child.VDI base=child.raw
reads_like "parent in the folder above" machine/Snapshots/child.VDI child.raw
reads_like "parent beside it, and that one's above" machine/Snapshots/grandchild.vdi grandchild.raw
sum=$(sha256sum machine/base.vdi machine/Snapshots/child.VDI)
cp machine/Snapshots/grandchild.vdi machine/Snapshots/written.vdi
keeps_own "differencing" machine/Snapshots/written.vdi grandchild.raw
check "the parents are left alone" test "$sum" = "$(sha256sum machine/base.vdi machine/Snapshots/child.VDI)"
check "named from its own folder" sh -c "cd machine/Snapshots && '$tool' read child.VDI ../../child.raw 5 100"
"$tool" write machine/Snapshots/child.VDI child.raw 3 4
refuses "a parent that was written to" 6 "has been changed since" "$platter" info machine/Snapshots/grandchild.vdi
mkdir -p far/away
cp machine/Snapshots/child.VDI far/away/
refuses "a missing parent" 3 "child.VDI.*neither beside it nor in the folder above" "$platter" info far/away/child.VDI
mkdir circle
id=00112233445566778899aabbccddeeff
make_vdi circle/snake.vdi base.raw type=4 id=$id link=$id
refuses "a parent of itself" 6 "stands on this image itself" "$platter" info circle/snake.vdi

# ---- cut anywhere
survives_cuts "dynamic" 'image=cut.vdi; qemu-img create -q -f vdi cut.vdi 12M' zero.raw 20 0
# Header and map far from each other: QEMU sees a count that is too high, which is only lost room, as what is wrong.
counts_enough() {
    "$platter" verify "$1" || return
    qemu-img check "$1" >counted 2>&1 || { grep -c ERROR counted | grep -qx 1 && grep -q "allocated" counted; }
}
sound=counts_enough
survives_cuts "as VirtualBox lays it out" 'image=cut.vdi; make_vdi cut.vdi base.raw' base.raw 15
sound="$platter verify"
mkdir cuts
make_vdi cuts/base.vdi base.raw
survives_cuts "differencing, small blocks" \
    'image=cuts/cut.vdi; make_vdi cuts/cut.vdi base.raw block=65536 parent=cuts/base.vdi base=base.raw' base.raw 20 0
survives_cuts "header and map apart" 'image=cut.vdi; make_vdi cut.vdi base.raw map=8388608 block=65536' base.raw 20 0

sound_cut='qemu-img check -q "$1"'
head -c 4M base.raw >small.raw
head -c 4M child.raw >changed.raw
truncate -s 4M none.raw
# Header and map together in 4 KiB, which a medium writes in one piece.
survives_power_cuts "dynamic" 'image=cut.vdi; qemu-img create -q -f vdi cut.vdi 4M' none.raw tear=4096
sound_cut=
survives_power_cuts "a map in and behind the first 4 KiB" 'image=cut.vdi; make_vdi cut.vdi small.raw block=4096 map=512' \
    small.raw tear=4096 largest=65536
survives_power_cuts "as VirtualBox lays it out" 'image=cut.vdi; make_vdi cut.vdi none.raw' none.raw
make_vdi cuts/base.vdi small.raw
survives_power_cuts "differencing, small blocks" \
    'image=cuts/cut.vdi; make_vdi cuts/cut.vdi changed.raw block=65536 parent=cuts/base.vdi base=small.raw' changed.raw
survives_power_cuts "header and map apart" 'image=cut.vdi; make_vdi cut.vdi small.raw map=8388608 block=65536' small.raw

head -c 6291456 base.raw >half.raw
truncate -s 12M half.raw
make_vdi lost.vdi half.raw count=9
check "a count that is too high is no error" "$platter" verify lost.vdi
check "but is told" sh -c "'$platter' verify lost.vdi 2>&1 | grep -q 'counts 9 blocks'"
keeps_own "a count that is too high" lost.vdi half.raw 1500
check "and is right afterwards" qemu-img check -q lost.vdi

# ---- hostile, and large
# hostile NAME STATUS PATTERN KEYS...
hostile() {
    make_vdi broken.vdi base.raw "${@:4}"
    refuses "$1" "$2" "broken.vdi.*$3" "$platter" convert broken.vdi out.raw
    check "$1: nothing is left of it" test ! -e out.raw
}
hostile "a block outside the file" 6 "not in the file" entry=1:7fffffff
refuses "it can only be read" 1 "damaged and can only be read" "$tool" write broken.vdi shadow.raw 3 10
refuses "it is found" 8 "none can be" "$platter" verify broken.vdi
make_vdi broken.vdi base.raw entry=1:0
refuses "two blocks at one place" 8 "where another one is" "$platter" verify broken.vdi
make_vdi broken.vdi base.raw count=1
refuses "a count that is too low" 8 "counts 1 blocks" "$platter" verify broken.vdi
hostile "version 0" 7 "version 0.1" version=00000001
hostile "undo" 7 "undo" type=3
hostile "type 9" 6 "type 9" type=9
hostile "blocks of 3 bytes" 6 "not possible" size=12 block=1048576 extra=3
hostile "a disk of no bytes" 6 "not possible" size=0
hostile "too large a disk" 6 "too few" size=99999999999
hostile "an impossible size" 6 "not possible" size=18446744073709551615
make_vdi broken.vdi base.raw
printf '\x00\x10\x00\x00' | dd of=broken.vdi bs=1 seek=$((0x158)) conv=notrunc status=none
refuses "blocks over the map" 6 "in the map" "$platter" info broken.vdi
printf '\x00\xff\xff\xff' | dd of=broken.vdi bs=1 seek=$((0x154)) conv=notrunc status=none
refuses "a map outside the file" 6 "where it cannot be" "$platter" info broken.vdi
make_vdi whole.vdi base.raw
head -c 6000000 whole.vdi >short.vdi
refuses "a file cut short" 6 "short.vdi" "$platter" convert short.vdi out.raw
head -c 300 whole.vdi >short.vdi
refuses "less than a header" 6 "too short" "$platter" info --format vdi short.vdi

qemu-img create -q -f vdi huge.vdi 60T
opens_small "60 TiB" huge.vdi
qemu-img create -q -f vdi large.vdi 3T
truncate -s 3T large.raw
check "3 TiB are written to" timeout 20 "$tool" write large.vdi large.raw 3 60
check "3 TiB are sound afterwards" qemu-img check -q large.vdi
check "3 TiB read at random" timeout 20 "$tool" read large.vdi large.raw 3 60
finish
