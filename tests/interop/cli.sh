#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line on Linux: what it says against what sfdisk and qemu-img say, its exit statuses, what it leaves behind.
. tests/lib.sh
need python3 sfdisk qemu-img
platter=${PLATTER:-$root/build/asan/platter}
cd "$work" || exit 1
make=$root/tests/images/make-disk.py
{
    "$make" disk.img ntfs:8:Grüße fat32:40:FATVOL bytes:5 logical:ntfs:8 logical:bytes:2 &&
        "$make" gpt.img --table gpt ntfs:8:Data bytes:4 &&
        "$make" 4k.img --table gpt --sector-size 4096 ntfs:12 &&
        "$make" whole.img --table none ntfs:8:Whole &&
        qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on disk.img disk.vhd
} >make.log 2>&1 || { sed 's/^/# /' make.log; not_ok "images are made"; }
printf 'conectix' >bad.vhd
: >empty.img
ln -s disk.img link.img

# json FILTER COMMAND...: the Python expression over `j`, what the command printed, is true; s is its exit status.
json() {
    json_filter=$1
    shift
    "$@" >json.out 2>json.err
    python3 - "$json_filter" $? <<-'END'
	import json, sys
	j = json.load(open("json.out", encoding="utf-8"))
	s = int(sys.argv[2])
	if not eval("(" + sys.argv[1] + ")"):
	    sys.exit("exit status %d, printed:\n%s%s" % (s, open("json.out").read(), open("json.err").read()))
	END
}

# ---- Help and usage
check "--help" "$platter" --help
check "-h of each command" sh -c "for c in info convert create verify serve; do '$platter' \$c -h | grep -q 'usage: platter '\$c || exit 1; done"
check "no line of help is longer than a terminal" sh -c "! for c in info convert create verify serve; do '$platter' \$c --help; done | grep -E '.{80}'"
check "--version names the formats" sh -c "'$platter' --version | grep -q '^formats: .*vhd.* raw'"
check "--version --json" json 's == 0 and j["schema"] == 1 and "raw" in j["formats"]' "$platter" --version --json
refuses "no command" 2 "^platter: no command was given; 'platter --help'" "$platter"
refuses "an unknown command" 2 "did you mean 'info'" "$platter" inof
refuses "an unknown option" 2 "did you mean '--overwrite'.*; 'platter convert --help'" "$platter" convert a b --overwrit
refuses "a missing operand" 2 "platter convert IMAGE OUT" "$platter" convert disk.img
refuses "one too many" 2 "one word too many" "$platter" info a b
refuses "a command of the other system" 7 "on Windows" "$platter" mount disk.img --letter X
for word in mount unmount list names persist service driver; do
    refuses "$word is a command of the other system" 7 "on Windows" "$platter" $word
done
refuses "no password on standard input" 2 "first line is empty" sh -c '"$1" info disk.img --password-file - </dev/null' - "$platter"
refuses "one that is too long" 2 "longer than a password" sh -c 'head -c 2000 /dev/zero | tr "\0" x | "$1" info disk.img --password-file -' - "$platter"
refuses "a terminal" 2 "standard input is a terminal" script -qec "$platter info disk.img --password-file -" /dev/null
refuses "a wrong sector size" 2 "512, 1024, 2048 or 4096" "$platter" info disk.img --sector-size 600
refuses "an unknown format" 2 "want one of .*vhd" "$platter" info disk.img --format vhdz
check "usage errors in JSON" json 's == 2 and j["error"]["code"] == 2 and j["error"]["name"] == "usage"' "$platter" inof --json
check "an error is one line" sh -c "[ \$('$platter' info nothing 2>&1 | wc -l) = 1 ]"

# ---- Papers
in_manual() {
    for option in $(for c in info convert create verify serve; do "$platter" $c --help; done | sed -n 's/^  --\([a-z-]*\).*/\1/p' | sort -u); do
        grep -q -- "^\.It Fl \\\\-$option\( \|\$\)" "$root/docs/platter.1" || { echo "--$option is not in the manual"; return 1; }
    done
}
check "every option is in the manual" in_manual
statuses_told() {
    sed -n 's/^    PLATTER_\(E_\)\{0,1\}\([A-Z_]*\) = \([0-9]*\),.*/\3 \L\2/p' "$root/include/platter/engine.h" >statuses
    [ "$(wc -l <statuses)" -ge 18 ] || { cat statuses; return 1; }
    while read -r number name; do
        grep -q "^| $number | \`$name\` |" "$root/docs/cli.md" || { echo "docs/cli.md lacks $number $name"; return 1; }
    done <statuses
}
check "every exit status is in docs/cli.md" statuses_told
version_told() {
    sed -n '/^    \$ platter --version --json$/,/^    }$/s/^    \([^$]\)/\1/p' "$root/docs/cli.md" | diff - <("$platter" --version --json)
}
check "docs/cli.md has the version as it is" version_told
if command -v mandoc >/dev/null; then
    check "the manual is clean" sh -c "! mandoc -Tlint -Wstyle '$root/docs/platter.1' | grep -v 'makewhatis'"
else
    skip "the manual is clean" "mandoc is not installed"
fi

# ---- info
same_as_sfdisk() { # IMAGE SECTOR-SIZE
    sfdisk --json "$1" >sfdisk.json && "$platter" info --json "$1" >info.json && python3 - "$2" <<-'END'
	import json, sys
	size = int(sys.argv[1])
	theirs = json.load(open("sfdisk.json"))["partitiontable"]
	ours = json.load(open("info.json"))["partition_table"]
	assert ours["style"] == {"dos": "mbr", "gpt": "gpt"}[theirs["label"]], ours["style"]
	assert ours["id"].lower() == theirs["id"].lower(), (ours["id"], theirs["id"])
	def kind(part):
	    return part["type"].upper() if ours["style"] == "gpt" else "0x%02x" % int(part["type"], 16)
	want = [(p["start"] * size, p["size"] * size, kind(p), p.get("uuid"), p.get("name", ""))
	        for p in theirs["partitions"] if kind(p) not in ("0x05", "0x0f")]
	have = [(p["offset"], p["length"], p["type"], p["id"], p["name"]) for p in ours["partitions"]]
	assert have == want, (have, want)
	assert [p["number"] for p in ours["partitions"]] == list(range(1, len(want) + 1))
	END
}
check "an MBR with logical partitions is what sfdisk sees" same_as_sfdisk disk.img 512
check "a GPT is what sfdisk sees" same_as_sfdisk gpt.img 512
check "file systems and labels" json '[(p["filesystem"], p["label"], p["logical"]) for p in j["partition_table"]["partitions"]] == [
    ("ntfs", "Grüße", False), ("fat32", "FATVOL", False), (None, "", False), ("ntfs", "NTFS", True), (None, "", True)]' \
    "$platter" info disk.img --json
sizes() { # IMAGE QEMU-FORMAT
    qemu-img info --output=json -f "$2" "$1" >qemu.json
    json 'all([j["image"]["virtual_size"] == q["virtual-size"], j["image"]["file_size"] == os.path.getsize(n),
        j["image"]["allocated_size"] == q["actual-size"]]) if [q := json.load(open("qemu.json")), os := __import__("os"),
        n := j["image"]["path"]] else 0' "$platter" info --json "$1"
}
check "sizes of a raw image are qemu-img's" sizes disk.img raw
check "sizes of a VHD are qemu-img's" sizes disk.vhd vpc
check "a VHD is known by its content" json 'j["image"]["format"] == "vhd" and j["image"]["variant"] == "fixed" and j["image"]["details"]["creator"] == "qem2"' "$platter" info --json disk.vhd
check "--format raw takes it as it is" json 'j["image"]["format"] == "raw" and j["image"]["virtual_size"] == j["image"]["file_size"]' "$platter" info --json disk.vhd --format raw
check "a disk of 4096-byte sectors" json 's == 0 and j["partition_table"]["partitions"][0]["filesystem"] == "ntfs"' "$platter" info 4k.img --json --sector-size 4096
check "an image without a table is one volume" json 'j["partition_table"]["style"] == "none" and j["partition_table"]["id"] is None and
    [(p["number"], p["offset"], p["label"]) for p in j["partition_table"]["partitions"]] == [(0, 0, "Whole")]' "$platter" info --json whole.img
check "the text has the same" sh -c "'$platter' info disk.vhd >text && grep -q '^format: *vhd, fixed$' text && grep -Eq ' 1 +1,048,576 +8,388,608 +8 MiB .*ntfs +Grüße$' text && ! grep -q ' \$' text"
refuses "a file that is not there" 3 "^platter: nothing.img: " "$platter" info nothing.img
refuses "an empty file" 6 "empty.img" "$platter" info empty.img
refuses "a folder" 6 "is a folder" "$platter" info .
ln -s circle circle
refuses "a link to itself" 3 "circle: .*symbolic links$" "$platter" info circle
check "a password out of a pipe" "$platter" info whole.img --password-file <(echo secret)
refuses "a folder is no password" 6 "is a folder" "$platter" info whole.img --password-file .
refuses "a format insisted on and not found" 6 "bad.vhd" "$platter" info bad.vhd --format vhd
check "errors in JSON name the file" json 's == 3 and j["error"]["name"] == "not_found" and j["error"]["file"] == "nothing.img" and j["error"]["os_error"] == 2' "$platter" info --json nothing.img
refuses "output that does not arrive" 9 "standard output" sh -c "'$platter' info disk.img >/dev/full"
cp gpt.img wrecked.img && printf 'x' | dd of=wrecked.img bs=1 seek=600 conv=notrunc 2>/dev/null
check "a damaged GPT header is told, and its backup used" json 's == 0 and j["partition_table"]["backup_used"] and j["partition_table"]["warning"]' "$platter" info --json wrecked.img
printf 'x' | dd of=wrecked.img bs=1 seek=$(($(stat -c %s wrecked.img) - 500)) conv=notrunc 2>/dev/null
check "one without a backup is an error beside what is known" json 's == 6 and j["image"]["format"] == "raw" and j["partition_table"] is None and j["error"]["code"] == 6' "$platter" info --json wrecked.img
bad_name=$(printf 'bad\377\033[2Jname.img')
cp --reflink=auto whole.img "$bad_name"
check "a name that is no UTF-8 gives valid JSON" json 's == 0 and j["image"]["path"] == "bad\ufffd\x1b[2Jname.img"' "$platter" info --json "$bad_name"
check "and cannot steer the terminal" sh -c "! '$platter' info '$bad_name' | grep -q '$(printf '\033')'"

# ---- convert
check "convert a VHD" "$platter" convert disk.vhd out.img
check "gives the disk" cmp out.img disk.img
check "sparse" [ "$(stat -c %b out.img)" -le "$(($(stat -c %b disk.img) + 256))" ]
refuses "OUT is not overwritten" 14 "out.img.*--overwrite" "$platter" convert gpt.img out.img
check "nor changed" cmp out.img disk.img
check "--overwrite replaces it" "$platter" convert gpt.img out.img --overwrite
check "whole" cmp out.img gpt.img
check "--json" json 's == 0 and j["bytes"] == 8388608 and j["output"] == "part.img"' "$platter" convert --json disk.img part.img --partition 4
read -r _ offset length _ <<<"$(grep '^4 ' disk.img.parts)"
check "one partition" sh -c "cmp -n $length part.img disk.img 0 $offset && [ \$(stat -c %s part.img) = $length ]"
refuses "a partition that is not there" 3 "there is no partition 9; it has: 1 \(ntfs\)" "$platter" convert disk.img none.img --partition 9
refuses "more than one partition" 2 "one partition" "$platter" convert disk.img none.img --partition 1,2
refuses "OUT in a folder that is not there" 3 "no/out.img" "$platter" convert disk.img no/out.img
refuses "no room for the copy" 10 "none.img.*no files as large" sh -c "ulimit -f 1000; exec '$platter' convert disk.img none.img"
check "--overwrite over the image itself changes nothing" sh -c "cp disk.img self.img && { '$platter' convert self.img self.img --overwrite || :; } && cmp self.img disk.img"
refuses "OUT at a server" 2 "nbd://localhost/x: is the address of a server" "$platter" convert disk.img nbd://localhost/x
# What the source itself stands on, and what another program has open.
qemu-img convert -O qcow2 disk.img base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 child.qcow2
qemu-img convert -O vmdk -o subformat=twoGbMaxExtentFlat disk.img flat.vmdk
sum=$(cat base.qcow2 flat-f001.vmdk | sha256sum)
refuses "OUT is the backing file of the source" 5 "base.qcow2: is in use" "$platter" convert child.qcow2 base.qcow2 --overwrite
refuses "OUT is an extent of the source" 5 "flat-f001.vmdk: is in use" "$platter" convert flat.vmdk flat-f001.vmdk --format raw --overwrite
refuses "create over the backing file of the source" 5 "base.qcow2: is in use" "$platter" create base.qcow2 --backing child.qcow2 --overwrite
check "they are left alone" [ "$sum" = "$(cat base.qcow2 flat-f001.vmdk | sha256sum)" ]
rm -f base.qcow2 child.qcow2 flat*.vmdk
steering=$(printf 'new\n\033[2J.raw')
check "a name with a new line" "$platter" create "$steering" --size 1M
check "cannot steer the terminal either" sh -c "'$platter' create '$steering' --size 1M --overwrite >text && grep -q '^new??\[2J.raw: raw, 1 MiB' text"
rm -f "$steering"
refuses "sectors that no new disk has" 2 "want 512 or 4096" "$platter" create none.vhdx --size 1M --sector-size 2048
qemu-img convert -O vhdx disk.img cut.vhdx && truncate -s 20M cut.vhdx
refuses "a VHDX that ends too early" 6 "cut.vhdx: at byte [0-9]*: .*the file ends at 20971520: it has been cut short" "$platter" convert cut.vhdx none.img
rm -f cut.vhdx
check "nothing half made lies about" sh -c "! ls -A | grep -E '^none|^\.[^c]|tmp'"

# stopped SIGNAL: a copy that is stopped in the middle exits with 16 and leaves nothing. Tried again when it was too quick.
head -c 192M /dev/urandom >random.img
stopped() {
    python3 - "$platter" "$1" <<-'END'
	import os, signal, subprocess, sys, time
	platter, number = sys.argv[1], getattr(signal, sys.argv[2])
	before = set(os.listdir())
	def begun(pid): # the new file is there, which has no name yet
	    try:
	        return any("(deleted)" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
	    except OSError:
	        return False
	for attempt in range(8):
	    child = subprocess.Popen([platter, "convert", "random.img", "stopped.img"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	    while not begun(child.pid) and set(os.listdir()) <= before and child.poll() is None:
	        pass
	    child.send_signal(number)
	    out, error = child.communicate(timeout=60)
	    if child.returncode != 0:
	        break
	    os.unlink("stopped.img")
	assert child.returncode == 16, (child.returncode, error)
	assert out == b"" and b"platter: " in error and b"nothing was left behind" in error, (out, error)
	assert set(os.listdir()) == before, set(os.listdir()) - before
	END
}
check "Ctrl-C ends a copy and leaves nothing" stopped SIGINT
check "so does SIGTERM" stopped SIGTERM

# On a terminal there is a bar, which is gone at the end; elsewhere there is none.
on_a_terminal() {
    python3 - "$platter" <<-'END'
	import os, pty, subprocess, sys
	ours, theirs = pty.openpty()
	child = subprocess.Popen([sys.argv[1], "convert", "random.img", "bar.img"], stdout=theirs, stderr=theirs)
	os.close(theirs)
	seen = b""
	try:
	    while data := os.read(ours, 65536):
	        seen += data
	except OSError:
	    pass  # how Linux says that the other end is closed
	assert child.wait() == 0
	os.unlink("bar.img")
	assert b"%  " in seen and b" of 192 MiB" in seen and b"\r[" in seen, seen
	last = seen.replace(b"\r\n", b"\n").split(b"\r")[-1]
	assert last.startswith(b"bar.img: raw, 192 MiB in "), seen
	END
}
check "a progress bar on a terminal" on_a_terminal
check "none in a file" sh -c "'$platter' convert random.img quiet.img 2>bar.err && [ ! -s bar.err ]"
rm -f random.img quiet.img

# ---- verify
check "verify a sound image" json "s == 0 and j['errors'] == 0 and j['findings'] == [] and j['bytes_checked'] == $(stat -c %s disk.img)" "$platter" verify --json disk.vhd
cp --reflink=auto disk.vhd hurt.vhd && printf 'x' | dd of=hurt.vhd bs=1 seek=$(($(stat -c %s hurt.vhd) - 490)) conv=notrunc 2>/dev/null
check "a footer that does not match its checksum" sh -c "'$platter' verify hurt.vhd --format vhd; s=\$?; [ \$s = 6 ] || [ \$s = 8 ]"
refuses "verify of nothing" 3 "nothing.vhd" "$platter" verify nothing.vhd

# ---- serve: usage; what it serves is interop/nbd's
refuses "serve needs a place" 2 "--socket PATH or --port N" "$platter" serve disk.img
refuses "and only one" 2 "exclude each other" "$platter" serve disk.img --socket s --port 1
refuses "a port that is none" 2 "0 to 65535" "$platter" serve disk.img --port 65536
served() {
    "$platter" serve "$@" --socket "$work/s" --json >served 2>served.err &
    served_pid=$!
    for _ in $(seq 100); do [ -s served ] && break; sleep 0.05; done
    python3 -c 'import json; j = json.load(open("served")); assert j["uri"].startswith("nbd+unix:///?socket=") and j["size"] > 0, j'
    served_first=$?
    kill -TERM $served_pid
    wait $served_pid
    served_status=$?
    [ "$served_first" = 0 ] && [ "$served_status" = 0 ] && [ ! -e s ]
}
check "serve tells where, and SIGTERM ends it in order" served disk.vhd
replaced() {
    "$platter" serve disk.vhd --socket r.sock >replaced.out 2>&1 &
    replaced_pid=$!
    for _ in $(seq 100); do [ -s replaced.out ] && break; sleep 0.05; done
    "$platter" convert gpt.img disk.vhd --overwrite 2>replaced.err
    replaced_status=$?
    kill -TERM $replaced_pid
    wait $replaced_pid
    [ "$replaced_status" = 5 ] && grep -q '^platter: disk.vhd: is in use' replaced.err
}
check "nothing replaces an image that is served" replaced
# The image must not become standard output.
closed_streams() {
    cp --sparse=always disk.img closed.img
    for closed in '>&-' '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        sh -c "exec '$platter' serve closed.img --socket c.sock $closed" >closed.out 2>closed.err &
        closed_pid=$!
        for _ in $(seq 100); do [ -S c.sock ] && break; sleep 0.05; done
        kill -TERM $closed_pid
        wait $closed_pid
        cmp closed.img disk.img || { echo "with $closed"; return 1; }
    done
}
check "an image is not taken for standard output that is closed" closed_streams
refuses "output that nobody takes" 9 "standard output" sh -c "'$platter' info disk.img >&-"
chmod a-w gpt.img
if [ "$(id -u)" = 0 ]; then skip "an image that cannot be written" "root may write anything"; else
    served_read_only() { served gpt.img && grep -q 'gpt.img is served read-only: ' served.err; }
    check "an image that cannot be written is served read-only, and that is said" served_read_only
fi
finish
