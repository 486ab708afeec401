#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds of fuzz_image for the formats of virtual machines' disks: VDI, VMDK.

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
        for name, keys in (("vmdk-sparse", ["zero=1"]), ("vmdk-stream", ["kind=stream"]), ("vmdk-lazy", ["tables=lazy"]),
                           ("vmdk-packed-bare", ["kind=stream", "raw=1"]),
                           ("vmdk-delta", ["parentcid=12345678", "hint=parent.vmdk"])):
            make(folder, "make-vmdk.py", name, disk, "grain=1", "words=4", *keys)
    with open(os.path.join(CORPUS, "vmdk-descriptor"), "wb") as out:
        out.write(b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="custom"\nRW 8 ZERO\n'
                  b'RW 8 FLAT "x-flat.vmdk" 0\nRDONLY 8 SPARSE "x-s001.vmdk"\nRW 8 SESPARSE "x"\n')


if __name__ == "__main__":
    main()
