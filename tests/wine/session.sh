#!/bin/bash
# SPDX-License-Identifier: MIT
# The end of the user's session: processes that serve drives, in the background and in a window, write back and go.
set -u
. tests/wine/lib.sh
need Xvfb
wine_suite session
[ -e "$programs/wt_endsession.exe" ] || { not_ok "wt_endsession.exe has been built"; finish; }
wine_screen
check "driver install" platter driver install
tests/images/make-disk.py "$work/one.img" --table none ntfs:8 >"$work/make.log" 2>&1 || { not_ok "an image is made"; finish; }
image=$(wine_path "$work/one.img")
python3 - "$work" <<'PYTHON'
import random, sys
work = sys.argv[1]
disk = bytearray(open(work + "/one.img", "rb").read())
with open(work + "/ranges", "w") as ranges:
    for at in (0x10000, len(disk) - 512):
        disk[at:at + 512] = random.Random(at).randbytes(512)
        print(at, 512, file=ranges)
open(work + "/changed.img", "wb").write(disk)
PYTHON

# The window comes a moment after the drive.
session_ends() { wine_run 60 "$programs/wt_endsession.exe" "$process"; }
served_by() { platter list --json >/dev/null && process=$(in_json 'j["volumes"][0]["process_id"]'); }

check "a drive that is served in the background" platter mount "$image" --letter P
check "reads" drive_reads P "$work/one.img"
served_by
check "the session ends" wait_for 15 session_ends
check "and the drive with it" wait_for 10 drive_gone P
none_left() { [ -z "$(providers 2>/dev/null)" ]; }
check "no process is left" wait_for 10 none_left

wine_run 100 "$win/platter.exe" mount "$image" --letter P --foreground >"$work/window" 2>"$work/window.err" &
window=$!
check "one that is served in a window" wait_for 30 grep -q "is now P:" "$work/window"
program wt_ranges P write "$(wine_path "$work/changed.img")" "$(wine_path "$work/ranges")"
served_by
check "the session ends" wait_for 15 session_ends
check "and the drive with it" wait_for 10 drive_gone P
check "the command has done its work" wait "$window"
check "and the image has what was written" cmp "$work/one.img" "$work/changed.img"
wine_finish
