#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a VMDK as "Virtual Disk Format" 5.0 has it, for what qemu-img does not make.

usage: make-vmdk.py OUT RAW [KEY=VALUE...]

RAW is what the disk is to hold. Keys:
  kind=sparse|stream|cowd  a monolithic sparse one; stream-optimized with the directory in a footer behind the data;
                  a descriptor OUT with an extent of ESX beside it
  grain=SECTORS, words=N (in a grain table), spare=no|same (redundant tables), tables=lazy (only those that are used),
  zero=1 (grains that only have zeros are marked as such), raw=1 (stream: no markers before the grains)
  cid=HEX, parentcid=HEX, hint=NAME (of the parent), base=RAW (what that one holds)
  capacity=SECTORS, version=N, flags=HEX, entry=GRAIN:HEX,... (words in place of the right ones), directory=N:HEX,...
  lba=1 (stream: markers tell other places), size=N (stream: markers tell this length), damage=1 (stream: a grain's bytes)
  text=FILE       the descriptor
"""
import os
import struct
import sys
import zlib

SECTOR = 512


def sectors(data):
    return data + bytes(-len(data) % SECTOR)


class Writer:
    def __init__(self):
        self.data = bytearray()

    def put(self, data):
        at = len(self.data) // SECTOR
        self.data += sectors(data)
        return at


def changes(keys, key, words):
    for change in filter(None, keys.get(key, "").split(",")):
        where, word = change.split(":")
        words[int(where)] = int(word, 16)


def pack(words):
    return struct.pack("<%dI" % len(words), *words)


def main():
    out, raw = sys.argv[1:3]
    keys = dict(argument.split("=", 1) for argument in sys.argv[3:])
    data = open(raw, "rb").read()
    base = open(keys["base"], "rb").read() if "base" in keys else b""
    kind = keys.get("kind", "sparse")
    stream, cowd = kind == "stream", kind == "cowd"
    grain = int(keys.get("grain", 128))
    words = 4096 if cowd else int(keys.get("words", 512))
    size = grain * SECTOR
    capacity = int(keys.get("capacity", -(-len(data) // SECTOR)))
    name = os.path.basename(out)
    extent = name[:-5] + "-delta.vmdk" if cowd else name
    hint = 'parentFileNameHint="%s"\n' % keys["hint"] if "hint" in keys else ""
    text = ('# Disk DescriptorFile\nversion=1\nencoding="UTF-8"\nCID=%s\nparentCID=%s\nisNativeSnapshot="no"\n'
            'createType="%s"\n%s\n# Extent description\nRW %d %s "%s"\n\n# The Disk Data Base\n#DDB\n\n'
            'ddb.adapterType = "lsilogic"\n' %
            (keys.get("cid", "fffffffe"), keys.get("parentcid", "ffffffff"),
             {"sparse": "monolithicSparse", "stream": "streamOptimized", "cowd": "vmfsSparse"}[kind], hint,
             -(-len(data) // SECTOR), "VMFSSPARSE" if cowd else "SPARSE", extent)).encode()
    if "text" in keys:
        text = open(keys["text"], "rb").read()

    grains = -(-len(data) // size)
    tables = -(-grains // words)
    spare = not stream and not cowd and keys.get("spare") != "no"
    flags = 1 | (2 if spare else 0) | (4 if "zero" in keys else 0) | (0x10000 if stream else 0)
    flags |= 0x20000 if stream and "raw" not in keys else 0
    flags = int(keys["flags"], 16) if "flags" in keys else flags
    file = Writer()
    file.put(bytes(SECTOR if not cowd else 4 * SECTOR))
    text_at = 0 if cowd else file.put(text.ljust(20 * SECTOR, b"\0"))
    directory, spare_directory, table_at, spare_at = [0] * tables, [0] * tables, {}, {}
    directory_at = spare_directory_at = 0
    used = set()
    for i in range(grains):
        piece = data[i * size:(i + 1) * size]
        if piece != base[i * size:(i + 1) * size].ljust(len(piece), b"\0"):
            used.add(i)
    if not stream:
        wanted = [t for t in range(tables) if keys.get("tables") != "lazy" or any(i // words == t for i in used)]
        spare_directory_at = file.put(bytes(4 * tables)) if spare else 0
        directory_at = file.put(bytes(4 * tables))
        for t in wanted:
            directory[t] = file.put(bytes(4 * words))
            if spare:
                spare_directory[t] = directory[t] if keys.get("spare") == "same" else file.put(bytes(4 * words))
    overhead = -(-len(file.data) // size) * grain
    file.data = file.data.ljust(overhead * SECTOR, b"\0")
    entries = [0] * (tables * words)
    for i in sorted(used):
        piece = data[i * size:(i + 1) * size].ljust(size, b"\0")
        if "zero" in keys and not any(piece):
            entries[i] = 1
        elif stream:
            packed = bytearray(zlib.compress(piece))
            if "damage" in keys:
                packed[len(packed) // 2] ^= 0x55
            marker = struct.pack("<QI", i * grain + (grain if "lba" in keys else 0), int(keys.get("size", len(packed))))
            entries[i] = file.put((b"" if "raw" in keys else marker) + bytes(packed))
        else:
            entries[i] = file.put(piece)
    changes(keys, "entry", entries)

    def patch(at, content):
        file.data[at * SECTOR:at * SECTOR + len(content)] = content

    if stream:
        for t in range(tables):
            part = entries[t * words:(t + 1) * words]
            if any(part):
                file.put(struct.pack("<QII", words * 4 // SECTOR, 0, 1))
                directory[t] = file.put(pack(part))
        file.put(struct.pack("<QII", -(-tables * 4 // SECTOR), 0, 2))
        changes(keys, "directory", directory)
        directory_at = file.put(pack(directory))
    else:
        for t in range(tables):
            part = pack(entries[t * words:(t + 1) * words])
            for at in {directory[t], spare_directory[t]} - {0}:
                patch(at, part)
        changes(keys, "directory", directory)
        patch(directory_at, pack(directory))
        if spare:
            patch(spare_directory_at, pack(spare_directory))

    def header(where):
        if cowd:
            return struct.pack("<4sIIIIIII", b"COWD", 1, 3, capacity, grain, directory_at, tables, 0)
        head = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", int(keys.get("version", 3 if stream else 1)), flags, capacity,
                           grain, text_at, 20, words, spare_directory_at, where, overhead, 0, b"\n \r\n",
                           1 if stream else 0)
        return head.ljust(SECTOR, b"\0")
    if stream:
        patch(0, header(0xFFFFFFFFFFFFFFFF))
        file.put(struct.pack("<QII", 1, 0, 3))
        file.put(header(directory_at))
        file.put(bytes(SECTOR))
    else:
        patch(0, header(directory_at))
    if cowd:
        with open(out, "wb") as descriptor:
            descriptor.write(text)
        out = os.path.join(os.path.dirname(out), extent)
    with open(out, "wb") as image:
        image.write(file.data)


if __name__ == "__main__":
    main()
