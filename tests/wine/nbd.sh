#!/bin/bash
# SPDX-License-Identifier: MIT
# Images behind an NBD server, with platter.exe: told, copied, and mounted through the driver: read, written in place, written
# to an overlay; and a server that goes and comes back.
set -u
. tests/wine/lib.sh
need nbdkit qemu-img python3
wine_suite nbd
check "driver install" platter driver install
w() { wine_path "$work/$1"; }
. tests/wine/server.sh
drive_fails() { ! drive_reads "$@"; }

tests/images/make-disk.py "$work/disk.img" ntfs:8 bytes:8 || { not_ok "a disk image is made"; finish; }
part "$work/disk.img" 2
# The second partition as it will be, and where it differs.
python3 - "$work" "$offset" "$length" <<'PYTHON'
import random, sys
work, offset, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(5)
disk = bytearray(open(work + "/disk.img", "rb").read())
with open(work + "/ranges", "w") as ranges:
    for _ in range(30):
        size = rng.choice([512, 4096, 65536]) * rng.randrange(1, 4)
        at = rng.randrange((length - size) // 512) * 512
        disk[offset + at:offset + at + size] = rng.randbytes(size)
        print(at, size, file=ranges)
open(work + "/model.img", "wb").write(disk)
open(work + "/model.part", "wb").write(disk[offset:offset + length])
PYTHON
cp "$work/disk.img" "$work/served.img"
qemu-img convert -c -O qcow2 "$work/disk.img" "$work/packed.qcow2"

check "a server of a disk" serves served.img
check "info" platter info "$uri" --json
check "tells what there is" [ "$(in_json 'j["image"]["format"], len(j["partition_table"]["partitions"])')" = "('raw', 2)" ]
check "convert" platter convert "$uri" "$(w copy.img)"
check "the same bytes" cmp "$work/copy.img" "$work/disk.img"
check "mount" platter mount "$uri" --partition 2 --letter P
check "the drive has the server's bytes" drive_reads P "$work/disk.img" "$offset" "$length"
program wt_ranges P write "$(w model.part)" "$(w ranges)"
check "what is written can be read" drive_reads P "$work/model.img" "$offset" "$length"
platter list --json >/dev/null
check "list names the server" [ "$(in_json 'j["volumes"][0]["image"]')" = "$uri" ]
check "unmount" platter unmount P:
check "the server has what was written" cmp "$work/served.img" "$work/model.img"

check "mount for reading, with an overlay" platter mount "$uri" --partition 2 --letter P --overlay
serves_no_more
check "without its server the drive has errors" drive_fails P "$work/model.img" "$offset" "$length"
check "the server comes back" serves served.img
check "and so do the drive's bytes" wait_for 40 drive_reads P "$work/model.img" "$offset" "$length"
check "unmount" platter unmount P:
serves_no_more

check "a server of a compressed image" serves packed.qcow2
check "mount of it" platter mount "$uri" --partition 2 --letter P --read-only
check "its drive has the bytes" drive_reads P "$work/disk.img" "$offset" "$length"
check "unmount of it" platter unmount P:
serves_no_more
refuses "nobody listens" 9 'cannot be connected to' platter info "$uri"
refuses "no drive of a server that is not there" 9 'cannot be connected to' platter mount "$uri" --letter P
wine_finish
