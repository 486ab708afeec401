#!/bin/bash
# SPDX-License-Identifier: MIT
# Two builds of one tree, in two folders at different depths, at different times, give the same bytes: what is shipped
# can be checked by building it. One of the two is build/, which `make test` has just made.
# usage: reproducible.sh [all]     without "all" platter.exe is built for 64 bits only and the other programs not at all, to
#                                   spare three minutes
set -u
. tests/lib.sh
need git cmake ninja x86_64-w64-mingw32-gcc i686-w64-mingw32-gcc

there="$work/a folder with a name/that is deeper/and longer"
mkdir -p "$there/build"
# What is in the tree now, committed or not.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -e "$file" ] && printf '%s\0' "$file"
done >"$work/files"
check "a copy of the tree" sh -c 'xargs -0 tar -cf - <"$1" | tar -xf - -C "$2"' - "$work/files" "$there"
# The libraries that are built from Debian's sources are the same for both; building those twice proves nothing of ours.
[ ! -d build/third-party ] || ln -s "$root/build/third-party" "$there/build/third-party"

# build ARCH TARGET...: configures and builds these, and nothing else.
build() {
    build_arch=$1
    shift
    (cd "$there" && cmake --preset "$build_arch" && nice cmake --build --preset "$build_arch" --target "$@")
}

for arch in win64 win32; do
    targets="platter_sys platter_inf" files="platter.sys platter.inf"
    if [ "$arch" = win64 ] || [ "${1:-}" = all ]; then
        targets="$targets platter" files="$files platter.exe"
    fi
    if [ "${1:-}" = all ]; then
        targets="$targets platterd platterw platter_eject platter_steps"
        files="$files platterd.exe platterw.exe platter-eject.dll platter-steps.exe"
    fi
    # shellcheck disable=SC2086
    check "$arch, another place" build "$arch" $targets
    for file in $files; do
        check "$arch/$file: the same bytes" cmp "build/$arch/$file" "$there/build/$arch/$file"
    done
done
finish
