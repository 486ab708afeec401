#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares protocol.h as the compilers of all three ABIs lay it out: every field, enumerator and number of it.

Nothing of Windows is run: each compiler puts the offsets and sizes as numbers into a section of an object file, and
they are read out of it. Prints TAP.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.environ.get("PLATTER_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, "include", "platter", "protocol.h")
COMPILERS = [  # name, compiler, objcopy
    ("native gcc", ["gcc"], "objcopy"),
    ("native clang", ["clang"], "objcopy"),
    ("win64", ["x86_64-w64-mingw32-gcc"], "x86_64-w64-mingw32-objcopy"),
    ("win32", ["i686-w64-mingw32-gcc"], "i686-w64-mingw32-objcopy"),
]
STRUCT = re.compile(r"^struct (platter_\w+) \{\n(.*?)^\};", re.S | re.M)
FIELD = re.compile(r"^\s+[\w ]+?\b(\w+)(?:\[\w+\])?;\s*$", re.M)
ENUM = re.compile(r"^enum platter_\w+ \{\n(.*?)^\};", re.S | re.M)
ENUMERATOR = re.compile(r"^\s+(PLATTER_\w+)\s*=", re.M)
NUMBER = re.compile(r"^#define (PLATTER_\w+) (?!\")", re.M)

tap = Tap()


def read_names(text):
    """Returns ({struct: [field, ...]}, [number, ...])."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    structs = {name: FIELD.findall(body) for name, body in STRUCT.findall(text)}
    numbers = [n for body in ENUM.findall(text) for n in ENUMERATOR.findall(body)]
    return structs, numbers + [n for n in NUMBER.findall(text) if n != "PLATTER_PROTOCOL_H"]


def layout(compiler, objcopy, structs, numbers, extra=""):
    """Returns {name: value} with `struct`, `struct.field` (offset, size) and the numbers."""
    names, values = [], []
    for name, fields in structs.items():
        names.append(name)
        values.append(f"sizeof(struct {name})")
        for field in fields:
            names += [f"{name}.{field} offset", f"{name}.{field} size"]
            values += [f"offsetof(struct {name}, {field})", f"sizeof(((struct {name} *)0)->{field})"]
    names += numbers
    values += [f"(unsigned long long)({n})" for n in numbers]
    with tempfile.TemporaryDirectory() as work:
        source, made, raw = (os.path.join(work, n) for n in ("layout.c", "layout.o", "layout.bin"))
        with open(source, "w", encoding="ascii") as out:
            out.write(f'#include <platter/protocol.h>\n{extra}\n'
                      '__attribute__((used, section(".layout"))) const unsigned long long layout[] = {\n'
                      + ",\n".join(values) + "};\n")
        subprocess.run(compiler + ["-std=c11", "-I", os.path.join(ROOT, "include"), "-c", source, "-o", made],
                       check=True)
        subprocess.run([objcopy, "-O", "binary", "-j", ".layout", made, raw], check=True)
        with open(raw, "rb") as data:
            found = data.read(8 * len(names))
    return dict(zip(names, struct.unpack(f"<{len(names)}Q", found)))


def differences(ours, theirs):
    return [f"{name}: {value} and {theirs[name]}" for name, value in ours.items() if theirs[name] != value]


def main():
    with open(HEADER, encoding="ascii") as text:
        header = text.read()
    structs, numbers = read_names(header)
    stated = re.findall(r"^PLATTER_ASSERT_SIZE\((platter_\w+), \d+\)", header, re.M)
    fields = sum(len(f) for f in structs.values())
    wrong = [f"{s} is asserted and was not found" for s in stated if s not in structs]
    wrong += [f"{s} has no PLATTER_ASSERT_SIZE" for s in structs if s not in stated]
    wrong += [f"{s} seems to have no field" for s, f in structs.items() if not f]
    stated = set(re.findall(r"^PLATTER_ASSERT_AT\((platter_\w+, \w+), \d+\)", header, re.M))
    wrong += [f"{s} is asserted and was not found" for s in stated
              if s.split(", ")[1] not in structs.get(s.split(", ")[0], [])]
    tap.case(f"the header's {len(structs)} structures, {fields} fields and {len(numbers)} numbers are understood", wrong)

    layouts = {}
    for name, compiler, objcopy in COMPILERS:
        try:
            layouts[name] = layout(compiler, objcopy, structs, numbers)
            tap.case(f"{name} compiles it", [])
        except (OSError, subprocess.CalledProcessError) as error:
            tap.case(f"{name} compiles it", [str(error)])
    native = layouts.get("native gcc", {})
    for name in list(layouts)[1:]:
        tap.case(f"{name} lays it out as native gcc does", differences(native, layouts[name]))

    padding = []
    for name, members in structs.items():
        end = 0
        for field in members:
            if native.get(f"{name}.{field} offset") != end:
                padding.append(f"hole before {name}.{field}")
            end = native.get(f"{name}.{field} offset", 0) + native.get(f"{name}.{field} size", 0)
        if native.get(name) != end:
            padding.append(f"hole at the end of {name}")
    tap.case("no structure has a hole, so none carries uninitialised bytes over the boundary", padding)

    trap = {"platter_trap": ["number", "text"]}
    extra = "#include <wchar.h>\nstruct platter_trap { long number; wchar_t text[2]; };"
    found = [layout(c, o, trap, [], extra) for _, c, o in COMPILERS if c[0] != "clang"]
    tap.case("types that differ between the ABIs would be noticed",
             [] if differences(found[0], found[1]) and differences(found[0], found[2]) else ["they were not"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
