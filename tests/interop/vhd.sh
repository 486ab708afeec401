#!/bin/bash
# SPDX-License-Identifier: MIT
# Dynamic and differencing VHD: against QEMU, and against images of the tests' own writer where QEMU has none.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img python3
cd "$work" || exit 1
platter=$root/build/host/platter
make_vhd() { python3 "$root/tests/images/vhd_images.py" vhd "$@"; }

# QEMU has no check for this format: our own, with no warning of a footer, and QEMU has to open it.
own_sound() { "$platter" verify "$1" | tee /dev/stderr | grep -q 'no errors$'; }
sound_vhd() { own_sound "$1" && qemu-img info -f vpc "$1" >/dev/null; }
sound=sound_vhd

make_base base.raw 12
truncate -s 12M zero.raw
# child.raw: base.raw with changes, a part emptied, a part all new.
python3 - <<'PYTHON'
import random
random.seed(2)
disk = bytearray(open("base.raw", "rb").read())
for _ in range(40):
    at = random.randrange(len(disk) - 40000) // 512 * 512
    disk[at:at + 5120] = random.randbytes(5120)
disk[4 << 20:6 << 20] = bytes(2 << 20)
disk[8 << 20:10 << 20] = random.randbytes(2 << 20)
open("child.raw", "wb").write(disk)
open("grandchild.raw", "wb").write(disk[:6 << 20] + random.randbytes(1 << 20) + disk[7 << 20:])
PYTHON

qemu-img convert -O vpc -o force_size=on base.raw qemu.vhd
reads_like "dynamic, by QEMU" qemu.vhd base.raw
keeps_writes "dynamic, by QEMU" qemu.vhd base.raw
qemu-img create -q -f vpc -o force_size=on empty.vhd 12M
reads_like "empty" empty.vhd zero.raw
keeps_writes "empty" empty.vhd zero.raw

# QEMU takes all sectors of a block to be there, and has no parents: what it cannot read only we look at.
keeps_own() {
    cp --sparse=always "$3" shadow.raw
    check "$1: random writes" env LD_PRELOAD="$cutter" "$tool" write "$2" shadow.raw 3 "${4:-700}"
    check "$1: sound afterwards" own_sound "$2"
    check "$1: holds what was written" "$tool" read "$2" shadow.raw 5 1000
}
for block in 512 65536 8388608; do
    make_vhd blocks.vhd base.raw block=$block
    reads_like "blocks of $block bytes" blocks.vhd base.raw 1000
    keeps_own "blocks of $block bytes, sectors not there" blocks.vhd base.raw
done
head -c 12000256 base.raw >odd.raw
make_vhd odd.vhd odd.raw
reads_like "the last block in part" odd.vhd odd.raw 1000
keeps_own "the last block in part" odd.vhd odd.raw

for footer in damaged old copy-damaged; do
    make_vhd footer.vhd base.raw footer=$footer
    reads_like "footer $footer" footer.vhd base.raw 500
    keeps_own "footer $footer" footer.vhd base.raw 200
    check "footer $footer: whole after the first new block" \
        bash -c "'$platter' verify footer.vhd | grep -q 'no errors$' && cmp <(head -c 512 footer.vhd) <(tail -c 512 footer.vhd)"
done
make_vhd footer.vhd base.raw footer=damaged
check "a damaged footer is told" bash -c "'$platter' info footer.vhd | grep -q 'footer copy used: *yes'"

# ---- differencing
mkdir -p sub
make_vhd parent.vhd base.raw
differs() { make_vhd "$1" child.raw parent=parent.vhd base=base.raw "${@:2}"; }
differs child.vhd
reads_like "differencing" child.vhd child.raw
make_vhd grandchild.vhd grandchild.raw parent=child.vhd base=child.raw
reads_like "differencing, on a differencing one" grandchild.vhd grandchild.raw
sum=$(sha256sum child.vhd parent.vhd)
keeps_own "differencing" grandchild.vhd grandchild.raw 1500
reads_like "differencing, written" grandchild.vhd shadow.raw
check "the parents are left alone" test "$sum" = "$(sha256sum child.vhd parent.vhd)"
for names in 'W2ku:C:\Disks\parent.vhd' 'W2ru:..\elsewhere\parent.vhd' 'MacX:file://localhost/Users/x/parent.vhd' \
    'name:parent.vhd' 'W2ku:C:\gone.vhd;W2ru:.\parent.vhd' "MacX:file://$work/parent.vhd"; do
    differs names.vhd names="$names"
    reads_like "parent named $names" names.vhd child.raw 150
done
mv names.vhd sub/
differs sub/names.vhd names='W2ku:D:\x\parent.vhd;W2ru:..\parent.vhd'
reads_like "parent in the folder above" sub/names.vhd child.raw 150
differs orphan.vhd names='W2ru:.\gone.vhd'
refuses "a missing parent" 3 'gone.vhd.*same folder' "$platter" info orphan.vhd
differs nameless.vhd names=
refuses "no name of a parent" 6 "does not say where" "$platter" info nameless.vhd
differs other.vhd id=another
refuses "another parent's id" 6 "another id" "$platter" info other.vhd
differs late.vhd timestamp=12345
refuses "a changed parent" 6 "another time stamp" "$platter" info late.vhd
differs mtime.vhd timestamp=$(($(stat -c %Y parent.vhd) - 946684800))
reads_like "the time stamp is the parent file's" mtime.vhd child.raw 150
# Two that name each other: each is given the other's id.
python3 - <<'PYTHON'
import struct
for a, b in (("snake.vhd", "tail.vhd"), ("tail.vhd", "snake.vhd")):
    data = bytearray(open("child.vhd", "rb").read())
    name = (".\\" + b).encode("utf-16le")
    data[1536:1536 + len(name)] = name
    struct.pack_into(">I", data, 512 + 576 + 8, len(name))
    data[512 + 40:512 + 56] = data[68:84]
    struct.pack_into(">I", data, 512 + 36, 0)
    struct.pack_into(">I", data, 512 + 36, ~sum(data[512:1536]) & 0xFFFFFFFF)
    open(a, "wb").write(data)
PYTHON
refuses "parents in a circle" 6 "stands on this image itself" "$platter" info snake.vhd

# ---- cut anywhere: between the file's growth and the footer's move the copy at the start is the footer
sound_cut() { "$platter" verify "$1" && qemu-img info -f vpc "$1" >/dev/null; }
own_sound_cut() { "$platter" verify "$1"; }
sound=sound_cut
survives_cuts "dynamic" 'image=cut.vhd; qemu-img create -q -f vpc -o force_size=on cut.vhd 12M' zero.raw 15
sound=own_sound_cut
survives_cuts "differencing" 'image=cut.vhd; cp child.vhd cut.vhd' child.raw 15
survives_cuts "small blocks, odd bitmaps" 'image=cut.vhd; make_vhd cut.vhd base.raw block=4096' base.raw 12

sound_cut='qemu-img info -f vpc "$1" >/dev/null'
make_base small.raw 3
head -c 500224 small.raw >tiny.raw
truncate -s 3M none.raw
survives_power_cuts "dynamic" 'image=cut.vhd; qemu-img create -q -f vpc -o force_size=on cut.vhd 6M' none.raw
sound_cut=
survives_power_cuts "sectors not there" 'image=cut.vhd; make_vhd cut.vhd small.raw block=65536' small.raw
for footer in damaged old copy-damaged; do
    survives_power_cuts "footer $footer" 'image=cut.vhd; make_vhd cut.vhd small.raw block=524288 footer=$footer' small.raw
done
make_vhd below.vhd small.raw
truncate -s 3M changed.raw
dd if=small.raw of=changed.raw bs=64K count=20 conv=notrunc status=none
survives_power_cuts "differencing" \
    'image=cut.vhd; make_vhd cut.vhd changed.raw block=262144 parent=below.vhd base=small.raw' changed.raw
survives_power_cuts "small blocks, odd bitmaps" 'image=cut.vhd; make_vhd cut.vhd tiny.raw block=4096' tiny.raw largest=32768

# ---- a disk that is full: what has been flushed stays, and the image sound
full_disk() {
    eval "$2"
    (trap '' XFSZ && ulimit -f $(($(stat -c %s "$image") / 1024 + $4)) && exec "$tool" tagged-write "$image" "$work/log" 4 60) >out 2>&1
    check "$1: the disk full is an error" grep -q "$image" out
    check "$1: sound all the same" $sound "$image"
    check "$1: nothing flushed is lost" "$tool" tagged-check "$image" "$3" "$work/log"
}
full_disk "dynamic" 'image=cut.vhd; qemu-img create -q -f vpc -o force_size=on cut.vhd 12M' zero.raw 5000
full_disk "differencing" 'image=cut.vhd; make_vhd cut.vhd base.raw parent=parent.vhd base=base.raw' base.raw 5000

# ---- hostile
# broken NAME OFFSET HEX...: base.vhd with bytes replaced, and the header's checksum made to agree.
make_vhd base.vhd base.raw
broken() {
    python3 - "$@" <<'PYTHON'
import struct, sys
data = bytearray(open("base.vhd", "rb").read())
for at, value in zip(sys.argv[1::2], sys.argv[2::2]):
    value = bytes.fromhex(value)
    data[int(at):int(at) + len(value)] = value
struct.pack_into(">I", data, 512 + 36, 0)
struct.pack_into(">I", data, 512 + 36, ~sum(data[512:1536]) & 0xFFFFFFFF)
open("broken.vhd", "wb").write(data)
PYTHON
}
table=9728 # of the tests' own writer
broken $table 7fffffff
refuses "a block outside the file" 6 "at byte $table: .*where none can be" "$platter" convert broken.vhd out.raw
check "and nothing is left of it" test ! -e out.raw
refuses "it can only be read" 1 "damaged and can only be read" env LD_PRELOAD="$cutter" "$tool" write broken.vhd shadow.raw 3 10
refuses "it is found" 8 "where none can be" "$platter" verify broken.vhd
broken $table 00000000
refuses "a block over the footer" 6 "where none can be" "$platter" convert broken.vhd out.raw
broken $table "$(xxd -s $((table + 4)) -l 4 -p base.vhd)"
refuses "blocks over each other" 8 "lie over each other" "$platter" verify broken.vhd
broken 544 00000123
refuses "impossible blocks" 6 "blocks of 291 bytes" "$platter" info broken.vhd
broken 540 00000002
refuses "too small a table" 6 "too few" "$platter" info broken.vhd
broken 528 7fffffffffffff00
refuses "a table outside the file" 6 "where it cannot be" "$platter" info broken.vhd
cp base.vhd broken.vhd
printf '\1' | dd of=broken.vhd bs=1 seek=700 conv=notrunc status=none
refuses "a header's wrong checksum" 6 "header's checksum" "$platter" info broken.vhd
head -c 4000000 base.vhd >short.vhd
refuses "a file cut short" 6 "short.vhd" "$platter" convert short.vhd out.raw
qemu-img create -q -f vpc huge.vhd 2040G
opens_small "2040 GiB" huge.vhd
finish
