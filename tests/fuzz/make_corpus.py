#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seed inputs in tests/fuzz/corpus: small, whole and well-formed, so that a fuzzer has something to break.

usage: tests/fuzz/make_corpus.py
Inputs that once failed are kept beside them under names that begin with "crash"; this script leaves those alone.
"""
import os
import struct
import uuid
import zlib

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def sectors(size, parts):
    """A disk of `size` bytes with {offset: bytes}."""
    disk = bytearray(size)
    for offset, data in parts.items():
        disk[offset:offset + len(data)] = data
    return bytes(disk)


def mbr(entries, flags=0):
    sector = bytearray(512)
    for i, (kind, start, count) in enumerate(entries):
        struct.pack_into("<BBBBBBBBII", sector, 446 + 16 * i, flags if i == 0 else 0, 0, 2, 0, kind, 0, 2, 0, start, count)
    sector[440:444] = b"\xef\xbe\xad\xde"
    sector[510:512] = b"\x55\xaa"
    return bytes(sector)


def gpt(total, sector, entries):
    """{offset: bytes} of a whole GPT with both copies and 4 entries."""
    array = bytearray(4 * 128)
    for i, (first, last, name) in enumerate(entries):
        text = name.encode("utf-16le")
        array[128 * i:128 * i + 16] = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7").bytes_le
        array[128 * i + 16:128 * i + 32] = bytes(range(16))
        struct.pack_into("<QQQ", array, 128 * i + 32, first, last, 0)
        array[128 * i + 56:128 * i + 56 + len(text)] = text
    last = total // sector - 1

    def header(mine, other, at):
        head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, mine, other, 3, last - 2,
                                     bytes(16), at, 4, 128, zlib.crc32(array)))
        struct.pack_into("<I", head, 16, zlib.crc32(bytes(head)))
        return bytes(head)
    return {0: mbr([(0xEE, 1, last)]), sector: header(1, last, 2), 2 * sector: bytes(array),
            (last - 1) * sector: bytes(array), last * sector: header(last, 1, last - 1)}


def fat(label=b"SEED       "):
    boot = bytearray(512)
    boot[0:3] = b"\xeb\x3c\x90"
    struct.pack_into("<8sHBBBHHBHHHII", boot, 3, b"mkfs.fat", 512, 1, 1, 2, 16, 32, 0xF8, 1, 32, 2, 0, 0)
    boot[38] = 0x29
    boot[43:54] = b"NO NAME    "
    boot[510:512] = b"\x55\xaa"
    root = label + bytes([8]) + bytes(20)
    return sectors(32 * 512, {0: bytes(boot), 3 * 512: root})


def ntfs():
    boot = bytearray(512)
    boot[0:3] = b"\xeb\x52\x90"
    struct.pack_into("<8sHB", boot, 3, b"NTFS    ", 512, 1)
    struct.pack_into("<QQQbxxxb", boot, 40, 63, 4, 8, -10, 1)
    boot[510:512] = b"\x55\xaa"
    name = "Seed".encode("utf-16le")
    record = bytearray(1024)
    struct.pack_into("<4sHHQHHHHII", record, 0, b"FILE", 48, 3, 0, 1, 1, 56, 1, 100, 1024)
    struct.pack_into("<IIBBHHHIH", record, 56, 0x60, 32, 0, 0, 0, 0, 0, len(name), 24)
    record[80:80 + len(name)] = name
    struct.pack_into("<I", record, 88, 0xFFFFFFFF)
    record[48:50] = record[510:512] = record[1022:1024] = b"\x07\x00"
    return sectors(64 * 512, {0: bytes(boot), 4 * 512 + 3 * 1024: bytes(record)})


def exfat():
    boot = bytearray(512)
    boot[0:11] = b"\xeb\x76\x90EXFAT   "
    struct.pack_into("<I", boot, 88, 4)
    struct.pack_into("<I", boot, 96, 2)
    boot[108:111] = bytes([9, 0, 1])
    boot[510:512] = b"\x55\xaa"
    return sectors(16 * 512, {0: bytes(boot), 4 * 512: bytes([0x83, 4]) + "Seed".encode("utf-16le")})


def iso(udf):
    primary = bytearray(2048)
    primary[0:7] = b"\1CD001\1"
    primary[40:72] = b"SEED".ljust(32)
    struct.pack_into("<I", primary, 80, 40)
    struct.pack_into("<H", primary, 128, 2048)
    joliet = bytearray(primary)
    joliet[0] = 2
    joliet[40:72] = "Seed".ljust(16).encode("utf-16be")
    joliet[88:91] = b"%/E"
    parts = {32768: bytes(primary), 34816: bytes(joliet), 36864: b"\xffCD001\1"}
    size = 20 * 2048
    if udf:
        def tag(number, location, body):
            head = bytearray(struct.pack("<HHBBHHHI", number, 2, 0, 0, 0, 0, 0, location))
            head[4] = sum(head) & 0xFF
            return bytes(head) + body
        volume = bytearray(496)
        volume[68:73] = b"\x08Seed"
        volume[195] = 5
        parts = {32768: b"\0BEA01\1", 34816: b"\0NSR02\1", 36864: b"\0TEA01\1",
                 256 * 512: tag(2, 256, struct.pack("<II", 1024, 100)), 100 * 512: tag(6, 100, bytes(volume))}
        size = 257 * 512
    return sectors(size, parts)


def vhd(kind, data=bytes(3 * 512)):
    def checksum(block, at):
        struct.pack_into(">I", block, at, ~sum(block) & 0xFFFFFFFF)
        return bytes(block)
    header_at = 0xFFFFFFFFFFFFFFFF if kind == 2 else 512
    size = len(data) if kind == 2 else 2 * 4096
    footer = bytearray(512)
    struct.pack_into(">8sIIQI4sI4sQQHBBI", footer, 0, b"conectix", 2, 0x10000, header_at, 500000000, b"plat", 0x10000,
                     b"Wi2k", size, size, 1, 1, 3, kind)
    footer[68:84] = bytes(range(16))
    footer = checksum(footer, 64)
    if kind == 2:
        return data + footer
    header = bytearray(1024)
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, 2, 4096)
    header = checksum(header, 36)
    table = struct.pack(">II", 4, 0xFFFFFFFF).ljust(512, b"\xff")
    return footer + header + table + b"\xff" * 512 + b"data" * 1024 + footer


def main():
    chain = {0: mbr([(7, 2, 4), (5, 8, 24)], 0x80), 8 * 512: mbr([(0x83, 1, 4), (5, 8, 8)]), 16 * 512: mbr([(0x0B, 1, 4)])}
    put("partition", "mbr-logical", b"\0" + sectors(32 * 512, chain))
    circle = dict(chain)
    circle[16 * 512] = mbr([(0x0B, 1, 4), (5, 0, 8)])
    put("partition", "mbr-circle", b"\0" + sectors(32 * 512, circle))
    table = gpt(24 * 512, 512, [(4, 7, "first"), (8, 12, "zweite")])
    put("partition", "gpt", b"\0" + sectors(24 * 512, table))
    del table[512]
    put("partition", "gpt-backup", b"\0" + sectors(24 * 512, table))
    put("partition", "gpt-4096", b"\4" + sectors(12 * 4096, gpt(12 * 4096, 4096, [(4, 7, "first")])))
    volumes = {"fat": fat(), "ntfs": ntfs(), "exfat": exfat(), "iso9660": iso(False), "udf": iso(True)}
    for name, data in volumes.items():
        put("partition", name, b"\0" + data)
    put("partition", "ext4", b"\0" + sectors(4096, {1024 + 4: b"\x10", 1024 + 56: b"\x53\xef", 1024 + 96: b"\x42",
                                                    1024 + 120: b"seed"}))
    for name, data in (("vhd-fixed", vhd(2)), ("vhd-dynamic", vhd(3)), ("vhd-differencing", vhd(4)),
                       ("vhd-old-footer", vhd(2)[:-1])):
        put("vhd", name, data)
        put("image", name, data)
    put("image", "raw", fat()[:1000])
    put("image", "iso9660", volumes["iso9660"])


if __name__ == "__main__":
    main()
