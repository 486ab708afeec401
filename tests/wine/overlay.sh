#!/bin/bash
# SPDX-License-Identifier: MIT
# Overlays of drives: kept ones, temporary ones, those that backups get without being asked; names in images that point
# to other machines; and the real backup image of ../shared/data.
set -u
. tests/wine/lib.sh
wine_suite overlay
check "driver install" platter driver install
w() { wine_path "$work/$1"; }
temp_files() { find "$wine_prefix/drive_c" -name 'platter-*.qcow2' | wc -l; }

tests/images/make-disk.py "$work/disk.img" ntfs:8 bytes:8 || { not_ok "a disk image is made"; finish; }
part "$work/disk.img" 2
# The second partition as it will be: changed here and there.
python3 - "$work" "$offset" "$length" <<'PYTHON'
import random, sys
work, offset, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(4)
disk = bytearray(open(work + "/disk.img", "rb").read())
with open(work + "/ranges", "w") as ranges:
    for _ in range(60):
        size = rng.choice([512, 4096, 65536]) * rng.randrange(1, 5)
        at = rng.randrange((length - size) // 512) * 512
        disk[offset + at:offset + at + size] = rng.randbytes(size)
        print(at, size, file=ranges)
open(work + "/model.img", "wb").write(disk)
open(work + "/model.part", "wb").write(disk[offset:offset + length])
PYTHON
sum=$(sha256sum "$work/disk.img")
untouched() { [ "$sum" = "$(sha256sum "$work/disk.img")" ]; }

check "mount with an overlay" platter mount "$(w disk.img)" --partition 2 --letter P "--overlay=$(w o.qcow2)" --json
check "the report tells of it" [ "$(in_json 'j["overlay"]["temporary"], j["read_only"]')" = "(False, False)" ]
program wt_ranges P write "$(w model.part)" "$(w ranges)"
check "the drive has what was written" drive_reads P "$work/model.img" "$offset" "$length"
platter list --json >/dev/null
check "list tells of it" [ "$(in_json 'j["volumes"][0]["overlay"]["file"].rsplit("\\", 1)[1]')" = o.qcow2 ]
check "and of the image" [ "$(in_json 'j["volumes"][0]["image"].rsplit("\\", 1)[1]')" = disk.img ]
refuses "the overlay is not committed meanwhile" 5 "in use" platter overlay commit "$(w o.qcow2)"
refuses "nor given to a second mount" 5 "in use" platter mount "$(w disk.img)" --partition 2 "--overlay=$(w o.qcow2)"
check "a second mount of the image has its own" platter mount "$(w disk.img)" --partition 2 --letter Q "--overlay=$(w o2.qcow2)"
check "which has nothing of the first" drive_reads Q "$work/disk.img" "$offset" "$length"
check "unmount both" platter unmount --all
check "the image is as it was" untouched
check "qemu-img check" qemu-img check -q "$work/o.qcow2"
check "qemu-img compare" qemu-img compare -q -F raw "$work/o.qcow2" "$work/model.img"
check "mount it again, by a name of its own folder" platter mount "$(w disk.img)" --partition 2 --letter P "--overlay=$(w o.qcow2)"
check "what was written is there" drive_reads P "$work/model.img" "$offset" "$length"
check "unmount" platter unmount P:
check "discard the second" platter overlay discard "$(w o2.qcow2)"
check "it is gone" [ ! -e "$work/o2.qcow2" ]
check "commit the first" platter overlay commit "$(w o.qcow2)"
check "it is gone" [ ! -e "$work/o.qcow2" ]
check "and in the image" cmp "$work/disk.img" "$work/model.img"

sum=$(sha256sum "$work/disk.img")
check "mount with a temporary overlay" platter mount "$(w disk.img)" --partition 2 --letter P --overlay
program wt_ranges P write "$(w disk.img)" "$(w ranges)"
check "it is a file while the drive is there" [ "$(temp_files)" = 1 ]
check "unmount" platter unmount P:
check "and gone with it" [ "$(temp_files)" = 0 ]
check "mount with another" platter mount "$(w disk.img)" --partition 2 --letter P --overlay --json
process=$(in_json 'j["process_id"]')
wine_run 30 taskkill.exe /f /pid "$process" >"$work/kill" 2>&1
check "the killed process's drive is gone" wait_for 15 drive_gone P
check "so is its overlay" wait_for 15 [ "$(temp_files)" = 0 ]
check "and the image as it was" untouched

qemu-img convert -c -O qcow2 "$work/disk.img" "$work/packed.qcow2"
cp "$work/packed.qcow2" "$work/packed.before"
platter mount "$(w packed.qcow2)" --partition 2 --letter P >"$work/said" 2>&1
check "a compressed image says where changes go" grep -q -- "--overlay=FILE" "$work/said"
program wt_ranges P write "$(w model.part)" "$(w ranges)"
check "unmount" platter unmount P:
check "and is as it was" cmp "$work/packed.qcow2" "$work/packed.before"

# A disc is never written to.
python3 - "$work" <<'PYTHON'
import sys
disc = bytearray(2048 * 200)
disc[32768:32775] = b"\x01CD001\x01"
disc[32768 + 80:32768 + 88] = (200).to_bytes(4, "little") + (200).to_bytes(4, "big")
disc[32768 + 128:32768 + 132] = (2048).to_bytes(2, "little") + (2048).to_bytes(2, "big")
disc[34816:34823] = b"\xffCD001\x01"
open(sys.argv[1] + "/disc.iso", "wb").write(disc)
PYTHON
refuses "an overlay on a disc" 2 "disc" platter mount "$(w disc.iso)" "--overlay=$(w disc.qcow2)"
check "and none is made" [ ! -e "$work/disc.qcow2" ]
# A disc is opened a second time, for its sectors' sake: as it was asked for.
printf 'as it was' | dd of="$work/disc.iso" bs=1 seek=100000 conv=notrunc status=none
{
    qemu-img convert -O qcow2 "$work/disc.iso" "$work/shots.qcow2" && qemu-img snapshot -c first "$work/shots.qcow2" &&
        qemu-io -c "write -P 0x41 98304 2048" "$work/shots.qcow2"
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "a disc with a snapshot is made"; finish; }
check "a disc's snapshot" platter mount "$(w shots.qcow2)" --snapshot first --letter P
check "reads as the snapshot" drive_reads P "$work/disc.iso"
check "unmount" platter unmount P:

# Names that stand in images: Windows would sign in wherever they point.
for name in '\\evil.invalid\share\x.raw' '//evil.invalid/share/x.raw' '\\?\UNC\evil.invalid\share\x.raw'; do
    qemu-img create -q -f qcow2 -u -b "$name" -F raw "$work/child.qcow2" 8M
    refuses "a backing file named $name" 4 "another machine" platter info "$(w child.qcow2)"
done
qemu-img create -q -f qcow2 -u -b '\\.\PhysicalDrive0' -F raw "$work/child.qcow2" 8M
refuses "a backing file that is a device" 4 "is a device" platter info "$(w child.qcow2)"
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "%s" 0\n' \
    '\\evil.invalid\share\x.raw' >"$work/child.vmdk"
refuses "an extent of another machine" 4 "another machine" platter info "$(w child.vmdk)"

# A parent is still found beside its child, and looked for nowhere else.
mkdir "$work/away"
truncate -s 1M "$work/parent.raw"
make_vhd() { python3 tests/images/vhd_images.py "$1" "$2" "$work/parent.raw" "${@:3}" >"$work/make.log" 2>&1; }
for kind in vhd vhdx; do
    key=W2ku
    [ $kind = vhd ] || key=absolute_win32_path
    make_vhd $kind "$work/parent.$kind"
    make_vhd $kind "$work/child.$kind" parent="$work/parent.$kind" base="$work/parent.raw" \
        names="$key:\\\\evil.invalid\\share\\parent.$kind"
    cp "$work/child.$kind" "$work/away/child.$kind"
    check "$kind: a parent of another machine that lies beside the child" platter info "$(w "child.$kind")"
    refuses "$kind: one that does not" 4 "another machine" platter info "$(w "away/child.$kind")"
done

sample=$(ls ../shared/data/mrimgx/*.mrimgx.xz 2>/dev/null | head -n 1)
if [ -z "$sample" ]; then
    skip "the vendor's image" "../shared/data/mrimgx is not there"
    wine_finish
fi
xz -dc "$sample" >"$work/vendor.mrimgx"
sum=$(sha256sum "$work/vendor.mrimgx")
check "vendor: mounted" platter mount "$(w vendor.mrimgx)" --letter V
platter list --json >/dev/null
check "vendor: the drive has the partition's size" [ "$(in_json 'j["volumes"][0]["size"]')" = 128830144512 ]
# All that is stored of its 120 GB, by another reader of the same image.
check "vendor: converted" build/host/platter convert "$work/vendor.mrimgx" "$work/vendor.raw" --partition 2
python3 - "$work" <<'PYTHON'
import os, sys
work = sys.argv[1]
with open(work + "/vendor.raw", "rb") as disk, open(work + "/ranges", "w") as ranges:
    size, at = disk.seek(0, 2), 0
    while at < size:
        try:
            at = os.lseek(disk.fileno(), at, os.SEEK_DATA)
        except OSError:
            break
        end = os.lseek(disk.fileno(), at, os.SEEK_HOLE)
        print(at, end - at, file=ranges)
        at = end
PYTHON
program wt_ranges V read "$(w drive.raw)" "$(w ranges)"
truncate -s "$(stat -c %s "$work/vendor.raw")" "$work/drive.raw"
same_ranges() {
    python3 - "$work" <<'PYTHON'
import sys
work, bytes_read = sys.argv[1], 0
with open(work + "/vendor.raw", "rb") as one, open(work + "/drive.raw", "rb") as other:
    for line in open(work + "/ranges"):
        at, length = map(int, line.split())
        one.seek(at)
        other.seek(at)
        assert one.read(length) == other.read(length), at
        bytes_read += length
assert bytes_read > 50 << 20, bytes_read
PYTHON
}
check "vendor: the drive's bytes are the partition's" same_ranges
check "vendor: ntfs-3g reads readme.txt out of them" sh -c \
    "ntfscat '$work/drive.raw' readme.txt | grep -q '^This is a demonstration of a Macrium X image file'"
check "vendor: unmount" platter unmount V:
check "vendor: the image is as it was" [ "$sum" = "$(sha256sum "$work/vendor.mrimgx")" ]
wine_finish
