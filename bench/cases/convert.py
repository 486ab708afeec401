# SPDX-License-Identifier: MIT
"""`platter convert` against `qemu-img convert`: into a new raw file, holes left out, on the medium when it is done."""
import os

from harness import PLATTER, Contest, seconds


def into_new_file(image, out, *command):
    """Seconds. Nothing that an earlier run left to be written is paid for by this one."""
    def measure():
        source = image()
        if os.path.exists(out):
            os.unlink(out)
        os.sync()
        return seconds(*command, source, out)
    return measure


def cases(bench):
    fixed_vhd = ("-O", "vpc", "-o", "subformat=fixed,force_size=on")
    for title, peer_format, make in (("raw", "raw", bench.raw_image),
                                     ("fixed VHD", "vpc", lambda: bench.converted("disk.vhd", *fixed_vhd))):
        image, out = bench.lazily(make), bench.path("out.raw")
        # -t writeback, because its default for the target leaves the last flush out and Platter does not.
        peer = ("qemu-img", "convert", "-m", "8", "-W", "-t", "writeback", "-f", peer_format, "-O", "raw")
        yield Contest(f"convert {title} to raw", "s", "qemu-img convert -m 8 -W -t writeback",
                      into_new_file(image, out, PLATTER, "convert"), into_new_file(image, out, *peer),
                      more_is_better=False, rounds=5)
