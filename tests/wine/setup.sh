#!/bin/bash
# SPDX-License-Identifier: MIT
# The installer, from a machine without Platter to one without it again: install, mount, bring up to date with drives mounted
# and in use, repair, refusals, uninstall. tests/wine/setup_steps.sh fails and kills it at each step.
set -u
. tests/wine/lib.sh
need makensis mandoc osslsigncode openssl qemu-img
wine_suite setup
. tests/wine/setup_lib.sh
image=$work/disk.img
tests/images/make-disk.py "$image" ntfs:8 bytes:4 || { not_ok "a disk image is made"; finish; }
check "two setups are made" make_setups
kept=$work/kept.img
check "and another" tests/images/make-disk.py "$kept" --table none ntfs:9
not() { ! "$@"; }
# hold WHAT FLAG: wt_hold in the background.
hold() { wine_run 100 "$programs/wt_hold.exe" "$1" "$(wine_path "$2")" >"$work/hold" 2>&1 & }

# ---- Refusals, on a machine without it ----
check "an option that there is not" setup_warm_up
refuses "is named" 9 "no option|make no sense|exit status" setup "$older" /WAIT=soon
for place in 'Q:\Platter' '\\server\share\Platter'; do
    wine_run 60 "$older" /S "/D=$place" >/dev/null 2>&1
    check "a folder that cannot be: $place" [ $? = 9 ]
done
wine_run 30 reg add 'HKLM\System\CurrentControlSet\Control\SecureBoot\State' /v UEFISecureBootEnabled /t REG_DWORD /d 1 /f >/dev/null 2>&1
refuses "Secure Boot and a driver signed for tests" 6 "Secure Boot" setup "$older"
wine_run 30 reg delete 'HKLM\System\CurrentControlSet\Control\SecureBoot' /f >/dev/null 2>&1
wine_run 30 reg add 'HKLM\System\CurrentControlSet\Control' /v SystemStartOptions /d ' NOEXECUTE=OPTIN' /f >/dev/null 2>&1
refuses "Windows without test signing" 6 "testsigning" setup "$older"
wine_run 30 reg add 'HKLM\System\CurrentControlSet\Control' /v SystemStartOptions /d ' TESTSIGNING  NOEXECUTE=OPTIN' /f >/dev/null 2>&1
# A type that has a program already.
wine_run 30 reg add 'HKLM\Software\Classes\.vhd' /ve /d Windows.VhdFile /f >/dev/null 2>&1
# A PATH longer than the windows that edit one take, of the kind that has names in it.
path_key='HKLM\System\CurrentControlSet\Control\Session Manager\Environment'
long_path="$(registry "$path_key" Path)$(printf ';%%SystemRoot%%\folder number %d' $(seq 300))"
wine_run 30 reg add "$path_key" /v Path /t REG_EXPAND_SZ /d "$long_path" /f >/dev/null 2>&1
check "a PATH of more than 8191 characters" [ "$(registry "$path_key" Path | wc -c)" -gt 8191 ]
wine_run 60 "$programs/wt_unelevated.exe" "$older" /S >/dev/null 2>&1
check "not elevated" [ $? = 4 ]
check "the log is not for everybody" [ -z "$(find "${log%/*}" -maxdepth 0 -perm /o+r)" ]
mkdir -p "$wine_prefix/drive_c/Tools/Platter"
echo theirs >"$wine_prefix/drive_c/Tools/Platter/version.dll"
refuses "a folder outside of Program Files that holds something" 9 "holds files" setup "$older" '/D=C:\Tools\Platter'
check "which is not touched" [ "$(cat "$wine_prefix/drive_c/Tools/Platter/version.dll")" = theirs ]
# Names that no code page of this Wine's has, and a link where an interrupted run would have left something.
victim=$wine_prefix/drive_c/victim
mkdir -p "$wine_prefix/drive_c/Tools/Платтер" "$victim"
echo theirs >"$victim/theirs.txt"
ln -s "$victim" "$wine_prefix/drive_c/Tools/Платтер/~setup"
LC_ALL=C.UTF-8 refuses "a folder that is named in full" 9 'C:.Tools.Платтер holds files' setup "$older" '/D=C:\Tools\Платтер'
check "and what a link in it leads to stays" [ "$(cat "$victim/theirs.txt")" = theirs ]
rm -r "$victim" "$wine_prefix/drive_c/Tools"
refuses "one that there is not is made" 2 "FAILAT" setup "$older" /FAILAT=exchange '/D=C:\Tools\Platter'
check "and removed" [ ! -e "$wine_prefix/drive_c/Tools/Platter" ]
rm -rf "$wine_prefix/drive_c/Tools"
check "nothing is there yet" [ ! -e "$folder" ]
check "a snapshot" snapshot before
refuses "a driver whose signer nobody trusts" 11 "TESTCERT" untrusting "$older"

# flip FILE: changes one bit of it.
flip() {
    python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[0x1234] ^= 1
open(sys.argv[1], "wb").write(data)' "$1"
}
bad="$work/platter-setup-1.1.exe"
for file in platter.sys platter.inf; do
    cp "$package/$file" "$work/good"
    if [ $file = platter.sys ]; then flip "$package/$file"; else echo "; more" >>"$package/$file"; fi
    check "a setup with a changed $file" make_setup 1.1
    refuses "is refused" 11 "driver.$file is not the file that was signed" setup "$bad"
    cp "$work/good" "$package/$file"
done
cp "$package/platter.cat" "$work/good"
setup/catalog.py --out "$package/platter.cat" "$package/platter.inf"
check "a setup whose catalogue is not signed" make_setup 1.1
refuses "is refused" 11 "catalogue is not signed" setup "$bad"
rm -f "$package/platter.cat"
check "a setup without a catalogue" make_setup 1.1
refuses "is refused" 11 "has no catalogue" setup "$bad"
cp "$work/good" "$package/platter.cat"
check "each leaves nothing, and no certificate" same before

# ---- Installing ----
check "install" setup "$older"
check "the programs are there" [ -s "$folder/platter.exe" -a -s "$folder/platterw.exe" -a -s "$folder/driver/platter.sys" ]
check "the driver runs" installed driver status
check "the entry in the list of programs" [ "$(registry 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\Platter' DisplayVersion)" = $older_version ]
check "with its size" [ $(($(registry 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\Platter' EstimatedSize))) -gt 1000 ]
check "PATH" [ "$(registry "$path_key" Path)" = "$long_path;C:\\Program Files\\Platter" ]
check "which still has names in it" sh -c 'tr -d "\r" <"$1" | grep -q "Path *REG_EXPAND_SZ"' - <(wine_run 30 reg query "$path_key" /v Path 2>/dev/null)
check "'Mount with Platter' on disk images" [ "$(registry 'HKCR\SystemFileAssociations\.vhd\shell\Platter.Mount' MUIVerb)" = "Mount with Platter" ]
check "'Eject with Platter' on drives" has_key 'HKCR\Drive\shell\Platter.Eject\command'
default_of() { wine_run 30 reg query "HKLM\\Software\\Classes\\.$1" /ve | tr -d '\r' | sed -n 's/^ .*REG_SZ *//p'; }
check "a type that had a program keeps it" [ "$(default_of vhd)" = Windows.VhdFile ]
check "a type that nobody had is Platter's" [ "$(default_of qcow2)" = Platter.qcow2 ]
check "nothing is left of unpacking" [ ! -e "$folder/~setup" ]

# ---- What Explorer runs ----
explorer() { wine_run 60 'C:\Program Files\Platter\platterw.exe' --tell 'C:\told' "$@" >/dev/null 2>&1; }
told() { tr -d '\r' <"$wine_prefix/drive_c/told"; rm -f "$wine_prefix/drive_c/told"; }
check "platterw mounts" explorer mount "$(wine_path "$image")"
letter=$(told | head -c 1)
part "$image" 1
check "and the drive reads" drive_reads "$letter" "$image" "$offset" "$length"
program wt_eject_state "$letter"
check "platterw ejects, with what Explorer makes of a drive's name" explorer eject "$letter:\""
check "and the drive is gone" drive_gone "$letter"
check "platterw mounts read-only" explorer mount --read-only "$(wine_path "$image")"
check "which the list tells" grep -q True <<<"$(installed list --json >/dev/null; in_json 'j["volumes"][0]["read_only"]')"
letter=$(told | head -c 1)
check "and ejects" explorer eject "$letter:"
# A double click; nothing of Wine's shows entries of menus (docs/testing.md).
qemu-img convert -O qcow2 "$image" "$work/double click.qcow2"
check "a double click on a type that is Platter's" wine_run 60 start /wait /unix "$work/double click.qcow2"
letter_of() { installed list --json >/dev/null && in_json "[v['letter'] for v in j['volumes'] if v['image'].endswith('$1')][0][0]"; }
check "mounts" drive_reads "$(letter_of click.qcow2)" "$image" "$offset" "$length"
check "and ejects, too" explorer eject "$(letter_of click.qcow2):"
explorer mount "$(wine_path "$work/nothing.vhd")"
check "platterw tells what went wrong" grep -q "nothing.vhd" <<<"$(told)"

# ---- Bringing up to date ----
check "mount" installed mount "$(wine_path "$image")" --partition 1 --letter P
hold P "$work/held"
holder=$!
check "a program opens the drive" wait_for 15 [ -e "$work/held" ]
check "a snapshot of the older version" snapshot installed
refuses "a drive in use stops the newer version" 5 "wt_hold|in use" setup "$newer" /WAIT=1
check "which leaves everything as it was" same installed
check "and the drive mounted" drive_reads P "$image" "$offset" "$length"
rm -f "$work/held"
wait "$holder"
check "a drive that the service keeps" installed mount "$(wine_path "$kept")" --persistent --letter R
check "reads" drive_reads R "$kept"
check "the newer version, with a drive mounted that nobody uses" setup "$newer"
check "is there" [ "$(version)" = $newer_version ]
check "the drive went" drive_gone P
check "the driver runs" installed driver status
check "there is one entry" [ "$(wine_run 30 reg query 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall' 2>/dev/null | grep -c -i platter)" = 1 ]
check "nothing of the older is left" [ ! -e "$folder/~setup" ]

# ---- Kept drives ----
keeps() { installed persist list --json >/dev/null && in_json "[m for m in j['mounts'] if m['image'].endswith('$1')][0]$2"; }
check "the service brings its drive back under its letter" wait_for 30 drive_reads R "$kept"
worker=$(keeps kept.img "['process_id']")
refuses "the older version is refused now" 7 "newer" setup "$older"
check "with the kept drive served as before" [ "$worker" = "$(keeps kept.img "['process_id']")" ]
check "by the same process" drive_reads R "$kept"
mv "$kept" "$kept.gone"
check "the same version again, with an image that has gone" setup "$newer"
check "leaves no drive" drive_gone R
# In one answer: while it is being tried again there is no reason to tell.
tells_lost() {
    local told
    told=$(keeps kept.img '') && grep -Eq "'state': '(lost|retrying)'" <<<"$told" &&
        grep -Eq "No such file|not found|cannot be opened" <<<"$told"
}
check "the service tells that it is lost, and why" wait_for 30 tells_lost
check "it is forgotten" installed persist forget "$(wine_path "$kept")"
check "a drive that the service keeps" installed mount "$(wine_path "$image")" --partition 1 --letter P --persistent
check "the same version again" setup "$newer"
check "brings it back" wait_for 30 drive_reads P "$image" "$offset" "$length"
check "it is forgotten" installed unmount P:
check "and gone" wait_for 15 drive_gone P

# ---- Repair ----
cp "$folder/platter.exe" "$work/platter.exe"
head -c 1000 "$work/platter.exe" >"$folder/platter.exe"
rm -f "$folder/driver/platter.inf"
check "repair" setup "$newer"
check "brings back what was damaged" cmp "$folder/platter.exe" "$work/platter.exe"
check "and what was missing" [ -s "$folder/driver/platter.inf" ]
check "fewer components" setup "$newer" /COMPONENTS=service
check "take them away" [ "$(registry "$path_key" Path)" = "$long_path" ]
check "the menus, too" not has_key 'HKCR\SystemFileAssociations\.vhd\shell\Platter.Mount'
check "and are remembered" setup "$newer"
check "as they were chosen" [ "$(registry 'HKLM\Software\Platter' Components)" = service ]

# ---- Failing, once each ----
# A failure takes the bus away for a moment, and with it the records of drives that once were: not to be counted below.
refuses "a failure in the middle" 2 "FAILAT" setup "$newer" /FAILAT=driver
check "a snapshot" snapshot reduced
refuses "a failure at the end" 2 "FAILAT" setup "$newer" /FAILAT=entry /COMPONENTS=path,explorer,startmenu
check "brings everything back" same reduced
setup "$newer" /DIEAT=exchange-half >/dev/null
check "killed in the middle, it tells so" [ $? = 10 ]
check "the next run repairs that" setup "$newer" /COMPONENTS=service,path,explorer,startmenu
check "and mounts work" installed mount "$(wine_path "$image")" --partition 1 --letter P

# ---- Files in use ----
check "unmount" installed unmount P:
hold 'C:\Program Files\Platter\docs\manual.html' "$work/held"
holder=$!
check "a program opens the manual" wait_for 15 [ -e "$work/held" ]
refuses "uninstall wants a restart" 194 "manual.html is in use and goes when Windows starts again" uninstall # 3010, in 8 bits
check "nothing but that is there" [ "$(cd "$folder" && find . -type f)" = ./docs/manual.html ]
refuses "to install before it is refused" 12 "restarted first" setup "$newer"
rm -f "$work/held"
wait "$holder"
check "Windows starts again" wine_run 60 wineboot
check "and it is gone" [ ! -e "$folder/docs/manual.html" ]
check "install" setup "$newer"
check "and mount" installed mount "$(wine_path "$image")" --partition 1 --letter P

# ---- Uninstalling ----
echo mine >"$folder/my file.txt"
# What a user's key leads to is another's.
wine_run 30 reg delete 'HKCU\Software\Platter' /f >/dev/null 2>&1
wine_run 30 reg add 'HKCU\Software\Anothers\Letters' /v kept /d yes /f >/dev/null 2>&1
check "a user's key that is a link" wine_run 30 "$programs/wt_reglink.exe" 'Software\Platter' 'Software\Anothers'
check "uninstall, with a drive mounted" uninstall
check "leaves what it leads to" [ "$(registry 'HKCU\Software\Anothers\Letters' kept)" = yes ]
check "and says so" grep -q "is a link, or has one, and stays" "$log"
check "the link goes" wine_run 30 "$programs/wt_reglink.exe" 'Software\Platter'
wine_run 30 reg delete 'HKCU\Software\Anothers' /f >/dev/null 2>&1
check "leaves what is not Platter's" [ "$(cat "$folder/my file.txt")" = mine ]
rm -rf "$folder"
check "nothing else is left" same before --all
check "the driver's host did not crash" wine_log_faults "$wine_prefix/driver.log"
finish
