# SPDX-License-Identifier: MIT
"""`platter serve` against qemu-nbd: the same file, the same clients."""
from harness import MIB, Contest, fio_iops, rate

DATA = 768 * MIB  # nbdcopy asks for the map first and leaves the holes out


def sequential(name, peer, ours, theirs, connections):
    def copy(uri):
        return lambda: rate(DATA, "nbdcopy", f"--connections={connections}", uri(), "null:")
    return Contest(f"{name}, {connections} connection{'s' * (connections > 1)}", "MiB/s", peer, copy(ours), copy(theirs))


def random_reads(name, peer, ours, theirs, depth):
    return Contest(f"{name}, depth {depth}", "IOPS", peer, lambda: fio_iops(ours(), depth),
                   lambda: fio_iops(theirs(), depth), rounds=5)


def cases(bench):
    fixed_vhd = ("-O", "vpc", "-o", "subformat=fixed,force_size=on")
    for title, peer_format, make in (("raw", "raw", bench.raw_image),
                                     ("fixed VHD", "vpc", lambda: bench.converted("disk.vhd", *fixed_vhd))):
        image = bench.lazily(make)
        ours = bench.lazily(lambda image=image: bench.platter_serve(image()))
        theirs = bench.lazily(lambda image=image, form=peer_format: bench.qemu_nbd(image(), form))
        peer = f"qemu-nbd -r -f {peer_format}"
        for connections in (1, 4):
            yield sequential(f"serve {title}, nbdcopy to null", peer, ours, theirs, connections)
        if title == "raw":
            for depth in (1, 32):
                yield random_reads(f"serve {title}, 4 KiB random reads", peer, ours, theirs, depth)
