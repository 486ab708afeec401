# SPDX-License-Identifier: MIT
"""Each format through `platter serve` against qemu-nbd: from start to end, and 4 KiB at random."""
import random

from harness import MIB, Contest, fio_iops, rate, run

SIZE = 256 * MIB  # of what compresses: decoders are the slow ones
PART = 16 * MIB  # of it is made, and repeated: no decoder looks back that far


def compressible(bench):
    """256 MiB of words out of a vocabulary, as text, code and databases are: half their size when packed."""
    def make(path):
        source = random.Random(7)
        words = [source.randbytes(source.randrange(2, 14)) for _ in range(4000)]
        out = bytearray()
        while len(out) < PART:
            out += source.choice(words) * source.choice((1, 1, 1, 2, 40))
        with open(path, "wb") as file:
            for _ in range(SIZE // PART):
                file.write(out[:PART])
    return bench.once("text.raw", make)


def packed(bench, name, *options):
    raw = compressible(bench)
    return bench.once(name, lambda path: run("qemu-img", "convert", "-f", "raw", *options, raw, path))


# title, qemu's name, how the image is made
DYNAMIC = (
    ("QCOW2", "qcow2", ("-O", "qcow2")),
    ("dynamic VHDX", "vhdx", ("-O", "vhdx")),
    ("dynamic VHD", "vpc", ("-O", "vpc", "-o", "force_size=on")),
    ("VDI", "vdi", ("-O", "vdi")),
    ("sparse VMDK", "vmdk", ("-O", "vmdk")),
)
PACKED = (
    ("QCOW2 zlib", "qcow2", ("-O", "qcow2", "-c")),
    ("QCOW2 zstd", "qcow2", ("-O", "qcow2", "-c", "-o", "compression_type=zstd")),
    ("stream VMDK", "vmdk", ("-O", "vmdk", "-o", "subformat=streamOptimized")),
)


def servers(bench, title, form, image):
    ours = bench.lazily(lambda: bench.platter_serve(image()))
    theirs = bench.lazily(lambda: bench.qemu_nbd(image(), form))
    return f"serve {title}", f"qemu-nbd -r -f {form}", ours, theirs


def sequential(named, size):
    name, peer, ours, theirs = named

    def copy(uri):
        return lambda: rate(size, "nbdcopy", "--connections=4", uri(), "null:")
    return Contest(f"{name}, nbdcopy to null", "MiB/s", peer, copy(ours), copy(theirs), rounds=5)


def at_random(named, depth):
    name, peer, ours, theirs = named
    return Contest(f"{name}, 4 KiB random, depth {depth}", "IOPS", peer, lambda: fio_iops(ours(), depth),
                   lambda: fio_iops(theirs(), depth), rounds=3)


def cases(bench):
    for title, form, options in DYNAMIC:
        image = bench.lazily(lambda title=title, options=options: bench.converted(title.replace(" ", "-"), *options))
        named = servers(bench, title, form, image)
        yield sequential(named, 768 * MIB)
        if form in ("qcow2", "vhdx"):
            for depth in (1, 32):
                yield at_random(named, depth)
    for title, form, options in PACKED:
        image = bench.lazily(lambda title=title, options=options: packed(bench, title.replace(" ", "-"), *options))
        yield sequential(servers(bench, title, form, image), SIZE)
