#!/bin/bash
# SPDX-License-Identifier: MIT
# What "Mount with Platter" does with an encrypted image: a window asks for the password. Wine draws it on a screen that nobody
# sees (Xvfb), and xdotool types. PICTURE=FILE takes a picture of it.
set -u
. tests/wine/lib.sh
need Xvfb xdotool setxkbmap openssl zstd
wine_suite setup-window
for wine_need in platterw.exe tests/readvol.exe; do
    [ -e "$win/$wine_need" ] || { not_ok "$win/$wine_need has been built"; finish; }
done

wine_screen
setxkbmap de # a keyboard with an "ä", which the password has

check "driver install" platter driver install
mkdir "$work/images"
image="$work/images/drive.mrimgx"
check "an encrypted image" sh -c 'tests/images/make-disk.py "$1/fs.img" --table none ntfs:8 && python3 tests/images/make-mrimgx.py drive "$1"' - "$work/images"
password=pässword

# explorer WORDS...: platterw, as Explorer runs it; what it tells goes to $work/told. Sets $explorer.
explorer() {
    rm -f "$work/told"
    wine_run 100 "$win/platterw.exe" --tell "$(wine_path "$work/told")" "$@" >/dev/null 2>&1 &
    explorer=$!
}
told() { tr -d '\r' <"$work/told"; }
find_window() { xdotool search --onlyvisible --name "^Platter: password$" >"$work/window" && [ -s "$work/window" ]; }
# asks: a window that asks has come. Sets $window.
asks() {
    wait_for 60 find_window || return 1
    window=$(head -n 1 "$work/window")
    sleep 0.5 # until it has the keyboard
    xdotool windowfocus "$window" 2>/dev/null
    sleep 0.3
}
gone() { ! find_window; }
# Until the window is closed: the next one has the same name.
enter() { xdotool key Return && wait_for 10 gone; }
answers() { xdotool type --delay 40 "$1" && sleep 0.3 && enter; }
ends() {
    wait "$explorer"
    [ $? = "$1" ]
}
# in_memory WORD: whether a process of platterw's holds it, in either spelling.
in_memory() {
    python3 - "$1" "$wine_prefix" <<'PY'
import os, sys
word, prefix = sys.argv[1], os.fsencode("WINEPREFIX=" + sys.argv[2])
wanted, looked, found = [word.encode(), word.encode("utf-16-le")], 0, 0
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        with open(f"/proc/{process}/environ", "rb") as file:
            if prefix not in file.read().split(b"\0") or not any(each.endswith(b"platterw.exe") for each in words[:1]):
                continue
        looked += 1
        with open(f"/proc/{process}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{process}/mem", "rb", 0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                if not rights.startswith("rw"):
                    continue
                begin, end = (int(each, 16) for each in span.split("-"))
                try:
                    memory.seek(begin)
                    content = memory.read(end - begin)
                except (OSError, ValueError, OverflowError):
                    continue
                for each in wanted:
                    if each in content:
                        found += 1
                        print(f"{span} {line.split()[-1]} holds it", content.count(each))
    except OSError:
        continue
print("looked into", looked)
sys.exit(2 if not looked else 0 if found else 1)
PY
}
wiped() {
    in_memory "$1"
    [ $? = 1 ]
}

# This session's programs only; the background process is one of them.
not_said() {
    said=0
    for process in /proc/[0-9]*; do
        { tr '\0' '\n' <"$process/environ" | grep -qxF "WINEPREFIX=$wine_prefix"; } 2>/dev/null || continue
        said=$((said + 1))
        ! { tr '\0' '\n' <"$process/cmdline" | grep -qF "$password"; } 2>/dev/null || return 1
    done
    [ "$said" -gt 0 ]
}

explorer mount "$(wine_path "$image")"
check "an encrypted image is asked about" asks
[ -z "${PICTURE:-}" ] || { xdotool type --delay 40 "a password"; sleep 1; import -window "$window" "$PICTURE"; xdotool key ctrl+a; }
xdotool type --delay 40 "correct horse 1"
sleep 0.3
check "what is typed is in the window's memory" in_memory "correct horse 1"
enter
check "a wrong password is asked for again" asks
check "and it is in no memory any more" wiped "correct horse 1"
answers "$password"
check "the right one mounts" ends 0
check "and tells the letter" grep -Eq '^[A-Z]:$' "$work/told"
letter=$(told | head -c 1)
check "the drive reads" drive_reads "$letter" "$work/images/fs.img"
check "the password is on no command line" not_said
explorer eject "$letter:"
check "ejects" ends 0
check "and the drive is gone" wait_for 15 drive_gone "$letter"

explorer mount --read-only "$(wine_path "$image")"
check "asked again" asks
xdotool key Escape
check "Escape is no error" ends 0
check "nothing is told" [ ! -s "$work/told" ]
platter list --json >"$work/list"
check "no drive is there" sh -c '! grep -q letter "$1"' - "$work/list"

explorer mount "$(wine_path "$image")"
for try in first second third; do
    check "the $try wrong password" asks
    answers "wrong"
done
check "three are enough" ends 15
check "and it tells so" grep -q "password is not the right one" "$work/told"
check "no window stays" gone
# What command lines do with it, without a window.
echo "$password" >"$work/images/word"
piped() { timeout -k 5 60 $wine_fixed wine64 "$win/platter.exe" "$@" <"$work/images/word" >"$work/piped" 2>&1; }
check "platter mount takes it from standard input" piped mount "$(wine_path "$image")" --password-file - --letter Q
check "and the drive reads" drive_reads Q "$work/images/fs.img"
check "unmount" platter unmount Q:
# By a path that is one from the caller's folder only.
here() { (cd "$work/images" && wine_run 60 "$(realpath "$root/$win" 2>/dev/null || realpath "$win")/platter.exe" "$@" >"$work/piped" 2>&1); }
check "and from a file that is named from here" here mount drive.mrimgx --password-file word --letter Q
check "unmount again" platter unmount Q:
wine_finish
