#!/bin/bash
# SPDX-License-Identifier: MIT
# What counts as a crash of the driver's host in its log, and the one that is Wine's own (scripts/wine-env.sh).
set -u
. tests/lib.sh
. scripts/wine-env.sh
loaded="00fc:warn:debugstr: platter: loaded, version 00000100, 00000000"
started="00fc:warn:debugstr: platter: bus started"
fault="wine: Unhandled page fault on read access to 0000000000000008 at address 000000031CAA2391 (thread 0100)"

# judges NAME STATUS LINES...
judges() {
    judges_name=$1 judges_status=$2
    shift 2
    printf '%s\n' "$@" >"$work/log"
    wine_log_faults "$work/log" >"$work/told"
    check "$judges_name" [ $? = "$judges_status" ]
}

judges "nothing" 0 "002c:err:wineboot: something else"
judges "a driver that runs" 0 "$loaded" "$started"
judges "a crash while it runs" 1 "$loaded" "$started" "$fault"
judges "a crash without a driver" 1 "$fault"
judges "one before the bus is there, and a start that succeeds" 0 "$loaded" "$fault" "$loaded" "$started"
check "is told" grep -q "started again: wine: Unhandled" "$work/told"
judges "and no start after it" 1 "$loaded" "$fault"
judges "and no start that succeeds" 1 "$loaded" "$fault" "$loaded"
judges "it comes twice" 1 "$loaded" "$fault" "$loaded" "$fault" "$loaded" "$started"
judges "it comes again later" 1 "$loaded" "$fault" "$loaded" "$started" "$loaded" "$fault" "$loaded" "$started"
judges "a crash while it runs, and a start after it" 1 "$loaded" "$started" "$fault" "$loaded" "$started"

# boots FAULTS: how wine_up gets on with a Wine whose first FAULTS starts lose a host.
boots() (
    mkdir -p "$work/bin" "$work/template" && touch "$work/template/.ready" "$work/template/system.reg"
    echo "$1" >"$work/faults"
    printf '#!/bin/sh\nread -r left <%s\necho $((left - 1)) >%s\n[ "$left" -le 0 ] || echo "%s"\n' \
        "$work/faults" "$work/faults" "$fault" >"$work/bin/wine64"
    printf '#!/bin/sh\n' >"$work/bin/wineserver"
    chmod +x "$work/bin/wine64" "$work/bin/wineserver"
    PATH=$work/bin:$PATH wine_template=$work/template
    wine_up "$work/prefix" 2>"$work/told"
)
check "Wine starts" boots 0
check "nothing is told" test ! -s "$work/told"
check "it loses a host of its own and is started again" boots 1
check "that is told" grep -q "died: wine: Unhandled" "$work/told"
check "nothing of it is left in the log" wine_log_faults "$work/prefix/driver.log"
boots 9
check "it loses one each time: given up after three" [ $?,"$(grep -c died "$work/told"),$(cat "$work/faults")" = 1,3,6 ]
finish
