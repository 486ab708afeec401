#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks at a built platter.sys as a loader, an antivirus and a reproducer of builds would, and says what is wrong.

usage: scripts/check-sys.py [--imports LIST] FILE.sys

FILE is taken apart by the PE/COFF format itself (Microsoft, "PE Format"), with no tool of the one that built it.
LIST (default driver/imports.txt) names what may be imported. The exit status is 0 only if nothing is wrong.
"""
import argparse
import os
import struct
import sys

from pe import DEBUG, EXPORT, RELOC, RESOURCE, TLS, Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

MACHINES = {0x8664: ("x64", 0x20B), 0x014C: ("x86", 0x10B)}
SUBSYSTEM_NATIVE = 1
DLL_HIGH_ENTROPY_VA, DLL_DYNAMIC_BASE, DLL_NX_COMPAT = 0x20, 0x40, 0x100
FILE_RELOCS_STRIPPED, FILE_EXECUTABLE = 0x1, 0x2
SECTION_CODE, SECTION_EXECUTE, SECTION_WRITE = 0x20, 0x20000000, 0x80000000
DIRECTORY_NAMES = {EXPORT: "an export table", DEBUG: "a debug directory", TLS: "thread-local storage"}
BUILD_PATHS = (b"/home/", b"/tmp/", b"/build/", b"/usr/", ROOT.encode() + b"/")


def read_list(path):
    allowed = set()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            line = line.split("#", 1)[0].split()
            if line:
                allowed.add(tuple(line))
    return allowed


def problems(image, allowed):
    arch, magic = MACHINES.get(image.machine, (None, None))
    if arch is None:
        yield f"machine {image.machine:#x} is not one we build for"
        return
    if image.magic != magic:
        yield f"optional header magic {image.magic:#x} does not fit the machine"
    if image.subsystem != SUBSYSTEM_NATIVE:
        yield f"subsystem {image.subsystem} is not native"
    if image.version != (6, 1):
        yield f"subsystem version {image.version} is not 6.1 (Windows 7)"
    for flag, name in ((DLL_DYNAMIC_BASE, "DYNAMIC_BASE"), (DLL_NX_COMPAT, "NX_COMPAT")):
        if not image.dll & flag:
            yield f"{name} is not set"
    if arch == "x64" and not image.dll & DLL_HIGH_ENTROPY_VA:
        yield "HIGH_ENTROPY_VA is not set"
    if not image.characteristics & FILE_EXECUTABLE or image.characteristics & FILE_RELOCS_STRIPPED:
        yield f"characteristics {image.characteristics:#x}: not executable, or relocations stripped"
    if image.directory(RELOC)[1] == 0:
        yield "there are no relocations, so it cannot be loaded elsewhere"
    if image.timestamp != 0:
        yield f"timestamp {image.timestamp:#x} is not 0"
    if image.symbols != 0:
        yield "there is a symbol table"
    if image.checksum != image.right_checksum():
        yield f"checksum {image.checksum:#x} is not {image.right_checksum():#x}"
    if image.section_alignment != 0x1000:
        yield f"section alignment {image.section_alignment:#x} is not a page: protections could not differ"
    for index, name in DIRECTORY_NAMES.items():
        if image.directory(index) != (0, 0):
            yield f"there is {name}"
    if image.directory(RESOURCE)[1] == 0:
        yield "there is no version resource"
    inside = False
    for name, address, size, _, _, flags in image.sections:
        if flags & SECTION_EXECUTE and flags & SECTION_WRITE:
            yield f"section {name} is writable and executable"
        if name.startswith(".debug") or name in ("/4", ".stab"):
            yield f"section {name} holds debug information"
        inside |= bool(flags & SECTION_EXECUTE) and address <= image.entry < address + size
    if not inside:
        yield f"the entry point {image.entry:#x} lies in no executable section"
    for path in BUILD_PATHS:
        at = image.data.find(path)
        if at >= 0:
            yield f"a path of the build machine at offset {at:#x}: {image.data[at:at + 40]!r}"
    found = {(module, name) for module, name in image.imports()}
    wanted = {(module, name) for when, module, name in allowed if when in ("any", arch)}
    for module, name in sorted(found - wanted):
        yield f"imports {name} of {module}, which is not in the list for {arch}"
    for module, name in sorted(wanted - found):
        yield f"does not import {name} of {module}, which the list for {arch} says it does"


def main():
    parser = argparse.ArgumentParser(description="Checks the image of a driver.")
    parser.add_argument("--imports", default=os.path.join(ROOT, "driver", "imports.txt"))
    parser.add_argument("file")
    options = parser.parse_args()
    try:
        with open(options.file, "rb") as file:
            image = Image(file.read())
        found = list(problems(image, read_list(options.imports)))
    except (OSError, ValueError, struct.error) as error:
        found = [str(error)]
    for problem in found:
        print(f"{options.file}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
