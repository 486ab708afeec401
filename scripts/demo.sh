#!/bin/bash
# SPDX-License-Identifier: MIT
# Shows Platter at work, under Wine: installs the driver, mounts an image, reads it back through its drive letters,
# compares, and removes everything again. usage: scripts/demo.sh [IMAGE]    (after `make`; the image is never written to)
set -u -o pipefail
image=${1:-}
[ -z "$image" ] || image=$(realpath -m -- "$image")
cd "$(dirname "$0")/.." || exit 1
. scripts/wine-env.sh

win=${PLATTER_WIN64:-build/win64}
work=$PWD/build/demo
log=$work/step.log
started=$(date +%s%N)
say() { printf '%s\n' "$@"; }
seconds() { awk -v a="$1" -v b="$(date +%s%N)" 'BEGIN { printf "%.1f s", (b - a) / 1e9 }'; }
step() { step_start=$(date +%s%N); printf '\n%s\n' "$*"; }
took() { say "    ($(seconds "$step_start"))"; }

# The image on the disk, the log and the drivers' log stay for whoever wants to look; Wine does not.
fail() {
    say "" "FAILED: $*"
    if [ -s "$log" ]; then say "    the last program said:"; tail -n 15 "$log" | sed 's/^/    | /'; fi
    [ -z "$wine_prefix" ] || cp "$wine_prefix/driver.log" "$work/driver.log" 2>/dev/null
    if [ -s "$work/driver.log" ]; then
        say "    the end of the driver's log ($work/driver.log):"
        tail -n 15 "$work/driver.log" | sed 's/^/    | /'
    fi
    exit 1
}
# Also when interrupted: our own Wine session ends, and nobody else's.
trap wine_down EXIT
trap 'exit 130' INT TERM

# platter ARGUMENTS...: the Windows program; what it prints lands in $log. A file for each call: what `mount` leaves in the
# background keeps its own open.
calls=0
platter() {
    calls=$((calls + 1))
    wine_run 120 "$win/platter.exe" "$@" >"$log.$calls" 2>&1
    status=$?
    tr -d '\r' <"$log.$calls" >"$log"
    return $status
}
show() { sed 's/^/    /' "$log"; }

# One line for each drive: LETTER PARTITION OFFSET LENGTH FILESYSTEM, by what `list` and `info` say.
drives() {
    python3 - "$work/info.json" "$work/list.json" <<'END'
import json, sys
info, volumes = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
partitions = {p["number"]: p for p in info["partition_table"]["partitions"]}
for volume in volumes["volumes"]:
    partition = partitions[volume["partition"] or 0]
    print(volume["letter"][0], partition["number"], partition["offset"], partition["length"],
          partition["filesystem"] or "-")
END
}

if why=$(wine_missing); then say "The demo needs 64-bit Wine: $why."; exit 1; fi
for file in platter.sys platter.inf platter.exe tests/readvol.exe; do
    [ -e "$win/$file" ] || { say "$win/$file is not there: run make first."; exit 1; }
done
rm -rf "$work"
mkdir -p "$work"

# A disk with real files: the project's own papers and the Windows program itself.
make_image() {
    mkdir -p "$work/files/docs" &&
        cp README.md LICENSE CHANGELOG.md include/platter/protocol.h "$win/platter.exe" "$work/files/" &&
        cp docs/*.md "$work/files/docs/" &&
        tests/images/make-disk.py "$image" ntfs:24:Work fat32:40:Share --files "$work/files"
}
if [ -z "$image" ]; then
    image=$work/demo.img
    files=$image.files
    step "Making a disk image with an NTFS and a FAT32 partition, and real files in both"
    make_image >"$log" 2>&1 || fail "the image could not be made"
    say "    $image: $(stat -c %s "$image") bytes, $(wc -l <"$files") files"
    took
else
    files=
    [ -f "$image" ] && [ -r "$image" ] || { say "There is no file $image that can be read."; exit 3; }
fi
before=$(stat -c '%s %Y %i' "$image")

step "Starting Wine in a folder of its own ($work/wine)"
wine_up "$work/wine" >"$log" 2>&1 || fail "Wine does not start"
say "    $(wine64 --version 2>/dev/null), nothing of ~/.wine is touched"
took

step "platter driver install: the driver through its INF"
platter driver install || fail "the driver could not be installed"
show
took

step "platter info: what is in the image"
platter info "$(wine_path "$image")" || fail "the image was not understood"
show
platter info "$(wine_path "$image")" --json || fail "the image was not understood"
cp "$log" "$work/info.json"
format=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["image"]["format"])' "$work/info.json")
took

step "platter mount --read-only"
platter mount "$(wine_path "$image")" --read-only || fail "the image could not be mounted"
show
took

step "platter list"
platter list || fail "the drives could not be listed"
show
platter list --json || fail "the drives could not be listed"
cp "$log" "$work/list.json"
drives >"$work/volumes" 2>"$log" || fail "what platter list --json says was not understood"
[ -s "$work/volumes" ] || fail "nothing was mounted"

# What the drives must hold. A raw image is that itself; others are decoded by qemu-img, which knows nothing of Platter.
raw=$image
if [ "$format" != raw ]; then
    step "Decoding the $format image once more, with qemu-img, for comparison"
    raw=$work/image.raw
    if qemu-img convert -O raw "$image" "$raw" >"$log" 2>&1; then
        took
    else
        say "    qemu-img does not know it; Platter's native build decodes it instead"
        build/host/platter convert "$image" "$raw" >"$log" 2>&1 || fail "the image could not be decoded for comparison"
        took
    fi
fi

dump=$work/volume
while read -r letter number offset length fs; do
    step "Reading all of $letter: (partition $number) through \\\\.\\$letter: and comparing"
    free=$(df --output=avail -B1 "$work" | tail -n 1)
    [ "$free" -gt "$((length + (64 << 20)))" ] || fail "no room for a copy of $length bytes in $work"
    wine_run $((120 + length / 2000000)) "$win/tests/readvol.exe" "\\\\.\\$letter:" "$(wine_path "$dump")" >"$log" 2>&1 ||
        fail "$letter: could not be read"
    say "    read: $(tr -d '\r' <"$log" | grep ' bytes in ')"
    [ "$(stat -c %s "$dump")" = "$length" ] || fail "$letter: has $(stat -c %s "$dump") bytes, not $length"
    cmp -i "0:$offset" -n "$length" "$dump" "$raw" >"$log" 2>&1 ||
        fail "$letter: is not what bytes $offset to $((offset + length)) of the image are"
    say "    the same as bytes $offset to $((offset + length)) of the image"
    say "    sha256 $(sha256sum <"$dump" | cut -d' ' -f1)"
    case $fs in
    ntfs | fat32)
        if [ -n "$files" ]; then
            tests/images/check-files.py "$dump" "$fs" "$number" "$files" >"$log" 2>&1 || fail "files differ"
            say "    the $fs files in it, with the sums of the originals:"
            sed 's/^/        /' "$log"
        elif tests/images/check-files.py "$dump" "$fs" --list >"$log" 2>&1; then
            say "    its $fs file system has at the top level:"
            head -n 20 "$log" | sed 's/^/        /'
            [ "$(wc -l <"$log")" -le 20 ] || say "        ... and $(($(wc -l <"$log") - 20)) more"
        else
            say "    its $fs file system could not be listed:" "        $(head -n 1 "$log")"
        fi
        ;;
    esac
    rm -f "$dump"
    took
done <"$work/volumes"

step "platter unmount --all"
platter unmount --all || fail "the drives could not be unmounted"
show
platter list || fail "the drives could not be listed"
show

step "platter driver remove"
platter driver remove || fail "the driver could not be removed"
show
took
cp "$wine_prefix/driver.log" "$work/driver.log"
wine_log_faults "$work/driver.log" >"$log" || fail "the driver's host crashed on the way"
[ "$(stat -c '%s %Y %i' "$image")" = "$before" ] || fail "the image was changed"
wine_down
rm -f "$work/image.raw"

say "" "All as it should be: $(wc -l <"$work/volumes") drives, every byte and file the image's, nothing left behind, in $(seconds "$started")."
