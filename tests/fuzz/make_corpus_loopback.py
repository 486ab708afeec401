#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_loopback to corpus/loopback/: fetch, answer, lie, list, create, remove."""
import os
import struct

TRANSACT, HELLO, LIST, CREATE, REMOVE = range(5)
FIRST = 1 << 32 | 1  # id of the first request of the first volume


def call(code, out, data):
    return struct.pack("<BBH", code, out, len(data)) + data


def transact(answers, fetch=64, out=128, count=None):
    head = struct.pack("<IIII", len(answers) if count is None else count, fetch, 1, 0)
    return call(TRANSACT, out, head + b"".join(struct.pack("<QIIII", *a) for a in answers))


fetch = transact([])
good = (FIRST, 0, 512, 4096, 0)
create = struct.pack("<QQIIIIIIIIII", 1 << 20, 0, 512, 512, 0, 0, 0, 0, 0, 0, 0, 0) + bytes(16 * 3 + 8)
create = (create + bytes(15) + b"\1").ljust(848, b"\0")
seeds = {
    "fetch-answer": fetch + transact([good]),
    "answer-twice": fetch + transact([good, good]) + transact([good]),
    "too-long": fetch + transact([(FIRST, 0, 1024, 4096, 0)]),
    "beyond-the-batch": fetch + transact([(FIRST, 0, 512, 0xffffff00, 0)]),
    "damaged": fetch + transact([(FIRST, 2, 0, 0, 0)]),
    "count-lies": fetch + transact([good], count=0xffffffff) + transact([good], count=2),
    "small-batch": transact([], out=10) + transact([], fetch=65),
    "hello-again": call(HELLO, 1, struct.pack("<IIII", 0x52544c50, 2, 0, 0)) + fetch
                   + call(HELLO, 1, struct.pack("<IIII", 0x52544c50, 1, 0, 0)) + fetch,
    "list": call(LIST, 20, struct.pack("<Q", 0)) + call(LIST, 1, struct.pack("<Q", 1)),
    "create-remove": call(CREATE, 3, create) + call(REMOVE, 0, struct.pack("<QII", 2, 0, 0))
                     + call(REMOVE, 0, struct.pack("<QII", 1, 1, 0)) + fetch,
}
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "loopback")
os.makedirs(folder, exist_ok=True)
for name, data in seeds.items():
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)
