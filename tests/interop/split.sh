#!/bin/bash
# SPDX-License-Identifier: MIT
# Raw disks in several files.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need python3 split
cd "$work" || exit 1
platter=$root/build/host/platter
make_base base.raw 12

# parts NAME SIZE FIRST: NAME.FIRST and so on of base.raw, with three digits.
parts() { split -b "$2" -a 3 --numeric-suffixes="$3" base.raw "$1."; }
parts one 1M 1
parts zero 5000000 0
reads_like "from 001" one.001 base.raw
reads_like "from 000, the last one shorter" zero.000 base.raw
check "says what it is" sh -c "'$platter' info one.001 | grep -q '^format: *split' && '$platter' info one.001 | grep -q '^parts: *12'"

# Of different sizes, some of no whole sectors.
python3 - <<'PYTHON'
import random
random.seed(3)
data, number = open("base.raw", "rb").read(), 1
while data:
    size = random.choice((1, 511, 512, 70000, 3000000))
    open("odd.%03d" % number, "wb").write(data[:size])
    data, number = data[size:], number + 1
PYTHON
reads_like "parts of any sizes" odd.001 base.raw
cp base.raw shadow.raw
for name in one.001 zero.000 odd.001; do
    cp base.raw shadow.raw
    sizes=$(stat -c %n:%s "${name%.*}".[0-9]*)
    check "$name: random writes" "$tool" write $name shadow.raw 3 1500
    check "$name: holds what was written, part by part" sh -c "cat ${name%.*}.[0-9]* | cmp - shadow.raw"
    reads_like "$name: written" $name shadow.raw 500
    check "$name: each part as long as before" test "$sizes" = "$(stat -c %n:%s "${name%.*}".[0-9]*)"
done
# More than 999: the number grows.
mkdir many
python3 - <<'PYTHON'
data = open("base.raw", "rb").read()
step = -(-len(data) // 1005)
for i in range(1005):
    open("many/disk.%03d" % (i + 1), "wb").write(data[i * step:(i + 1) * step])
PYTHON
ulimit -n 4096 && reads_like "more than 999 parts" many/disk.001 base.raw 500

cp base.raw shadow.raw
parts gap 1M 1
rm gap.007
refuses "a missing part" 3 "gap.007: this part of the image is missing" "$platter" info gap.001
: >gap.007
refuses "an empty part" 6 "gap.007: is empty" "$platter" info gap.001
mkdir -p folder && parts folder/x 4M 1 && rm folder/x.002 && mkdir folder/x.002
refuses "a folder for a part" 6 "x.002" "$platter" info folder/x.001
parts both 6M 0
refuses "the second part where 000 is the first" 2 "second part" "$platter" info both.001
refuses "insisted on what is none" 6 "not the first part" "$platter" info --format split base.raw
head -c 1M base.raw >alone.001
check "one alone is raw" sh -c "'$platter' info alone.001 | grep -q '^format: *raw'"
check "and so is one that is asked for as such" sh -c "'$platter' info --format raw one.001 | grep -q '^disk size: *1 MiB'"
head -c 1M base.raw >other.001
touch other.01 other.aaa other.1 other.0002 other.002x
check "names of other lengths do not count" sh -c "'$platter' info other.001 | grep -q '^format: *raw'"
truncate -s 15T large.raw
opens_small "raw of 15 TiB" large.raw
for part in 1 2 3 4 5 6 7 8; do truncate -s 8T huge.00$part; done
opens_small "64 TiB in 8 parts" huge.001
check "and reads at its end" "$root/build/host/engine_tool" read huge.001 70368744177152 512
check "named from its own folder" sh -c "cd many && '$tool' read disk.001 ../base.raw 5 50"
finish
