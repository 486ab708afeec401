#!/bin/bash
# SPDX-License-Identifier: MIT
# A clean clone of what is committed builds and shows its demo: nothing that is needed lies about in this tree only.
set -u
. tests/lib.sh
need git cmake make
clone="$work/a clone"
check "git clone" git clone --quiet --no-hardlinks "$root" "$clone"
in_clone() { (cd "$clone" && env -u PLATTER_WINE_TEMPLATE "$@"); }
check "make" in_clone make
for file in host/platter win64/platter.sys win64/platter.inf win64/platter.exe win32/platter.sys win32/platter.inf \
    win32/platter.exe; do
    check "make leaves build/$file" [ -s "$clone/build/$file" ]
done
check "the clone stays clean" [ -z "$(in_clone git status --porcelain)" ]
check "make demo" in_clone make demo
disk="$work/three partitions.img"
check "a disk with three partitions, one of them logical" tests/images/make-disk.py "$disk" ntfs:8 fat32:40 logical:ntfs:8
check "make demo IMAGE=" in_clone make demo IMAGE="$disk"
for image in zip1 zip2; do
    check "make dist" in_clone make dist
    cp "$clone/out/SHA256SUMS" "$work/$image"
done
check "two runs of make dist give the same bytes" cmp "$work/zip1" "$work/zip2"
finish
