# SPDX-License-Identifier: MIT
"""Disks made up here, and Macrium Reflect X backups of them: the layout, for make-mrimgx.py.

Written from the vendor's description of the layout alone; shares nothing with the reader it tests. Packs with the
`zstd` command and encrypts with `openssl`.
"""
import hashlib
import hmac
import json
import os
import random
import struct
import subprocess
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
        self.limit, self.files = limit, [bytearray(b"data")]

    def full(self):
        return self.limit and len(self.files[-1]) >= self.limit

    def next(self):
        self.files.append(bytearray())

    def position(self):
        return len(self.files[-1])

    def write(self, data):
        self.files[-1] += data
