#!/bin/bash
# SPDX-License-Identifier: MIT
# Takes the pictures in docs/pictures again: the setup's pages and its file types, in Wine on a screen that nobody sees.
# usage: scripts/pictures.sh [SETUP.exe]     otherwise one is made of build/win64
#
# Which control has the keyboard is the same each time, so the pages are walked through with Return.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh pictures
. scripts/wine-env.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/platter-pictures.XXXXXX")
out=docs/pictures screen=
finish() {
    wine_down
    [ -z "$screen" ] || kill "$screen" 2>/dev/null || :
    rm -rf "$work"
}
trap finish EXIT

setup=${1:-}
if [ -z "$setup" ]; then
    PLATTER_QUICK=1 setup/build.sh win64 "$work"
    setup=$(echo "$work"/platter-setup-*.exe)
fi
why=$(wine_missing) && { echo "pictures: $why" >&2; exit 1; }

mkfifo "$work/display"
Xvfb -displayfd 3 -screen 0 1024x768x24 3>"$work/display" 2>"$work/xvfb.log" &
screen=$!
read -r number <"$work/display"
wine_up "${PLATTER_PICTURES_PREFIX:-build/wine/pictures}"
export DISPLAY=:$number WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="

# window NAME: waits for a window of that title and prints its id.
window() {
    for _ in $(seq 1 300); do
        if found=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | tail -n 1) && [ -n "$found" ]; then
            echo "$found"
            return 0
        fi
        sleep 0.2
    done
    echo "pictures: no window '$1' came" >&2
    return 1
}

# picture NAME ID: that window, in 64 colours, which its grey surfaces do not need more of.
picture() {
    sleep "${3:-1}"
    import -window "$2" "$work/$1.png"
    keep "$1"
}
keep() {
    convert "$work/$1.png" -strip -colors 64 -define png:compression-level=9 "PNG8:$out/$1.png"
    [ "$(stat -c %s "$out/$1.png")" -lt 102400 ] || { echo "pictures: $1.png is larger than 100 KB" >&2; exit 1; }
}
key() { xdotool key --clearmodifiers "$1"; sleep 1; }

mkdir -p "$out"
$wine_fixed wine64 "$setup" >"$work/setup.log" 2>&1 &
id=$(window '^Platter')
picture setup-welcome "$id"
key Return
picture setup-license "$id" 5 # the text is long, and drawn when it is read
key Return
picture setup-components "$id"
key Return
picture setup-folder "$id"
key Return
# Until the installed program is there, and the last page is.
for _ in $(seq 1 120); do
    grep -q 'install: exit status' "$wine_prefix"/drive_c/windows/[Ll]ogs/Platter/setup.log 2>/dev/null && break
    sleep 0.5
done
sleep 2
picture setup-done "$id"
key Return
sleep 1
picture setup-finish "$id"
key Return
wait $! || :

# File types with their names and icons. Wine's Explorer draws a menu of its own, which no program can add to, so that the
# entries cannot be shown here.
mkdir -p "$wine_prefix/drive_c/Images"
for file in backup.mrimgx disc.iso server.qcow2 system.vhd web.vmdk work.vdi; do
    truncate -s 16M "$wine_prefix/drive_c/Images/$file"
done
$wine_fixed wine64 explorer '/root,C:\Images' >"$work/explorer.log" 2>&1 &
id=$(window 'Images')
sleep 3
picture explorer-types "$id"

# Of the suite that types into it.
PICTURE="$work/password.png" tests/wine/setup_window.sh >"$work/window.log" || { cat "$work/window.log" >&2; exit 1; }
keep password
ls -l "$out"
