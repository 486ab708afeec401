#!/bin/bash
# SPDX-License-Identifier: MIT
# The driver comes through its INF, once, and goes again, with and without volumes.
set -u
. tests/wine/lib.sh
wine_suite install
image=$work/disk.img
tests/images/make-disk.py "$image" ntfs:8 bytes:4 || { not_ok "a disk image is made"; finish; }

state() { platter driver status --json >/dev/null; in_json "$1"; }
# Root devices with our hardware id, as the registry has them.
devices() {
    wine_run 30 reg query 'HKLM\System\CurrentControlSet\Enum\ROOT' /s >"$work/registry" 2>/dev/null
    grep -c -i 'HardwareID.*PlatterBus' "$work/registry"
}

# Drives that were there, of which the system keeps a record each.
records() {
    wine_run 30 reg query 'HKLM\System\CurrentControlSet\Enum\Platter' /s >"$work/registry" 2>/dev/null
    grep -c -i '\\Volume\\[0-9]*.$' "$work/registry"
}

refuses "mount without the driver says so" 17 "driver" platter mount "$(wine_path "$image")" --letter P
refuses "list without the driver says so" 17 "driver" platter list
check "status without the driver" [ "$(state 'j["installed"]')" = False ]
check "driver install" platter driver install
check "the driver file is where the INF says" cmp "$win/platter.sys" "$wine_prefix/drive_c/windows/system32/drivers/platter.sys"
check "status with the driver" [ "$(state 'j["installed"]')" = True ]
check "list with the driver" platter list
check "there is one device" [ "$(devices)" = 1 ]
check "driver install again" platter driver install
check "makes no second device" [ "$(devices)" = 1 ]
check "mount" platter mount "$(wine_path "$image")" --partition 1 --letter P
part "$image" 1
check "the drive reads" drive_reads P "$image" "$offset" "$length"
refuses "the driver is not removed under a mounted drive" 5 "mount" platter driver remove
check "and the drive goes on reading" drive_reads P "$image" "$offset" "$length"
check "driver install under a mounted drive changes nothing" platter driver install
check "unmount" platter unmount P:
check "the system keeps a record of the drive" [ "$(records)" -ge 1 ]
check "driver remove" platter driver remove
check "there is no device" [ "$(devices)" = 0 ]
check "and no record of the drive" [ "$(records)" = 0 ]
check "status after removal" [ "$(state 'j["installed"]')" = False ]
check "the driver file is gone" [ ! -e "$wine_prefix/drive_c/windows/system32/drivers/platter.sys" ]
refuses "list after removal" 17 "driver" platter list
check "driver install after removal" platter driver install
check "mount after that" platter mount "$(wine_path "$image")" --partition 2 --letter P
part "$image" 2
check "the drive reads again" drive_reads P "$image" "$offset" "$length"
check "unmount --all" platter unmount --all

# Wine's host of the driver dies; its service manager goes on calling the driver running, and its names are left behind.
hosts() {
    for host in $(pgrep -f 'winedevice\.exe'); do
        if tr '\0' '\n' <"/proc/$host/environ" 2>/dev/null | grep -qx "WINEPREFIX=$wine_prefix" &&
            grep -q '/platter\.sys' "/proc/$host/maps"; then
            echo "$host"
        fi
    done
}
check "one process has the driver" [ "$(hosts | wc -l)" = 1 ]
hosts | xargs kill -9
refuses "it is gone" 17 "not running" platter list
check "driver install brings it back" platter driver install
check "one process has it again" [ "$(hosts | wc -l)" = 1 ]
check "mount after that" platter mount "$(wine_path "$image")" --partition 2 --letter P
check "the drive reads" drive_reads P "$image" "$offset" "$length"
check "unmount" platter unmount P:
wine_finish
