#!/bin/bash
# SPDX-License-Identifier: MIT
# The service: mounts that outlive their process, its end, the service's and the session's; workers that are killed or hang;
# clients that are many, slow, malformed or impostors; images that fail.
set -u
. tests/wine/lib.sh
need nbdkit qemu-img python3
# The service's events, in its session's log.
export WINEDEBUG="$WINEDEBUG,trace+eventlog,warn+eventlog,fixme+advapi"
wine_suite service
for wine_need in platterd.exe tests/wt_pipe.exe; do
    [ -e "$win/$wine_need" ] || { not_ok "$win/$wine_need has been built"; finish; }
done
check "driver install" platter driver install

make="tests/images/make-disk.py"
mkdir "$work/parents"
{
    $make "$work/one.img" --table none ntfs:8 && $make "$work/two.img" --table none ntfs:9 &&
        $make "$work/parents/base.img" --table none ntfs:8 && echo "my own words" >"$work/parents/secret.txt" &&
        qemu-img create -f qcow2 -F raw -b parents/base.img "$work/child.qcow2" &&
        qemu-img create -f qcow2 -F raw -b parents/secret.txt "$work/thief.qcow2" 4M
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "images are made"; finish; }
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
raw() { wine_run 60 "$programs/wt_pipe.exe" "$@" 2>/dev/null | sed -u 's/\r$//'; }

fails() { ! "$@"; }
# is NAME WANTED FOUND
is() { check "$1" test "$2" = "$3"; }
check "without the service a persistent mount is refused" fails platter mount --persistent "$(w one.img)" --letter P
check "service install" platter service install
check "it runs" platter service status

# ---- A mount, and its end ---------------------------------------------------------------------------------------------
check "a persistent mount" platter mount --persistent "$(w one.img)" --letter P
check "reads" drive_reads P "$work/one.img"
check "it is kept" is_state one.img mounted
platter list --json >/dev/null
is "the list says who serves it" service "$(in_json "j['volumes'][0]['served_by']")"
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
check "nor a drive in a folder" fails platter mount --persistent --folder 'C:\folder' "$(w one.img)"
is "nothing of that is kept" 0 "$(kept "len(j['mounts'])")"
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
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
uri=nbd://127.0.0.1:$port
server=
at_exit '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null'
serves() {
    rm -f "$work/pid"
    nbdkit -f -i 127.0.0.1 -p "$port" -P "$work/pid" file "$work/served.img" >"$work/nbdkit" 2>&1 &
    server=$!
    wait_for 10 test -s "$work/pid"
}
# Which workers have a connection.
connected() {
    for worker in $(workers); do
        find "/proc/$worker/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' | sort >"$work/sockets"
        awk 'NR > 1 && $4 == "01" { print $10 }' /proc/net/tcp | sort | comm -12 - "$work/sockets" | grep -q . &&
            echo "$worker"
    done
}
others=$(workers)
check "a server" serves
check "an image on it" platter mount --at-boot "$uri" --letter R
remote=$(workers | grep -vxF "$others")
check "reads" drive_reads R "$work/served.img"
is "its worker has a connection, and no other" "$remote" "$(connected)"
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
malformed "a path that is not whole" '{"protocol":1,"request":"mount","options":{"image":"disk.img"}}'
malformed "what is nested deep" "$(printf '[%.0s' {1..2000})"
check "a message that is too long" grep -q '"name":"usage"' <(raw length 4000000000)
check "an empty one" grep -q '"name":"usage"' <(raw length 0)
raw idle 12 3000 >"$work/idle" &
idle=$!
wait_for 10 grep -q opened "$work/idle"
start=$(date +%s%N)
check "silent clients delay nobody" platter service status
ms=$((($(date +%s%N) - start) / 1000000))
check "the answer came in $ms ms" test "$ms" -lt 4000
wait "$idle"
# More than are taken of one user at a time: who is one too many is sent away, comes again, and is heard when there is room.
raw idle 20 7000 >"$work/idle" &
idle=$!
wait_for 10 grep -q opened "$work/idle"
start=$(date +%s%N)
check "a client that is one too many waits" platter service status
ms=$((($(date +%s%N) - start) / 1000000))
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
kill -KILL "$server"
wait "$server" 2>/dev/null
check "a restart" platter service stop
check "start" platter service start
both() { is_state one.img mounted && is_state two.img mounted; }
check "both are there" wait_for 60 both
check "with the same letters" drive_reads P "$work/one.img"
check "and the same data" drive_reads Q "$work/two.img"
check "without its server the third is not, and the list says why" wait_for 30 says ":$port" 'cannot be connected to'
check "which takes nothing from the others" both
check "the server comes back" serves
check "and so does its drive" wait_for 60 is_state ":$port" mounted
check "with its data" drive_reads R "$work/served.img"
check "unmount it" platter unmount R:
kill -KILL "$server"
wait "$server" 2>/dev/null
server=

# ---- The service dies -------------------------------------------------------------------------------------------------
kill -KILL "$(daemon)"
check "without the service no drive is left" wait_for 30 drive_gone P
wait_for 20 drive_gone Q
check "no process either" wait_for 20 test -z "$(workers)"
check "it starts again" wait_for 30 platter service start
check "and brings both back" wait_for 60 both
check "with their data" drive_reads P "$work/one.img"

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
squatted() { raw squat 6000 >"$work/squat"; }
squatted &
wait_for 10 grep -q squatting "$work/squat"
check "the service does not start where its pipe's name is taken" fails platter service start
check "and nobody is asked in its place" fails platter persist list
wait $!
check "who took it has heard nothing" grep -qE "nobody came|heard 0 bytes" "$work/squat"
check "start" platter service start
check "what is remembered is back" wait_for 60 is_state two.img mounted
is "what was forgotten is not" "[]" "$(state_of one.img)"
check "unmount all" platter unmount --all
is "nothing is kept" 0 "$(kept "len(j['mounts'])")"
check "service remove" platter service remove
is "no process is left" "" "$(daemon)$(workers)"
wine_finish
