#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes Macrium Reflect X backups of disks made up here, and the disks themselves as raw images to compare with.

usage: make-mrimgx.py CASE FOLDER        (make-mrimgx.py --list names the cases)

Written from the vendor's description of the layout alone; shares nothing with the reader it tests. Packs with the
`zstd` command and encrypts with `openssl`. Prints one line for each image: its name and the raw disk it stands for.
"""
import hashlib
import hmac
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

BLOCK = 65536
SEGMENT = 4 << 20
rng = random.Random()


def run(command, data=b""):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def pack_all(blocks):
    """A zstd frame for each of `blocks`, by one run of zstd."""
    if not blocks:
        return []
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, data in enumerate(blocks):
            names.append(os.path.join(folder, "%06d" % i))
            with open(names[-1], "wb") as out:
                out.write(data)
        run(["zstd", "-q", "-3", "--no-check"] + names)
        return [open(name + ".zst", "rb").read() for name in names]


class Partition:
    def __init__(self, number, start, length, used, reserved=0, block=BLOCK, gap=0):
        """used: numbers of the blocks that hold something; gap: bytes between the start and the boot sector."""
        self.number, self.start, self.length, self.reserved, self.block, self.gap = \
            number, start, length, reserved, block, gap
        self.used = set(used)

    @property
    def data_start(self):
        return self.start + self.gap + self.reserved

    def count(self):
        return -(-(self.start + self.length - self.data_start) // self.block)

    def span(self, index):
        at = self.data_start + index * self.block
        return at, min(at + self.block, self.start + self.length)


class Disk:
    def __init__(self, size, number, style, partitions, sector=512):
        self.size, self.number, self.style, self.partitions, self.sector = size, number, style, partitions, sector
        self.signature = "%08X" % rng.getrandbits(32)
        self.bytes = bytearray(size)
        self.records = []  # offsets of boot records in extended partitions
        for partition in partitions:
            boot = partition.start + partition.gap
            self.bytes[boot:boot + partition.reserved] = noise(partition.reserved)
            for index in partition.used:
                at, end = partition.span(index)
                self.bytes[at:end] = noise(end - at)
        if style == "gpt":
            self.write_gpt()
        elif style == "mbr":
            self.write_mbr()

    def write_gpt(self):
        last = self.size // self.sector - 1
        array = bytearray(128 * 128)
        for i, partition in enumerate(self.partitions):
            array[128 * i:128 * i + 32] = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7") + rng.randbytes(16)
            struct.pack_into("<QQ", array, 128 * i + 32, partition.start // self.sector,
                             (partition.start + partition.length) // self.sector - 1)
        identity, sectors = rng.randbytes(16), len(array) // self.sector

        def header(mine, other, at):
            head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, mine, other,
                                         2 + sectors, last - sectors - 1, identity, at, 128, 128, zlib.crc32(array)))
            struct.pack_into("<I", head, 16, zlib.crc32(head))
            return bytes(head)
        self.put(0, self.boot_record([(0xEE, 1, last)]))
        self.put(self.sector, header(1, last, 2))
        self.put(2 * self.sector, array)
        self.put((last - sectors) * self.sector, array)
        self.put(last * self.sector, header(last, 1, last - sectors))

    def write_mbr(self):
        """The first partition is primary, the others are logical, each behind its boot record."""
        first, logical = self.partitions[0], self.partitions[1:]
        entries = [(7, first.start // self.sector, first.length // self.sector)]
        if logical:
            begin = logical[0].start // self.sector - 63
            entries.append((5, begin, self.size // self.sector - begin))
        self.put(0, self.boot_record(entries))
        for i, partition in enumerate(logical):
            here = partition.start // self.sector - 63
            chain = [(0x0C, 63, partition.length // self.sector)]
            if i + 1 < len(logical):
                following = logical[i + 1]
                chain.append((5, following.start // self.sector - 63 - begin, following.length // self.sector + 63))
            self.put(here * self.sector, self.boot_record(chain))
            self.records.append(here * self.sector)

    @staticmethod
    def boot_record(entries):
        record = bytearray(512)
        record[440:444] = rng.randbytes(4)
        for i, (kind, start, count) in enumerate(entries):
            struct.pack_into("<BBBBBBBBII", record, 446 + 16 * i, 0, 0, 2, 0, kind, 0, 2, 0, start, count)
        record[510:512] = b"\x55\xaa"
        return bytes(record)

    def put(self, offset, data):
        self.bytes[offset:offset + len(data)] = data

    def track0(self):
        first = min([p.start for p in self.partitions] + [1 << 20])
        return bytes(self.bytes[:min(first, 63 * self.sector)])

    def change(self, partition, blocks, used=True):
        for index in blocks:
            at, end = partition.span(index)
            self.bytes[at:end] = noise(end - at) if used else bytes(end - at)
            (partition.used.add if used else partition.used.discard)(index)


def noise(length):
    """Bytes that pack to about a half, as files do."""
    return b"".join(rng.randbytes(16) + bytes([rng.getrandbits(8)]) * 16 for _ in range(-(-length // 32)))[:length]


class Set:
    """A backup set in a folder. What backup() writes knows of the files before it."""

    def __init__(self, folder, packed=True, password=None, aes=256, iterations=1000, packed_records=False):
        self.folder, self.packed, self.password, self.aes, self.iterations = folder, packed, password, aes, iterations
        self.packed_records = packed_records
        self.identity = rng.randbytes(8)
        self.states = {}  # file number: (index by (disk, partition), history)
        self.key = None
        self.tamper = lambda description: None
        self.tamper_index = lambda disk, partition, index: index
        if password:
            salt = hashlib.sha256(self.identity).digest()
            self.key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations, 32)

    def encrypt_all(self, blocks, disk, partition, numbers):
        if not self.key or not blocks:
            return blocks
        plain = b"".join(self.identity + struct.pack("<HHI", disk, partition, number) for number in numbers)
        ivs = run(["openssl", "enc", "-aes-256-ecb", "-nopad", "-K", hashlib.sha256(self.key).hexdigest()], plain)
        made = []
        for i, data in enumerate(blocks):
            data += bytes(-len(data) % 16)
            made.append(run(["openssl", "enc", "-aes-%d-cbc" % self.aes, "-nopad", "-K", self.key[:self.aes // 8].hex(),
                             "-iv", ivs[16 * i:16 * i + 16].hex()], data))
        return made

    def metadata(self, name, data, last, plain=False):
        flags = 1 if last else 0
        if data and not plain:
            data, flags = pack_all([data])[0], flags | 2
            if self.key and name != "$JSON":
                data += bytes(-len(data) % 16)
                data = run(["openssl", "enc", "-aes-%d-ecb" % self.aes, "-nopad", "-K",
                            self.key[:self.aes // 8].hex()], data)
                flags |= 4
        digest = hashlib.md5(data).digest() if data else bytes(16)
        return struct.pack("<8sI16sB3x", name.ljust(8).encode(), len(data), digest, flags) + data

    def store(self, parts, disk, partition, numbers, raw, number):
        """Appends blocks to the last of `parts`; their index entries, by number."""
        packed = self.encrypt_all(pack_all(raw) if self.packed else list(raw), disk.number, partition.number, numbers)
        entries = {}
        for at, (index, data) in enumerate(zip(numbers, packed)):
            if parts.full():
                parts.next()
            entries[index] = (parts.position(), hashlib.md5(raw[at]).digest(), len(data), number + len(parts.files) - 1)
            parts.write(data)
        return entries

    def backup(self, disks, name, number, kind="full", base=None, delta=False, increment=None, split=0, merged=(),
               written_as=None):
        """base: number of the file that this one stands on. split: bytes after which another file begins."""
        history = list(self.states[base][1]) if base is not None else []
        before = self.states[base][0] if base is not None else {}
        increment = number if increment is None else increment
        parts = Parts(split)
        state, indexes = {}, {}
        names = [name if i == 0 else name.replace(".mrimgx", "-%02d.mrimgx" % i) for i in range(64)]
        for d, disk in enumerate(disks):
            for p, partition in enumerate(disk.partitions):
                boot = partition.start + partition.gap
                pieces = [bytes(disk.bytes[boot + i:boot + min(i + SEGMENT, partition.reserved)])
                          for i in range(0, partition.reserved, SEGMENT)]
                reserved = self.store(parts, disk, partition, range(len(pieces)), pieces, number)
                old = before.get((d, p), {})
                contents = {i: bytes(disk.bytes[slice(*partition.span(i))]) for i in sorted(partition.used)}
                changed = [i for i, data in contents.items()
                           if i not in old or old[i][1] != hashlib.md5(data).digest()]
                entries = self.store(parts, disk, partition, changed, [contents[i] for i in changed], number)
                state[d, p] = {**{i: e for i, e in old.items() if i in partition.used}, **entries}
                gone = [i for i in old if i not in partition.used]
                blob = struct.pack("<I", len(reserved)) + b"".join(element(reserved[i]) for i in sorted(reserved))
                if delta:
                    fresh = list(entries.items()) + [(i, (0, bytes(16), 0, 0)) for i in gone]
                    rng.shuffle(fresh)
                    blob += struct.pack("<I", len(fresh)) + b"".join(element(e) + struct.pack("<I", i) for i, e in fresh)
                else:
                    blob += struct.pack("<I", partition.count()) + b"".join(
                        element(state[d, p].get(i, (0, bytes(16), 0, 0))) for i in range(partition.count()))
                indexes[d, p] = self.tamper_index(disk, partition, blob)
        for i in range(len(parts.files)):
            history.append((number + i, "B:\\backups\\" + (written_as or names[i]).replace(".mrimgx", ".mrimg")))
        for covered in merged:
            history = [(n, h) if n != covered else (n, history[-1][1]) for n, h in history]
        for i, content in enumerate(parts.files):
            is_last = i == len(parts.files) - 1
            description = self.describe(disks, number + i, increment, kind, delta, history, not is_last, merged,
                                        len(content))
            self.tamper(description)
            if is_last:
                content += b"".join(self.disk_metadata(disk, {p: indexes[d, p] for p in range(len(disk.partitions))})
                                    for d, disk in enumerate(disks))
            first = len(content)
            content += self.metadata("$JSON", json.dumps(description).encode(), False)
            content += self.metadata("$AUXDATA", b"internal", True, plain=True)
            content += struct.pack("<Q12s", first, b"MACRIUM_FILE")
            with open(os.path.join(self.folder, names[i]), "wb") as out:
                out.write(content)
        self.states[number + len(parts.files) - 1] = (state, history)
        return number + len(parts.files) - 1

    def disk_metadata(self, disk, indexes):
        blocks = self.metadata("$TRACK0", disk.track0(), not disk.records)
        if disk.records:
            padding = b"" if self.packed_records else bytes(6)
            blob = struct.pack("<I", len(disk.records)) + b"".join(
                bytes(disk.bytes[at:at + 512]) + struct.pack("<QH", at, i + 2) + padding
                for i, at in enumerate(disk.records))
            blocks += self.metadata("$EPT", blob, True)
        for p in range(len(disk.partitions)):
            blocks += self.metadata("$BITMAP", b"", False) + self.metadata("$INDEX", indexes[p], True, plain=True)
        return blocks

    def describe(self, disks, number, increment, kind, delta, history, split, merged, index_position):
        described = {
            "_compression": {"compression_level": "medium" if self.packed else "none", "compression_method": "zstd"},
            "_encryption": {"enable": False, "key_iterations": 0},
            "_header": {"backup_format": "partition", "backup_type": kind, "delta_index": delta, "file_number": number,
                        "imageid": self.identity.hex().upper(), "increment_number": increment,
                        "index_file_position": index_position, "merged_files": list(merged), "split_file": split},
            "disks": [{
                "_geometry": {"bytes_per_sector": disk.sector, "disk_size": disk.size},
                "_header": {"disk_format": disk.style, "disk_number": disk.number, "disk_signature": disk.signature},
                "partitions": [{
                    "_file_system": {"lcn0_offset": p.data_start, "start": p.start,
                                     "reserved_sectors_byte_length": p.reserved},
                    "_geometry": {"start": p.start, "length": p.length, "boot_sector_offset": p.gap},
                    "_header": {"block_count": p.count(), "block_size": p.block, "partition_number": p.number,
                                "file_history": [{"file_name": h, "file_number": n} for n, h in history],
                                "file_history_count": len(history)},
                } for p in disk.partitions],
            } for disk in disks],
        }
        if self.key:
            described["_encryption"] = {
                "aes_type": "aes-%d" % self.aes, "enable": True, "key_derivation": "pbkdf2",
                "hmac": hmac.new(self.key, b"", hashlib.sha256).hexdigest(), "key_iterations": self.iterations}
        return described


def element(entry):
    position, digest, length, number = entry
    return struct.pack("<q16sIH", position, digest, length, number)


class Parts:
    """The data of one backup, in one file or in several."""

    def __init__(self, limit):
        self.limit, self.files = limit, [b"data"]

    def full(self):
        return self.limit and len(self.files[-1]) >= self.limit

    def next(self):
        self.files.append(b"")

    def position(self):
        return len(self.files[-1])

    def write(self, data):
        self.files[-1] += data


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
