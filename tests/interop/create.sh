#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154
# New images: made of every format and kind, judged by QEMU and by us; what fails, is stopped or is killed leaves nothing.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/formats_lib.sh"
need qemu-img qemu-io python3 gcc
platter=$root/build/host/platter
cd "$work" || exit 1

# json EXPRESSION COMMAND...: the command's status s and its JSON j make the expression true.
json() {
    python3 - "$@" <<'PYTHON'
import json, subprocess, sys
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE)
j, s = json.loads(done.stdout), done.returncode
if not eval(sys.argv[1]):
    sys.exit(f"exit {s}: {json.dumps(j, indent=1)}")
PYTHON
}
# qemu FORMAT: what QEMU calls it
qemu() { if [ "$1" = vhd ]; then echo vpc; else echo "$1"; fi; }
# checked FORMAT IMAGE: QEMU finds it sound, where it can tell
checked() { case $1 in vhd | raw) ;; *) qemu-img check -q -f "$1" "$2" ;; esac; }
# sized FORMAT IMAGE BYTES: QEMU sees a disk of this size
sized() {
    python3 - "$(qemu "$1")" "$2" "$3" <<'PYTHON'
import json, subprocess, sys
info = json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", "-f", sys.argv[1], sys.argv[2]]))
sys.exit(f"{info['virtual-size']} bytes" if info["virtual-size"] != int(sys.argv[3]) else 0)
PYTHON
}
# small FILE KIB: takes at most so much on the medium
small() { used=$(du -k "$1" | cut -f1); [ "$used" -le "$2" ] || { echo "$1 takes $used KiB"; return 1; }; }
# only NAMES: nothing else is in the folder
only() { test "$(find out -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort | tr '\n' ' ')" = "$1" || { ls -lA out; return 1; }; }

kinds="raw: vhd:dynamic vhd:fixed vhdx:dynamic vhdx:fixed vdi:dynamic vdi:fixed vmdk:monolithicSparse qcow2:"
make_base even.raw 40
python3 - <<'PYTHON'
import random
random.seed(9)
for name, size in (("odd.raw", 33 * 1048576 + 512 * 7), ("tiny.raw", 512), ("dense.raw", 5 * 1048576 + 65536 + 512)):
    with open(name, "wb") as disk:
        disk.write(random.randbytes(size) if name != "odd.raw" else b"")
        disk.truncate(size)
        for offset in (0, size // 2 - 3, size - 512):
            disk.seek(offset)
            disk.write(random.randbytes(512))
PYTHON
mkdir out

# ---- Every kind: the copy holds what the source holds, whatever its size; QEMU and we find it sound
for kind in $kinds; do
    format=${kind%%:*} sub=${kind#*:}
    name="$format${sub:+ $sub}"
    for base in even odd tiny dense; do
        image="out/$base.$format"
        check "$name of $base" "$platter" convert "$base.raw" "$image" --format "$format" ${sub:+--subformat "$sub"}
        check "$name of $base: QEMU finds it sound" checked "$format" "$image"
        check "$name of $base: QEMU finds the same in it" qemu-img compare -q -f raw -F "$(qemu "$format")" "$base.raw" "$image"
        check "$name of $base: we find it sound" "$platter" verify "$image" --format "$format"
    done
    check "$name: holes stay holes" small "out/odd.$format" 4096
    case $name in
    raw | "vhd fixed") ;; # which QEMU does not tell by what is in it
    "vhd dynamic") sound="$platter verify" keeps_writes "$name" out/even.vhd even.raw 300 ;;
    *) keeps_writes "$name" "out/even.$format" even.raw 300 ;;
    esac
    rm out/*
    check "$name, empty" json "s == 0 and j['output_format'] == '$format' and j['output_variant'] in ('$sub', 'v3') and j['size'] == 5 << 30 and j['bytes'] == 0" \
        "$platter" create out/empty.img --format "$format" --size 5G ${sub:+--subformat "$sub"} --json
    check "$name, empty: its size" sized "$format" out/empty.img 5368709120
    check "$name, empty: sound" checked "$format" out/empty.img
    check "$name, empty: small" small out/empty.img 4096
    truncate -s 5G zero.raw
    check "$name, empty: reads as zeros" qemu-img compare -q -f raw -F "$(qemu "$format")" zero.raw out/empty.img
    rm out/empty.img zero.raw
done

# ---- From each to the next, and back
last=even.raw
for next in vhdx vmdk vdi qcow2 vhd raw; do
    check "$last to $next" "$platter" convert $last chain.$next
    last=chain.$next
done
check "at the end it is what it was" cmp even.raw chain.raw

# ---- Sizes that VHD's geometry cannot tell, and one that it can (306 cylinders of 4 heads and 17 sectors)
for size in 10653696 10654208 137438953472 2190433320960; do
    check "VHD of $size bytes" "$platter" create out/size.vhd --size $size
    check "VHD of $size bytes: QEMU sees as many" sized vhd out/size.vhd $size
    rm out/size.vhd
done
check "a geometry where there is one" json 'j["image"]["details"]["geometry"] == "306/4/17"' sh -c "'$platter' create out/g.vhd --size 10653696 >&2 && '$platter' info --json out/g.vhd"
check "VHD says who made it" json 'j["image"]["details"]["creator"] == "pltr" and j["image"]["details"]["created"][:4] >= "2026"' "$platter" info --json out/g.vhd
rm out/g.vhd
check "two images have two ids" sh -c "
    for f in vhd vhdx vdi; do
        '$platter' create out/one.\$f --size 1M && '$platter' create out/two.\$f --size 1M || exit 1
        [ \"\$('$platter' info --json out/one.\$f | grep '\"id\"')\" != \"\$('$platter' info --json out/two.\$f | grep '\"id\"')\" ] || exit 1
    done"
rm out/*

# ---- Limits
check "VHDX of 64 TiB" "$platter" create out/huge.vhdx --size 64T
check "VHDX of 64 TiB: sound, and small" sh -c "qemu-img check -q out/huge.vhdx && [ \$(du -k out/huge.vhdx | cut -f1) -le 1024 ]"
check "QCOW2 of 64 TiB" "$platter" create out/huge.qcow2 --size 64T
check "QCOW2 of 64 TiB: sound" qemu-img check -q out/huge.qcow2
python3 - <<'PYTHON'
with open("far.raw", "wb") as disk: # 3 TiB, with something at its end
    disk.truncate(3 << 40)
    disk.seek((3 << 40) - 5000)
    disk.write(b"at the end")
PYTHON
check "3 TiB to VHDX, in no time" timeout 60 "$platter" convert far.raw out/far.vhdx
check "3 TiB to VHDX and back" sh -c "timeout 60 '$platter' convert out/far.vhdx out/far.raw && cmp -i 3298534878208 far.raw out/far.raw"
rm far.raw out/*
refuses "VHD beyond 2040 GiB" 7 "too large for a vhd image, which can hold .*2040 GiB" "$platter" create out/x.vhd --size 2041G
refuses "VMDK beyond 2 TiB" 7 "too large for a vmdk" "$platter" create out/x.vmdk --size 2T
refuses "VHDX beyond 64 TiB" 7 "too large for a vhdx" "$platter" create out/x.vhdx --size 70368744177665K
refuses "QCOW2 whose clusters are too small for it" 7 "clusters of 512 bytes" "$platter" create out/x.qcow2 --size 1T --block-size 512
refuses "no size" 2 "none of '--size', '--from' and '--backing'" "$platter" create out/x.vhd
refuses "half a sector" 2 "no whole number of sectors" "$platter" create out/x.vhd --size 1000
refuses "a size that is none" 2 "as in 4096, 64K" "$platter" create out/x.vhd --size 10X
refuses "a format that is not made" 2 "these can: vhd, vhdx, qcow2, vdi, vmdk, raw" "$platter" create out/x --format mrimgx --size 1M
refuses "nor deduced" 2 "cannot be made" "$platter" convert even.raw out/x.mrimgx
refuses "a subformat that is not there" 2 'there is: dynamic, fixed' "$platter" create out/x.vhd --subformat thin --size 1M
refuses "a subformat of what has none" 2 "have no subformat to choose" "$platter" create out/x.img --subformat fixed --size 1M
refuses "blocks of no power of two" 2 "want a power of two" "$platter" create out/x.qcow2 --block-size 3000 --size 1M
refuses "a copy smaller than its source" 2 "less than the 41943040" "$platter" create out/x.img --from even.raw --size 1M
check "none of these left anything" only ""

# ---- Blocks, sectors, more room than the source has
for spec in qcow2:512 qcow2:4K qcow2:2M vhd:512K vhdx:1M vhdx:256M; do
    check "$spec" "$platter" convert even.raw out/b.${spec%:*} --block-size ${spec#*:}
    check "$spec: sound" checked ${spec%:*} out/b.${spec%:*}
    check "$spec: the same" qemu-img compare -q -f raw -F "$(qemu ${spec%:*})" even.raw out/b.${spec%:*}
    rm out/*
done
check "sectors of 4096 bytes into VHDX" "$platter" convert even.raw out/s.vhdx --source-format raw --sector-size 4096
check "are told by it" json 'j["image"]["sector_size"] == 4096' "$platter" info --json out/s.vhdx
check "and hold the same" sh -c "'$platter' convert out/s.vhdx out/s.raw && cmp out/s.raw even.raw"
check "an empty one" json 's == 0 and j["sector_size"] == 4096' "$platter" create out/e.vhdx --size 1G --sector-size 4096 --json
refuses "into VHD they do not go" 7 "sectors of 512 bytes.*VHDX can have 4096" "$platter" convert out/s.vhdx out/x.vhd
rm out/*
cp even.raw longer.raw && truncate -s 50M longer.raw
check "--from, with room behind it" json 's == 0 and j["from"] == "chain.vmdk" and j["size"] == 50 << 20 and j["bytes"] == 40 << 20' \
    "$platter" create out/longer.vdi --from chain.vmdk --size 50M --json
check "which is zero" qemu-img compare -q -f raw -F vdi longer.raw out/longer.vdi
check "the format by the name's end, in capitals" json 'j["output_format"] == "vhdx"' "$platter" convert even.raw out/A.VHDX --json
check "raw where it does not tell" sh -c "'$platter' convert chain.qcow2 out/disk.001 | grep -q 'disk.001: raw, 40 MiB' && cmp out/disk.001 even.raw"
rm out/*

# ---- What is there stays there
printf old >out/kept.vhdx
refuses "an existing file" 14 "kept.vhdx: exists already; '--overwrite'" "$platter" convert even.raw out/kept.vhdx
check "is as it was" test "$(cat out/kept.vhdx)" = old
check "--overwrite replaces it" "$platter" convert even.raw out/kept.vhdx --overwrite
check "wholly" qemu-img compare -q -f raw -F vhdx even.raw out/kept.vhdx
check "and leaves nothing else" only "kept.vhdx "
rm out/*

# ---- A full disk, Ctrl-C, a kill: nothing under the target's name, nor any other
head -c 48M /dev/urandom >noise.raw
for format in raw vhd vhdx vdi vmdk qcow2; do
    refuses "$format: no room" 10 "out/full.$format: " sh -c "trap '' XFSZ; ulimit -f 40000; exec '$platter' convert noise.raw out/full.$format --format $format"
    refuses "$format: no room for what is to be replaced" 10 "out/kept: " \
        sh -c "printf old >out/kept; trap '' XFSZ; ulimit -f 40000; exec '$platter' convert noise.raw out/kept --format $format --overwrite"
    check "$format: it is as it was, and alone" sh -c "[ \$(cat out/kept) = old ] && [ \"\$(ls -A out)\" = kept ]"
    rm -f out/*
done
# end SIGNAL COUNT: the command is sent SIGNAL at moments spread over its run, and leaves nothing that is not whole.
end() {
    python3 - "$platter" "$1" "$2" <<'PYTHON'
import os, signal, subprocess, sys, time
platter, number, count = sys.argv[1], getattr(signal, sys.argv[2]), int(sys.argv[3])
formats, early, begun = ["raw", "vhd", "vhdx", "vdi", "vmdk", "qcow2"], 0, time.monotonic()
subprocess.run([platter, "convert", "noise.raw", "out/t.vhd"], check=True, stdout=subprocess.DEVNULL)
whole = time.monotonic() - begun
os.unlink("out/t.vhd")
for i in range(count):
    out = "out/t." + formats[i % 6]
    child = subprocess.Popen([platter, "convert", "noise.raw", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(whole * i / count)
    child.send_signal(number)
    status = child.wait()
    early += status != 0
    there = os.listdir("out")
    if status == 0 or there == [os.path.basename(out)]: # it was too late
        subprocess.run([platter, "verify", out], check=True, stdout=subprocess.DEVNULL)
        os.unlink(out)
        there = os.listdir("out")
    # Ended by the signal itself: before there was anything to be cleared away.
    assert there == [] and status in (0, 16, -number), (out, status, there)
assert early * 3 >= count, f"only {early} of {count} were stopped"
PYTHON
}
check "killed at any moment, it leaves nothing" end SIGKILL 18
check "Ctrl-C at any moment, too" end SIGINT 6

# ---- Where files have to have names
cat >named.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))(path, flags, mode);
}
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
C
gcc -shared -fPIC -D_FORTIFY_SOURCE=0 -U_FILE_OFFSET_BITS -o named.so named.c -ldl || not_ok "the file system without O_TMPFILE is built"
named="env LD_PRELOAD=$work/named.so"
# begun PID: it writes to its temporary file, and so has locked it; not one that an earlier run has left
begun() {
    for _ in $(seq 500); do
        for begun_fd in /proc/"$1"/fd/*; do
            case $(readlink "$begun_fd") in *.part) [ -s "$begun_fd" ] && return 0 ;; esac
        done
        kill -0 "$1" || return 1
        sleep 0.01
    done
    return 1
}
killed() { # killed: a run is ended so that its file stays
    for _ in 1 2 3 4 5; do
        $named "$platter" convert noise.raw out/k.vhd >/dev/null &
        begun $! && kill -9 $! && { wait $!; ls out/.platter-*.part >/dev/null && return 0; }
        wait $!; rm -f out/k.vhd
    done 2>/dev/null
    return 1
}
check "killed, it leaves a file that is known by its name" killed
check "and none under the target's" test ! -e out/k.vhd
cp "$(ls out/.platter-*.part)" out/.platter-0123456789abcde.part # a digit less: not ours
mkfifo out/hold
$named "$platter" convert noise.raw out/slow.qcow2 >/dev/null &
slow=$!
check "one is at work" begun $slow
kill -STOP $slow
check "the next is not hindered" $named "$platter" create out/next.vdi --size 1M
check "it takes away what was left, and not what is in use" sh -c "[ \$(ls out/.platter-????????????????.part | wc -l) = 1 ]"
kill -CONT $slow
check "which becomes whole" wait $slow
rm -f out/hold
check "nothing else is touched" only ".platter-0123456789abcde.part next.vdi slow.qcow2 "
check "and is what it should be" qemu-img compare -q -f raw -F qcow2 noise.raw out/slow.qcow2
rm -f out/* out/.p*
refuses "no room, by name" 10 "out/full.vmdk: " sh -c "trap '' XFSZ; ulimit -f 40000; exec $named '$platter' convert noise.raw out/full.vmdk"
printf old >out/kept.qcow2
check "replaced by name" $named "$platter" convert even.raw out/kept.qcow2 --overwrite
check "wholly" qemu-img compare -q -f raw -F qcow2 even.raw out/kept.qcow2
check "and nothing else is left" only "kept.qcow2 "

finish
