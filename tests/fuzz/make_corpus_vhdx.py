#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds of fuzz_vhdx (see there for their form), and of fuzz_vhd those with sectors that are not there.

usage: tests/fuzz/make_corpus_vhdx.py
"""
import os
import struct
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "images"))
import vhd_images  # noqa: E402

PAGE = 4096


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def records(image):
    """The pages that hold something, as far as they do; not the garbage where sectors are not there."""
    out = b""
    for page, data in enumerate(vhd_images.pieces(image, PAGE)):
        data = data.rstrip(b"\0")
        if data.strip(bytes([vhd_images.GARBAGE])):
            out += struct.pack("<HH", page, len(data)) + data
    return out


def main():
    disk = (b"seed" * 100).ljust(1 << 20, b"\0") + b"\0" * (1 << 20) + b"more"
    disk = disk.ljust(3 << 20, b"\0")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "seed.vhdx")
        for name, keys in (("dynamic", {}), ("sectors-4096", {"sector": "4096"}), ("fixed", {"fixed": "1"}),
                           ("log", {"log": "dirty"}), ("log-torn", {"log": "torn"}), ("log-far", {"log": "far"}),
                           ("huge", {"size": str(1 << 45), "block": str(1 << 28)})):
            vhd_images.vhdx(path, disk, keys)
            with open(path, "rb") as image:
                put("vhdx", name, records(image.read()))
        base = os.path.join(folder, "base.raw")
        with open(base, "wb") as raw:
            raw.write(disk)
        parent = os.path.join(folder, "parent.vhdx")
        vhd_images.vhdx(parent, disk, {})
        vhd_images.vhdx(path, b"new!" * 1000 + disk[4000:], {"parent": parent, "base": base})
        with open(path, "rb") as image:
            data = bytearray(image.read())
        put("vhdx", "differencing", records(data))
        # Without HasParent the same file goes on to its partially present blocks.
        data[vhd_images.METADATA_AT + 65536 + 4] = 0
        put("vhdx", "partial", records(data))
        vhd_images.vhd(path, b"seed" * 1024 + b"\0" * 4096 + b"seed" * 100 + b"\0" * 3696, {"block": "4096"})
        with open(path, "rb") as image:
            put("vhd", "vhd-sectors", image.read())


if __name__ == "__main__":
    main()
