# SPDX-License-Identifier: MIT
# For the suites of the image formats: `. tests/interop/formats_lib.sh` after tests/lib.sh.
tool=$root/build/host/image_tool
cutter=$root/build/host/libplatter_cut.so
power=$root/build/host/power_cut
full=$root/build/host/full_disk
sound="qemu-img check -q" # a suite whose format that does not know says what else tells a sound IMAGE

# make_base FILE MIB: a raw disk of random islands in holes.
make_base() {
    python3 - "$1" "$2" <<'PYTHON'
import random, sys
random.seed(1)
size = int(sys.argv[2]) << 20
with open(sys.argv[1], "wb") as disk:
    disk.truncate(size)
    for _ in range(60):
        disk.seek(random.randrange(size - 100000))
        disk.write(random.randbytes(random.randrange(1, 100000)))
PYTHON
}

# make_children: of base.raw, child.raw with changes, whole blocks emptied and a part all new, and grandchild.raw of that.
make_children() {
    python3 - <<'PYTHON'
import random
random.seed(2)
disk = bytearray(open("base.raw", "rb").read())
for at in (300000, 1100000, 9000000):
    disk[at:at + 5120] = random.randbytes(5120)
disk[4 << 20:6 << 20] = bytes(2 << 20)
disk[7 << 20:8 << 20] = random.randbytes(1 << 20)
open("child.raw", "wb").write(disk)
disk[5 << 20:6 << 20] = random.randbytes(1 << 20)
disk[0:1 << 20] = bytes(1 << 20)
open("grandchild.raw", "wb").write(disk)
PYTHON
}

# opens_small NAME IMAGE: within 2 s and 64 MiB, however large its disk is.
opens_small() {
    check "$1 opens at once, in little memory" python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, timeout=2)
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
sys.exit(f"{used} KiB" if used > 65536 else 0)' "$root/build/host/platter" info "$2"
}

# The long suites read more (PLATTER_READS=100000) and let the power fail at every change of the files (PLATTER_CUTS=every).

# reads_like NAME IMAGE RAW [COUNT]: converted whole, and at random, IMAGE holds what RAW holds.
reads_like() {
    rm -f "$work/converted.raw"
    check "$1: converted whole" "$root/build/host/platter" convert "$2" "$work/converted.raw"
    check "$1: the same bytes" cmp "$work/converted.raw" "$3"
    check "$1: random reads" "$tool" read "$2" "$3" 5 "${PLATTER_READS:-${4:-3000}}"
}

# keeps_writes NAME IMAGE RAW [COUNT]: after random writes, discards and flushes of four threads QEMU finds IMAGE sound
# and equal to a copy of RAW that got the same.
keeps_writes() {
    cp --sparse=always "$3" "$work/shadow.raw"
    check "$1: random writes" env LD_PRELOAD="$cutter" "$tool" write "$2" "$work/shadow.raw" 3 "${4:-1500}"
    check "$1: sound afterwards" $sound "$2"
    check "$1: holds what was written" qemu-img compare -q -F raw "$2" "$work/shadow.raw"
}

# survives_cuts NAME MAKE RAW RUNS [STATUSES]: MAKE makes $image anew; the process that writes it is ended at RUNS
# places spread over all its changes of the file. Each time $sound has to end with one of STATUSES (0 sound, 3 lost room
# only) and everything flushed has to be there.
survives_cuts() {
    eval "$2"
    rm -f "$work/log"
    cuts_all=$(LD_PRELOAD=$cutter "$tool" tagged-write "$image" "$work/log" 4 60 2>&1 | sed -n 's/^changes //p')
    check "$1: uncut, everything is there" "$tool" tagged-check "$image" "$3" "$work/log"
    cuts_bad=
    cuts_step=$((${cuts_all:-0} / $4 + 1))
    for cut in $(seq 1 "$cuts_step" "${cuts_all:-0}"); do
        eval "$2"
        : >"$work/log"
        PLATTER_CUT_AT=$cut LD_PRELOAD=$cutter "$tool" tagged-write "$image" "$work/log" 4 60 >"$work/out" 2>&1
        [ $? = 77 ] || cuts_bad="$cuts_bad $cut:not-cut"
        $sound "$image" >>"$work/out" 2>&1
        case " ${5:-0 3} " in *" $? "*) ;; *) cuts_bad="$cuts_bad $cut:check" ;; esac
        "$tool" tagged-check "$image" "$3" "$work/log" >>"$work/out" 2>&1 || cuts_bad="$cuts_bad $cut:lost"
    done
    [ "${cuts_all:-0}" -ge "$4" ] || cuts_bad="$cuts_bad only-${cuts_all:-0}-changes"
    [ -z "$cuts_bad" ] || sed 's/^/# /' "$work/out"
    check "$1: cut at one in $cuts_step of $cuts_all changes of the file${cuts_bad:+, bad:$cuts_bad}" test -z "$cuts_bad"
}

# survives_full_disks NAME RAW [KEY=VALUE...]: the disk that $image, of $cuts_make, is on becomes full while it is written to, at every piece
# of 4 KiB or one in many of them ($full_step), for each of $full_seeds: see tests/tools/full_disk.c. $sound_cut as below; it
# may end with 3, lost room only.
survives_full_disks() {
    full_name=$1 full_raw=$2
    shift 2
    [ "${PLATTER_CUTS:-}" = every ] || set -- step="${full_step:-31}" "$@"
    [ -z "${sound_cut:-}" ] ||
        set -- "$@" "check=exec >$work/checked 2>&1; ( $sound_cut ); case \$? in 0 | 3) ;; *) exit 1 ;; esac"
    : >"$work/checked"
    for full_seed in ${full_seeds:-4}; do
        eval "$cuts_make"
        if full_told=$("$full" "$image" "$full_raw" "$full_seed" 24 "$@" 2>"$work/out"); then
            ok "$full_name: the disk becomes full anywhere: $full_told"
        else
            cat "$work/out" "$work/checked" | tail -20 | sed 's/^/# /'
            not_ok "$full_name: the disk becomes full anywhere: $full_told"
        fi
    done
}

# survives_power_cuts NAME MAKE RAW [KEY=VALUE...]: MAKE makes $image, which holds what RAW does. The power fails while it is
# written to, at every change of its files or one in a few of them, and leaves of what was not flushed any part: see
# tests/tools/power_cut.c, which takes the rest. $sound_cut, if there is one, has to find the image, $1, sound each time.
# Before that the same with disks that become full.
survives_power_cuts() {
    cuts_name=$1 cuts_make=$2 cuts_raw=$3 cuts_largest=
    shift 3
    for cuts_option in "$@"; do
        case $cuts_option in largest=*) cuts_largest=$cuts_option ;; esac
    done
    survives_full_disks "$cuts_name" "$cuts_raw" ${cuts_largest:+"$cuts_largest"}
    eval "$cuts_make"
    if [ "${PLATTER_CUTS:-}" = every ]; then
        set -- 60 subsets=4 "$@"
    else
        set -- 24 step=5 subsets=1 every=6 "$@"
    fi
    [ -z "${sound_cut:-}" ] || set -- "$@" "check=exec >$work/checked 2>&1; $sound_cut"
    : >"$work/checked"
    if cuts_told=$("$power" "$image" "$cuts_raw" 4 "$@" 2>"$work/out"); then
        ok "$cuts_name: the power fails anywhere: $cuts_told"
    else
        cat "$work/out" "$work/checked" | tail -60 | sed 's/^/# /'
        not_ok "$cuts_name: the power fails anywhere: $cuts_told"
    fi
}
