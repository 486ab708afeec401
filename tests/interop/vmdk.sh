#!/bin/bash
# SPDX-License-Identifier: MIT
# VMDK: against QEMU, and against images of the tests' own writer where QEMU has none.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img qemu-io python3
cd "$work" || exit 1
platter=$root/build/host/platter
make_vmdk() { python3 "$root/tests/images/make-vmdk.py" "$@"; }
# QEMU and we ourselves have to find it sound.
sound_vmdk() { { [ "$qemu_checks" = no ] || qemu-img check -q "$1"; } && "$platter" verify "$1"; }
sound=sound_vmdk qemu_checks=yes

make_base base.raw 12
truncate -s 12M zero.raw
make_children

# ---- each kind that QEMU makes
for kind in monolithicSparse twoGbMaxExtentSparse monolithicFlat twoGbMaxExtentFlat; do
    rm -f image*.vmdk
    qemu-img convert -O vmdk -o subformat=$kind base.raw image.vmdk
    reads_like $kind image.vmdk base.raw
    # QEMU has no check for flat ones.
    case $kind in *Flat) qemu_checks=no ;; *) qemu_checks=yes ;; esac
    keeps_writes $kind image.vmdk base.raw
    check "$kind: is told" sh -c "'$platter' info image.vmdk | grep -q $kind"
done
qemu_checks=yes
qemu-img convert -O vmdk -o subformat=streamOptimized base.raw stream.vmdk
reads_like "streamOptimized" stream.vmdk base.raw
sum=$(sha256sum stream.vmdk)
refuses "streamOptimized is not written to" 1 "stream-optimized image can only be read" "$tool" write stream.vmdk zero.raw 3 1
check "streamOptimized is left alone" test "$sum" = "$(sha256sum stream.vmdk)"
qemu-img convert -O vmdk -o zeroed_grain=on base.raw zeroed.vmdk
qemu-io -f vmdk -c "write -z 3M 4M" zeroed.vmdk >/dev/null
qemu-img convert -O raw zeroed.vmdk zeroed.raw
reads_like "zeroed grains" zeroed.vmdk zeroed.raw
keeps_writes "zeroed grains" zeroed.vmdk zeroed.raw
qemu-img create -q -f vmdk empty.vmdk 12M
keeps_writes "empty" empty.vmdk zero.raw
# More than one extent of 2 GB.
truncate -s 5G large.raw
dd if=base.raw of=large.raw bs=1M seek=2044 conv=notrunc status=none
for kind in twoGbMaxExtentSparse twoGbMaxExtentFlat; do
    rm -f large*.vmdk
    qemu-img convert -O vmdk -o subformat=$kind large.raw large.vmdk
    check "$kind of 5 GiB: three extents" sh -c "'$platter' info large.vmdk | grep -q '^extents: *3'"
    check "$kind of 5 GiB: random reads" "$tool" read large.vmdk large.raw 5 300
    cp --sparse=always large.raw shadow.raw
    check "$kind of 5 GiB: random writes" "$tool" write large.vmdk shadow.raw 3 150
    check "$kind of 5 GiB: holds what was written" qemu-img compare -q -F raw large.vmdk shadow.raw
done
rm -f large-f002.vmdk
refuses "a missing extent" 3 "large-f002.vmdk" "$platter" info large.vmdk
rm -f large*

# ---- what QEMU does not make
head -c 12000256 base.raw >odd.raw
qemu_checks=no
for keys in grain=8 grain=16,words=128 spare=no spare=same tables=lazy tables=lazy,grain=8,words=128 zero=1,words=64; do
    make_vmdk own.vmdk odd.raw ${keys//,/ }
    reads_like "$keys" own.vmdk odd.raw 700
    keeps_writes "$keys" own.vmdk odd.raw 700
done
for keys in grain=128 grain=8 words=32 raw=1 zero=1; do
    make_vmdk own.vmdk odd.raw kind=stream ${keys//,/ }
    reads_like "stream with a footer, $keys" own.vmdk odd.raw 1000
done
check "stream with a footer: sound" "$platter" verify own.vmdk
mkdir esx
for keys in grain=1 grain=128; do
    make_vmdk esx/own.vmdk odd.raw kind=cowd $keys
    reads_like "ESX sparse, $keys" esx/own.vmdk odd.raw 700
done
refuses "ESX sparse is not written to" 1 "can only be read" "$tool" write esx/own.vmdk zero.raw 3 1
cp own.vmdk renamed.vmdk
reads_like "renamed" renamed.vmdk odd.raw 100

# ---- snapshots
qemu-img convert -O vmdk base.raw parent.vmdk
qemu-img create -q -f vmdk -b parent.vmdk -F vmdk delta.vmdk
reads_like "delta, empty" delta.vmdk base.raw 500
keeps_writes "delta" delta.vmdk base.raw
check "delta: QEMU has the same" qemu-img compare -q -F raw delta.vmdk shadow.raw
cid=$("$platter" info parent.vmdk | sed -n 's/^cid: *//p')
for hint in parent.vmdk 'C:\Virtual Machines\x\parent.vmdk' /vmfs/volumes/5b-6/x/parent.vmdk; do
    make_vmdk child.vmdk child.raw cid=12ab parentcid=$cid hint="$hint" base=base.raw zero=1
    reads_like "parent named $hint" child.vmdk child.raw 300
done
make_vmdk esx/child.vmdk grandchild.raw kind=cowd grain=1 parentcid=12ab hint=../child.vmdk base=child.raw
reads_like "ESX delta on a delta" esx/child.vmdk grandchild.raw
sum=$(sha256sum parent.vmdk)
make_vmdk written.vmdk child.raw cid=12ab parentcid=$cid hint=parent.vmdk base=base.raw zero=1
keeps_writes "delta on zeroed grains" written.vmdk child.raw
check "the parent is left alone" test "$sum" = "$(sha256sum parent.vmdk)"
check "the CID keeps its length" sh -c "'$platter' info written.vmdk | grep -Eq '^cid: *0000[1-9a-e][0-9a-f]{3}$'"
"$tool" write child.vmdk child.raw 3 4
refuses "a parent that was written to" 6 "made when it was 000012ab" "$platter" info esx/child.vmdk
make_vmdk orphan.vmdk child.raw parentcid=$cid hint=gone.vmdk
refuses "a missing parent" 3 "gone.vmdk" "$platter" info orphan.vmdk
make_vmdk orphan.vmdk child.raw parentcid=$cid
refuses "no parent named" 6 "does not say where" "$platter" info orphan.vmdk
make_vmdk snake.vmdk child.raw cid=77 parentcid=77 hint=snake.vmdk
refuses "a parent of itself" 6 "stands on this image itself" "$platter" info snake.vmdk

# ---- cut anywhere
qemu_checks=yes
survives_cuts "sparse" 'image=cut.vmdk; rm -f cut*; qemu-img create -q -f vmdk cut.vmdk 12M' zero.raw 18 0
survives_cuts "split sparse" \
    'image=cut.vmdk; rm -f cut*; qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentSparse cut.vmdk 12M' zero.raw 8 0
survives_cuts "new tables" 'image=cut.vmdk; make_vmdk cut.vmdk zero.raw tables=lazy grain=8 words=128' zero.raw 18 0
survives_cuts "delta" 'image=cut.vmdk; rm -f cut*; qemu-img create -q -f vmdk -b parent.vmdk -F vmdk cut.vmdk' \
    base.raw 18 0
sound_cut='qemu-img check -q "$1"'
head -c 3M base.raw >small.raw
truncate -s 3M none.raw
cut_image() { image=cut.vmdk && rm -f cut*.vmdk && qemu-img create -q -f vmdk "$@"; }
survives_power_cuts "sparse" 'cut_image cut.vmdk 3M' none.raw
survives_power_cuts "split sparse" 'cut_image -o subformat=twoGbMaxExtentSparse cut.vmdk 3M' none.raw
survives_power_cuts "new tables" 'image=cut.vmdk; make_vmdk cut.vmdk none.raw tables=lazy grain=8 words=128' none.raw
qemu-img convert -O vmdk small.raw below.vmdk
survives_power_cuts "delta" 'cut_image -b below.vmdk -F vmdk cut.vmdk' small.raw
survives_power_cuts "one table for both directories" 'image=cut.vmdk; make_vmdk cut.vmdk small.raw spare=same' small.raw
cut_image cut.vmdk 12M
PLATTER_CUT_AT=60 LD_PRELOAD=$cutter "$tool" tagged-write cut.vmdk log 4 60
cp cut.vmdk torn.vmdk
# The spare copy of the first table, of which a power cut has left an older one.
python3 - <<'PYTHON'
import struct
with open("torn.vmdk", "r+b") as image:
    image.seek(48)
    at = struct.unpack("<Q", image.read(8))[0] * 512
    image.seek(at)
    image.seek(struct.unpack("<I", image.read(4))[0] * 512)
    image.write(bytes(2048))
PYTHON
check "a spare table that differs is told" sh -c "'$platter' verify torn.vmdk | grep -q 'spare copy of the grain table'"
"$tool" tagged-write torn.vmdk log 5 7
check "and is the same when somebody has written" sh -c "! '$platter' verify torn.vmdk | grep 'spare copy'"
check "one that was cut says so" sh -c "'$platter' info cut.vmdk | grep -q '^unclean shutdown'"
cp base.raw shadow.raw
qemu-img convert -O vmdk base.raw closed.vmdk
"$tool" write closed.vmdk shadow.raw 3 20
check "and one that was not does not" sh -c "! '$platter' info closed.vmdk | grep -q '^unclean'"

# ---- hostile, and large
# hostile NAME STATUS PATTERN KEYS...
hostile() {
    make_vmdk broken.vmdk base.raw "${@:4}"
    refuses "$1" "$2" "broken.vmdk.*$3" "$platter" convert broken.vmdk out.raw
    check "$1: nothing is left of it" test ! -e out.raw
}
hostile "a grain outside the file" 6 "where none can be" entry=1:7fffffff
refuses "it can only be read" 1 "damaged and can only be read" "$tool" write broken.vmdk shadow.raw 3 10
refuses "it is found" 8 "not in the file" "$platter" verify broken.vmdk
hostile "a grain over the directory" 6 "where none can be" entry=1:15
hostile "a table outside the file" 6 "not in the file" directory=0:7fffffff
make_vmdk broken.vmdk base.raw entry=1:400,2:400
refuses "two grains at one place" 8 "lie over each other" "$platter" verify broken.vmdk
make_vmdk broken.vmdk base.raw words=16 directory=0:80,1:80,2:80
refuses "one table for all" 8 "grain tables lie over each other" "$platter" verify broken.vmdk
hostile "a stream's grain of another place" 8 "another one is" kind=stream lba=1
hostile "a stream's damaged grain" 8 "does not unpack" kind=stream damage=1
hostile "a stream's grain of no length" 8 "impossible length" kind=stream size=0
hostile "a stream's grain of 4 GiB" 8 "impossible length" kind=stream size=4294967295
hostile "grains of 3 sectors" 6 "not possible" grain=3
hostile "tables of a million" 6 "not possible" words=1000000
hostile "a huge capacity" 6 "not possible" capacity=18446744073709551615
hostile "more than its directory has" 6 "cannot be|none can be|not in the file" capacity=9999999999
hostile "version 9" 7 "version 9" version=9
hostile "compression with no flag" 7 "not supported" kind=stream flags=1
make_vmdk whole.vmdk base.raw kind=stream
head -c 600000 whole.vmdk >short.vmdk
refuses "a stream cut short" 6 "cut short" "$platter" info short.vmdk
qemu-img convert -O vmdk -o subformat=twoGbMaxExtentSparse base.raw split.vmdk
refuses "one extent alone" 6 "open the descriptor" "$platter" info split-s001.vmdk

# descriptor TEXT...: a descriptor of its own with these lines.
descriptor() { printf '%s\n' '# Disk DescriptorFile' version=1 CID=1234 parentCID=ffffffff "$@" >text.vmdk; }
head -c 1M base.raw >flat.raw
descriptor createType='"vmfs"' 'RW 1000 FLAT "flat.raw" 24' 'RW 1000 ZERO' '  rdonly 24 vmfs "flat.raw"  ' 'ddb.x = "y"'
{ dd if=base.raw bs=512 skip=24 count=1000 && head -c 512000 /dev/zero && head -c 12288 base.raw; } >pieces.raw 2>/dev/null
reads_like "extents of one file, and of none" text.vmdk pieces.raw 500
refuses "extents that cannot be written" 1 "can only be read" "$tool" write text.vmdk zero.raw 3 1
sed -i 's/$/\r/' text.vmdk
reads_like "a descriptor with lines of Windows" text.vmdk pieces.raw 100
for line in '#Disk DescriptorFile' '# Disk Descriptor File' '#disk descriptor file'; do
    sed -i "1s/.*/$line\r/" text.vmdk
    reads_like "a descriptor that begins with \"$line\"" text.vmdk pieces.raw 100
done
{ printf '\276\272\376\312\0\0\0\0\1\0\0\0\2\0\0\0' && head -c 4080 base.raw; } >x-sesparse.vmdk
refuses "an SEsparse extent alone" 7 "x-sesparse.vmdk.*SEsparse" "$platter" info x-sesparse.vmdk
# refused NAME STATUS PATTERN LINE...
refused() {
    descriptor "${@:4}"
    refuses "descriptor: $1" "$2" "text.vmdk.*$3|$3" "$platter" info text.vmdk
}
refused "no extents" 6 "names no extents" createType='"vmfs"'
refused "SEsparse" 7 "SEsparse.*not supported" 'RW 2048 SESPARSE "x-sesparse.vmdk"'
refused "an unknown type" 7 "type VMFSRDM" 'RW 2048 VMFSRDM "x-rdm.vmdk"'
refused "no access" 7 "may not be accessed" 'NOACCESS 2048 FLAT "flat.raw" 0'
refused "no name" 6 "no name" 'RW 2048 FLAT'
refused "a name that does not end" 6 "no name" 'RW 2048 FLAT "flat.raw'
refused "a size of nothing" 6 "impossible size" 'RW 0 FLAT "flat.raw" 0'
refused "a size beyond all" 6 "impossible size" 'RW 9999999999999999999999 FLAT "flat.raw" 0'
refused "sizes that overflow" 6 "impossible size" 'RW 9007199254740992 ZERO' 'RW 9007199254740992 ZERO'
refused "a start that overflows" 6 "no number" 'RW 1 FLAT "flat.raw" 36028797018963968'
refused "an extent that ends outside its file" 6 "flat.raw: has 1048576 bytes" 'RW 2048 FLAT "flat.raw" 1'
refused "a missing file" 3 "nowhere.raw" 'RW 2048 FLAT "/no/such/nowhere.raw" 0'
refused "a folder" 6 "esx" 'RW 2048 FLAT "esx" 0'
refused "a CID that is none" 6 "no number" CID=xyz
refused "version 7" 7 'version "7"' version=7
refused "itself as a sparse extent" 6 "sparse extent" 'RW 2048 SPARSE "text.vmdk"'
{ descriptor; yes 'RW 1 ZERO' | head -9000; } >/dev/null
{ cat text.vmdk; yes 'RW 1 ZERO' | head -9000; } >many.vmdk
refuses "descriptor: 9000 extents" 6 "more than is supported" timeout 5 "$platter" info many.vmdk
{ cat text.vmdk; yes '# nothing' | head -200000; } >long.vmdk
refuses "descriptor: 2 MB long" 6 "cannot be here" timeout 5 "$platter" info long.vmdk
if [ "$(id -u)" != 0 ]; then
    descriptor 'RW 1 FLAT "/etc/shadow" 0'
    refuses "descriptor: what the user may not read" 4 "/etc/shadow" "$platter" info text.vmdk
fi

rm -f huge.vmdk
qemu-img create -q -f vmdk huge.vmdk 1536G
opens_small "1.5 TiB" huge.vmdk
truncate -s 1536G huge.raw
check "1.5 TiB are written to" timeout 20 "$tool" write huge.vmdk huge.raw 3 60
check "1.5 TiB read at random" timeout 20 "$tool" read huge.vmdk huge.raw 3 60
finish
