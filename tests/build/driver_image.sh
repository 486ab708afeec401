#!/bin/bash
# SPDX-License-Identifier: MIT
# The built driver is what Windows 7 to 11 load: headers, sections, imports, checksum; and the check itself bites.
set -u
. tests/lib.sh

# patched FILE WHAT: a copy of the driver with one thing wrong, and a checksum that is right again where that is not it.
patched() {
    python3 - "$1" "$work/bad.sys" "$2" <<'PY'
import struct
import sys
sys.path.insert(0, "scripts")
check = __import__("check-sys")
source, target, what = sys.argv[1:]
data = bytearray(open(source, "rb").read())
image = check.Image(bytes(data))
sections = image.pe + 24 + struct.unpack_from("<H", data, image.pe + 20)[0]
if what == "subsystem":
    data[image.optional + 68] = 2
elif what == "dynamic-base":
    data[image.optional + 70] &= ~0x40
elif what == "nx":
    data[image.optional + 71] &= ~0x01
elif what == "timestamp":
    data[image.pe + 8] = 1
elif what == "writable-code":
    data[sections + 39] |= 0x80
elif what == "entry":
    data[image.optional + 16:image.optional + 20] = b"\0\0\0\0"
elif what == "import":
    at = data.index(b"ZwSetSecurityObject\0")
    data[at:at + 2] = b"Nt"
elif what == "path":
    data[-16:-10] = b"/home/"
elif what == "cut":
    del data[1024:]
if what != "cut":
    right = check.Image(bytes(data)).right_checksum()
    struct.pack_into("<I", data, image.optional + 64, right + (what == "checksum"))
open(target, "wb").write(data)
PY
}

for arch in win64 win32; do
    check "$arch/platter.sys is in order" scripts/check-sys.py "build/$arch/platter.sys"
    check "$arch/platter.inf has DOS line ends" \
        python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); sys.exit(d.count(b"\n") != d.count(b"\r\n") or not d)' \
        "build/$arch/platter.inf"
done
while read -r what pattern; do
    patched build/win64/platter.sys "$what"
    refuses "the check sees: $what" 1 "$pattern" scripts/check-sys.py "$work/bad.sys"
done <<'EOF'
subsystem subsystem 2 is not native
dynamic-base DYNAMIC_BASE is not set
nx NX_COMPAT is not set
timestamp timestamp 0x1 is not 0
writable-code writable and executable
entry entry point 0x0 lies in no executable section
import imports NtSetSecurityObject of ntoskrnl.exe, which is not in the list
path a path of the build machine
checksum checksum .* is not
cut lies in no section|unpack_from|not found
EOF

# One version, wherever it stands.
version=$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
IFS=. read -r major minor patch <<<"$version"
check "the INF has the project's version" grep -Eq "^DriverVer += [0-9/]+,$major\.$minor\.$patch\.0$" driver/platter.inf
check "HELLO tells the project's version" \
    grep -q "DRIVER_VERSION $(printf '0x%08xu' $((major << 16 | minor << 8 | patch)))$" driver/driver.h

# What makes the sources mean the same natively, where `long` has 64 bits (docs/testing.md).
cat >"$work/longs.py" <<'PY'
import glob
import re
import sys
bad = []
for path in sorted(glob.glob("driver/*.[ch]")):
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), open(path, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\blong\b", line) or re.search(r"\b(0x[0-9a-fA-F]+|\d+)[uU]?[lL]+[uU]?\b", line):
            bad.append(f"{path}:{number}: {line.strip()}")
print("\n".join(bad))
sys.exit(bool(bad))
PY
check "no bare long, no L or UL suffix in driver/" python3 "$work/longs.py"
finish
