# SPDX-License-Identifier: MIT
# For the suites in this folder: `. tests/wine/lib.sh`, `wine_suite NAME`, cases, `wine_finish`.
# Each suite has a Wine prefix of its own in build/wine/NAME, with the driver installed through its INF, and ends its own
# Wine session only. Nothing that Wine runs writes into a pipe, since what it starts would keep that pipe open.
. tests/lib.sh
. scripts/wine-env.sh
win=${PLATTER_WIN64:-build/win64}
programs=$win/tests

# wine_suite NAME: starts the session; skips the suite aloud where no driver can be run.
wine_suite() {
    if wine_why=$(wine_missing); then echo "1..0 # skip $wine_why"; exit 0; fi
    for wine_need in platter.sys platter.inf platter.exe; do
        [ -e "$win/$wine_need" ] || { not_ok "$win/$wine_need has been built"; finish; }
    done
    at_exit wine_down
    wine_up "build/wine/$1" || { not_ok "Wine starts"; finish; }
}

# wine_screen: a screen that nobody sees (Xvfb), and on it the desktop that windows stand on. After wine_suite.
wine_screen() {
    mkfifo "$work/display"
    Xvfb -displayfd 3 -screen 0 800x600x24 3>"$work/display" 2>"$work/xvfb.log" &
    at_exit "kill $! 2>/dev/null"
    read -r display <"$work/display"
    export DISPLAY=:$display
    # explorer.exe makes the desktop.
    export WINEDLLOVERRIDES="winedbg.exe=;mscoree=;mshtml=;winemenubuilder.exe="
}

# platter ARGUMENTS...: the Windows program; its output goes to $work/out and is the function's output too. First to files
# of its own, since what `mount` leaves in the background keeps them open.
platter() {
    platter_out=$(mktemp "$work/platter.XXXXXX")
    wine_run 60 "$win/platter.exe" "$@" >"$platter_out" 2>"$platter_out.err"
    platter_status=$?
    tr -d '\r' <"$platter_out" | tee "$work/out"
    tr -d '\r' <"$platter_out.err" >&2
    return $platter_status
}

# program NAME ARGUMENTS...: runs one of this folder's programs and passes its TAP on.
program() {
    program_name=$1
    shift
    wine_run 180 "$programs/$program_name.exe" "$@" >"$work/tap" 2>"$work/tap.err"
    program_status=$?
    tr -d '\r' <"$work/tap"
    if ! grep -q '^1\.\.' "$work/tap" || { [ "$program_status" != 0 ] && ! grep -q '^not ok' "$work/tap"; }; then
        sed 's/^/# /' "$work/tap.err" | tail -n 20
        not_ok "$program_name runs to its end (exit status $program_status)"
    fi
}

# in_json FILTER: a Python expression over `j`, what the last platter command with --json printed; its value is printed.
in_json() {
    python3 -c 'import json, sys
j = json.load(open(sys.argv[1], encoding="utf-8"))
print(eval(sys.argv[2]))' "$work/out" "$1"
}

# drive_reads LETTER FILE [OFFSET LENGTH]: all bytes of the drive are those of the file (or of that part of it).
drive_reads() {
    wine_run 90 "$programs/readvol.exe" "\\\\.\\$1:" "$(wine_path "$work/dump")" >"$work/readvol" 2>&1 || {
        cat "$work/readvol"
        return 1
    }
    drive_length=${4:-$(stat -c %s "$2")}
    [ "$(stat -c %s "$work/dump")" = "$drive_length" ] || { ls -l "$work/dump"; return 1; }
    cmp -i "0:${3:-0}" -n "$drive_length" "$work/dump" "$2"
}

drive_gone() { ! wine_run 30 "$programs/readvol.exe" "\\\\.\\$1:" 'Z:\dev\null' >/dev/null 2>&1; }

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    wait_end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$wait_end" ] || return 1
        sleep 0.1
    done
}

# Processes of this session that still run platter.exe.
providers() {
    for process in /proc/[0-9]*; do
        tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF "WINEPREFIX=$wine_prefix" || continue
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -F 'platter.exe'
    done
}
no_providers() { [ -z "$(providers)" ]; }

# part IMAGE NUMBER: sets $offset $length of a partition of a make-disk.py image.
part() {
    read -r offset length <<-END
	$(awk -v n="$2" '$1 == n { print $2, $3 }' "$1.parts")
	END
    [ -n "$length" ] || { echo "no partition $2 in $1" >&2; return 1; }
}

# wine_finish: removes the driver in the orderly way, looks for crashes in the log of the driver's host, ends the suite.
wine_finish() {
    check "the driver is removed" platter driver remove
    check "the driver's host did not crash" wine_log_faults "$wine_prefix/driver.log"
    finish
}
