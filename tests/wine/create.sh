#!/bin/bash
# SPDX-License-Identifier: MIT
# platter.exe makes images: QEMU, which knows nothing of Windows, finds in them what was copied.
set -u
. tests/wine/lib.sh
need qemu-img python3
wine_suite create
w() { wine_path "$work/$1"; }
# checked FORMAT IMAGE
checked() { case $1 in vpc | raw) ;; *) qemu-img check -q -f "$1" "$2" ;; esac; }
left() { find "$work/out" -name '.platter-*' | wc -l; }
mkdir "$work/out"
python3 - "$work/base.raw" <<'PYTHON'
import random, sys
random.seed(2)
with open(sys.argv[1], "wb") as disk:
    disk.truncate((9 << 20) + 512)
    for offset in (0, 70000, 3 << 20, (9 << 20) - 3):
        disk.seek(offset)
        disk.write(random.randbytes(200000 if offset < 9000000 else 515))
PYTHON

for kind in raw:raw: vhd:vpc:dynamic vhd:vpc:fixed vhdx:vhdx:dynamic vhdx:vhdx:fixed vdi:vdi:dynamic vmdk:vmdk: qcow2:qcow2:; do
    IFS=: read -r format qemu sub <<<"$kind"
    name="$format${sub:+ $sub}"
    check "$name" platter convert "$(w base.raw)" "$(w out/disk)" --format "$format" ${sub:+--subformat "$sub"} --overwrite
    check "$name: QEMU finds it sound" checked "$qemu" "$work/out/disk"
    check "$name: QEMU finds the same in it" qemu-img compare -q -f raw -F "$qemu" "$work/base.raw" "$work/out/disk"
done
check "an empty one" platter create "$(w out/empty.vhdx)" --size 3G
check "an empty one is sound" qemu-img check -q "$work/out/empty.vhdx"
check "from another, with room behind it" platter create "$(w out/more.qcow2)" --from "$(w out/disk)" --size 20M
check "it is sound" qemu-img check -q "$work/out/more.qcow2"
check "and holds the same" sh -c "cp '$work/base.raw' '$work/more.raw' && truncate -s 20M '$work/more.raw' && qemu-img compare -q -f raw -F qcow2 '$work/more.raw' '$work/out/more.qcow2'"
check "a child" platter create "$(w out/child.qcow2)" --backing "$(w out/more.qcow2)"
check "its bytes are the parent's" platter convert "$(w out/child.qcow2)" "$(w out/child.raw)"
check "as they should be" cmp "$work/more.raw" "$work/out/child.raw"
check "QEMU finds it sound, beside its parent" qemu-img check -q "$work/out/child.qcow2"
check "and the same in it" qemu-img compare -q -f raw -F qcow2 "$work/more.raw" "$work/out/child.qcow2"
refuses "what is there stays" 14 "exists already" platter create "$(w out/more.qcow2)" --size 1M
check "nothing half made lies about" test "$(left)" = 0

# Ended while it works: under the name it was to get there is nothing, and the next one clears away what there is.
head -c 200M /dev/urandom >"$work/noise.raw"
killed() {
    for _ in 1 2 3 4 5; do
        platter convert "$(w noise.raw)" "$(w out/killed.vhd)" &
        for _ in $(seq 600); do [ "$(left)" = 0 ] || break; sleep 0.05; done
        for process in /proc/[0-9]*; do
            tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF "WINEPREFIX=$wine_prefix" || continue
            tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q 'killed.vhd' && kill -9 "${process#/proc/}" 2>/dev/null
        done
        wait
        [ -e "$work/out/killed.vhd" ] || return 0
        rm "$work/out/killed.vhd"
    done
    return 1
}
check "killed" killed
check "one is left, known by its name" test "$(left)" = 1
check "the next" platter create "$(w out/next.vdi)" --size 1M
check "takes it away" test "$(left)" = 0
finish
