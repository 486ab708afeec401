#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_owners: small volumes of FAT with files in folders, and of NTFS, made up here byte by byte."""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus/owners")


def fat_entry(name, attributes, cluster, size):
    return name + bytes([attributes]) + bytes(8) + struct.pack("<H", cluster >> 16) + bytes(4) + struct.pack("<HI", cluster & 0xFFFF, size)


def long_entries(text, short):
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    units = (text + "\0").encode("utf-16-le")
    units += b"\xff" * (-len(units) % 26)
    parts = [units[i:i + 26] for i in range(0, len(units), 26)]
    out = b""
    for i in range(len(parts), 0, -1):
        p = parts[i - 1]
        out += bytes([i | (0x40 if i == len(parts) else 0)]) + p[:10] + b"\x0f\0" + bytes([checksum]) + p[10:22] + b"\0\0" + p[22:]
    return out


def fat(bits):
    sectors = 80
    boot = bytearray(512)
    boot[:11] = b"\xeb\x3c\x90MSWIN4.1"
    wide = bits == 32
    struct.pack_into("<HBHBHHBH", boot, 11, 512, 1, 1, 2, 0 if wide else 16, sectors if bits != 16 else 0, 0xF8, 0 if wide else 1)
    if bits == 16: # the count of clusters tells: so many that the input ends long before
        struct.pack_into("<I", boot, 32, 20000)
        struct.pack_into("<H", boot, 22, 1)
    if wide:
        struct.pack_into("<II", boot, 32, sectors, 1)
        struct.pack_into("<I", boot, 44, 2)
        struct.pack_into("<H", boot, 19, 0)
    boot[510:] = b"\x55\xaa"
    chains = {2: 3, 3: 0xFFFFFFFF, 4: 6, 6: 7, 7: 0xFFFFFFFF, 5: 0xFFFFFFFF, 8: 9, 9: 8}
    table = bytearray(512)
    for cluster, following in {0: 0xFFFFFFF8, 1: 0xFFFFFFFF, **chains}.items():
        if bits == 12:
            at = cluster + cluster // 2
            word = struct.unpack_from("<H", table, at)[0]
            value = following & 0xFFF
            struct.pack_into("<H", table, at, (word & 0xF | value << 4) if cluster & 1 else (word & 0xF000 | value))
        elif bits == 16:
            struct.pack_into("<H", table, cluster * 2, following & 0xFFFF)
        else:
            struct.pack_into("<I", table, cluster * 4, following & 0x0FFFFFFF)
    short = b"LONGNA~1TXT"
    root = fat_entry(b"VOLUME     ", 8, 0, 0) + long_entries("long name of a file.txt", short) + fat_entry(short, 32, 4, 1400)
    root += fat_entry(b"FOLDER     ", 16, 5, 0) + fat_entry(b"CIRCLE  BIN", 32, 8, 5000) + b"\xe5" + bytes(31)
    sub = fat_entry(b".          ", 16, 5, 0) + fat_entry(b"..         ", 16, 0, 0) + fat_entry(b"INSIDE  BIN", 32, 10, 10)
    sub += fat_entry(b"UP         ", 16, 5, 0)
    area = bytearray(512 * 12)
    area[3 * 512:3 * 512 + len(sub)] = sub
    if wide:
        area[:len(root)] = root
    else:
        area = root.ljust(512, b"\0") + area
    return bytes(boot) + bytes(table) * 2 + bytes(area)


def attribute(kind, number, value=None, name="", runs=None, first=0, size=0):
    text = name.encode("utf-16-le")
    if runs is None:
        head = struct.pack("<BBHHHIHBB", 0, len(name), 24, 0, number, len(value), 24 + len(text), 0, 0)
        body = text + value
    else:
        head = struct.pack("<BBHHHQQHHIQQQ", 1, len(name), 64, 0, number, first, first, 64 + len(text), 0, 0, size, size, size)
        body = text + runs + b"\0"
    body += bytes(-(8 + len(head) + len(body)) % 8)
    return struct.pack("<II", kind, 8 + len(head) + len(body)) + head + body


def file_name(parent, name, space=1):
    return attribute(0x30, 2, struct.pack("<Q", parent) + bytes(56) + bytes([len(name), space]) + name.encode("utf-16-le"))


def record(attributes, flags=1, base=0):
    out = bytearray(1024)
    struct.pack_into("<4sHHQHHHHIIQHH", out, 0, b"FILE", 48, 3, 0, 1, 1, 56, flags, 0, 1024, base, 9, 0)
    body = b"".join(attributes) + b"\xff\xff\xff\xff"
    out[56:56 + len(body)] = body
    out[48:50] = b"\x07\0"
    for i in (1, 2):
        out[48 + 2 * i:50 + 2 * i] = out[512 * i - 2:512 * i]
        out[512 * i - 2:512 * i] = b"\x07\0"
    return bytes(out)


def ntfs():
    boot = bytearray(512)
    boot[:11] = b"\xeb\x52\x90NTFS    "
    struct.pack_into("<HB", boot, 11, 512, 1)
    struct.pack_into("<QQQ", boot, 40, 96, 4, 2)
    boot[64] = 0xF6
    boot[510:] = b"\x55\xaa"
    # The table in two parts, the second told of by an extension record in the first.
    empty = record([], flags=0)
    records = [record([file_name(5, "$MFT", 3), attribute(0x80, 1, runs=b"\x11\x0c\x04", size=30 * 1024)])]
    records += [empty, record([], base=0 | 1 << 48 | 0), empty, empty, record([file_name(5, ".", 3), attribute(0xA0, 3, name="$I30", runs=b"\x11\x02\x50", size=1024)], flags=3)]
    records[2] = record([attribute(0x80, 1, runs=b"\x11\x30\x14", first=12, size=0)], base=1 << 48)
    more = [empty] * 24
    more[18] = record([file_name(5, "FILE~1.TXT", 2), file_name(5, "file with streams.txt"),
                       attribute(0x80, 4, runs=b"\x21\x02\x44\x00\x11\x03\x04\x01\x05\x11\x01\xf0", size=5000),
                       attribute(0x80, 5, name="stream", runs=b"\x11\x01\x4e", size=100)])
    more[19] = record([file_name(25, "circle"), attribute(0x80, 4, value=b"resident")], flags=3)
    more[20] = record([file_name(25, "lost in a circle"), attribute(0x80, 4, runs=b"\x11\x01\x5e", size=512)])
    volume = bytes(boot) + bytes(3 * 512) + b"".join(records) + bytes(4 * 512) + b"".join(more)
    return volume.ljust(96 * 512, b"\0") + bytes(boot)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for name, volume in (("fat12", fat(12)), ("fat16", fat(16)), ("fat32", fat(32)), ("ntfs", ntfs())):
        for suffix, head in (("", b"\0\1"), ("-pieces", b"\1\x12"), ("-large", b"\3\1")):
            if suffix == "-pieces" or name != "ntfs" or not suffix:
                with open(os.path.join(FOLDER, name + suffix), "wb") as out:
                    out.write(head + volume)


if __name__ == "__main__":
    main()
