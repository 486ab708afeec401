#!/bin/bash
# SPDX-License-Identifier: MIT
# QCOW2 against QEMU: every variant read whole and at random, written in place, cut, refused where it should be.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img qemu-io python3 xxd
cd "$work" || exit 1
make_base base.raw 12
truncate -s 12M zero.raw

for variant in compat=1.1 compat=0.10 cluster_size=512 cluster_size=2M extended_l2=on refcount_bits=1 \
    refcount_bits=64,lazy_refcounts=on compression_type=zstd preallocation=metadata; do
    qemu-img convert -O qcow2 -o $variant base.raw image.qcow2
    reads_like "$variant" image.qcow2 base.raw
    keeps_writes "$variant" image.qcow2 base.raw
done
for variant in zlib zstd; do
    qemu-img convert -c -O qcow2 -o compression_type=$variant base.raw packed.qcow2
    reads_like "compressed with $variant" packed.qcow2 base.raw
    keeps_writes "compressed with $variant" packed.qcow2 base.raw
done

qemu-img create -q -f qcow2 -b base.raw -F raw middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2 16M
keeps_writes "on a backing file" middle.qcow2 base.raw
cp shadow.raw below.raw
truncate -s 16M below.raw
sum=$(sha256sum middle.qcow2)
keeps_writes "larger than its backing files" top.qcow2 below.raw
check "the backing file is left alone" test "$sum" = "$(sha256sum middle.qcow2)"
reads_like "larger than its backing files" top.qcow2 shadow.raw
qemu-img create -q -f qcow2 -b snake.qcow2 -F qcow2 -u tail.qcow2 1M
qemu-img create -q -f qcow2 -b tail.qcow2 -F qcow2 -u snake.qcow2 1M
refuses "images that back each other" 6 "stands on this image itself" "$root/build/host/platter" info snake.qcow2
qemu-img create -q -f qcow2 -b gone.raw -F raw -u orphan.qcow2 1M
refuses "a missing backing file" 3 "gone.raw" "$root/build/host/platter" info orphan.qcow2

# Names that stand in the image: who made it chose them.
for name in nbd://host/x nbd:host:10809 https://host/x nbd+unix:///?socket=/x 'json:{"driver":"nbd","host":"x"}' \
    'json:{"file":{"driver":"file","filename":"base.raw"}}' 'json:{'; do
    qemu-img create -q -f qcow2 -b base.raw -F raw named.qcow2
    qemu-img rebase -u -f qcow2 -F raw -b "$name" named.qcow2
    case $name in json:*) status=7 ;; *) status=4 ;; esac
    refuses "a backing file named $name" "$status" "not followed|JSON" "$root/build/host/platter" info named.qcow2
done
for name in "file:base.raw" "file:$PWD/base.raw" 'json:{"driver":"raw","file":{"driver":"file","filename":"'"$PWD"'/base.raw"}}' \
    'json:{"file.driver":"file","file.filename":"'"$PWD"'/base.raw"}'; do
    qemu-img rebase -u -f qcow2 -F raw -b "$name" named.qcow2
    reads_like "a backing file named $name" named.qcow2 base.raw 100
done

qemu-img snapshot -c before packed.qcow2
qemu-img convert -O raw packed.qcow2 then.raw
keeps_writes "with a snapshot" packed.qcow2 then.raw
qemu-img convert -l before -O raw packed.qcow2 snapshot.raw
check "the snapshot is as it was" cmp then.raw snapshot.raw
rm -f snapshot.raw
check "the snapshot, by us" "$root/build/host/platter" convert packed.qcow2 snapshot.raw --snapshot before
check "has the bytes of then" cmp then.raw snapshot.raw
refuses "a snapshot of a raw image" 3 "no snapshots inside" "$root/build/host/platter" info base.raw --snapshot before
refuses "a second disk" 3 "there is no disk 2" "$root/build/host/platter" info base.raw --disk 2
refuses "a snapshot that is not there" 3 "no snapshot \"after\"" "$root/build/host/platter" info packed.qcow2 --snapshot after
# One that is named as another's id is: QEMU takes the id.
qemu-img create -q -f qcow2 twins.qcow2 1M
for i in 2 1; do
    qemu-io -f qcow2 -c "write -P $i 0 1M" twins.qcow2 >/dev/null
    qemu-img snapshot -c $i twins.qcow2
done
for i in 1 2; do
    rm -f twin.raw
    check "snapshot $i of two that are named as the other's id" "$root/build/host/platter" convert twins.qcow2 twin.raw --snapshot $i
    check "is the one with that id" cmp -n 1 twin.raw <(printf "\\$((3 - i))")
done

qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on outside.qcow2 12M
qemu-img convert -n -O qcow2 base.raw outside.qcow2
reads_like "external data file" outside.qcow2 base.raw
keeps_writes "external data file" outside.qcow2 base.raw
check "a raw external data file stays raw" cmp data.raw shadow.raw

# Bits 0 and 1 of the incompatible features.
for mark in 1:dirty:"was not closed properly" 2:corrupt:"marked as corrupt"; do
    IFS=: read -r bit name why <<<"$mark"
    qemu-img convert -O qcow2 base.raw marked.qcow2
    printf "\\$bit" | dd of=marked.qcow2 bs=1 seek=79 conv=notrunc status=none
    sum=$(sha256sum marked.qcow2)
    reads_like "marked $name" marked.qcow2 base.raw 300
    refuses "marked $name, it is not written to" 1 "$why.*qemu-img check -r all" "$tool" write marked.qcow2 base.raw 3 1
    check "marked $name, it is left alone" test "$sum" = "$(sha256sum marked.qcow2)"
done

# Features that nobody has yet; QEMU writes a table with the names of those that it has.
qemu-img create -q -f qcow2 plain.qcow2 1M
python3 - <<'PYTHON'
data = bytearray(open("plain.qcow2", "rb").read())
table = data.index(bytes.fromhex("6803f857"))
at = table + 8
assert data[at] == 0 and data[at + 1] == 0
data[at + 1:at + 48] = bytes([40]) + b"moon phases".ljust(46, b"\0")
data[72 + 7 - 40 // 8] |= 1
data[72 + 7 - 41 // 8] |= 2
open("future.qcow2", "wb").write(data)
PYTHON
refuses "features that are not known are named" 7 "future.qcow2.*: moon phases, bit 40, bit 41" "$root/build/host/platter" info future.qcow2

survives_cuts "plain" 'image=cut.qcow2; qemu-img create -q -f qcow2 cut.qcow2 12M' zero.raw 20
survives_cuts "on a backing file" 'image=cut.qcow2; qemu-img create -q -f qcow2 -b base.raw -F raw cut.qcow2' base.raw 20
survives_cuts "small clusters" 'image=cut.qcow2; qemu-img create -q -f qcow2 -o cluster_size=512 cut.qcow2 2M' zero.raw 30

# Lost room is fine: status 3.
sound_cut='qemu-img check -q "$1"; case $? in 0 | 3) ;; *) exit 1 ;; esac'
make_base small.raw 3
head -c 1M small.raw >tiny.raw
truncate -s 3M none.raw
cut_image() { image=cut.qcow2 && rm -f cut.qcow2 && qemu-img create -q -f qcow2 "$@"; }
survives_power_cuts "plain" 'cut_image cut.qcow2 3M' none.raw
survives_power_cuts "on a backing file" 'cut_image -b small.raw -F raw cut.qcow2' small.raw
survives_power_cuts "small clusters" 'cut_image -o cluster_size=512 cut.qcow2 1M' none.raw largest=32768
# One cluster of refcount table counts 2 MiB of file, which is nearly all in use.
truncate -s 6M long.raw
full_step=11 # a table that finds no room once it has blocks
survives_power_cuts "a refcount table that grows" \
    'cut_image -o cluster_size=512,refcount_bits=64 cut.qcow2 6M; qemu-io -f qcow2 -c "write -q -P 0 0 1960K" cut.qcow2' \
    long.raw largest=262144 subsets=1
unset full_step
check "it has grown" test "$(xxd -s 56 -l 4 -p cut.qcow2)" = 00000002
survives_power_cuts "extended L2" 'cut_image -o extended_l2=on -b small.raw -F raw cut.qcow2' small.raw
survives_power_cuts "version 2" 'cut_image -o compat=0.10 -b small.raw -F raw cut.qcow2' small.raw
full_step=5 full_seeds="1 3" # these find it when a cluster that holds parts of several is given back by one of them twice
survives_power_cuts "compressed" 'image=cut.qcow2; qemu-img convert -c -O qcow2 tiny.raw cut.qcow2' tiny.raw
unset full_step full_seeds
survives_power_cuts "with a snapshot" \
    'image=cut.qcow2; qemu-img convert -O qcow2 -o cluster_size=4096 tiny.raw cut.qcow2; qemu-img snapshot -c s cut.qcow2' \
    tiny.raw largest=65536
survives_power_cuts "external data file" \
    'rm -f data.raw; cut_image -o data_file=data.raw,data_file_raw=on cut.qcow2 3M' none.raw

qemu-img create -q -f qcow2 huge.qcow2 64T
opens_small "64 TiB" huge.qcow2
# The method of the header, for all that is looked at, is what makes it encrypted: AES is made by no qemu-img any more.
for method in 1 2; do
    qemu-img create -q -f qcow2 locked.qcow2 1M
    printf '\0\0\0\'$method | dd of=locked.qcow2 bs=1 seek=32 conv=notrunc status=none
    refuses "encryption, method $method" 7 "encrypted" "$root/build/host/platter" info locked.qcow2
done
# LUKS measures the machine's speed first and now and then gives up on a busy one, "Unable to get accurate CPU usage".
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    qemu-img create -q -f qcow2 --object secret,id=s,data=x \
        -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 luks.qcow2 1M 2>luks.txt && break
    echo "# attempt $attempt: $(cat luks.txt)" && rm -f luks.qcow2
done
if [ -e luks.qcow2 ]; then
    refuses "encryption as qemu-img makes it" 7 "encrypted" "$root/build/host/platter" info luks.qcow2
else skip "encryption as qemu-img makes it" "qemu-img: $(tail -n 1 luks.txt)"; fi
head -c 100000 packed.qcow2 >short.qcow2
refuses "a file cut short" 6 "short.qcow2" "$root/build/host/platter" convert short.qcow2 short.raw
check "and nothing is left of it" test ! -e short.raw
finish
