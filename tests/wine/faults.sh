#!/bin/bash
# SPDX-License-Identifier: MIT
# Providers that stall, lie and are killed; storms of cancellation; mounting over and over.
set -u
. tests/wine/lib.sh
wine_suite faults
check "driver install" platter driver install
image=$work/disk.img
tests/images/make-disk.py "$image" bytes:8 || { not_ok "a disk image is made"; finish; }

program wt_provider P
program wt_cancel P
program wt_kill P "$(wine_path "$win/platter.exe")" "$(wine_path "$image")"

over_and_over() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
        platter mount "$(wine_path "$image")" --partition 1 --letter P --read-only && platter unmount P: || return 1
    done
}
check "mount and unmount, 25 times" over_and_over
part "$image" 1
check "the drive still reads" eval 'platter mount "$(wine_path "$image")" --partition 1 --letter P --read-only &&
    drive_reads P "$image" "$offset" "$length" && platter unmount P:'
check "no provider is left running" wait_for 10 no_providers
wine_finish
