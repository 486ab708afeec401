#!/bin/bash
# SPDX-License-Identifier: MIT
# Large and sparse files, conversion that fails half way, and files in use.
. tests/lib.sh
need qemu-img qemu-io python3 truncate setpriv
tool=${ENGINE_TOOL:-$root/build/asan/engine_tool}
cd "$work" || exit 1

# only FOLDER NAMES: it holds these and no other file, so nothing was left behind.
only() { test "$(ls -A "$1" | tr '\n' ' ')" = "$2" || { ls -lA "$1"; return 1; }; }
# small FILE KIB: takes at most so much on the medium.
small() { used=$(du -k "$1" | cut -f1); [ "$used" -le "$2" ] || { echo "$1 takes $used KiB"; return 1; }; }
# bytes FILE OFFSET TEXT
bytes() { [ "$(dd if="$1" bs=1 skip="$2" count=${#3} status=none)" = "$3" ] || { echo "$1 at $2 has not \"$3\""; return 1; }; }

mkdir big out
# ---- 5 GiB and 3 TiB, nearly all holes
for size in 5368709120 3298534883328; do
    truncate -s $size big/disk
    near=$((size - 70000))
    printf start | dd of=big/disk bs=1 conv=notrunc status=none
    printf 'over four' | dd of=big/disk bs=1 seek=4294967290 conv=notrunc status=none
    printf 'the end' | dd of=big/disk bs=1 seek=$near conv=notrunc status=none
    check "$size bytes are copied" timeout 60 "$tool" copy big/disk out/disk
    check "to the same size" test "$(stat -c %s out/disk)" = $size
    check "and stay sparse" small out/disk 64
    check "the start" bytes out/disk 0 start
    check "across 4 GiB" bytes out/disk 4294967290 'over four'
    check "near the end" bytes out/disk $near 'the end'
    check "and nothing else is left" only out 'disk '
    check "the map tells holes from data" sh -c "'$tool' map big/disk | grep -q ^hole"
    check "the whole is verified in no time" timeout 60 "$tool" verify big/disk
    check "written beyond 4 GiB" "$tool" -w write big/disk $((size - 500)) 'new words'
    check "and there it is" bytes big/disk $((size - 500)) 'new words'
    rm -f big/disk out/disk
done

# ---- Zeros that are stored become holes, odd lengths stay
python3 - <<'PYTHON'
import os
with open("dense", "wb") as f:
    f.write(os.urandom(100000) + bytes(30000000) + os.urandom(5000) + bytes(20000) + b"x" + bytes(4000000) + os.urandom(777))
PYTHON
check "a dense file is copied" "$tool" -t 3 -s 512 copy dense out/dense
check "to the same bytes" cmp -n "$(stat -c %s dense)" dense out/dense
check "without its zeros" small out/dense 400
refuses "what is there is not overwritten" 14 'out/dense: exists already' "$tool" copy dense out/dense
check "unless asked" "$tool" -o copy dense out/dense
refuses "a copy onto itself" 2 'is the image that is to be copied' "$tool" -o copy dense ./dense
ln dense other
refuses "by another name too" 2 'is the image that is to be copied' "$tool" -o copy dense other
mkdir out/folder
refuses "onto a folder" 2 'not an ordinary file' "$tool" -o copy dense out/folder
rmdir out/folder
refuses "into a folder that is not there" 3 'nowhere/x: cannot be created: No such file' "$tool" copy dense nowhere/x
check "the first copy is as it was" cmp -n "$(stat -c %s dense)" dense out/dense
rm -f out/dense

# ---- What stops half way leaves nothing
head -c 40000000 /dev/urandom >noise
refuses "cancelled half way" 16 cancelled "$tool" -c 1 copy noise out/cancelled
check "it leaves nothing" only out ''
printf old >out/kept
refuses "cancelled while replacing" 16 cancelled "$tool" -o -c 1 copy noise out/kept
check "what was there stays" bytes out/kept 0 old
check "and is alone" only out 'kept '
rm out/kept
full() { (ulimit -f 20000; "$tool" copy noise out/full); }
refuses "no room for the file" 10 'out/full: ' full
check "it leaves nothing" only out ''
mkdir tiny
if mount -t tmpfs -o size=8m platter-test tiny 2>/dev/null; then
    at_exit "umount '$work/tiny'"
    refuses "a full disk" 10 'tiny/x: at byte [0-9]+: cannot be written: No space left' "$tool" copy noise tiny/x
    check "it leaves nothing" only tiny ''
else
    skip "a full disk" "mounting is not allowed here"
    skip "it leaves nothing" "mounting is not allowed here"
fi
if [ "$(id -u)" = 0 ]; then
    mkdir locked && chmod 755 locked . && cp noise readable && chmod 644 readable
    refuses "a folder that may not be written" 4 'locked/x: cannot be created: Permission denied' \
        setpriv --reuid 65534 --clear-groups "$tool" copy readable locked/x
fi

# ---- Files in use: the engine and QEMU keep each other out
hold() { # hold FILE OPTION...: another engine has it open from now on, until released
    rm -f fifo && mkfifo fifo
    "$tool" "${@:2}" hold "$1" <fifo >held 2>&1 &
    holder=$!
    exec 9>fifo
    for _ in $(seq 100); do grep -q held held && return 0; sleep 0.05; done
    cat held
    return 1
}
release() { exec 9>&-; wait $holder; }
qemu_reads() { qemu-io -r -f raw -c 'read 0 512' "$1"; }
qemu_writes() { qemu-io -f raw -c 'write 0 512' "$1"; }

head -c 1000448 /dev/urandom >used
check "one reads" hold used
check "another may read too" "$tool" info used
check "QEMU may read too" qemu_reads used
refuses "nobody may write" 5 'used: is in use by another program' "$tool" -w write used 0 x
refuses "nor may QEMU" 1 'lock' qemu_writes used
check "it is released" release
check "one writes" hold used -w
refuses "nobody else may read" 5 'used: is in use by another program that may write' "$tool" verify used
refuses "nor may QEMU write" 1 'lock' qemu_writes used
check "it is released" release
check "then QEMU may" qemu_writes used
qemu-io -f raw used <fifo >/dev/null 2>&1 &
qemu=$!
exec 9>fifo
for _ in $(seq 100); do "$tool" -w write used 0 x >/dev/null 2>&1 || break; sleep 0.05; done
refuses "QEMU keeps us out as well" 5 'used: is in use by another program' "$tool" -w write used 0 x
exec 9>&-
wait $qemu

finish
