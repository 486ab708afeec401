#!/bin/bash
# SPDX-License-Identifier: MIT
# A hundred times: mounted, ejected as Explorer does, mounted again. Afterwards all is as it was.
set -u
. tests/wine/lib.sh
wine_suite remount
check "driver install" platter driver install
image=$work/disk.img
tests/images/make-disk.py "$image" bytes:4 || { not_ok "a disk image is made"; finish; }
part "$image" 1
names() { platter names --all --json >/dev/null; in_json 'sorted(n["name"] for n in j["directories"][0]["names"])'; }
before=$(names)

hundred() {
    for _ in $(seq 100); do
        platter mount "$(wine_path "$image")" --partition 1 --letter P --remember || return 1
        wine_run 60 "$programs/wt_eject.exe" P >"$work/eject" 2>&1 || { cat "$work/eject"; return 1; }
        wait_for 15 no_providers || return 1
    done
}
check "a hundred mounts and ejects" hundred
check "nobody serves anything" no_providers
check "the names of the system are what they were" [ "$(names)" = "$before" ]
check "the drive still reads" eval 'platter mount "$(wine_path "$image")" --partition 1 --letter P --read-only &&
    drive_reads P "$image" "$offset" "$length" && platter unmount P:'
wine_finish
