#!/bin/bash
# SPDX-License-Identifier: MIT
# Mounts through the command line: formats, partitions, letters, many at once, in use, over and over.
set -u
. tests/wine/lib.sh
wine_suite mount
check "driver install" platter driver install

make="tests/images/make-disk.py"
disk="$work/a disk.img"
{
    $make "$disk" ntfs:8 bytes:5 logical:ntfs:8 logical:bytes:3 &&
        $make "$work/gpt.img" --table gpt ntfs:8 bytes:4 &&
        $make "$work/4k.img" --table gpt --sector-size 4096 ntfs:12 &&
        $make "$work/whole.img" --table none ntfs:8 &&
        $make "$work/ten.img" --table none bytes:1 &&
        qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$disk" "$work/disk.vhd"
} >"$work/make.log" 2>&1 || { sed 's/^/# /' "$work/make.log"; not_ok "images are made"; finish; }
w() { wine_path "$work/$1"; }
listed() { platter list --json >/dev/null; in_json 'len(j["volumes"])'; }

# reads_partition IMAGE NUMBER LETTER RAW: mounts one partition, compares, unmounts.
reads_partition() {
    part "$4" "$2" && platter mount "$(wine_path "$1")" --partition "$2" --letter "$3" --read-only &&
        drive_reads "$3" "$4" "$offset" "$length" && platter unmount "$3:" && drive_gone "$3"
}
check "an MBR partition" reads_partition "$disk" 1 P "$disk"
check "a logical partition" reads_partition "$disk" 3 Q "$disk"
check "a second logical partition, without a file system" reads_partition "$disk" 4 Q "$disk"
check "a GPT partition" reads_partition "$work/gpt.img" 2 R "$work/gpt.img"
check "a fixed VHD" reads_partition "$work/disk.vhd" 3 S "$disk"
check "a whole image without a partition table" platter mount "$(w whole.img)" --letter T
check "reads" drive_reads T "$work/whole.img"
check "and its files are there" tests/images/check-files.py "$work/dump" ntfs 0 "$work/whole.img.files"
check "unmount by letter" platter unmount T:

check "a disk of 4096-byte sectors" platter mount "$(w 4k.img)" --letter U
part "$work/4k.img" 1
check "reads" drive_reads U "$work/4k.img" "$offset" "$length"
check "with the same files" tests/images/check-files.py "$work/dump" ntfs 1 "$work/4k.img.files"
program wt_io U "$(w 4k.img)" "$offset" "$length" 4096 rw "$(cp "$work/4k.img" "$work/4k.shadow" && w 4k.shadow)"
check "unmount" platter unmount U:
check "and the image is changed where it was written, nowhere else" cmp "$work/4k.img" "$work/4k.shadow"

# Default: every partition that holds a file system.
check "mount with no partition named" platter mount "$disk" --read-only
check "takes those with a file system" [ "$(listed)" = 2 ]
check "unmount --all" platter unmount --all
check "leaves none" [ "$(listed)" = 0 ]
check "mount --partition all" platter mount "$(wine_path "$disk")" --partition all --read-only
check "takes all four" [ "$(listed)" = 4 ]
check "unmount --all again" platter unmount --all

# Letters and refusals.
check "mount at K" platter mount "$(w whole.img)" --letter K --read-only
refuses "the same letter again is refused" 5 "K" platter mount "$(w gpt.img)" --partition 1 --letter K
refuses "so is a letter of the system's" 5 "C" platter mount "$(w gpt.img)" --partition 1 --letter C
check "and nothing is half mounted" [ "$(listed)" = 1 ]
refuses "a partition that is not there" 3 "9" platter mount "$(w gpt.img)" --partition 9
refuses "a file that is not there" 3 "nothing.img" platter mount "$(w nothing.img)"
{ printf 'QFI\373\0\0\0\3' && head -c 2000 /dev/zero; } >"$work/bad.qcow2"
refuses "an image that is damaged" 6 "bad.qcow2" platter mount "$(w bad.qcow2)"
refuses "an image without a file system, none named" 6 "ten|file system" platter mount "$(w ten.img)"
refuses "unmount of a letter that is not ours" 3 "C" platter unmount C:

check "a second program may read the same image" platter mount "$(w whole.img)" --letter L --read-only
refuses "and none may write to it meanwhile" 5 "whole.img" platter mount "$(w whole.img)" --letter M
check "unmount the second" platter unmount L:

# In use.
wine_run 70 "$programs/wt_hold.exe" K "$(w held)" >"$work/hold" 2>&1 &
holder=$!
check "a program opens the drive" wait_for 15 [ -e "$work/held" ]
refuses "unmount is refused" 5 "use|open" platter unmount K:
check "and the drive is still there" drive_reads K "$work/whole.img"
check "unmount --force works" platter unmount K: --force
check "the letter is gone" drive_gone K
rm -f "$work/held"
check "the program ends" wait "$holder"

# Ten at once.
for i in 0 1 2 3 4 5 6 7 8 9; do
    $make "$work/ten$i.img" --table none --seed "$i" bytes:2
done
ten_mounted() {
    for i in 0 1 2 3 4 5 6 7 8 9; do
        platter mount "$(w "ten$i.img")" --partition all --letter "$(echo GHIJKLMNOP | cut -c$((i + 1)))" || return 1
    done
}
ten_read() {
    for i in 0 1 2 3 4 5 6 7 8 9; do
        drive_reads "$(echo GHIJKLMNOP | cut -c$((i + 1)))" "$work/ten$i.img" || return 1
    done
}
check "ten images are mounted at once" ten_mounted
check "the list has them" [ "$(listed)" = 10 ]
check "each letter has its own image's bytes" ten_read
check "unmount --all takes them" platter unmount --all
check "none is left" [ "$(listed)" = 0 ]
check "no provider is left running" wait_for 10 no_providers
wine_finish
