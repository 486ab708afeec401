#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a disk image with real file systems in it: no root, no loop device, sparse, in a second or two.

usage: make-disk.py OUT.img [--table mbr|gpt|none] [--sector-size 512|4096] [--files DIR] [--seed N] PART ...

PART is [logical:]FS:MIB[:LABEL] with FS one of ntfs, fat32, bytes (no file system, known random bytes). Logical
partitions go into one extended partition behind the primary ones. With --table none there is one PART and no table.
Each file system is filled with the files of DIR (sub-folders on FAT32 only: there is no tool that makes one on NTFS
without mounting it) or, without --files, with generated ones that depend on the seed only.

Beside the image two lists are written, for tests to read:
    OUT.img.parts   NUMBER OFFSET LENGTH FS primary|logical     one line a partition, bytes, numbered as Windows does
    OUT.img.files   SHA256  NUMBER/PATH                         one line a file
"""
import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile

MIB = 1 << 20
MBR_TYPES = {"ntfs": "7", "fat32": "c", "bytes": "da"}
GPT_TYPES = {"ntfs": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "fat32": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
             "bytes": "0FC63DAF-8483-4772-8E79-3D69D8477DE4"}


class Part:
    def __init__(self, text):
        fields = text.split(":")
        self.logical = fields[0] == "logical"
        if self.logical:
            fields.pop(0)
        if len(fields) not in (2, 3) or fields[0] not in MBR_TYPES or not fields[1].isdigit() or fields[1] == "0":
            raise argparse.ArgumentTypeError(f"{text!r} is not [logical:]ntfs|fat32|bytes:MIB[:LABEL]")
        self.fs = fields[0]
        self.length = int(fields[1]) * MIB
        self.label = fields[2] if len(fields) == 3 else self.fs.upper()
        self.offset = 0
        self.number = 0


def run(*command, stdin=None):
    """Runs a tool quietly; what it said is shown only when it fails."""
    env = dict(os.environ, LC_ALL="C.UTF-8", MTOOLS_SKIP_CHECK="1",
               PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, check=False)
    if done.returncode:
        sys.exit(f"make-disk: {' '.join(command)}: exit status {done.returncode}\n{done.stdout.decode(errors='replace')}")


def lay_out(parts, table):
    """Gives each partition its number and offset, whole MiB apart, and returns (disk size, offset of the extended one)."""
    primaries = [p for p in parts if not p.logical]
    logicals = [p for p in parts if p.logical]
    if table == "none":
        return parts[0].length, None
    at = MIB
    for number, part in enumerate(primaries, 1):
        part.number, part.offset = number, at
        at += part.length
    extended = at if logicals else None
    for number, part in enumerate(logicals, len(primaries) + 1):
        part.number, part.offset = number, at + MIB
        at += MIB + part.length
    return at + MIB, extended


def write_table(path, parts, table, sector, size, extended):
    if table == "none":
        return
    if sector != 512:
        # sfdisk knows files as 512-byte disks only; fdisk takes the sector size, and its questions on standard input.
        lines = ["o" if table == "mbr" else "g"]
        for part in parts:
            lines += ["n"] + (["p"] if table == "mbr" else []) + [str(part.number), str(part.offset // sector),
                                                                  str((part.offset + part.length) // sector - 1)]
        types = MBR_TYPES if table == "mbr" else GPT_TYPES
        for part in parts:
            lines += ["t"] + ([str(part.number)] if len(parts) > 1 else []) + [types[part.fs]]
        run("fdisk", "--sector-size", str(sector), "--wipe", "never", "--wipe-partitions", "never", path,
            stdin=("\n".join(lines) + "\nw\n").encode())
        return
    lines = ["label: " + ("dos" if table == "mbr" else "gpt"), "unit: sectors"]
    types = MBR_TYPES if table == "mbr" else GPT_TYPES
    number = 0
    for part in parts:
        if part.logical:
            continue
        number += 1
        extra = f", name=\"{part.label}\"" if table == "gpt" else ""
        lines.append(f"{number}: start={part.offset // sector}, size={part.length // sector}, type={types[part.fs]}{extra}")
    if extended is not None:
        end = parts[-1].offset + parts[-1].length
        lines.append(f"4: start={extended // sector}, size={(end - extended) // sector}, type=f")
        for index, part in enumerate(p for p in parts if p.logical):
            lines.append(f"{5 + index}: start={part.offset // sector}, size={part.length // sector}, type={types[part.fs]}")
    run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", path, stdin=("\n".join(lines) + "\n").encode())


def generated(seed, number):
    """(path, contents) of the files that a partition gets; small ones, one of them larger than any batch."""
    source = random.Random(f"{seed}/{number}")
    yield "readme.txt", b"Partition %d of a test image.\r\n" % number
    yield "empty", b""
    yield "Grüße aus Köln.txt", "Äpfel, Öl und Übermut\r\n".encode() * 40
    yield "large.bin", source.randbytes(3 * MIB + 12345)
    yield "folder/deep/inside.bin", source.randbytes(70001)


def gather(folder):
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                yield os.path.relpath(path, folder), file.read()


def fill_ntfs(image, part, sector, files, scratch):
    run("mkntfs", "-F", "-f", "-Q", "-q", "-s", str(sector), "-c", "4096", "-p", str(part.offset // sector), "-H", "255",
        "-S", "63", "-L", part.label, image, str(part.length // sector))
    for path, data in files:
        if "/" in path:
            continue
        write(scratch, data)
        run("ntfscp", "-q", image, scratch, path)
        yield path, data


def fill_fat32(image, part, sector, files, scratch):
    run("mkfs.fat", "-F", "32", "-s", "1", "-S", str(sector), "-h", str(part.offset // sector), "-n", part.label[:11], image)
    made = set()
    for path, data in files:
        folder = ""
        for name in path.split("/")[:-1]:
            folder += "/" + name
            if folder not in made:
                run("mmd", "-i", image, "::" + folder)
                made.add(folder)
        write(scratch, data)
        run("mcopy", "-i", image, scratch, "::/" + path)
        yield path, data


def fill_bytes(image, part, seed):
    source = random.Random(f"{seed}/{part.number}/bytes")
    with open(image, "r+b") as file:
        for _ in range(part.length // MIB):
            file.write(source.randbytes(MIB))


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def place(source, target, offset):
    """Copies what is not zero, so that the image stays sparse."""
    step = 1 << 16
    with open(source, "rb") as old, open(target, "r+b") as new:
        at = 0
        while block := old.read(step):
            if block.count(0) != len(block):
                new.seek(offset + at)
                new.write(block)
            at += len(block)


def main():
    parser = argparse.ArgumentParser(description="Makes a disk image with real file systems in it.")
    parser.add_argument("out")
    parser.add_argument("parts", metavar="PART", nargs="+", type=Part)
    parser.add_argument("--table", choices=("mbr", "gpt", "none"), default="mbr")
    parser.add_argument("--sector-size", type=int, choices=(512, 4096), default=512)
    parser.add_argument("--files")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    parts, table, sector = options.parts, options.table, options.sector_size
    if any(p.logical for p in parts) and (table != "mbr" or sector != 512):
        parser.error("logical partitions need --table mbr and 512-byte sectors")
    if table == "none" and len(parts) != 1:
        parser.error("--table none takes one PART")
    if table == "mbr" and sum(not p.logical for p in parts) > (3 if any(p.logical for p in parts) else 4):
        parser.error("too many primary partitions for an MBR")
    parts.sort(key=lambda part: part.logical)

    size, extended = lay_out(parts, table)
    out = options.out
    with open(out, "wb") as file:
        file.truncate(size)
    write_table(out, parts, table, sector, size, extended)
    with tempfile.TemporaryDirectory(prefix="make-disk.") as folder, open(out + ".files", "w", encoding="utf-8") as listing:
        scratch = os.path.join(folder, "file")
        for part in parts:
            volume = os.path.join(folder, "volume")
            with open(volume, "wb") as file:
                file.truncate(part.length)
            files = gather(options.files) if options.files else generated(options.seed, part.number)
            if part.fs == "bytes":
                fill_bytes(volume, part, options.seed)
                done = ()
            else:
                done = (fill_ntfs if part.fs == "ntfs" else fill_fat32)(volume, part, sector, files, scratch)
            for path, data in done:
                listing.write(f"{hashlib.sha256(data).hexdigest()}  {part.number}/{path}\n")
            place(volume, out, part.offset)
            os.unlink(volume)
    with open(out + ".parts", "w", encoding="utf-8") as listing:
        for part in parts:
            kind = "logical" if part.logical else "primary"
            listing.write(f"{part.number} {part.offset} {part.length} {part.fs} {kind}\n")


if __name__ == "__main__":
    main()
