#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes VHD and VHDX images as the specifications have them, for what qemu-img does not make.

usage: vhd_images.py vhd|vhdx OUT RAW [KEY=VALUE...]

RAW is what the disk is to hold. Keys of both:
  block=BYTES     size of blocks
  parent=IMAGE    makes a differencing disk on IMAGE; base=RAW is what that one holds
  names=A;B       where the parent is said to be, default its base name (VHD: CODE:NAME;..., VHDX: KEY:NAME;...)
  id=TEXT         what is stored as the parent's identity in place of the right one
  size=BYTES      a disk of this size, of which RAW is the start
VHD only: footer=damaged|old|copy-damaged, timestamp=SECONDS (of the parent, as stored)
VHDX only: sector=512|4096, physical=512|4096, fixed=1,
  log=dirty|torn|foreign|cut|far (what the log holds: see dirty_log), header=damaged|both, region=damaged|both
Sectors that are not in the file are garbage where they have a place in it, so that whoever reads them is found out.
"""
import os
import struct
import sys
import uuid

GARBAGE = 0xEE
MIB = 1 << 20


def pieces(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def zero(data):
    return data.count(0) == len(data)


# ---- VHD ------------------------------------------------------------------------------------------------------------

def vhd_checksum(block, at):
    struct.pack_into(">I", block, at, 0)
    struct.pack_into(">I", block, at, ~sum(block) & 0xFFFFFFFF)
    return bytes(block)


def vhd_identity(path):
    """(id, timestamp) of a VHD."""
    with open(path, "rb") as image:
        image.seek(-512, os.SEEK_END)
        footer = image.read(512)
    return footer[68:84], struct.unpack_from(">I", footer, 24)[0]


def locator_text(code, name):
    if code in ("W2ru", "W2ku"):
        return name.encode("utf-16le")
    return name.encode()


def vhd(out, raw, keys):
    block = int(keys.get("block", 2 * MIB))
    disk = int(keys.get("size", len(raw)))
    parent = keys.get("parent")
    base = open(keys["base"], "rb").read().ljust(len(raw), b"\0") if parent else None
    count = -(-disk // block)
    footer = bytearray(512)
    struct.pack_into(">8sIIQI4sI4sQQHBBI", footer, 0, b"conectix", 2, 0x10000, 512, 700000000, b"plat", 0x10000,
                     b"Wi2k", disk, disk, 1000, 16, 63, 4 if parent else 3)
    footer[68:84] = uuid.uuid5(uuid.NAMESPACE_URL, os.path.basename(out)).bytes
    footer = vhd_checksum(footer, 64)
    header = bytearray(1024)
    table_at = 1536 + 8 * 1024
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", 0xFFFFFFFFFFFFFFFF, table_at, 0x10000, count, block)
    places = bytearray(8 * 1024)
    if parent:
        identity, stamp = vhd_identity(parent)
        if "id" in keys:
            identity = keys["id"].encode().ljust(16)[:16]
        header[40:56] = identity
        struct.pack_into(">I", header, 56, int(keys.get("timestamp", stamp)))
        names = keys.get("names", "W2ru:.\\" + os.path.basename(parent))
        for i, pair in enumerate(n for n in names.split(";") if n):
            code, name = pair.split(":", 1)
            if code == "name":
                text = name.encode("utf-16be")
                header[64:64 + len(text)] = text
                continue
            text = locator_text(code, name)
            places[1024 * i:1024 * i + len(text)] = text
            struct.pack_into(">4sIIIQ", header, 576 + 24 * i, code.encode(), 1024, len(text), 0, 1536 + 1024 * i)
    header = vhd_checksum(header, 36)
    table = bytearray(b"\xff" * (-(-count * 4 // 512) * 512))
    bitmap_bytes = -(-(block // 512) // 8 // 512) * 512 or 512
    at = table_at + len(table)
    body = []
    # Last block first: their order in the file means nothing.
    for i in reversed(range(-(-len(raw) // block))):
        bitmap, data, mine = bytearray(bitmap_bytes), bytearray(), False
        for s, sector in enumerate(pieces(raw[i * block:(i + 1) * block], 512)):
            where = i * block + s * 512
            if (sector != base[where:where + 512]) if parent else not zero(sector):
                bitmap[s // 8] |= 0x80 >> s % 8
                data += sector
                mine = True
            else:
                data += bytes([GARBAGE]) * 512
        if mine:
            struct.pack_into(">I", table, 4 * i, at // 512)
            body.append(bytes(bitmap) + bytes(data.ljust(block, bytes([GARBAGE]))))
            at += bitmap_bytes + block
    tail = {"damaged": b"\0" * 8 + footer[8:], "old": footer[:-1]}.get(keys.get("footer"), footer)
    head = b"\0" * 64 + footer[64:] if keys.get("footer") == "copy-damaged" else footer
    with open(out, "wb") as image:
        image.write(head + header + bytes(places) + bytes(table) + b"".join(body) + tail)


# ---- VHDX -----------------------------------------------------------------------------------------------------------

BAT = uuid.UUID("2DC27766-F623-4200-9D64-115E9BFD4A08").bytes_le
METADATA = uuid.UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E").bytes_le
PARAMETERS = uuid.UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B").bytes_le
DISK_SIZE = uuid.UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8").bytes_le
DISK_ID = uuid.UUID("BECA12AB-B2E6-4523-93EF-C309E000C746").bytes_le
LOGICAL = uuid.UUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F").bytes_le
PHYSICAL = uuid.UUID("CDA348C7-445D-4471-9CC9-E9885251C556").bytes_le
LOCATOR = uuid.UUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C").bytes_le
LOCATOR_TYPE = uuid.UUID("B04AEFB7-D19E-4A81-B789-25B8E9445913").bytes_le
LOG_AT, LOG_LENGTH, METADATA_AT, BAT_AT = MIB, MIB, 2 * MIB, 3 * MIB
LOG_ID = uuid.UUID("11111111-2222-3333-4444-555555555555").bytes_le

CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sealed(block):
    struct.pack_into("<I", block, 4, 0)
    struct.pack_into("<I", block, 4, crc32c(block))
    return bytes(block)


def vhdx_header(sequence, name, log_id):
    head = bytearray(4096)
    struct.pack_into("<4sIQ16s16s16sHHIQ", head, 0, b"head", 0, sequence, bytes(range(16)),
                     uuid.uuid5(uuid.NAMESPACE_URL, name).bytes_le, log_id, 0, 1, LOG_LENGTH, LOG_AT)
    return sealed(head)


def vhdx_data_id(path):
    """The DataWriteGuid of a VHDX, of the header that counts."""
    with open(path, "rb") as image:
        heads = []
        for at in (65536, 131072):
            image.seek(at)
            head = image.read(4096)
            if head[:4] == b"head":
                heads.append((struct.unpack_from("<Q", head, 8)[0], head[32:48]))
    return uuid.UUID(bytes_le=max(heads)[1])


def locator(parent, keys):
    pairs = [("parent_linkage", keys.get("id", "{%s}" % vhdx_data_id(parent)))]
    for name in keys.get("names", "relative_path:.\\" + os.path.basename(parent)).split(";"):
        pairs.append(tuple(name.split(":", 1)))
    at, table, text = 20 + 12 * len(pairs), b"", b""
    for key, value in pairs:
        key, value = key.encode("utf-16le"), value.encode("utf-16le")
        table += struct.pack("<IIHH", at + len(text), at + len(text) + len(key), len(key), len(value))
        text += key + value
    return LOCATOR_TYPE + struct.pack("<HH", 0, len(pairs)) + table + text


def metadata(disk, block, keys, parent):
    flags = (1 if "fixed" in keys else 0) | (2 if parent else 0)
    items = [(PARAMETERS, struct.pack("<II", block, flags), 4), (DISK_SIZE, struct.pack("<Q", disk), 6),
             (DISK_ID, bytes(range(16)), 6), (LOGICAL, struct.pack("<I", int(keys.get("sector", 512))), 6),
             (PHYSICAL, struct.pack("<I", int(keys.get("physical", keys.get("sector", 4096)))), 6)]
    if parent:
        items.append((LOCATOR, locator(parent, keys), 4))
    table, body = bytearray(struct.pack("<8sHH20x", b"metadata", 0, len(items))), b""
    for name, data, bits in items:
        table += struct.pack("<16sIIII", name, 65536 + len(body), len(data), bits, 0)
        body += data
    return bytes(table.ljust(65536, b"\0")) + body


def log_entry(sequence, tail, sectors, zeros, size, last, log_id=LOG_ID):
    """One log entry: {place in the file: 4096 bytes} and [(place, length)] of zeros."""
    count = len(sectors) + len(zeros)
    head = -(-(64 + 32 * count) // 4096) * 4096
    entry = bytearray(head)
    struct.pack_into("<4sIIIQII16sQQ", entry, 0, b"loge", 0, head + 4096 * len(sectors), tail, sequence, count, 0,
                     log_id, size, last)
    at = 64
    for place, length in zeros:
        struct.pack_into("<4sIQQQ", entry, at, b"zero", 0, length, place, sequence)
        at += 32
    for place, data in sectors.items():
        struct.pack_into("<4s4s8sQQ", entry, at, b"desc", data[-4:], data[:8], place, sequence)
        at += 32
        entry += struct.pack("<4sI", b"data", sequence >> 32) + data[8:-4] + struct.pack("<I", sequence & 0xFFFFFFFF)
    return sealed(entry)


def dirty_log(image, kind, table):
    """Takes the BAT out of the file and puts it into the log, in two entries of which the second begins at the log's
    end and goes on at its start. torn: the newest entry is half written; foreign: it is of another log;
    cut: the file should be longer; far: it changes the headers."""
    size = len(image)
    last = size + MIB
    if kind == "cut":
        size += 8 * MIB
    pages = {BAT_AT + 4096 * i: page for i, page in enumerate(pieces(table, 4096))}
    wrong = {place: bytes([GARBAGE]) * 4096 for place in pages}
    first = log_entry(0x100000007, LOG_LENGTH - len(pages) * 4096 - 8192, wrong, [], size, last)
    second_at = LOG_LENGTH - 4096
    first_at = second_at - len(first)
    first = log_entry(0x100000007, first_at, wrong, [(BAT_AT, 4096)], size, last)
    if kind == "far":
        pages[65536] = bytes(4096)
    second = log_entry(0x100000008, first_at, pages, [(BAT_AT + len(table), 8192)], size, last)
    after = len(second) - 4096
    newest = bytearray(log_entry(0x100000009, after, wrong, [], size, last,
                                 bytes(16) if kind == "foreign" else LOG_ID))
    if kind == "torn":
        newest[-100] ^= 1
    stale = log_entry(0x5, 0x80000, wrong, [], size, last)
    area = bytearray(LOG_LENGTH)
    for at, entry in ((first_at, first), (second_at, second), (0x80000, stale)) + (
            ((after, newest),) if kind in ("torn", "foreign") else ()):
        for i, sector in enumerate(pieces(entry, 4096)):
            place = (at + 4096 * i) % LOG_LENGTH
            area[place:place + 4096] = sector
    image[LOG_AT:LOG_AT + LOG_LENGTH] = area
    image[BAT_AT:BAT_AT + len(table)] = bytes([GARBAGE]) * len(table)
    image[BAT_AT + len(table):BAT_AT + len(table) + 8192] = bytes([GARBAGE]) * 8192


def vhdx(out, raw, keys):
    block, sector = int(keys.get("block", MIB)), int(keys.get("sector", 512))
    disk, parent = int(keys.get("size", len(raw))), keys.get("parent")
    base = open(keys["base"], "rb").read().ljust(len(raw), b"\0") if parent else None
    ratio = (1 << 23) * sector // block
    count = -(-disk // block)
    entries = -(-count // ratio) * (ratio + 1) if parent else count + (count - 1) // ratio
    bat_length = max(1, -(-entries * 8 // MIB)) * MIB
    bat = {}
    at = BAT_AT + bat_length
    bitmaps, body, absent = {}, [], []
    for i in reversed(range(-(-len(raw) // block))):
        data, index = raw[i * block:(i + 1) * block], i + i // ratio
        theirs = base[i * block:(i + 1) * block] if parent else b""
        if parent and data == theirs or not parent and zero(data):
            bat[index] = 0 if parent else i % 4
            absent.append(i)
            continue
        if zero(data):
            bat[index] = 2 | 0x55 << 20
            continue
        state, stored = 6, bytearray(data)
        if parent:
            chunk = bitmaps.setdefault(i // ratio, bytearray(MIB))
            first = i % ratio * (block // sector)
            for s, (new, old) in enumerate(zip(pieces(data, sector), pieces(theirs, sector))):
                if new != old:
                    chunk[(first + s) // 8] |= 1 << (first + s) % 8
                else:
                    state = 7
            if state == 7:
                stored = bytearray()
                for new, old in zip(pieces(data, sector), pieces(theirs, sector)):
                    stored += new if new != old else bytes([GARBAGE]) * len(new)
        bat[index] = state | at
        body.append(bytes(stored.ljust(block, b"\0")))
        at += block
    # What a bitmap says of blocks that are not there means nothing.
    for i in absent:
        if i // ratio in bitmaps:
            first = i % ratio * (block // sector) // 8
            bitmaps[i // ratio][first:first + block // sector // 8] = b"\xff" * (block // sector // 8)
    for chunk, bits in bitmaps.items():
        bat[chunk * (ratio + 1) + ratio] = 6 | at
        body.append(bytes(bits))
        at += MIB
    table = bytearray(-(-(max(bat, default=0) + 1) * 8 // 4096) * 4096)
    for index, entry in bat.items():
        struct.pack_into("<Q", table, 8 * index, entry)
    region = bytearray(65536)
    struct.pack_into("<4sII", region, 0, b"regi", 0, 2)
    struct.pack_into("<16sQII16sQII", region, 16, BAT, BAT_AT, bat_length, 1, METADATA, METADATA_AT, MIB, 1)
    region = sealed(region)
    log = keys.get("log")
    image = bytearray(BAT_AT + bat_length)
    image[0:8] = b"vhdxfile"
    name = "Platter's tests".encode("utf-16le")
    image[8:8 + len(name)] = name
    log_id = LOG_ID if log else bytes(16)
    image[65536:69632] = vhdx_header(8, "old" + os.path.basename(out), bytes(16))
    image[131072:135168] = vhdx_header(9, os.path.basename(out), log_id)
    image[196608:262144] = image[262144:327680] = region
    if keys.get("header") == "damaged":
        image[65536 + 100] ^= 1
    if keys.get("header") == "both":
        image[65536 + 100] ^= 1
        image[131072 + 100] ^= 1
    if "region" in keys:
        image[196608 + 1000] ^= 1
    if keys.get("region") == "both":
        image[262144 + 1000] ^= 1
    items = metadata(disk, block, keys, parent)
    image[METADATA_AT:METADATA_AT + len(items)] = items
    image[BAT_AT:BAT_AT + len(table)] = table
    image += b"".join(body)
    if log:
        dirty_log(image, log, bytes(table))
    with open(out, "wb") as file:
        file.write(image)


def main():
    kind, out, raw = sys.argv[1:4]
    keys = dict(pair.split("=", 1) for pair in sys.argv[4:])
    with open(raw, "rb") as disk:
        {"vhd": vhd, "vhdx": vhdx}[kind](out, disk.read(), keys)


if __name__ == "__main__":
    main()
