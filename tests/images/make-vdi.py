#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a VDI as VirtualBox lays it out, for what qemu-img does not make.

usage: make-vdi.py OUT RAW [KEY=VALUE...]

RAW is what the disk is to hold. Keys:
  type=1|2|3|4    dynamic, fixed, undo, differencing (default: 4 with a parent, else 1)
  block=BYTES, extra=BYTES (before each block), map=BYTE, align=BYTES (of what follows the map),
  size=BYTES (of the disk, in the header only)
  parent=IMAGE    on which it is made; base=RAW is what that one holds
  id=HEX, modified=HEX, link=HEX, linkmodified=HEX  in place of made-up ones and of the parent's
  version=HEX, order=reverse (blocks lie in the file in the disk's opposite order), count=N (blocks the header counts)
  entry=BLOCK:HEX,...  words of the map in place of the right ones
Blocks that only have zeros where the parent has data are marked as discarded.
"""
import hashlib
import os
import struct
import sys

MIB = 1 << 20


def main():
    out, raw = sys.argv[1:3]
    keys = dict(argument.split("=", 1) for argument in sys.argv[3:])
    data = open(raw, "rb").read()
    block = int(keys.get("block", MIB))
    extra = int(keys.get("extra", 0))
    kind = int(keys.get("type", 4 if "parent" in keys else 1))
    base = open(keys["base"], "rb").read() if "base" in keys else b""
    count = -(-len(data) // block)
    words, stored = [], []
    for i in range(count):
        piece = data[i * block:(i + 1) * block]
        below = base[i * block:(i + 1) * block].ljust(len(piece), b"\0")
        if piece == below and kind != 2:
            words.append(0xFFFFFFFF)
        elif not any(piece) and kind != 2:
            words.append(0xFFFFFFFE)
        else:
            words.append(len(stored))
            stored.append(piece.ljust(block, b"\0"))
    if keys.get("order") == "reverse":
        words = [len(stored) - 1 - word if word < 0xFFFFFFFE else word for word in words]
        stored.reverse()
    for change in filter(None, keys.get("entry", "").split(",")):
        where, word = change.split(":")
        words[int(where)] = int(word, 16)
    map_at = int(keys.get("map", MIB))
    align = int(keys.get("align", MIB))
    data_at = -(-(map_at + 4 * count) // align) * align

    def identity(key, made_up):
        return bytes.fromhex(keys[key]) if key in keys else made_up
    link = link_modified = bytes(16)
    if "parent" in keys:
        head = open(keys["parent"], "rb").read(512)
        link, link_modified = head[0x188:0x198], head[0x198:0x1A8]
    header = bytearray(512)
    header[:0x40] = b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(0x40, b"\0")
    struct.pack_into("<IIIII", header, 0x40, 0xBEDA107F, int(keys.get("version", "10001"), 16), 400, kind, 0)
    struct.pack_into("<II16xIQIIII", header, 0x154, map_at, data_at, 0, int(keys.get("size", len(data))), block, extra,
                     count, int(keys.get("count", len(stored))))
    struct.pack_into("<I", header, 0x168, 512)
    header[0x188:0x198] = identity("id", hashlib.md5(os.path.basename(out).encode()).digest())
    header[0x198:0x1A8] = identity("modified", hashlib.md5(data).digest())
    header[0x1A8:0x1B8] = identity("link", link)
    header[0x1B8:0x1C8] = identity("linkmodified", link_modified)
    with open(out, "wb") as image:
        image.write(header)
        image.seek(map_at)
        image.write(struct.pack("<%dI" % count, *words))
        image.seek(data_at)
        for piece in stored:
            # What lies before a block is no part of the disk.
            image.write(b"\xEE" * extra + piece)
        image.truncate(max(image.tell(), data_at))


if __name__ == "__main__":
    main()
