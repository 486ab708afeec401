#!/bin/bash
# SPDX-License-Identifier: MIT
# The zip works where it was unpacked, with nothing installed before: the driver comes, a disk is mounted, all goes again.
set -u
. tests/wine/lib.sh
need zip unzip osslsigncode openssl
wine_suite portable
version=$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
check "make dist, the zips only" env -u SIGN_KEY -u SIGN_PKCS12 -u SIGN_PKCS11_MODULE OUT="$work/out" PARTS=zips scripts/dist.sh
folder="$work/a folder"
check "the zip unpacks" unzip -q "$work/out/platter-$version-x86_64.zip" -d "$folder"
win="$folder/platter-$version-x86_64"
(cd "$folder" && find . -type f -exec sha256sum {} + | sort) >"$work/before"
image=$work/disk.img
tests/images/make-disk.py "$image" ntfs:8 bytes:4 || { not_ok "a disk image is made"; finish; }

check "its program runs" platter --version
refuses "there is no driver yet" 17 "driver" platter list
check "driver install finds the package in its folder" platter driver install
check "the driver that runs is the signed one of the zip" cmp "$win/driver/platter.sys" "$wine_prefix/drive_c/windows/system32/drivers/platter.sys"
check "mount" platter mount "$(wine_path "$image")" --partition 1 --letter P
part "$image" 1
check "the drive reads" drive_reads P "$image" "$offset" "$length"
check "unmount" platter unmount P:
check "driver remove" platter driver remove
refuses "and it is gone" 17 "driver" platter list
check "the driver's file is gone" [ ! -e "$wine_prefix/drive_c/windows/system32/drivers/platter.sys" ]
check "the folder is as it was" sh -c 'cd "$1" && find . -type f -exec sha256sum {} + | sort | cmp - "$2"' - "$folder" "$work/before"
check "the driver's host did not crash" wine_log_faults "$wine_prefix/driver.log"
finish
