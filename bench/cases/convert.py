# SPDX-License-Identifier: MIT
"""`platter convert` against `qemu-img convert`: every format both read to raw, and raw to every one both write."""
import os

from harness import PLATTER, Bench, Contest, seconds, touch_memory

# Title, --format and --subformat, QEMU's name and options. force_size: QEMU rounds a VHD's size up otherwise.
KINDS = [
    ("raw", ("raw",), "raw", ()),
    ("dynamic VHD", ("vhd",), "vpc", ("-o", "force_size=on")),
    ("fixed VHD", ("vhd", "fixed"), "vpc", ("-o", "subformat=fixed,force_size=on")),
    ("dynamic VHDX", ("vhdx",), "vhdx", ()),
    ("fixed VHDX", ("vhdx", "fixed"), "vhdx", ("-o", "subformat=fixed")),
    ("dynamic VDI", ("vdi",), "vdi", ()),
    ("fixed VDI", ("vdi", "fixed"), "vdi", ("-o", "static=on")),
    ("sparse VMDK", ("vmdk",), "vmdk", ()),
    ("QCOW2", ("qcow2",), "qcow2", ()),
]


def into_new_file(image, out, *command):
    """Seconds. Nothing that an earlier run left to be written is paid for by this one, and no room is left taken."""
    def measure():
        source = image()
        os.sync()
        touch_memory(3 * Bench.SIZE // 2)
        try:
            return seconds(*command, source, out)
        finally:
            if os.path.exists(out):
                os.unlink(out)
    return measure


def cases(bench):
    out = bench.path("out.img")
    # -t writeback, because its default for the target leaves the last flush out and Platter does not.
    peer = ("qemu-img", "convert", "-m", "8", "-W", "-t", "writeback")
    peer_name = " ".join(peer)

    def contest(name, image, ours, theirs):
        return Contest(name, "s", peer_name, into_new_file(image, out, PLATTER, "convert", *ours),
                       into_new_file(image, out, *peer, *theirs), more_is_better=False, rounds=5)

    for title, kind, peer_format, peer_options in KINDS:
        if title == "raw":
            image = bench.lazily(bench.raw_image)
        else:
            image = bench.lazily(lambda title=title, form=peer_format, options=peer_options:
                                 bench.converted(title.replace(" ", "-"), "-O", form, *options))
        yield contest(f"convert {title} to raw", image, ("--format", "raw"), ("-f", peer_format, "-O", "raw"))
        if title == "raw":
            continue
        subformat = ("--subformat", kind[1]) if kind[1:] else ()
        yield contest(f"convert raw to {title}", bench.lazily(bench.raw_image), ("--format", kind[0], *subformat),
                      ("-f", "raw", "-O", peer_format, *peer_options))
