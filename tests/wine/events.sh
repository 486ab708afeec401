#!/bin/bash
# SPDX-License-Identifier: MIT
# Who mounted what, since when, idle or busy; what is written to the event logs. Wine's logs are its debug output: ReportEvent
# prints each string, and IoAllocateErrorLogEntry prints its call and gives no entry. Other users than one Wine has not:
# what they may not is tested in the simulator (driver/tokens, driver/files).
set -u
. tests/wine/lib.sh
# Before the session starts, since the driver's host takes it over.
export WINEDEBUG="$WINEDEBUG,trace+eventlog,warn+eventlog,fixme+advapi,fixme+ntoskrnl"
wine_suite events
check "driver install" platter driver install
# What the INF registers is in the suite build/events: setup under Wine passes the fourth part of AddService over.
log=$wine_prefix/driver.log

tests/images/make-disk.py "$work/ntfs.img" --table none ntfs:8 >/dev/null &&
    tests/images/make-disk.py "$work/fat.img" --table none fat32:40 >/dev/null || { not_ok "images are made"; finish; }
w() { wine_path "$work/$1"; }
listed() { platter list --json >/dev/null; in_json "$1"; }
# What the background process wrote: it inherits our error output, which `platter` keeps.
said() { cat "$work"/platter.*.err; }
forget() { rm -f "$work"/platter.*.err; }

check "a FAT drive is mounted" platter mount "$(w fat.img)" --letter P
check "its user and administrators have it alone" [ "$(listed 'j["volumes"][0]["private"]')" = True ]
check "the table says so" eval 'platter list | grep -q "owner only"'
check "who mounted it has a name" [ "$(listed 'j["volumes"][0]["owner"] != j["volumes"][0]["owner_sid"]')" = True ]
check "and a SID" [ "$(listed 'j["volumes"][0]["owner_sid"].startswith("S-1-5-21-")')" = True ]
check "the table has the name" eval 'platter list | grep -qF "$(listed "j[\"volumes\"][0][\"owner\"]")"'
check "by its user's own process" [ "$(listed 'j["volumes"][0]["served_by"]')" = user ]
check "since a moment ago" eval '[ "$(date -d "$(listed "j[\"volumes\"][0][\"mounted_at\"]")" +%s)" -gt $(($(date +%s) - 120)) ]'
check "it becomes idle" wait_for 10 eval '[ "$(listed "j[\"volumes\"][0][\"idle_ms\"] > 2000")" = True ]'
check "the table says how long" eval 'platter list | grep -q "idle 0:"'
check "it is read" drive_reads P "$work/fat.img"
check "and is not idle any more" [ "$(listed 'j["volumes"][0]["idle_ms"] < 2000 and j["volumes"][0]["read_bytes"] > 0')" = True ]
check "the event log has the mount" wait_for 10 eval 'said | grep -q "trace:eventlog:.*L\"P:\""'
check "with who and how" eval 'said | grep -q "trace:eventlog:.*for its user alone"'
check "under its number" eval 'said | grep -q "ReportEventW.*0x40000001"'
check "and without the image" eval '! said | grep "eventlog" | grep -q fat.img'
check "unmount" platter unmount P:
check "the event log has that" wait_for 10 eval 'said | grep -q "ReportEventW.*0x40000002"'

check "--shared" platter mount "$(w fat.img)" --letter P --shared
check "is for everybody" [ "$(listed 'j["volumes"][0]["private"]')" = False ]
check "unmount it" platter unmount P:
check "read-only" platter mount "$(w fat.img)" --letter P --read-only
check "is for everybody, too" [ "$(listed 'j["volumes"][0]["private"]')" = False ]
check "unmount that" platter unmount P:
check "NTFS guards its files itself" platter mount "$(w ntfs.img)" --letter P
check "and is for everybody" [ "$(listed 'j["volumes"][0]["private"]')" = False ]
check "unmount NTFS" platter unmount P:

forget
{ printf 'QFI\373\0\0\0\3' && head -c 2000 /dev/zero; } >"$work/bad%1.qcow2"
refuses "a damaged image is refused" 6 "bad%1.qcow2" platter mount "$(w bad%1.qcow2)"
check "the event log has it as an error" wait_for 10 eval 'said | grep -q "ReportEventW.*0xc0000004"'
check "without its name" eval '! said | grep "eventlog" | grep -q qcow2'
forget
refuses "a file that is not there is refused" 3 "nothing" platter mount "$(w nothing.img)"
check "which is nobody's affair" eval '! said | grep -q ReportEventW'
wine_run 30 reg add 'HKLM\SOFTWARE\Policies\Platter' /v AllowedFormats /t REG_MULTI_SZ /d vhdx /f >/dev/null 2>&1
refuses "a format that policy forbids is refused" 4 "AllowedFormats" platter mount "$(w ntfs.img)"
check "the event log has it as a warning" wait_for 10 eval 'said | grep -q "ReportEventW.*0x80000003"'
check "with the policy's name" eval 'said | grep -q "warn:eventlog:.*AllowedFormats"'
wine_run 30 reg delete 'HKLM\SOFTWARE\Policies\Platter' /f >/dev/null 2>&1

# A provider that dies: nobody is left but the driver.
check "mount" platter mount "$(w ntfs.img)" --letter P
check "the driver has had nothing to tell" eval '! grep -q IoAllocateErrorLogEntry "$log"'
process=$(listed 'j["volumes"][0]["process_id"]')
check "its process is killed" wine_run 30 taskkill /F /PID "$process"
check "the drive goes" wait_for 20 drive_gone P
check "the driver asks for an entry of the System log" wait_for 10 grep -q "IoAllocateErrorLogEntry" "$log"
check "once" [ "$(grep -c 'IoAllocateErrorLogEntry' "$log")" = 1 ]
wine_finish
