#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds of fuzz_qcow2, fuzz_vdi and fuzz_vmdk, and one of each for fuzz_image.

usage: tests/fuzz/make_corpus_disks.py        needs qemu-img and qemu-io
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")
IMAGES = os.path.join(HERE, "..", "images")


def keep(path, target, name):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    shutil.copyfile(path, os.path.join(CORPUS, target, name))


def make(folder, target, raw, name, *keys):
    path = os.path.join(folder, name)
    subprocess.run([sys.executable, os.path.join(IMAGES, f"make-{target}.py"), path, raw, *keys], check=True)
    keep(path, target, name)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make_qcow2(folder, raw, name, options, *switches):
    path = os.path.join(folder, name)
    run("qemu-img", "convert", "-O", "qcow2", *switches, "-o", "cluster_size=512" + options, raw, path)
    return path


def make_qcow2s(folder, raw):
    """Clusters as small as they may be, or a seed is nearly all padding."""
    for name, options, switches in (("v2", ",compat=0.10", []), ("v3", "", []), ("lazy", ",lazy_refcounts=on", []),
                                    ("refcount-1", ",refcount_bits=1", []), ("refcount-64", ",refcount_bits=64", []),
                                    ("deflate", "", ["-c"]), ("deflate-v2", ",compat=0.10", ["-c"])):
        keep(make_qcow2(folder, raw, name, options, *switches), "qcow2", name)
    path = os.path.join(folder, "zstd")
    run("qemu-img", "convert", "-O", "qcow2", "-c", "-o", "cluster_size=4096,compression_type=zstd", raw, path)
    keep(path, "qcow2", "zstd")
    path = make_qcow2(folder, raw, "zero", "")
    run("qemu-io", "-f", "qcow2", "-c", "write -z 512 1024", "-c", "write -zu 2048 512", path)
    keep(path, "qcow2", "zero")
    path = make_qcow2(folder, raw, "snapshot", "")
    run("qemu-img", "snapshot", "-c", "one", path)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 512", path)
    keep(path, "qcow2", "snapshot")
    path = os.path.join(folder, "backed")
    run("qemu-img", "create", "-u", "-f", "qcow2", "-b", "parent.raw", "-F", "raw", "-o", "cluster_size=512", path, "4096")
    keep(path, "qcow2", "backed")
    keep(os.path.join(folder, "deflate"), "image", "qcow2-deflate")


def main():
    disk = b"seed" * 256 + bytes(2048) + b"more" * 200 + bytes(224)
    with tempfile.TemporaryDirectory() as folder:
        raw = os.path.join(folder, "raw")
        with open(raw, "wb") as out:
            out.write(disk)
        make_qcow2s(folder, raw)
        for name, keys in (("dynamic", []), ("fixed", ["type=2"]), ("differencing", ["type=4"]),
                           ("extra", ["extra=512", "order=reverse"])):
            make(folder, "vdi", raw, name, "map=512", "align=512", "block=512", *keys)
        keep(os.path.join(folder, "dynamic"), "image", "vdi-dynamic")
        for name, keys in (("sparse", ["zero=1"]), ("stream", ["kind=stream"]), ("lazy-tables", ["tables=lazy"]),
                           ("packed-bare", ["kind=stream", "raw=1"]),
                           ("delta", ["parentcid=12345678", "hint=parent.vmdk"])):
            make(folder, "vmdk", raw, name, "grain=1", "words=4", *keys)
        keep(os.path.join(folder, "stream"), "image", "vmdk-stream")
        path = os.path.join(folder, "descriptor")
        with open(path, "wb") as out:
            out.write(b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="custom"\nRW 8 ZERO\n'
                      b'RW 8 FLAT "x-flat.vmdk" 0\nRDONLY 8 SPARSE "x-s001.vmdk"\nRW 8 SESPARSE "x"\n')
        keep(path, "vmdk", "descriptor")


if __name__ == "__main__":
    main()
