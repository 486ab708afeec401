#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damages clusters of disks with real file systems and holds what `platter verify` says of them against what mtools'
mshowfat and ntfs-3g's ntfscluster say lies there. Prints TAP."""
import importlib.util
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, skip_all  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLATTER = os.path.join(ROOT, "build/host/platter")
CLUSTER = 512 # of the QCOW2 images, so that damage can be as small as that
tap = Tap()


def run(*command, **options):
    env = dict(os.environ, LC_ALL="C.UTF-8", MTOOLS_SKIP_CHECK="1", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, check=False, **options)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def must(*command, **options):
    status, out, err = run(*command, **options)
    if status:
        sys.exit(f"{command}: {status}\n{out}{err}")
    return out


class Disk:
    """A QCOW2 copy of a raw disk, in which clusters can be made unreadable and readable again."""

    def __init__(self, raw):
        must("qemu-img", "convert", "-O", "qcow2", "-S", "0", "-o", f"cluster_size={CLUSTER}", raw, "damaged.qcow2")
        with open("damaged.qcow2", "rb") as image:
            self.image = bytearray(image.read())
        (self.l1,) = struct.unpack(">Q", self.image[40:48])

    def entry(self, offset):
        cluster = offset // CLUSTER
        (table,) = struct.unpack_from(">Q", self.image, self.l1 + cluster // (CLUSTER // 8) * 8)
        return (table & 0x00FFFFFFFFFFFE00) + cluster % (CLUSTER // 8) * 8

    def verify(self, offsets):
        """What `platter verify` says when the clusters at `offsets` point behind the file's end."""
        with open("damaged.qcow2", "r+b") as image:
            for offset in offsets:
                image.seek(self.entry(offset))
                image.write(struct.pack(">Q", 1 << 63 | 1 << 50))
        found = verify()
        with open("damaged.qcow2", "r+b") as image:
            for offset in offsets:
                at = self.entry(offset)
                image.seek(at)
                image.write(self.image[at:at + 8])
        return found


def verify(image="damaged.qcow2"):
    status, out, _ = run(PLATTER, "verify", image, "--json", timeout=60)
    found = json.loads(out)
    found["status"] = status
    return found


def names(found, kind):
    return sorted({piece["name"] for piece in found["damaged"] if piece["kind"] == kind})


def covered(found, offsets):
    """What is told covers each damaged cluster, in order and whole, and nothing else."""
    told = sorted((piece["offset"], piece["length"]) for piece in found["damaged"])
    at = []
    for offset, length in told:
        at += range(offset // 512, (offset + length) // 512)
    want = sorted(s for c in {o // CLUSTER for o in offsets} for s in range(c * CLUSTER // 512, (c + 1) * CLUSTER // 512))
    return at == want


def fat_owners(volume):
    """{cluster: path} by mshowfat, and (byte of cluster 2, bytes of a cluster)."""
    owners = {}
    for line in must("mdir", "-/", "-b", "-a", "-i", volume, "::").splitlines():
        path = line[2:]
        for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", must("mshowfat", "-i", volume, line.rstrip("/"))[len(line):]):
            for cluster in range(int(first), int(last or first) + 1):
                owners[cluster] = path
    with open(volume, "rb") as file:
        boot = file.read(512)
    size, per, reserved, fats, entries = struct.unpack("<HBHBH", boot[11:19])
    length = struct.unpack("<H", boot[22:24])[0] or struct.unpack("<I", boot[36:40])[0]
    data = (reserved + fats * length) * size + (entries * 32 + size - 1) // size * size
    return owners, data, size * per


def try_fat(bits, mib, rng):
    """A volume with files in pieces, folders in folders and long names, each cluster's owner as mtools has it."""
    volume, name = f"fat{bits}.img", f"FAT{bits}"
    with open(volume, "wb") as file:
        file.truncate(mib << 20)
    must("mkfs.fat", "-F", str(bits), "-s", {12: "8", 16: "2", 32: "1"}[bits], volume)
    files = {}
    for i in range(24):
        files[f"/file {i} with a long name.bin"] = rng.randbytes(rng.randrange(1, 30000))
    for folder in ("/folder", "/folder/Größer", "/folder/Größer/DEEP"):
        must("mmd", "-i", volume, "::" + folder)
        for i in range(20):
            files[f"{folder}/a rather long name so that the folder grows, number {i}"] = rng.randbytes(rng.randrange(9000))
    for path, data in files.items():
        must("mcopy", "-i", volume, "-", "::" + path, input=data)
    gone = [path for i, path in enumerate(files) if i % 2]
    for path in gone:
        must("mdel", "-i", volume, "::" + path)
    # What was freed lies in pieces, and so will these.
    for path in ("/PIECES.BIN", "/folder/lower.txt", "/folder/Größer/DEEP/many pieces"):
        must("mcopy", "-i", volume, "-", "::" + path, input=rng.randbytes(120000))
    owners, data, size = fat_owners(volume)
    disk = Disk(volume)
    at = {cluster: data + (cluster - 2) * size for cluster in range(2, ((mib << 20) - data) // size + 2)}
    chains = {}
    for cluster, path in owners.items():
        chains.setdefault(path, []).append(cluster)
    pieces = sum(b != a + 1 for chain in chains.values() for a, b in zip(chain, chain[1:]))
    tap.check(f"{name}: files lie in {pieces} pieces more than there are files", pieces > 5)
    wrong = []
    files = [path for path in chains if not path.endswith("/")]
    for path in files:
        index = rng.randrange(len(chains[path]))
        place = at[chains[path][index]] + rng.randrange(size // CLUSTER) * CLUSTER
        found = disk.verify([place])
        want = {"offset": place, "length": CLUSTER, "partition": 0, "filesystem": f"fat{bits}", "kind": "file",
                "name": path, "file_offset": index * size + place - at[chains[path][index]]}
        if found["damaged"] != [want] or found["status"] != 8:
            wrong.append((want, found["damaged"]))
    tap.check(f"{name}: a damaged sector of each of {len(files)} files is told to be its, and which", not wrong, *wrong[:2])
    both = rng.sample(files, 5)
    places = sorted(at[chains[path][0]] for path in both)
    found = disk.verify(places)
    tap.check(f"{name}: of five damaged places each is told", names(found, "file") == sorted(both) and covered(found, places), found)
    free = rng.choice([cluster for cluster in at if cluster not in owners])
    found = disk.verify([at[free]])
    tap.check(f"{name}: damage where no file is", [p["kind"] for p in found["damaged"]] == ["free"], found)
    found = disk.verify([at[chains["/folder/Größer/DEEP/"][0]]])
    tap.check(f"{name}: a damaged folder is named as the file system's own",
              names(found, "metadata") == ["folder /folder/Größer/DEEP"], found)
    found = disk.verify([0])
    tap.check(f"{name}: with a damaged boot sector nothing is made up", [p["kind"] for p in found["damaged"]] == ["unknown"], found)
    with open(volume, "rb") as file:
        reserved = struct.unpack("<H", file.read(16)[14:16])[0] * 512
    found = disk.verify([reserved])
    tap.check(f"{name}: a damaged table is named, and its copy used", names(found, "metadata") == ["file allocation table 1"] and
         not names(found, "unknown"), found)
    folders = [at[c] + i for path, chain in chains.items() if path.endswith("/") for c in chain for i in range(0, size, CLUSTER)]
    victim = next(path for path in files if path.startswith("/folder/"))
    found = disk.verify(folders + [at[chains[victim][0]]])
    tap.check(f"{name}: with all folders damaged nothing is made up", victim not in names(found, "file") and
         "unknown" in [p["kind"] for p in found["damaged"]], found["damaged"])


def try_ntfs(rng):
    """Each cluster's owner as ntfscluster has it."""
    must(sys.executable, os.path.join(ROOT, "tests/images/make-disk.py"), "ntfs.img", "--table", "none", "ntfs:16")
    with open("fill", "wb") as file:
        file.write(rng.randbytes(200000))
    for i in range(20):
        must("ntfscp", "-q", "ntfs.img", "fill", f"filler {i} é.bin")
    must("ntfscp", "-q", "-N", "a stream", "ntfs.img", "fill", "filler 3 é.bin")
    disk = Disk("ntfs.img")
    wrong, kinds = [], {"file": 0, "metadata": 0, "free": 0}
    places = [cluster * 4096 for cluster in range(1, 4096)]
    rng.shuffle(places)
    for place in places:
        if kinds["file"] >= 25 and kinds["free"] >= 12 and kinds["metadata"] >= 8:
            break
        out = must("ntfscluster", "-q", "-f", "-c", f"{place // 4096}-{place // 4096}", "ntfs.img")
        match = re.search(r"^Inode (\d+) (/.*)/\$([A-Z_]+)(?:\((.*)\))?$", out, re.M)
        number, path, attribute, stream = match.groups() if match else ("", None, None, None)
        kind = "free" if not match else "file" if attribute == "DATA" and int(number) >= 24 else "metadata"
        if kinds[kind] >= (12 if kind == "free" else 25):
            continue
        kinds[kind] += 1
        found = disk.verify([place])["damaged"]
        want = path
        if kind == "file" and stream:
            want = f"{path}:{stream}"
        elif kind == "metadata":
            want = "folder /" if attribute == "INDEX_ALLOCATION" else path[1:] + (f":{stream}" if stream else "")
        if attribute == "SECURITY_DESCRIPTOR":
            want = "attribute 0x50 of /"
        if [(p["kind"], p["name"]) for p in found] != [(kind, want)]:
            wrong.append((kind, want, found))
    tap.check(f"NTFS: {kinds['file']} places in files, {kinds['metadata']} in its own, {kinds['free']} in none, as ntfscluster has them",
              not wrong and min(kinds.values()) >= 5, *wrong[:3])
    owners = must("ntfscluster", "-q", "-f", "-c", "0-4095", "ntfs.img")
    tap.check("NTFS: a stream is among them", "(a stream)" in owners)
    boot = bytes(disk.image[0:0])
    with open("ntfs.img", "rb") as file:
        boot = file.read(512)
    mft = struct.unpack("<Q", boot[48:56])[0] * 4096
    found = disk.verify([mft + 66 * 1024, mft + 66 * 1024 + 512])
    tap.check("NTFS: a damaged record is named as the table's, with its place in it",
              [(p["name"], p["file_offset"]) for p in found["damaged"]] == [("$MFT", 66 * 1024)], found["damaged"])
    data = struct.unpack("<Q", boot[40:48])[0]
    found = disk.verify([data * 512 // CLUSTER * CLUSTER])
    tap.check("NTFS: the copy of the boot sector", [p["kind"] for p in found["damaged"]] == ["metadata"], found["damaged"])
    found = disk.verify([0])
    tap.check("NTFS: with a damaged boot sector nothing is made up", [p["kind"] for p in found["damaged"]] == ["unknown"], found)
    found = disk.verify([mft, mft + 512])
    tap.check("NTFS: without its first record nothing is made up", [p["kind"] for p in found["damaged"]] == ["unknown"], found)


def try_partitions():
    must(sys.executable, os.path.join(ROOT, "tests/images/make-disk.py"), "disk.img", "ntfs:8", "fat32:34", "bytes:2")
    parts = [line.split() for line in open("disk.img.parts", encoding="utf-8")]
    must("dd", "if=disk.img", "of=part.img", "bs=512", f"skip={int(parts[1][1]) // 512}", f"count={int(parts[1][2]) // 512}")
    owners, data, size = fat_owners("part.img")
    first = min(cluster for cluster, path in owners.items() if path == "/large.bin")
    disk = Disk("disk.img")
    fat = int(parts[1][1]) + data + (first - 2) * size
    found = disk.verify([0x200, fat, int(parts[2][1])])
    told = [(p["partition"], p["filesystem"], p["kind"], p["name"]) for p in found["damaged"]]
    tap.check("a disk: partition, file system and file of each place", sorted(told, key=str) == sorted([
        (2, "fat32", "file", "/large.bin"), (3, None, "unknown", "no known file system"),
        (None, None, "outside", "outside of the partitions")], key=str), told)
    status, out, _ = run(PLATTER, "verify", "disk.img")
    tap.check("without damage nothing is told", status == 0 and "damaged" not in out, out)
    with open("damaged.qcow2", "r+b") as image:
        image.seek(disk.entry(fat))
        image.write(struct.pack(">Q", 1 << 63 | 1 << 50))
    status, out, _ = run(PLATTER, "verify", "damaged.qcow2")
    tap.check("as text", status == 8 and f"damaged: 512 bytes at byte {fat} of the disk: partition 2, file /large.bin, from its byte 0 on" in out, out)


def ntfs_files(first, last):
    """The files that ntfscluster finds in these clusters of ntfs.img."""
    out = must("ntfscluster", "-q", "-f", "-c", f"{first}-{last}", "ntfs.img")
    found = re.findall(r"^Inode (\d+) (/.*)/\$DATA(?:\((.*)\))?$", out, re.M)
    return sorted({path + (":" + stream if stream else "") for number, path, stream in found if int(number) >= 24})


def try_backup():
    """A Macrium backup of the volume: a block whose bytes do not match their MD5."""
    spec = importlib.util.spec_from_file_location("make_mrimgx", os.path.join(ROOT, "tests/images/make-mrimgx.py"))
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    with open("ntfs.img", "rb") as file:
        volume = file.read()
    blocks = len(volume) // writer.BLOCK
    disk = writer.Disk(24 << 20, 1, "gpt", [writer.Partition(1, 1 << 20, len(volume), range(blocks))])
    disk.put(1 << 20, volume)
    writer.Set(".").backup([disk], "ntfs.mrimgx", 0)
    found = verify("ntfs.mrimgx")
    tap.check("a backup: whole, nothing is damaged", found["status"] == 0 and found["checksums"] and not found["damaged"], found)
    with open("ntfs.mrimgx", "rb") as file:
        image = bytearray(file.read())
    index = image.index(b"$INDEX  ") + 32 + 8
    wrong, several = [], 0
    for block in range(blocks):
        files = ntfs_files(block * 16, block * 16 + 15)
        if not files or block % 3:
            continue
        position, _, length = struct.unpack_from("<Q16sI", image, index + 30 * block)
        image[position + length // 2] ^= 0x55
        with open("ntfs.mrimgx", "wb") as file:
            file.write(image)
        image[position + length // 2] ^= 0x55
        found = verify("ntfs.mrimgx")
        several += len(files) > 1
        if names(found, "file") != files or found["status"] != 8 or sum(p["length"] for p in found["damaged"]) != writer.BLOCK:
            wrong.append((block, files, found))
    tap.check(f"a backup: the files of each damaged block, and no others; of several {several} times", not wrong, *wrong[:2])


def try_vhdx():
    """A VHDX image with a block that lies behind the file's end."""
    must("qemu-img", "convert", "-O", "vhdx", "-o", "block_size=1M,subformat=dynamic", "ntfs.img", "ntfs.vhdx")
    with open("ntfs.vhdx", "rb") as file:
        image = bytearray(file.read())
    regions = {bytes(image[at:at + 16]): struct.unpack_from("<Q", image, at + 16)[0]
               for at in ((192 << 10) + 16, (192 << 10) + 48)}
    bat = regions[uuid.UUID("2DC27766-F623-4200-9D64-115E9BFD4A08").bytes_le]
    wrong = []
    for block in (4, 8, 9):
        kept = image[bat + 8 * block:bat + 8 * block + 8]
        image[bat + 8 * block:bat + 8 * block + 8] = struct.pack("<Q", 1 << 40 | 6)
        with open("ntfs.vhdx", "wb") as file:
            file.write(image)
        image[bat + 8 * block:bat + 8 * block + 8] = kept
        files, found = ntfs_files(block * 256, block * 256 + 255), verify("ntfs.vhdx")
        if names(found, "file") != files or sum(p["length"] for p in found["damaged"]) != 1 << 20 or found["status"] != 8:
            wrong.append((block, files, found))
    tap.check("VHDX: the files of a block that is not there, and no others", not wrong, *wrong[:2])


def main():
    for tool in ("qemu-img", "mshowfat", "mkfs.fat", "ntfscluster", "ntfscp", "ntfsinfo", "mkntfs"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip_all(f"{tool} is not installed")
    rng = random.Random(3)
    with tempfile.TemporaryDirectory(prefix="platter-test.") as work:
        os.chdir(work)
        try_fat(12, 6, rng)
        try_fat(16, 8, rng)
        try_fat(32, 36, rng)
        try_ntfs(rng)
        try_backup()
        try_vhdx()
        try_partitions()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
