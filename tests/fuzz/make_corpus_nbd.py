#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds in tests/fuzz/corpus/nbd: conversations that a client might lead, after fuzz_nbd.c's first byte.

usage: tests/fuzz/make_corpus_nbd.py
"""
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "nbd")
MIB = 1 << 20


def option(number, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data


def request(command, offset=0, length=0, flags=0, data=b""):
    return struct.pack(">IHHQQI", 0x25609513, flags, command, 7, offset, length) + data


def contexts(*queries):
    texts = b"".join(struct.pack(">I", len(query)) + query for query in queries)
    return struct.pack(">II", 0, len(queries)) + texts


def export(name, *infos):
    return struct.pack(">I", len(name)) + name + struct.pack(f">H{len(infos)}H", len(infos), *infos)


FLAGS = struct.pack(">I", 3)
READS = request(0, 0, 512) + request(0, 4096, 300000) + request(0, 0, MIB, 4) + request(0, 1, 2 * MIB)
WRITES = (request(1, 0, 4, 1, b"data") + request(1, 100, 512, 0, b"x" * 512) + request(6, 0, 65536) +
          request(6, 0, 65536, 2) + request(4, 0, 131072) + request(3))
STATUS = request(7, 0, 2 * MIB) + request(7, 512, 1000, 8) + request(5, 0, MIB)
REFUSED = request(0, 2 * MIB, 1) + request(99) + request(1, 0, 0xFFFFFFFF)
DISC = request(2)

SEEDS = {
    "options": b"\xf0" + FLAGS + option(3) + option(6, export(b"name", 0, 1, 2, 3)) + option(8) + option(9, contexts()) +
               option(10, contexts(b"base:allocation")) + option(7, export(b"", 3)) + READS,
    "export-name": b"\xf1" + struct.pack(">I", 0) + option(1, b"name") + READS + DISC,
    "abort": b"\x20" + FLAGS + option(5) + option(99, b"abc") + option(2),
    "big-write": b"\xf6" + request(1, 0, 300000, 0, b"y" * 300000) + request(7, 0, 2 * MIB),
    "simple-reads": b"\xf2" + READS + DISC,
    "structured-reads": b"\xf6" + READS + STATUS + DISC,
    "writes": b"\xf6" + WRITES + STATUS + READS,
    "writes-simple": b"\x42" + WRITES + READS,
    "read-only": b"\xf7" + WRITES + STATUS,
    "refused": b"\xf6" + REFUSED,
    "single-bytes": b"\x06" + WRITES + STATUS + request(0, 0, 64),
}

os.makedirs(CORPUS, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(CORPUS, name), "wb") as out:
        out.write(data)
