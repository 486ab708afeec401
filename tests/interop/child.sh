#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# `create --backing`: a QCOW2 child on an image of every format, judged by QEMU and by us.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img python3
platter=$root/build/host/platter
cd "$work" || exit 1
make_base base.raw 8
cp base.raw parent.raw

# backing IMAGE: what QEMU says of the file and format below it
backing() { qemu-img info --output=json "$1" | python3 -c 'import json, sys
i = json.load(sys.stdin); print(i["backing-filename"], i["backing-filename-format"], i["virtual-size"], i["cluster-size"])'; }
# below IMAGE WORDS: it stands on that
below() { got=$(backing "$1"); [ "$got" = "$2" ] || { echo "$got"; return 1; }; }

for kind in raw vpc,force_size=on vhdx vdi vmdk qcow2; do
    format=${kind%%,*} parent=parent.${kind%%,*}
    case $kind in
    raw) ;;
    *,*) qemu-img convert -O "$format" -o "${kind#*,}" base.raw "$parent" ;;
    *) qemu-img convert -O "$format" base.raw "$parent" ;;
    esac
    sum=$(sha256sum <"$parent")
    rm -f child.qcow2
    check "$format: a child" "$platter" create child.qcow2 --backing "$parent"
    check "$format: QEMU knows what it stands on" below child.qcow2 "$parent $format 8388608 65536"
    check "$format: sound" qemu-img check -q child.qcow2
    check "$format: empty" test "$(stat -c %s child.qcow2)" -le 262144
    reads_like "$format" child.qcow2 base.raw 300
    keeps_writes "$format" child.qcow2 base.raw 300
    check "$format: the parent is as it was" test "$sum" = "$(sha256sum <"$parent")"
done

mkdir away
check "larger, with clusters of its own, in another folder" "$platter" create away/child --backing parent.vdi --size 20M --block-size 4K
check "it is QCOW2 and names the whole path" below away/child "$PWD/parent.vdi vdi 20971520 4096"
cp base.raw longer.raw
truncate -s 20M longer.raw
reads_like "larger" away/child longer.raw 300
check "a child of a child" "$platter" create grandchild.qcow2 --backing child.qcow2
reads_like "a child of a child" grandchild.qcow2 shadow.raw 300
check "told in JSON" sh -c "'$platter' create told.qcow2 --backing parent.vhdx --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
sys.exit(0 if (j[\"backing\"], j[\"from\"], j[\"size\"], j[\"output_format\"]) == (\"parent.vhdx\", None, 8388608, \"qcow2\") else str(j))'"
cp parent.qcow2 snapped.qcow2
qemu-img snapshot -c before snapped.qcow2

refuses "over what is there" 14 "exists already" "$platter" create child.qcow2 --backing parent.vdi
refuses "over its own parent" 2 "stood on" "$platter" create parent.qcow2 --backing parent.qcow2 --overwrite
check "which is as it was" test "$sum" = "$(sha256sum <parent.qcow2)"
check "over another" "$platter" create child.qcow2 --backing parent.vdi --overwrite
check "which it stands on now" below child.qcow2 "parent.vdi vdi 8388608 65536"
refuses "smaller than the parent" 2 "less than the 8388608" "$platter" create small.qcow2 --backing parent.vdi --size 4M
refuses "a child that is no QCOW2" 7 "qcow2 can" "$platter" create child.vhdx --backing parent.vdi
refuses "a raw child" 7 "qcow2 can" "$platter" create child.raw --backing parent.vdi
refuses "a copy that is a child" 2 "exclude" "$platter" create both.qcow2 --backing parent.vdi --from base.raw
refuses "a parent that is not there" 3 "gone.vdi" "$platter" create lost.qcow2 --backing gone.vdi
refuses "on a snapshot" 7 "snapshot" "$platter" create of.qcow2 --backing snapped.qcow2 --snapshot before
"$platter" serve parent.vdi --read-only --socket "$work/socket" >uri 2>served &
at_exit "kill $!"
until [ -s uri ] || ! kill -0 $! 2>served; do sleep 0.05; done
refuses "on a server" 7 "overlay=FILE" "$platter" create remote.qcow2 --backing "$(head -1 uri)"
check "nothing is left of what was refused" sh -c "! ls small.qcow2 child.vhdx child.raw both.qcow2 lost.qcow2 of.qcow2 remote.qcow2 .platter-* 2>/dev/null"
finish
