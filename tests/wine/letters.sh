#!/bin/bash
# SPDX-License-Identifier: MIT
# Letters that are taken and by what, folders, remembered ids, policy, who holds a drive, ejecting from elsewhere.
set -u
. tests/wine/lib.sh
wine_suite letters
check "driver install" platter driver install
{
    tests/images/make-disk.py "$work/disk.img" --table none ntfs:8 && cp "$work/disk.img" "$work/copy.img" &&
        tests/images/make-disk.py "$work/two.img" ntfs:8 bytes:2 &&
        qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$work/disk.img" "$work/disk.vhd"
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "images are made"; finish; }
w() { wine_path "$work/$1"; }
listed() { platter list --json >/dev/null; in_json "$1"; }

# Who has the letter.
check "mount at K" platter mount "$(w disk.img)" --letter K --read-only
refuses "a letter of Platter's: which image" 5 "K: is taken by Platter volume [0-9]+, .*disk\.img" platter mount "$(w copy.img)" --letter K
refuses "a letter of a disk" 5 "C: is taken by volume of a disk" platter mount "$(w copy.img)" --letter C
check "list says who gave the letter, in the table" eval 'platter list | grep -q "global link made by the driver"'
check "and in JSON" [ "$(listed 'j["volumes"][0]["route"]')" = link ]
check "no folders, nothing remembered" [ "$(listed 'j["volumes"][0]["folders"], j["volumes"][0]["remembered"]')" = "([], False)" ]

# Who holds the drive.
wine_run 70 "$programs/wt_hold.exe" K "$(w held)" >"$work/hold" 2>&1 &
holder=$!
check "a program opens the drive" wait_for 15 [ -e "$work/held" ]
refuses "unmount names it" 5 "K: is in use: wt_hold\.exe \(process [0-9]+\) has it open" platter unmount K:
held() {
    platter unmount K: --json >/dev/null
    [ "$(in_json '[h["name"] for h in j["holders"]], j["error"]["code"]')" = "(['wt_hold.exe'], 5)" ]
}
check "in JSON, too" held
check "the drive is still there" [ "$(listed 'len(j["volumes"])')" = 1 ]
rm -f "$work/held"
check "the program ends" wait "$holder"
check "then it goes" platter unmount K:

# Ejected by others.
check "mount writable" platter mount "$(w disk.img)" --letter K
program wt_eject K
check "the serving process ends" wait_for 15 no_providers
check "the drive is not listed" [ "$(listed 'len(j["volumes"])')" = 0 ]
check "the image can be mounted again, for writing" platter mount "$(w disk.img)" --letter K
check "it reads" drive_reads K "$work/disk.img"
check "unmount" platter unmount K:

# Remembered.
id_of() { listed '[v["remembered"] for v in j["volumes"]]'; }
check "mount --remember" platter mount "$(w disk.img)" --letter K --remember --read-only
check "is remembered" [ "$(id_of)" = "[True]" ]
check "a copy of the image has an id of its own" platter mount "$(w copy.img)" --letter L --remember --read-only
check "both are remembered" [ "$(id_of)" = "[True, True]" ]
check "the same image again is mounted, and not remembered twice" \
    eval 'platter mount "$(w disk.img)" --letter M --remember --read-only 2>"$work/note" && grep -q "mounted already" "$work/note"'
check "so says the list" [ "$(id_of)" = "[True, True, False]" ]
check "unmount --all" platter unmount --all
check "mounted again without a letter asked" platter mount "$(w disk.img)" --remember --read-only
check "the image has its letter back" [ "$(listed '[v["letter"] for v in j["volumes"]]')" = "['K:']" ]
check "another takes L" platter mount "$(w two.img)" --partition 1 --letter L --read-only
check "whose image then gets another letter" eval 'platter mount "$(w copy.img)" --remember --read-only &&
    [ "$(listed "len({v[\"letter\"] for v in j[\"volumes\"]} - {None})")" = 3 ]'
check "unmount --all again" platter unmount --all
check "mount --no-letter" platter mount "$(w disk.img)" --no-letter --read-only
check "has none" [ "$(listed 'j["volumes"][0]["letter"], j["volumes"][0]["route"]')" = "(None, 'none')" ]
check "unmount by number" platter unmount "$(listed 'j["volumes"][0]["id"]')"

# Folders. Wine's Mount Manager knows no volumes of others, so only refusals can be seen here.
mkdir "$work/empty" "$work/full" && touch "$work/full/file"
refuses "a folder that is not there" 3 "nowhere: there is no such folder" platter mount "$(w disk.img)" --folder "$(w nowhere)"
refuses "a file" 2 "is not a folder" platter mount "$(w copy.img)" --folder "$(w disk.img)"
refuses "a folder that is not empty" 14 "is not empty" platter mount "$(w disk.img)" --folder "$(w full)"
refuses "a folder and a letter" 2 "exclude each other" platter mount "$(w disk.img)" --folder "$(w empty)" --letter K
refuses "a folder here, where no Mount Manager knows the volume" 7 "Mount Manager|NTFS only" platter mount "$(w disk.img)" --folder "$(w empty)"
check "nothing is left of that" eval '[ "$(listed "len(j[\"volumes\"])")" = 0 ] && wait_for 10 no_providers && rmdir "$work/empty"'
refuses "unmount of a folder that leads nowhere" 3 "no folder that a drive is mounted in" platter unmount "$(w full)"

# Policy.
policy() { wine_run 30 reg.exe add 'HKLM\SOFTWARE\Policies\Platter' /v AllowedFormats "$@" /f >"$work/reg" 2>&1; }
check "a policy for raw images and QCOW2 only" policy /t REG_MULTI_SZ /d 'raw\0qcow2'
refuses "forbids VHD, and says which policy" 4 "'AllowedFormats' in HKLM.SOFTWARE.Policies.Platter does not allow images of the format vhd" \
    platter mount "$(w disk.vhd)"
check "and allows raw images" platter mount "$(w disk.img)" --letter K --read-only
check "unmount" platter unmount K:
check "a policy that makes no sense" policy /t REG_DWORD /d 1
refuses "forbids all" 4 "makes no sense" platter mount "$(w disk.img)" --letter K
check "without a policy" wine_run 30 reg.exe delete 'HKLM\SOFTWARE\Policies\Platter' /f
check "VHD is mounted" platter mount "$(w disk.vhd)" --letter K --read-only
check "unmount" platter unmount K:
check "no provider is left running" wait_for 10 no_providers
wine_finish
