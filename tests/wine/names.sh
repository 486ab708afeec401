#!/bin/bash
# SPDX-License-Identifier: MIT
# platter names: what letters mean, to whom, and what one was not allowed to see.
set -u
. tests/wine/lib.sh
wine_suite names
shows() { "${@:2}" >"$work/shown" 2>&1 && grep -Eq -- "$1" "$work/shown" || { cat "$work/shown"; return 1; }; }
check "names works without the driver" shows "^C: +everybody" platter names
check "driver install" platter driver install
image=$work/disk.img
tests/images/make-disk.py "$image" --table none bytes:2 || { not_ok "a disk image is made"; finish; }
w() { wine_path "$work/$1"; }

check "names works without a drive" shows "^C: +everybody" platter names
check "a letter that is free" shows "^P: is free" platter names P:
check "mount" platter mount "$(w disk.img)" --partition all --letter P --read-only
check "a drive of Platter's is told from others" shows "^P: +everybody +Platter volume [0-9]+, .*disk.img" platter names
check "its letter alone" shows "^P: for everybody: Platter volume [0-9]+, .*disk\.img, by the link .*to .Device.PlatterVolume" platter names p
check "JSON of one letter" eval 'platter names P: --json >/dev/null &&
    [ "$(in_json "len(j[\"letters\"]), j[\"letters\"][0][\"global\"][\"volume\"] > 0, j[\"letters\"][0][\"sessions\"]")" = "(1, True, [])" ]'
check "all names, more than letters" eval 'platter names --all --json >/dev/null &&
    [ "$(in_json "j[\"directories\"][0][\"kind\"], len(j[\"directories\"][0][\"names\"]) > 5")" = "('"'global'"', True)" ]'
check "in text, too" shows "MountPointManager +SymbolicLink" platter names --all

wine_run 100 "$programs/wt_names.exe" "$(w made)" P '\??\C:\windows' >"$work/names" 2>&1 &
maker=$!
check "another session gets a P: of its own" wait_for 15 [ -e "$work/made" ]
check "it is shown, and that it hides the drive" shows "P: +LOCAL SERVICE +hides it +the folder C:.windows .subst" platter names
check "and of the letter alone" shows "P: for LOCAL SERVICE: the folder C:.windows .subst.*hides the one for everybody" platter names P:
check "C: is not hidden" eval 'platter names --json >/dev/null &&
    [ "$(in_json "[l[\"sessions\"] for l in j[\"letters\"] if l[\"letter\"] == \"C:\"]")" = "[[]]" ]'
check "JSON says so" eval 'platter names P: --json >/dev/null &&
    [ "$(in_json "[(s[\"logon_id\"], s[\"hides_global\"]) for s in j[\"letters\"][0][\"sessions\"]]")" = "[('"'00000000-000003e5'"', True)]" ]'
check "a directory that may not be read is named, with what is needed" \
    shows "not seen: .Sessions.0.DosDevices.00000000-00012345 .*access denied, " platter names P:
check "in JSON as denied" eval 'platter names --json >/dev/null &&
    [ "$(in_json "[(d[\"state\"], d[\"needs\"] != None) for d in j[\"directories\"] if d[\"logon_id\"] == \"00000000-00012345\"]")" = "[('"'denied'"', True)]" ]'
rm -f "$work/made"
check "the maker ends" wait "$maker"
check "and with it what it made" shows "^P: for everybody" platter names P:
check "nothing of it is left" eval '! grep -q SERVICE "$work/shown"'
check "unmount" platter unmount P:
check "the letter is free again" shows "^P: is free" platter names P:

refuses "what is no letter" 2 "PP" platter names PP
refuses "a letter and --all" 2 "all" platter names P: --all
wine_finish
