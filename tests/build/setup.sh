#!/bin/bash
# SPDX-License-Identifier: MIT
# The setup is made: for both architectures, each time of the same bytes, of what was built and nothing else.
set -u
. tests/lib.sh
need makensis mandoc objdump
export PLATTER_QUICK=1 SOURCE_DATE_EPOCH=1700000000
unset PLATTER_PACKAGE # of one architecture

# made ARCH FOLDER: makes it there; with another umask, time and folder of temporary files for each.
made() { mkdir -p "$work/$2 tmp" && (umask "$3" && TMPDIR="$work/$2 tmp" setup/build.sh "$1" "$work/$2"); }
for arch in win64 win32; do
    [ -e "build/$arch/platter-steps.exe" ] || { not_ok "build/$arch has been built"; continue; }
    check "$arch: a setup is made" made $arch one 022
    check "$arch: and again" made $arch two 077
    file=$(cd "$work/one" && echo platter-setup-*.exe)
    check "$arch: of the same bytes" cmp "$work/one/$file" "$work/two/$file"
    machine=$([ $arch = win64 ] && echo x86-64 || echo i386)
    check "$arch: for its processor" sh -c "objdump -f '$work/one/$file' | grep -q $machine"
    check "$arch: leaves nothing in the folder of temporary files" [ -z "$(ls "$work/one tmp")" ]
    for program in platter.exe platterd.exe platterw.exe platter-eject.dll; do
        check "$arch: $program is the one for it" grep -qF "$(stat -c %s "build/$arch/$program") $program" "$work/one/files-$arch.txt"
    done
    for want in platter.exe platterd.exe platterw.exe platter-eject.dll 'driver\platter.sys' 'driver\platter.inf' 'docs\manual.html' \
        'licenses\platter.txt' 'policy\Platter.admx' 'policy\en-US\Platter.adml' \
        'powershell\Platter\Platter.psm1' 'powershell\Platter\Platter.psd1'; do
        check "$arch: $want is in it" grep -qF " $want" "$work/one/files-$arch.txt"
    done
    rm -rf "$work/one" "$work/two"
done
refuses "an architecture that there is not" 2 "unknown" setup/build.sh arm64 "$work/none"
mkdir -p "$work/broken"
printf '#!/bin/sh\nexit 1\n' >"$work/sign" && chmod +x "$work/sign"
refuses "a signature that fails" 1 "" env PLATTER_SIGN="$work/sign" setup/build.sh win64 "$work/broken"
finish
