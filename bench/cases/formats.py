# SPDX-License-Identifier: MIT
"""Each format through `platter serve` against qemu-nbd: from start to end, and 4 KiB at random."""
from harness import MIB, TEXT, Contest, fio_iops, rate, run


def packed(bench, name, *options):
    raw = bench.text_image()
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
        yield sequential(servers(bench, title, form, image), TEXT)
