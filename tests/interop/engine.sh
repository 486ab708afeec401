#!/bin/bash
# SPDX-License-Identifier: MIT
# The engine against the tools that made the images: sfdisk, sgdisk, qemu-img, mkfs.
. tests/lib.sh
need sfdisk fdisk sgdisk qemu-img mkfs.fat mkntfs python3 truncate
tool=${ENGINE_TOOL:-$root/build/asan/engine_tool}
cd "$work" || exit 1

# table IMAGE [OPTION...]: what the engine says, into table.out.
table() { image=$1; shift; "$tool" "$@" table "$image" >table.out 2>&1 || { cat table.out; return 1; }; }
has() { grep -Eq -- "$1" table.out || { echo "want: $1; got:"; cat table.out; return 1; }; }
hasnt() { if grep -Eq -- "$1" table.out; then echo "do not want: $1; got:"; cat table.out; return 1; fi; }

# like_sfdisk IMAGE: every partition that sfdisk lists, and no other, with the same start, length, type, id and name.
like_sfdisk() {
    sfdisk -J "$1" >dump.json 2>/dev/null || return 1
    python3 - dump.json table.out <<'PYTHON'
import json, re, sys
table = json.load(open(sys.argv[1]))["partitiontable"]
want = []
for part in table.get("partitions", []):
    if table["label"] == "dos" and part["type"] in ("5", "f", "85"):
        continue
    want.append((part["start"] * 512, part["size"] * 512, part["type"].lower(), part.get("uuid", "").lower(),
                 part.get("name", ""), part.get("bootable", False)))
got = []
for line in open(sys.argv[2]):
    match = re.match(r"\d+ offset (\d+) length (\d+) type (\S+)(?: id (\S+) name '(.*?)')?( logical)?( bootable)? fs", line)
    if match:
        got.append((int(match[1]), int(match[2]), match[3].lower(), (match[4] or "").lower(), match[5] or "",
                    bool(match[7])))
if want != got or not got:
    sys.exit(f"sfdisk: {want}\nengine: {got}")
PYTHON
}
# like_fdisk_4096 IMAGE: the same for a GPT of 4096-byte sectors, of which sfdisk knows nothing before util-linux 2.40.
like_fdisk_4096() {
    fdisk -b 4096 -l -o Start,Sectors,Type-UUID,UUID "$1" | awk '/^ *[0-9]/ { print $1 * 4096, $2 * 4096, $3, $4 }' >want
    awk '/^[0-9]/ { print $3, $5, $7, $9 }' table.out >got
    test -s want && diff want got
}

# ---- MBR: three primary and an extended partition with four logical ones, one of them active
truncate -s 300M mbr.img
sfdisk -q mbr.img >/dev/null <<'EOS'
label: dos
label-id: 0xdeadbeef
start=2048, size=100000, type=7, bootable
start=104448, size=20000, type=c
start=126976, size=2048, type=82
start=131072, type=f
start=133120, size=30000, type=83
start=165888, size=30000, type=7
start=198656, size=30000, type=b
start=231424, size=30000, type=ef
EOS
check "MBR with logical partitions is read" table mbr.img
check "MBR partitions are those of sfdisk" like_sfdisk mbr.img
check "MBR signature" has '^style mbr id 0xdeadbeef$'
check "logical partitions are marked and numbered after the primary ones" has '^4 offset 68157440 .*logical'
check "there is nothing to warn of" hasnt warning

truncate -s 51200000 part.ntfs && mkntfs -q -F -L "Größe" part.ntfs >/dev/null 2>&1
truncate -s 10240000 part.fat && mkfs.fat -F 16 -n "DATEN 1" part.fat >/dev/null
dd if=part.ntfs of=mbr.img bs=512 seek=2048 conv=notrunc,sparse status=none
dd if=part.fat of=mbr.img bs=512 seek=104448 conv=notrunc,sparse status=none
check "MBR with file systems is read" table mbr.img
check "NTFS and its label" has "^1 .* bootable fs 'ntfs' label 'Größe'"
check "FAT16 and its label" has "^2 .* fs 'fat16' label 'DATEN 1'"
check "a partition is copied out" "$tool" part mbr.img 2 fat.out
check "and it is the one that went in" cmp part.fat fat.out

# The second link of the extended partition's chain leads to its own sector: a circle.
cp mbr.img circle.img
python3 - circle.img <<'PYTHON'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(131072 * 512 + 446 + 16)
    entry = bytearray(f.read(16))
    second = 131072 + struct.unpack_from("<I", entry, 8)[0]
    f.seek(second * 512 + 446 + 16)
    entry[8:12] = struct.pack("<I", second - 131072)
    f.write(entry)
PYTHON
check "a chain in a circle ends" table circle.img
check "and is warned of" has 'warning .*circle'

# ---- A volume without a table, which ends its boot sector in 55 AA as an MBR does
truncate -s 20M floppy.img && mkfs.fat -F 32 -n SUPER floppy.img >/dev/null 2>&1
check "FAT32 without a table is read" table floppy.img
check "and is one volume" has "^0 offset 0 length 20971520 .*fs 'fat32' label 'SUPER'"
truncate -s 20M fake.img && mkfs.fat --mbr=y -F 16 fake.img >/dev/null
check "FAT with mkfs.fat's fake table is read" table fake.img
check "and is one volume too" has "^0 offset 0 .*fs 'fat16'"
check "NTFS without a table is read" table part.ntfs
check "and is one volume" has "^0 offset 0 .*fs 'ntfs' label 'Größe'"
truncate -s 20M empty.img && echo 'label: dos' | sfdisk -q empty.img >/dev/null
check "an MBR without partitions is read" table empty.img
check "and has none" hasnt offset
truncate -s 1M blank.img
check "a blank disk is read" table blank.img
check "and is one volume of nothing" has "^0 offset 0 length 1048576 type 0 fs '' label ''"

# ---- GPT
truncate -s 200M gpt.img
sgdisk -o -n 1:2048:+20M -t 1:ef00 -c 1:"EFI system" -n 2:0:+16M -t 2:0c01 -n 3:0:+50M -t 3:0700 -c 3:"Bücher 日本" \
    -n 4:0:0 -t 4:8300 gpt.img >/dev/null
check "GPT is read" table gpt.img
check "GPT partitions are those of sfdisk" like_sfdisk gpt.img
check "names and types" has "^3 .*name 'Bücher 日本' .*Microsoft basic data"
check "there is nothing to warn of" hasnt 'warning|backup'

cp gpt.img primary.img
printf '\xff' | dd of=primary.img bs=1 seek=$((512 + 60)) conv=notrunc status=none
check "GPT with a damaged primary header is read" table primary.img
check "from its backup, and says so" has "^style gpt id .* backup$"
check "GPT from the backup is that of sfdisk" like_sfdisk gpt.img
cp gpt.img array.img
printf '\xff' | dd of=array.img bs=1 seek=$((1024 + 130)) conv=notrunc status=none
check "GPT with a damaged primary array is read" table array.img
check "from its backup" has "warning the GPT entries' checksum"
cp primary.img both.img
printf '\xff' | dd of=both.img bs=1 seek=$((200 * 1048576 - 512 + 60)) conv=notrunc status=none
refuses "GPT with both headers damaged" 6 "both.img: at byte 512: the GPT header's checksum is 0x.*backup" "$tool" table both.img
cp gpt.img tail.img && truncate -s 199M tail.img
check "GPT of an image cut short is read" table tail.img
check "and warned of" has 'warning the backup of the GPT is missing.*partition 4 ends at byte'
refuses "a partition that is cut short is not opened" 13 'partition 4 .*does not lie within' "$tool" part tail.img 4 x.out
cp gpt.img bare.img && dd if=/dev/zero of=bare.img bs=512 count=1 conv=notrunc status=none
check "GPT without its protective MBR is read" table bare.img
check "and warned of" has 'warning the protective MBR'

truncate -s 300M gpt4k.img
printf 'g\nn\n1\n\n+100M\nn\n2\n\n+50M\nt\n2\n1\nw\n' | fdisk -b 4096 gpt4k.img >/dev/null
check "GPT of 4096-byte sectors is read" table gpt4k.img
check "GPT of 4096-byte sectors is that of fdisk" like_fdisk_4096 gpt4k.img
check "and the disk's sectors are found to be so" sh -c "'$tool' info gpt4k.img | grep -qx sector_size=4096"
check "told otherwise, it is read all the same" table gpt4k.img -s 512
check "with a warning" has 'warning the partition table is for sectors of 4096 bytes, the image says 512'
check "and right" like_fdisk_4096 gpt4k.img

# ---- Fixed VHD
for size in 3M 63M 130M; do
    truncate -s $size flat.img
    head -c 70000 /dev/urandom | dd of=flat.img bs=1 seek=100 conv=notrunc status=none
    head -c 5000 /dev/urandom | dd of=flat.img bs=512 seek=2000 conv=notrunc status=none
    qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on flat.img flat.vhd
    rm -f flat.out
    check "VHD of $size made by qemu-img is copied" "$tool" copy flat.vhd flat.out
    check "VHD of $size comes out as it went in" cmp flat.img flat.out
done
check "VHD is told" sh -c "'$tool' info flat.vhd | grep -A1 -x format=vhd | grep -qx variant=fixed"
cp flat.vhd bad.vhd && printf '\x01' | dd of=bad.vhd bs=1 seek=$((130 * 1048576 + 100)) conv=notrunc status=none
refuses "a damaged footer" 6 "bad.vhd: at byte 136314880: the footer's checksum is 0x[0-9a-f]+, computed 0x" "$tool" info bad.vhd
{ head -c 1000000 flat.vhd; tail -c 512 flat.vhd; } >short.vhd
refuses "a VHD cut short" 6 'short.vhd: at byte 1000048: the footer says .* cut short' "$tool" info short.vhd
head -c -1 flat.vhd >old.vhd
check "a footer of 511 bytes, as Virtual PC wrote" "$tool" copy old.vhd old.out
check "and its disk" cmp flat.img old.out

# ---- Writing through to the file
cp flat.vhd write.vhd
check "a VHD is written to" "$tool" -w write write.vhd 12345 "hello there"
check "at the right place" sh -c '[ "$(dd if=write.vhd bs=1 skip=12345 count=11 status=none)" = "hello there" ]'
check "and stays what it is" sh -c "'$tool' info write.vhd | grep -qx format=vhd; cmp -s write.vhd flat.vhd; [ \$? = 1 ]"
check "unbuffered, at an odd place" "$tool" -w -u write write.vhd 136314877 "xyz"
check "it lands there" sh -c '[ "$(dd if=write.vhd bs=1 skip=136314877 count=3 status=none)" = xyz ]'
check "and the footer is still behind it" cmp -i 136314880 write.vhd flat.vhd
refuses "a disk's end" 13 'ends outside' "$tool" -w write write.vhd 136314880 x
refuses "reading only" 12 'reading only' "$tool" write write.vhd 0 x

# ---- Odd sizes
head -c 1000 /dev/urandom >odd.img
check "half a sector is padded" "$tool" copy odd.img odd.out
check "with zeros" sh -c "{ cat odd.img; head -c 24 /dev/zero; } | cmp - odd.out"
check "and says so" sh -c "'$tool' info odd.img | grep -qx padding_bytes=24"
refuses "and cannot be written" 12 'no multiple of 512' "$tool" -w info odd.img
: >nothing.img
refuses "an empty file" 6 'nothing.img: is empty' "$tool" info nothing.img
mkfifo pipe
refuses "a pipe" 6 'pipe: is a pipe, not an image' timeout 5 "$tool" info pipe
refuses "a folder" 6 'is a folder' "$tool" info .
refuses "a device without a size" 6 'not a disk' "$tool" info /dev/zero
refuses "what is not there" 3 'missing.img: cannot be opened: No such file' "$tool" info missing.img

finish
