#!/bin/bash
# SPDX-License-Identifier: MIT
# The service: mounts that outlive their process, its end, the service's and the session's; workers that are killed or hang;
# clients that are many, slow, malformed or impostors; images that fail.
set -u
. tests/wine/lib.sh
need nbdkit qemu-img qemu-io python3
# The service's events, in its session's log.
export WINEDEBUG="$WINEDEBUG,trace+eventlog,warn+eventlog,fixme+advapi"
wine_suite service
for wine_need in platterd.exe tests/wt_pipe.exe tests/wt_dies.exe; do
    [ -e "$win/$wine_need" ] || { not_ok "$win/$wine_need has been built"; finish; }
done
# In a folder of its own, since platterd.exe is exchanged here.
mkdir "$work/bin"
cp "$win"/platter.exe "$win"/platterd.exe "$win"/platter.sys "$win"/platter.inf "$work/bin/" || { not_ok "the programs are copied"; finish; }
win=$work/bin
check "driver install" platter driver install

make="tests/images/make-disk.py"
mkdir "$work/parents"
{
    $make "$work/one.img" --table none ntfs:8 && $make "$work/two.img" --table none ntfs:9 &&
        $make "$work/parents/base.img" --table none ntfs:8 && echo "my own words" >"$work/parents/secret.txt" &&
        qemu-img create -f qcow2 -F raw -b parents/base.img "$work/child.qcow2" &&
        qemu-img create -f qcow2 -F raw -b parents/secret.txt "$work/thief.qcow2" 4M
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "images are made"; finish; }
# A chain over three folders, and a disk in pieces.
mkdir "$work/old" "$work/older"
{
    cp "$work/one.img" "$work/older/first.img" &&
        qemu-img create -f qcow2 -F raw -b ../older/first.img "$work/old/second.qcow2" &&
        qemu-io -c "write -P 0x5a 64k 128k" "$work/old/second.qcow2" &&
        qemu-img create -f qcow2 -F qcow2 -b old/second.qcow2 "$work/third.qcow2" &&
        qemu-img convert -O raw "$work/third.qcow2" "$work/third.raw" &&
        qemu-img convert -O vmdk -o subformat=twoGbMaxExtentFlat "$work/two.img" "$work/pieces.vmdk"
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "a chain and pieces are made"; finish; }
python3 - "$work" <<'PYTHON'
import random, sys
work = sys.argv[1]
disk = bytearray(open(work + "/two.img", "rb").read())
with open(work + "/ranges", "w") as ranges:
    for at in (0x10000, 0x200000, len(disk) - 512):
        disk[at:at + 512] = random.Random(at).randbytes(512)
        print(at, 512, file=ranges)
open(work + "/changed.img", "wb").write(disk)
PYTHON
head -c 5000 "$work/child.qcow2" >"$work/cut.qcow2"
w() { wine_path "$work/$1"; }

# processes WORDS: Unix ids of this session's processes with these words on their command lines.
processes() {
    for process in /proc/[0-9]*; do
        { tr '\0' '\n' <"$process/environ" | grep -qxF "WINEPREFIX=$wine_prefix"; } 2>/dev/null || continue
        { tr '\0' ' ' <"$process/cmdline" | grep -qE -- "$1"; } 2>/dev/null && echo "${process#/proc/}"
    done
}
daemon() { processes 'platterd\.exe"? *$'; }
workers() { processes 'platterd\.exe.*--worker'; }
# kept FILTER: of what persist list says.
kept() { platter persist list --json >/dev/null && in_json "$1"; }
state_of() { kept "[m['state'] for m in j['mounts'] if m['image'].lower().endswith('$1')]"; }
is_state() { [ "$(state_of "$1")" = "['$2']" ]; }
why_of() { kept "[m['error'] and m['error']['message'] for m in j['mounts'] if m['image'].lower().endswith('$1')]"; }
id_of() { kept "[m['process_id'] for m in j['mounts'] if m['image'].lower().endswith('$1')]"; }
is_back() { is_state "$1" mounted && [ "$(id_of "$1")" != "$2" ]; }
# logged NUMBER TEXT: an event with this among its strings.
logged() { grep -A 5 -i "ReportEventW.*$1" "$wine_prefix/driver.log" | grep -qF "L\"$2\""; }
says() { why_of "$1" | grep -q "$2"; }
# Line by line, since some of it is waited for.
no_drives() { platter list --json >/dev/null && [ "$(in_json "j['volumes']")" = "[]" ]; }
# confined IMAGE: how its worker is.
confined() { kept "[m['confinement'] for m in j['mounts'] if m['image'].lower().endswith('$1')][0]"; }
raw() { wine_run 60 "$programs/wt_pipe.exe" "$@" 2>/dev/null | sed -u 's/\r$//'; }

fails() { ! "$@"; }
begins() { [ "${1#"$2"}" != "$1" ] || { echo "$1"; return 1; }; }
# is NAME WANTED FOUND
is() { check "$1" test "$2" = "$3"; }
check "without the service a persistent mount is refused" fails platter mount --persistent "$(w one.img)" --letter P
# Here all files are of the one user that there is.
check "service install" platter service install
check "warns of a place where users may exchange the program" grep -q "may exchange it" "$work"/platter.*.err
check "it runs" platter service status
check "and does not say of workers what was not seen" grep -q "none has been started yet" "$work/out"

# ---- A mount, and its end ---------------------------------------------------------------------------------------------
check "a persistent mount" platter mount --persistent "$(w one.img)" --letter P
check "reads" drive_reads P "$work/one.img"
check "it is kept" is_state one.img mounted
platter list --json >/dev/null
is "the list says who serves it" service "$(in_json "j['volumes'][0]['served_by']")"
# Wine's function for AppContainers says that it went well, and makes none.
check "its worker is confined as far as Wine can" begins "$(confined one.img)" \
    "restricted token only, because with more: cannot start a worker: the system makes no AppContainer"
platter service status >"$work/status"
check "the status says so" grep -q "workers of images on this machine: restricted token only, because with more: " "$work/status"
check "the log, too" wait_for 10 logged 0x8000000a "$(confined one.img)"
check "not twice" fails platter mount --persistent "$(w one.img)" --letter T
check "unmount" platter unmount P:
check "the drive is gone" drive_gone P
is "and forgotten" 0 "$(kept "len(j['mounts'])")"

# ---- What may be kept -------------------------------------------------------------------------------------------------
check "a parent in another folder" platter mount --persistent "$(w child.qcow2)" --letter P
check "reads through it" drive_reads P "$work/parents/base.img"
check "unmount" platter unmount P:
check "a parent that is no image is not opened" fails platter mount --persistent "$(w thief.qcow2)" --letter P
check "nor a cut image" fails platter mount --persistent "$(w cut.qcow2)" --letter P
check "nor one that is not there" fails platter mount --persistent "$(w none.img)" --letter P
check "an encrypted image cannot be kept" fails platter mount --persistent --password-file "$(w one.img)" "$(w one.img)"
mkdir "$work/empty"
refuses "nor a drive in a folder that is not there" 3 'no such folder' platter mount --persistent --folder 'C:\folder' "$(w one.img)"
refuses "nor one in a folder here, where no Mount Manager knows the volume" 7 'Mount Manager|NTFS only' \
    platter mount --persistent --folder "$(w empty)" "$(w one.img)"
check "of which no drive is left" no_drives
refuses "nor a server behind a socket, which Wine has not" 7 'socket=.*cannot be connected to' platter mount --persistent "nbd+unix:///?socket=$work/none" --letter P
wine_run 30 reg add 'HKLM\SOFTWARE\Policies\Platter' /v AllowedFormats /t REG_MULTI_SZ /d vhdx /f >/dev/null 2>&1
refuses "nor a format that policy forbids" 4 AllowedFormats platter mount --persistent "$(w one.img)" --letter P
refuses "nor one with an overlay" 4 AllowedFormats platter mount --persistent "--overlay=$(w refused.qcow2)" "$(w one.img)" --letter P
check "which is then not left behind" [ ! -e "$work/refused.qcow2" ]
wine_run 30 reg delete 'HKLM\SOFTWARE\Policies\Platter' /f >/dev/null 2>&1
is "nothing of that is kept" 0 "$(kept "len(j['mounts'])")"
check "a chain over three folders" platter mount --persistent "$(w third.qcow2)" --letter P --read-only
check "reads" drive_reads P "$work/third.raw"
check "a disk in pieces" platter mount --persistent "$(w pieces.vmdk)" --letter Q
check "reads" drive_reads Q "$work/two.img"
program wt_ranges Q write "$(w changed.img)" "$(w ranges)"
check "and is written" drive_reads Q "$work/changed.img"
check "unmount both" platter unmount --all
check "its pieces have what was written" cmp "$work/pieces-f001.vmdk" "$work/changed.img"
check "--remember" platter mount --persistent --remember "$(w one.img)" --letter P
platter list --json >/dev/null
is "is heard" True "$(in_json "j['volumes'][0]['remembered']")"
check "unmount" platter unmount P:
check "writes go to an overlay" platter mount --persistent "--overlay=$(w changes.qcow2)" "$(w one.img)" --letter P
check "which is a file" qemu-img check -q "$work/changes.qcow2"
check "unmount" platter unmount P:

# ---- Workers that die -------------------------------------------------------------------------------------------------
check "the log has the letter of what is unmounted" wait_for 10 logged 0x40000002 P:
check "two" platter mount --at-boot "$(w two.img)" --letter Q
two=$(workers)
check "one" platter mount --persistent "$(w one.img)" --letter P
one=$(workers | grep -vx "$two")
before=$(id_of one.img)
kill -KILL "$one"
check "a killed worker is noticed" wait_for 30 is_back one.img "$before"
check "its drive comes back" drive_reads P "$work/one.img"
check "the log has the letter of what was lost" logged 0xc0000006 P:
check "and who served it" logged 0xc0000006 "${before//[^0-9]/}"
check "the other one is there" drive_reads Q "$work/two.img"
is "and served as before" "$two" "$(workers | grep -x "$two")"
# Now it hangs, and when it is tried again its image is not there.
one=$(workers | grep -vx "$two")
kill -STOP "$one"
mv "$work/one.img" "$work/away.img"
check "a worker that hangs is noticed" wait_for 40 says one.img 'not been heard of'
check "it will be tried again" is_state one.img retrying
check "and is ended" wait_for 10 fails kill -0 "$one"
check "its drive is gone" drive_gone P

# ---- An image on a server ---------------------------------------------------------------------------------------------
cp "$work/two.img" "$work/served.img"
. tests/wine/server.sh
# Which workers have a connection.
connected() {
    for worker in $(workers); do
        find "/proc/$worker/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' | sort >"$work/sockets"
        awk 'NR > 1 && $4 == "01" { print $10 }' /proc/net/tcp | sort | comm -12 - "$work/sockets" | grep -q . &&
            echo "$worker"
    done
}
others=$(workers)
check "a server" serves served.img
check "an image on it" platter mount --at-boot "$uri" --letter R
remote=$(workers | grep -vxF "$others")
check "reads" drive_reads R "$work/served.img"
is "its worker has a connection, and no other" "$remote" "$(connected)"
is "and says why it has one" "restricted token only, because its image is on a server" "$(confined ":$port")"
before=$(id_of ":$port")
kill -KILL "$remote"
check "it is connected to again" wait_for 30 is_back ":$port" "$before"
check "and reads" drive_reads R "$work/served.img"

# ---- Clients ----------------------------------------------------------------------------------------------------------
clients=
for i in 1 2 3 4 5 6 7 8 9 10; do
    wine_run 60 "$win/platter.exe" persist list --json >"$work/client.$i" 2>/dev/null &
    clients="$clients $!"
done
# shellcheck disable=SC2086
wait $clients
is "ten clients at once" 10 "$(grep -l '"mounts": \[' "$work"/client.* | wc -l)"
message() { python3 -c 'import struct, sys; b = sys.argv[1].encode(); sys.stdout.buffer.write(struct.pack("<I", len(b)) + b)' "$1"; }
malformed() { # malformed WHAT TEXT
    message "$2" >"$work/message"
    raw send "$(w message)" >"$work/answer"
    check "$1 is refused" grep -q '"name":"usage"' "$work/answer"
}
malformed "what is no JSON" 'mount everything'
malformed "an unknown request" '{"protocol":1,"request":"format"}'
malformed "an unknown member" '{"protocol":1,"request":"list","as":"SYSTEM"}'
malformed "a member that only the service sets" \
    '{"protocol":1,"request":"mount","options":{"image":"C:\\x.img","elevated":true}}'
malformed "a member twice" '{"protocol":1,"request":"list","request":"status"}'
malformed "another protocol" '{"protocol":2,"request":"list"}'
malformed "a device as an image" '{"protocol":1,"request":"mount","options":{"image":"\\\\.\\PhysicalDrive0"}}'
malformed "a pipe as an image" '{"protocol":1,"request":"mount","options":{"image":"\\\\localhost\\pipe\\x.img"}}'
malformed "a device in a folder" '{"protocol":1,"request":"mount","options":{"image":"C:\\x\\nul.img"}}'
malformed "a folder on no drive" '{"protocol":1,"request":"mount","options":{"image":"C:\\x.img","folder":"x"}}'
malformed "a path that is not whole" '{"protocol":1,"request":"mount","options":{"image":"disk.img"}}'
# The command line looks first; this is what the service itself says, before the drive is there and behind it.
mkdir "$wine_prefix/drive_c/empty"
cp "$work/two.img" "$work/lone.img"
for folder in "$(w empty)" 'C:\empty'; do
    message "$(python3 -c 'import json, sys
print(json.dumps({"protocol": 1, "request": "mount", "options": dict(zip(("image", "folder"), sys.argv[1:]))}))' \
        "$(w lone.img)" "$folder")" >"$work/message"
    raw send "$(w message)" >"$work/answer"
    check "no drive in a folder of ${folder%%\\*}" grep -q '"name":"unsupported"' "$work/answer"
done
is "and none is left without it" "[]" "$(state_of lone.img)"
malformed "what is nested deep" "$(printf '[%.0s' {1..2000})"
check "a message that is too long" grep -q '"name":"usage"' <(raw length 4000000000)
check "an empty one" grep -q '"name":"usage"' <(raw length 0)
# while_silent CLIENTS MS CASE: the case is that the service answers while so many clients say nothing for so long. Sets
# `ms`, what that took, and `idle`, the clients' process.
while_silent() {
    local start
    raw idle "$1" "$2" >"$work/idle" &
    idle=$!
    wait_for 10 grep -q opened "$work/idle"
    start=$(date +%s%N)
    check "$3" platter service status
    ms=$((($(date +%s%N) - start) / 1000000))
}
while_silent 12 3000 "silent clients delay nobody"
check "the answer came in $ms ms" test "$ms" -lt 4000
wait "$idle"
# More than are taken of one user at a time: who is one too many is sent away, comes again, and is heard when there is room.
while_silent 20 7000 "a client that is one too many waits"
check "which took $ms ms" test "$ms" -gt 1000
wait "$idle"
is "the silent ones are sent away" "closed 20" "$(tail -n 1 "$work/idle")"
check "the drives have not noticed" drive_reads Q "$work/two.img"

# ---- Workers that do not come back ------------------------------------------------------------------------------------
check "it is tried again, but not for ever" wait_for 70 is_state one.img lost
check "the list says why" says one.img 'cannot be opened'
mv "$work/away.img" "$work/one.img"
check "it can be mounted again" platter mount --persistent "$(w one.img)" --letter P
is "in the place of what was lost" 3 "$(kept "len(j['mounts'])")"
serves_no_more
platter service stop >"$work/first" 2>&1 &
first=$!
check "a restart, by two who stop it at a time" platter service stop
check "and are both right" wait $first
check "start" platter service start
both() { is_state one.img mounted && is_state two.img mounted; }
check "both are there" wait_for 60 both
check "with the same letters" drive_reads P "$work/one.img"
check "and the same data" drive_reads Q "$work/two.img"
check "without its server the third is not, and the list says why" wait_for 30 says ":$port" 'cannot be connected to'
check "which takes nothing from the others" both
check "the server comes back" serves served.img
check "and so does its drive" wait_for 60 is_state ":$port" mounted
check "with its data" drive_reads R "$work/served.img"
check "unmount it" platter unmount R:
serves_no_more

# ---- The service dies -------------------------------------------------------------------------------------------------
kill -KILL "$(daemon)"
check "without the service no drive is left" wait_for 30 drive_gone P
wait_for 20 drive_gone Q
check "no process either" wait_for 20 test -z "$(workers)"
check "it starts again" wait_for 30 platter service start
check "and brings both back" wait_for 60 both
check "with their data" drive_reads P "$work/one.img"

# ---- A worker that does not start --------------------------------------------------------------------------------------
# The first is another program that ends without a word; by then the right one is back.
check "unmount one" platter unmount P:
mv "$win/platterd.exe" "$win/right.exe"
cp "$programs/wt_dies.exe" "$win/platterd.exe"
platter mount --persistent "$(w one.img)" --letter P >"$work/late" 2>&1 &
late=$!
check "a worker that does not start" wait_for 20 test -e "$win/platterd.exe.ran"
mv "$win/right.exe" "$win/platterd.exe"
touch "$win/platterd.exe.go"
check "does not cost the mount" wait $late
check "which reads" drive_reads P "$work/one.img"
is "it was started again with less" "restricted token only and no mitigations, because with more: its worker ended, exit code 0x7" \
    "$(confined one.img)"
check "and that is logged" wait_for 10 logged 0x8000000a "$(confined one.img)"

# ---- The session ends -------------------------------------------------------------------------------------------------
wineserver -k
timeout 20 wineserver -w
$wine_fixed wineserver -p
timeout -k 5 120 $wine_fixed wine64 wineboot </dev/null >>"$wine_prefix/driver.log" 2>&1
check "after a restart of the session they come by themselves" wait_for 90 both
check "with their data" drive_reads Q "$work/two.img"

# ---- Forgetting -------------------------------------------------------------------------------------------------------
check "forget one" platter persist forget "$(w one.img)"
check "the drive stays" drive_reads P "$work/one.img"
is "but does not come back" "[False]" "$(kept "[m['comes_back'] for m in j['mounts'] if 'one' in m['image']]")"
check "service stop" platter service stop
check "takes the drives away" drive_gone Q
squatted() { raw squat 12000 >"$work/squat"; }
squatted &
wait_for 10 grep -q squatting "$work/squat"
check "the service starts where its pipe's name is taken" platter service start
squatter=$(sed -n 's/^squatting as //p' "$work/squat")
check "and the log has who has it" wait_for 5 logged 0xc000000b "wt_pipe.exe (process $squatter)"
refuses "nobody is asked in its place" 4 "process $squatter.* has the Platter service's pipe" platter persist list
check "what is remembered is back all the same" wait_for 60 drive_reads Q "$work/two.img"
wait $!
check "who took it has heard nothing" grep -q "heard 0 bytes" "$work/squat"
check "when the name is free the service takes it" wait_for 10 is_state two.img mounted
is "what was forgotten is not" "[]" "$(state_of one.img)"
check "unmount all" platter unmount --all
is "nothing is kept" 0 "$(kept "len(j['mounts'])")"
check "service remove" platter service remove
is "no process is left" "" "$(daemon)$(workers)"
wine_finish
