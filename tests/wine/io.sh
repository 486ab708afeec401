#!/bin/bash
# SPDX-License-Identifier: MIT
# Reads, writes and control codes of a mounted drive.
set -u
. tests/wine/lib.sh
wine_suite io
check "driver install" platter driver install
image=$work/disk.img
tests/images/make-disk.py "$image" ntfs:8 bytes:24 || { not_ok "a disk image is made"; finish; }
cp "$image" "$work/before.img"
w() { wine_path "$work/$1"; }

part "$image" 1
check "mount read-only" platter mount "$(w disk.img)" --partition 1 --letter P --read-only
program wt_io P "$(w disk.img)" "$offset" "$length" 512 ro
check "unmount" platter unmount P:
check "the image is as it was" cmp "$image" "$work/before.img"

part "$image" 2
cp "$image" "$work/shadow.img"
check "mount writable" platter mount "$(w disk.img)" --partition 2 --letter P
program wt_io P "$(w disk.img)" "$offset" "$length" 512 rw "$(w shadow.img)"
check "unmount" platter unmount P:
check "the image has what was written and nothing else" cmp "$image" "$work/shadow.img"
check "which is not what was there before" [ "$(cmp "$image" "$work/before.img" >/dev/null; echo $?)" = 1 ]

program wt_ioctls P
program wt_protocol P
wine_finish
