#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes Macrium Reflect X backups of disks made up here, and the disks themselves as raw images to compare with.

usage: make-mrimgx.py CASE FOLDER        (make-mrimgx.py --list names the cases)

Prints one line for each image: its name and the raw disk it stands for. The layout is mrimgx_writer.py's.
"""
import hashlib
import hmac
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # also for who loads this file by its path
from mrimgx_writer import BLOCK, Disk, Partition, SEGMENT, Set, rng, run  # noqa: E402


def save(folder, name, disk, raw):
    with open(os.path.join(folder, raw), "wb") as out:
        out.write(disk.bytes)
    print(name, raw)


def some(partition_blocks, share=0.4):
    return [i for i in range(partition_blocks) if rng.random() < share]


def gpt_disk(number=3, blocks=60, size=12 << 20):
    return Disk(size, number, "gpt", [Partition(1, 1 << 20, 3 << 20, some(48)),
                                      Partition(2, 5 << 20, blocks * BLOCK + 4096, some(blocks) + [blocks])])


def case_full(folder):
    disk = gpt_disk()
    Set(folder).backup([disk], "full.mrimgx", 0)
    save(folder, "full.mrimgx", disk, "full.raw")
    Set(folder, packed=False).backup([disk], "plain.mrimgx", 0)
    save(folder, "plain.mrimgx", disk, "full.raw")
    disk = Disk(6 << 20, 1, "gpt", [Partition(1, 1 << 20, 4 << 20, some(1024, 0.1), block=4096)], sector=4096)
    Set(folder).backup([disk], "sectors-4096.mrimgx", 0)
    save(folder, "sectors-4096.mrimgx", disk, "sectors-4096.raw")


def case_mbr(folder):
    for packed in (False, True):
        disk = Disk(16 << 20, 0, "mbr", [
            Partition(1, 63 * 512, 4 << 20, some(64)),
            Partition(2, (5 << 20) + 63 * 512, 3 << 20, some(48)),
            Partition(3, (9 << 20) + 63 * 512, 2 << 20, some(31), reserved=20 * 512)])
        name = "mbr-packed" if packed else "mbr"
        Set(folder, packed_records=packed).backup([disk], name + ".mrimgx", 0)
        save(folder, name + ".mrimgx", disk, name + ".raw")


def case_fat(folder):
    """Reserved sectors in one piece and in three; the first block does not begin where a block of the disk does."""
    disk = Disk(24 << 20, 0, "gpt", [Partition(1, 1 << 20, 4 << 20, some(50), reserved=38 * 512),
                                     Partition(2, 6 << 20, 17 << 20, some(100), reserved=2 * SEGMENT + 77 * 512)])
    Set(folder).backup([disk], "fat.mrimgx", 0)
    save(folder, "fat.mrimgx", disk, "fat.raw")


def case_chain(folder):
    """Each file knows all blocks: full 0, incremental 1 and 2, differential 3 on 0; renamed, so that names do not help."""
    disk, backups = gpt_disk(), Set(folder)
    first, second = disk.partitions
    backups.backup([disk], "chain-0.mrimgx", 0)
    save(folder, "chain-0.mrimgx", disk, "chain-0.raw")
    disk.change(first, [1, 5, 7, 9])
    disk.change(second, list(second.used)[:5], used=False)
    backups.backup([disk], "chain-1.mrimgx", 1, "inc", base=0, written_as="other-name.mrimgx")
    save(folder, "chain-1.mrimgx", disk, "chain-1.raw")
    disk.change(second, [2, 3, 40])
    backups.backup([disk], "chain-2.mrimgx", 2, "inc", base=1)
    save(folder, "chain-2.mrimgx", disk, "chain-2.raw")
    disk.change(first, [7, 8])
    backups.backup([disk], "chain-3.mrimgx", 3, "diff", base=0)
    save(folder, "chain-3.mrimgx", disk, "chain-3.raw")


def case_delta(folder):
    disk, backups = gpt_disk(), Set(folder)
    first, second = disk.partitions
    backups.backup([disk], "delta-0.mrimgx", 0)
    for number in (1, 2, 3):
        disk.change(first, rng.sample(range(48), 6))
        disk.change(second, rng.sample(sorted(second.used), 4), used=False)
        disk.change(second, rng.sample(range(60), 3))
        backups.backup([disk], "delta-%d.mrimgx" % number, number, "inc", base=number - 1, delta=True)
        save(folder, "delta-%d.mrimgx" % number, disk, "delta-%d.raw" % number)
    # A differential with a whole index in between, and a delta on it that has nothing to do with 1 to 3.
    disk.change(first, [11])
    backups.backup([disk], "delta-4.mrimgx", 4, "diff", base=0)
    save(folder, "delta-4.mrimgx", disk, "delta-4.raw")
    disk.change(second, [12])
    backups.backup([disk], "delta-5.mrimgx", 5, "inc", base=4, delta=True)
    save(folder, "delta-5.mrimgx", disk, "delta-5.raw")


def case_merged(folder):
    """Files 0 and 1 went into one, which is number 1; 2 still says that blocks are in 0."""
    disk, backups = gpt_disk(), Set(folder)
    backups.backup([disk], "merged-1.mrimgx", 0)
    state, history = backups.states[0]
    disk.change(disk.partitions[0], [3])
    backups.states[1] = (state, history + [(1, history[0][1])])
    backups.backup([disk], "merged-2.mrimgx", 2, "inc", base=1)
    # The consolidated file itself, with what file 0 had.
    rewritten = open(os.path.join(folder, "merged-1.mrimgx"), "rb").read()
    first = struct.unpack("<Q", rewritten[-20:-12])[0]
    length = struct.unpack_from("<I", rewritten, first + 8)[0]
    description = json.loads(run(["zstd", "-dc"], rewritten[first + 32:first + 32 + length]))
    description["_header"].update(file_number=1, merged_files=[0])
    content = rewritten[:first] + backups.metadata("$JSON", json.dumps(description).encode(), True)
    with open(os.path.join(folder, "merged-1.mrimgx"), "wb") as out:
        out.write(content + struct.pack("<Q12s", first, b"MACRIUM_FILE"))
    save(folder, "merged-2.mrimgx", disk, "merged-2.raw")


def case_encrypted(folder):
    for aes, packed in ((128, True), (192, True), (256, True), (256, False)):
        name = "aes-%d%s" % (aes, "" if packed else "-plain")
        disk = Disk(12 << 20, 0x102, "mbr", [Partition(2, 1 << 20, 1 << 20, some(16)),
                                             Partition(3, 4 << 20, 6 << 20, some(9), reserved=SEGMENT + 9 * 512)])
        backups = Set(folder, packed=packed, password="pässword", aes=aes,
                      iterations=600000 if aes == 256 and packed else 1000)
        backups.backup([disk], name + "-0.mrimgx", 0)
        disk.change(disk.partitions[0], [0, 2])
        backups.backup([disk], name + ".mrimgx", 1, "inc", base=0, delta=True)
        save(folder, name + ".mrimgx", disk, name + ".raw")


def case_split(folder):
    """One backup in several files, then an incremental one in two; the part without an index is opened too."""
    disk, backups = gpt_disk(), Set(folder)
    last = backups.backup([disk], "split.mrimgx", 0, split=500000, increment=0)
    assert last >= 2
    save(folder, "split.mrimgx", disk, "split.raw")
    save(folder, "split-%02d.mrimgx" % last, disk, "split.raw")
    disk.change(disk.partitions[0], range(0, 20))
    end = backups.backup([disk], "later.mrimgx", last + 1, "inc", base=last, split=300000, increment=1, delta=True)
    assert end > last + 1
    save(folder, "later.mrimgx", disk, "later.raw")


def case_disks(folder):
    disks = [gpt_disk(5), Disk(8 << 20, 2, "mbr", [Partition(1, 1 << 20, 2 << 20, some(32))])]
    backups = Set(folder)
    backups.backup(disks, "disks-0.mrimgx", 0)
    disks[1].change(disks[1].partitions[0], [3, 4])
    backups.backup(disks, "disks.mrimgx", 1, "inc", base=0, delta=True)
    save(folder, "disks.mrimgx", disks[0], "disks-1.raw")
    save(folder, "disks.mrimgx", disks[1], "disks-2.raw")


def case_damaged(folder):
    """One byte of one block is another; and then of the index. `where`: the block's place on the disk."""
    disk, backups = gpt_disk(), Set(folder)
    partition = disk.partitions[0]
    partition.used.update((4, 5, 6))
    backups.backup([disk], "damaged.mrimgx", 0)
    save(folder, "damaged.mrimgx", disk, "damaged.raw")
    position, _, length, _ = backups.states[0][0][0, 0][5]
    path = os.path.join(folder, "damaged.mrimgx")
    content = bytearray(open(path, "rb").read())
    index = content.index(b"$INDEX  ") + 32 + 1000
    for name, at in (("damaged.mrimgx", position + length // 2), ("index.mrimgx", index)):
        content[at] ^= 4
        with open(os.path.join(folder, name), "wb") as out:
            out.write(content)
        content[at] ^= 4
    with open(os.path.join(folder, "where"), "w") as out:
        out.write("%d %d\n" % (partition.span(5)[0], BLOCK))


def case_large(folder):
    """Indexes that nobody wants to wait for: 2.4 million entries, all empty, with the right MD5 and with a wrong one."""
    count, name = 2400000, "large.mrimgx"
    blob = bytes(8 + 30 * count)
    blob = struct.pack("<II", 0, count) + blob[8:]
    disk = Disk(1 << 20, 1, "gpt", [Partition(1, 64 << 10, 64 << 10, [0], block=512)])
    backups = Set(folder)

    def grow(description):
        described = description["disks"][0]
        described["_geometry"]["disk_size"] = described["partitions"][0]["_geometry"]["length"] = 512 * count + (1 << 20)
    backups.tamper, backups.tamper_index = grow, lambda *_: blob
    backups.backup([disk], name, 0)
    with open(os.path.join(folder, name), "rb") as made:
        content = bytearray(made.read())
    content[content.index(b"$INDEX  ") + 12] ^= 1
    with open(os.path.join(folder, "large-wrong.mrimgx"), "wb") as out:
        out.write(content)


def small(folder, name, describe=None, index=None, password=None):
    """A small image, with its description or its index spoilt."""
    disk = Disk(1 << 20, 1, "mbr", [Partition(1, 64 << 10, 512 << 10, [0, 1, 5], block=4096, reserved=4096)])
    backups = Set(folder, password=password)
    if describe:
        backups.tamper = describe
    if index:
        backups.tamper_index = lambda _, __, blob: index(bytearray(blob))
    backups.backup([disk], name, 0)
    return os.path.join(folder, name)


def case_hostile(folder):
    """Each name ends in the exit status that opening or reading everything must have."""
    def part(description):
        return description["disks"][0]["partitions"][0]

    def change(*path_and_value):
        *path, value = path_and_value

        def apply(description):
            at = description
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        return apply

    def entry(offset, layout, value):
        def apply(blob):
            struct.pack_into(layout, blob, offset, value)
            return bytes(blob)
        return apply
    disk, partition = ("disks", 0), ("disks", 0, "partitions", 0)
    spoilt = {
        "disk-size-0": change(*disk, "_geometry", "disk_size", 0),
        "disk-size-negative": change(*disk, "_geometry", "disk_size", -1),
        "disk-size-huge": change(*disk, "_geometry", "disk_size", 1 << 63),
        "sector-size": change(*disk, "_geometry", "bytes_per_sector", 520),
        "block-size-0": change(*partition, "_header", "block_size", 0),
        "block-size-odd": change(*partition, "_header", "block_size", 4097),
        "block-size-huge": change(*partition, "_header", "block_size", 1 << 31),
        "start-negative": change(*partition, "_geometry", "start", -4096),
        "start-outside": change(*partition, "_geometry", "start", 1 << 40),
        "lcn0-before": change(*partition, "_file_system", "lcn0_offset", 1),
        "lcn0-huge": change(*partition, "_file_system", "lcn0_offset", 1 << 60),
        "number-text": change("_header", "file_number", "0"),
        "image-id": change("_header", "imageid", "xyz"),
        "no-disks": change("disks", []),
        "disks-no-list": change("disks", {"0": 1}),
        "index-outside": change("_header", "index_file_position", 1 << 50),
        "index-elsewhere": change("_header", "index_file_position", 3),
        "no-index": lambda d: d["disks"][0]["partitions"].append(dict(part(d))),
        "merged-text": change("_header", "merged_files", ["0"]),
        "aes-unknown": change("_encryption", {"enable": True, "aes_type": "rot13"}),
        "history-long": change(*partition, "_header", "file_history",
                               [{"file_name": "a", "file_number": 1}] * 100000),
        "json-bomb": change("bomb", [[[] for _ in range(1000)] for _ in range(1000)]),
        "delta-it-is-not": change("_header", "delta_index", True),
    }
    for name, describe in spoilt.items():
        small(folder, name + ".6.mrimgx", describe)
    for name, status, spoil in (
            ("entry-position", 6, entry(4 + 30 + 4, "<q", 1 << 40)), ("entry-negative", 6, entry(4 + 30 + 4, "<q", -5)),
            ("entry-length", 6, entry(4 + 30 + 4 + 24, "<I", 0xFFFFFFFF)),
            ("entry-file", 6, entry(4 + 30 + 4 + 28, "<H", 77)),
            ("entry-shifted", 8, entry(4 + 30 + 4, "<q", 5)), ("entry-md5", 8, entry(4 + 30 + 4 + 8, "<q", 5)),
            ("reserved-md5", 8, entry(4 + 8, "<q", 5)),
            ("count-huge", 6, entry(4 + 30, "<I", 0xFFFFFFFF)), ("reserved-huge", 6, entry(0, "<I", 0x7FFFFFFF))):
        small(folder, "%s.%d.mrimgx" % (name, status), index=spoil)
    backups, disk = Set(folder), gpt_disk()
    backups.backup([disk], "delta-base.0.mrimgx", 0)
    disk.change(disk.partitions[0], [1])
    backups.tamper_index = lambda _, __, blob: blob[:-4] + b"\xff\xff\xff\xff" if len(blob) > 8 else blob
    backups.backup([disk], "delta-beyond.0.mrimgx", 1, "inc", base=0, delta=True)
    Set(folder).backup([disk], "delta-alone.6.mrimgx", 0, "inc", delta=True)
    disk.partitions[1].start = disk.partitions[0].start + (1 << 20)
    Set(folder).backup([disk], "overlap.6.mrimgx", 0)
    small(folder, "iterations.6.mrimgx", change("_encryption", "key_iterations", 4000000000), password="x")
    small(folder, "hmac.6.mrimgx", change("_encryption", "hmac", "12"), password="x")
    small(folder, "missing.3.mrimgx",
          lambda d: part(d)["_header"]["file_history"].append({"file_name": "C:\\x\\gone-04-04.mrimg",
                                                               "file_number": 4}))
    small(folder, "parts-missing.3.mrimgx", change("_header", "split_file", True))
    whole = open(small(folder, "whole.0.mrimgx"), "rb").read()
    first = struct.unpack("<Q", whole[-20:-12])[0]

    def put(name, data):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data)
    put("metadata-md5.8.mrimgx", whole[:first + 40] + b"\xff" + whole[first + 41:])
    for name, status, at, value in (("index-packed", 7, whole.index(b"$INDEX  ") + 28, 3),
                                    ("index-encrypted", 7, whole.index(b"$INDEX  ") + 28, 5),
                                    ("no-first-track", 6, whole.index(b"$TRACK0 ") + 1, 0x58)):
        put("%s.%d.mrimgx" % (name, status), whole[:at] + bytes([value]) + whole[at + 1:])
    put("footer-outside.6.mrimgx", whole[:-20] + struct.pack("<Q", 1 << 62) + whole[-12:])
    put("footer-elsewhere.6.mrimgx", whole[:-20] + struct.pack("<Q", 7) + whole[-12:])
    put("metadata-length.6.mrimgx", whole[:first + 8] + b"\xff\xff\xff\xff" + whole[first + 12:])
    put("circle.6.mrimgx", whole[:-20] + b"".join(struct.pack("<8sI16sB3x", b"$NOTHING", 0, bytes(16), 0)
                                                  for _ in range(100000)) + struct.pack("<Q", len(whole) - 20) + whole[-12:])
    bomb = run(["zstd", "-q", "--stream-size=%d" % (1 << 28)], bytes(1 << 28))
    put("zstd-bomb.6.mrimgx", struct.pack("<8sI16sB3x", b"$JSON   ", len(bomb), hashlib.md5(bomb).digest(), 3) + bomb +
        struct.pack("<Q", 0) + b"MACRIUM_FILE")


def case_seeds(folder):
    """Small ones, for fuzzers; and two as fuzz_mrimgx takes descriptions: what precedes it / 64, that, the JSON."""
    disk = Disk(256 << 10, 1, "mbr", [Partition(1, 64 << 10, 32 << 10, [0, 5], block=4096, reserved=2048),
                                      Partition(2, (128 << 10) + 63 * 512, 32 << 10, [1], block=1024)])
    Set(folder).backup([disk], "mbr", 0)
    Set(folder, password="x").backup([disk], "encrypted", 0)
    disk = Disk(256 << 10, 1, "gpt", [Partition(1, 64 << 10, 32 << 10, [0, 5], block=512)])
    backups = Set(folder, packed=False)
    backups.backup([disk], "gpt", 0)
    disk.change(disk.partitions[0], [3])
    backups.backup([disk], "delta", 1, "inc", base=0, delta=True)
    for name in ("mbr", "gpt"):
        content = open(os.path.join(folder, name), "rb").read()
        first = struct.unpack("<Q", content[-20:-12])[0]
        length = struct.unpack_from("<I", content, first + 8)[0]
        lead = bytearray(content[:first] + bytes(-first % 64))
        lead[0] = len(lead) // 64
        with open(os.path.join(folder, "description-" + name), "wb") as out:
            out.write(lead + run(["zstd", "-dc"], content[first + 32:first + 32 + length]))


def case_drive(folder):
    """Encrypted, with a file system in its partition: that of fs.img, which lies in the folder."""
    with open(os.path.join(folder, "fs.img"), "rb") as file:
        content = file.read()
    disk = Disk((2 << 20) + len(content), 0x77, "mbr", [Partition(1, 1 << 20, len(content), range(-(-len(content) // BLOCK)))])
    disk.bytes[1 << 20:(1 << 20) + len(content)] = content
    Set(folder, password="pässword", iterations=1000).backup([disk], "drive.mrimgx", 0)
    save(folder, "drive.mrimgx", disk, "drive.raw")


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
    elif len(sys.argv) == 3 and sys.argv[1] in CASES:
        os.makedirs(sys.argv[2], exist_ok=True)
        rng.seed(sys.argv[1])  # each case has its own ids, and always the same
        CASES[sys.argv[1]](sys.argv[2])
    else:
        sys.exit(__doc__)
