#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds of fuzz_image for the formats of virtual machines' disks: VDI.

usage: tests/fuzz/make_corpus_disks.py
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus", "image")
IMAGES = os.path.join(HERE, "..", "images")


def make(folder, writer, name, data, *keys):
    raw = os.path.join(folder, "raw")
    with open(raw, "wb") as out:
        out.write(data)
    path = os.path.join(folder, name)
    subprocess.run([sys.executable, os.path.join(IMAGES, writer), path, raw, *keys], check=True)
    with open(path, "rb") as image, open(os.path.join(CORPUS, name), "wb") as out:
        out.write(image.read())


def main():
    disk = b"seed" * 256 + bytes(2048) + b"more" * 200 + bytes(224)
    with tempfile.TemporaryDirectory() as folder:
        for name, keys in (("vdi-dynamic", []), ("vdi-fixed", ["type=2"]), ("vdi-differencing", ["type=4"]),
                           ("vdi-extra", ["extra=512", "order=reverse"])):
            make(folder, "make-vdi.py", name, disk, "map=512", "align=512", "block=512", *keys)


if __name__ == "__main__":
    main()
