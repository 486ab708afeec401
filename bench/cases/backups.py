# SPDX-License-Identifier: MIT
"""Macrium Reflect X backups. QEMU does not read them: the peer is zstd, on the very frames that are in the image."""
import glob
import os
import resource
import subprocess
import sys

from harness import MIB, PLATTER, ROOT, TEXT, Contest, rate, run, seconds

sys.path.insert(0, os.path.join(ROOT, "tests", "images"))
from mrimgx_writer import BLOCK, Disk, Partition, Set, pack_all  # noqa: E402

START = MIB  # of the only partition
VENDOR = os.path.join(ROOT, "..", "shared", "data", "mrimgx", "*.mrimgx.xz")


def backup(bench):
    """A backup of a disk whose one partition is full of words."""
    def make(path):
        disk = Disk(START + TEXT + MIB, 0, "gpt", [Partition(1, START, TEXT, [])])
        with open(bench.text_image(), "rb") as words:
            disk.bytes[START:START + TEXT] = words.read()
        disk.partitions[0].used = set(range(TEXT // BLOCK))
        Set(os.path.dirname(path)).backup([disk], os.path.basename(path), 0)
    return bench.once("words.mrimgx", make)


def frames(bench):
    """The same blocks packed in the same way, one frame behind the other."""
    def make(path):
        with open(bench.text_image(), "rb") as words, open(path, "wb") as out:
            out.write(b"".join(pack_all(list(iter(lambda: words.read(BLOCK), b"")))))
    return bench.once("words.zst", make)


def processor_rate(size, *command):
    """MiB in a second of processor time, all threads of the command added up."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return size / MIB / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def vendors_image(bench):
    """The vendor's backup of a disk of 120 GB, 59 MB of which are its index; only where it is at hand."""
    packed = glob.glob(VENDOR)
    if not packed:
        raise RuntimeError("../shared/data/mrimgx is not there")

    def make(path):
        with open(path, "wb") as out:
            subprocess.run(["xz", "-dc", packed[0]], stdout=out, check=True)
    return bench.once("vendor.mrimgx", make)


def cases(bench):
    image, packed, vendor = (bench.lazily(lambda make=make: make(bench)) for make in (backup, frames, vendors_image))
    uri = bench.lazily(lambda: bench.platter_serve(image()))
    yield Contest("serve .mrimgx, nbdcopy to null", "MiB/s", "zstd -dc, one thread",
                  lambda: rate(TEXT, "nbdcopy", "--connections=4", uri(), "null:"),
                  lambda: rate(TEXT, "zstd", "-dc", packed()), rounds=5)
    yield Contest("verify .mrimgx, of each core", "MiB/s", "zstd -t (no MD5s)",
                  lambda: processor_rate(TEXT, PLATTER, "verify", image()),
                  lambda: processor_rate(TEXT, "zstd", "-q", "-t", packed()), rounds=5)
    yield Contest("open a .mrimgx of 120 GB", "s", "md5sum of the file",
                  lambda: seconds(PLATTER, "info", vendor()), lambda: seconds("md5sum", vendor()), more_is_better=False)
