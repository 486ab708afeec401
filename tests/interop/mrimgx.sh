#!/bin/bash
# SPDX-License-Identifier: MIT
# Macrium Reflect X backups: those of tests/images/make-mrimgx.py, whole and hostile, and the vendor's own image.
. "$(dirname "$0")/../lib.sh"
need python3 zstd openssl ntfsls ntfscat xz sgdisk
cd "$work" || exit 1
engine=$root/build/host/engine_tool
tool=$root/build/host/image_tool

# make_case CASE: the images of a case in the folder of that name, and the list of them in CASE/list.
make_case() {
    mkdir "$1"
    check "$1: written" sh -c "python3 '$root/tests/images/make-mrimgx.py' $1 $1 >$1/list"
}

# reads_like NAME IMAGE RAW [PASSWORD [DISK]]
reads_like() {
    rm -f converted.raw
    check "$1: converted whole" "$engine" -p "${4:-}" -d "${5:-0}" copy "$2" converted.raw
    check "$1: the same bytes" cmp converted.raw "$3"
    check "$1: random reads" "$tool" read "$2" "$3" 5 300 "${4:-}" "${5:-0}"
}

# all_of CASE [PASSWORD]
all_of() {
    make_case "$1"
    while read -r image raw; do
        reads_like "$1/$image" "$1/$image" "$1/$raw" "${2:-}"
    done <"$1/list"
}

for case in full mbr fat chain delta merged split; do
    all_of $case
done
all_of encrypted "pässword"

check "the backup GPT is where it must be" sgdisk -v full/full.raw
"$engine" copy full/full.mrimgx gpt.raw
check "the backup GPT is sound in what was read" sh -c 'sgdisk -v gpt.raw | grep -q "No problems found"'
check "logical partitions are found" sh -c "[ \$('$engine' table mbr/mbr.mrimgx | grep -c logical) = 2 ]"
check "holes are told" sh -c "'$engine' map fat/fat.mrimgx | grep -q ^hole"

make_case disks
reads_like "first of two disks" disks/disks.mrimgx disks/disks-1.raw
reads_like "second of two disks" disks/disks.mrimgx disks/disks-2.raw "" 2
refuses "a third of two disks" 3 "no disk 3" "$engine" -d 3 info disks/disks.mrimgx
check "the disks are listed" sh -c "[ \$('$engine' info disks/disks.mrimgx | grep -c ^imaged_disk) = 2 ]"

refuses "no password" 15 "password is needed" "$engine" info encrypted/aes-256.mrimgx
refuses "a wrong password" 15 "not the right one" "$engine" -p passwort info encrypted/aes-256.mrimgx
refuses "writing" 12 "not written to" "$engine" -w info full/full.mrimgx

# Another set's file under a name that the history has, and junk, do not mislead.
cp full/full.mrimgx chain/other-name.mrimgx
head -c 5000 /dev/urandom >chain/junk.mrimgx
reads_like "beside files of other sets" chain/chain-2.mrimgx chain/chain-2.raw
mv chain/chain-0.mrimgx chain/kept
refuses "a missing file of the chain is named" 3 '"chain-0.mrimg", file 0 of its backup set' \
    "$engine" info chain/chain-2.mrimgx
mv chain/kept chain/renamed-away.MRIMGX
reads_like "a chain with a renamed file" chain/chain-2.mrimgx chain/chain-2.raw
last=$(ls split/split-*.mrimgx | tail -n 1)
mv "$last" kept
refuses "a split backup without its last part" 3 "last part" "$engine" info split/split.mrimgx
mv kept "$last"
rm delta/delta-2.mrimgx
refuses "a missing delta" 3 "delta-2.mrimg" "$engine" info delta/delta-3.mrimgx
reads_like "a chain that goes round the missing delta" delta/delta-5.mrimgx delta/delta-5.raw

make_case damaged
read -r offset length <damaged/where
refuses "the damaged block" 8 "does not (match its MD5|unpack)" "$engine" read damaged/damaged.mrimgx $((offset + 100)) 5
refuses "a read that touches it" 8 "disk byte $offset" "$engine" read damaged/damaged.mrimgx $((offset - 1000)) 2000
for place in $((offset - length)) $((offset + length)); do
    "$engine" read damaged/damaged.mrimgx $place "$length" >neighbour
    check "its neighbour at $place" cmp -n "$length" -i "0:$place" neighbour damaged/damaged.raw
done
refuses "verify finds it, and nothing else" 0 \
    "^error .*at byte $offset: $length bytes of the disk cannot be read" "$engine" verify damaged/damaged.mrimgx
check "and counts it once" sh -c "'$engine' verify damaged/damaged.mrimgx | grep -q 'errors 1 warnings 0'"
refuses "converting it" 8 "damaged.mrimgx" "$engine" copy damaged/damaged.mrimgx damaged.out
check "leaves nothing behind" test ! -e damaged.out
refuses "a damaged index" 8 'INDEX.* does not match its MD5' "$engine" info damaged/index.mrimgx

make_case large
check "a large index opens in 40 MB" sh -c "ulimit -v 40960; '$engine' info large/large-wrong.mrimgx"
check "verify passes it" sh -c "'$engine' verify large/large.mrimgx | grep -q 'errors 0'"
check "verify finds its MD5 wrong" sh -c "'$engine' verify large/large-wrong.mrimgx | grep -q 'errors 1'"

make_case hostile
for image in hostile/*.mrimgx; do
    status=${image%.mrimgx}
    (ulimit -v 400000 && ulimit -t 10 && exec "$engine" -p x copy "$image" hostile.out) >out 2>&1
    got=$?
    rm -f hostile.out
    [ "$got" = "${status##*.}" ] || sed 's/^/# /' out
    check "$image" test "$got" = "${status##*.}"
done

sample=$(ls "$root"/../shared/data/mrimgx/*.mrimgx.xz 2>/dev/null | head -n 1)
if [ -z "$sample" ]; then
    skip "the vendor's image" "../shared/data/mrimgx is not there"
    finish
fi
xz -dc "$sample" >vendor.mrimgx
check "vendor: opens in 80 MB" sh -c "ulimit -v 81920; ulimit -t 1; '$engine' info vendor.mrimgx"
check "vendor: every block matches its MD5" sh -c "'$engine' verify vendor.mrimgx | grep -q 'errors 0 warnings 0'"
check "vendor: 128849018880 bytes" sh -c "'$engine' info vendor.mrimgx | grep -qx virtual_size=128849018880"
check "vendor: the partition is found" sh -c \
    "'$engine' table vendor.mrimgx | grep -q \"^2 offset 16777216 length 128830144512 .*fs 'ntfs' label 'Demo'\""
check "vendor: converted" "$engine" part vendor.mrimgx 2 vendor.raw
# What the index says, read by somebody else: see the README beside the image.
check "vendor: 1608 blocks, all as their MD5s in the file say" python3 - <<'PYTHON'
import hashlib, struct
image, disk = open("vendor.mrimgx", "rb").read(), open("vendor.raw", "rb")
at = image.index(b"$INDEX  ") + 32
stored = 0
for block in range(struct.unpack_from("<I", image, at + 4)[0]):
    md5, length = struct.unpack_from("<8x16sI", image, at + 8 + 30 * block)
    if length:
        disk.seek(65536 * block)
        assert hashlib.md5(disk.read(65536)).digest() == md5, block
        stored += 1
assert stored == 1608, stored
PYTHON
check "vendor: NTFS is listed" sh -c "ntfsls vendor.raw | grep -qx readme.txt"
check "vendor: readme.txt" sh -c "ntfscat vendor.raw readme.txt | grep -q '^This is a demonstration of a Macrium X image file'"
finish
