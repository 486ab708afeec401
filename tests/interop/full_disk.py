#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The disk that an image lies on becomes full under it: writes fail and say so, nothing that was acknowledged is lost.

Each format is written at random on a small file system until nothing fits any more. Then all that was acknowledged must
read back, a flush must succeed though the disk is full (its room was taken before), and a killed server must have lost
nothing of it. With room made meanwhile it goes on. Images of QEMU's making have holes where their tables are. Prints TAP.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from nbd_hostile import FLUSH, READ, WRITE, Client  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

PLATTER = os.environ.get("PLATTER", os.path.join(ROOT, "build", "asan", "platter"))
DISK = 64 << 20
ROOM = "5m"
FILLER = 2 << 20
SECTOR = 4096
NO_SPACE = 28  # NBD_ENOSPC, the protocol's "Error values"
ENOUGH = 6  # refused writes
PATIENCE = 20  # seconds

# Format of qemu-img, of a check by it (None: it has none), arguments.
FORMATS = (
    ("QCOW2, clusters of 4 KiB", "qcow2", "qcow2", ("-o", "cluster_size=4k")),
    ("QCOW2", "qcow2", "qcow2", ()),
    ("QCOW2, extended entries", "qcow2", "qcow2", ("-o", "extended_l2=on,cluster_size=32k")),
    ("overlay", None, "qcow2", ()),
    ("VHD", "vpc", None, ("-o", "force_size=on")),
    ("VHDX", "vhdx", "vhdx", ("-o", "block_size=1M")),
    ("VDI", "vdi", "vdi", ()),
    ("VMDK", "vmdk", "vmdk", ()),
    ("raw", "raw", None, ()),
)


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


class Small:
    """A file system of a few megabytes, with a file in it that can go."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "small")
        self.filler = os.path.join(self.folder, "filler")
        os.makedirs(self.folder, exist_ok=True)

    def mount(self):
        return run("mount", "-t", "tmpfs", "-o", f"size={ROOM}", "platter-test", self.folder).returncode == 0

    def __enter__(self):
        assert self.mount()
        with open(self.filler, "wb") as filler:
            filler.write(b"\x55" * FILLER)
        return self

    def __exit__(self, *_):
        run("umount", "-l", self.folder)


class Server:
    def __init__(self, folder, image, overlay):
        self.socket, self.log = os.path.join(folder, "socket"), os.path.join(folder, "log")
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PLATTER, "serve", image, "--socket", self.socket] + ([f"--overlay={overlay}"] if overlay else []),
                stdout=log, stderr=log)
        self.client = self.connect().go()

    def connect(self):
        begun = time.monotonic()
        while True:
            try:
                return Client(self.socket)
            except OSError:  # not there yet, or not listening
                if self.process.poll() is not None or time.monotonic() - begun > PATIENCE:
                    raise
            time.sleep(0.02)

    def write(self, offset, data):
        self.client.request(WRITE, offset, len(data))
        self.client.send(data)
        return self.client.simple()

    def read(self, offset, length):
        self.client.request(READ, offset, length)
        return self.client.take(length) if self.client.simple() == 0 else None

    def flush(self):
        self.client.request(FLUSH)
        return self.client.simple()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.client.socket.close()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read().splitlines()


def fill(server, chance, model):
    """Writes until ENOUGH writes were refused; returns what they were refused with. model: offset of a sector -> byte."""
    errors = []
    for _ in range(5000):
        count = chance.choice((1, 1, 4, 16))
        offset = chance.randrange(DISK // SECTOR - count) * SECTOR
        byte = chance.randrange(1, 256)
        error = server.write(offset, bytes([byte]) * (count * SECTOR))
        for at in range(offset, offset + count * SECTOR, SECTOR):
            if error:
                model.pop(at, None)  # a part of it may be written
            else:
                model[at] = byte
        if error:
            errors.append(error)
            if len(errors) == ENOUGH:
                break
    return errors


def differing(model, read):
    return [at for at, byte in sorted(model.items()) if read(at) != bytes([byte]) * SECTOR]


def try_format(tap, folder, small, form, make_room):
    name, made_by, checked_as, options = form
    name += ", room made" if make_room else ""
    base, out = os.path.join(folder, "base.raw"), os.path.join(folder, "out.raw")
    image = os.path.join(small.folder, "image")
    model = {}
    with small:
        if made_by:
            made = run("qemu-img", "create", "-q", "-f", made_by, *options, image, str(DISK))
            if made.returncode:
                tap.case(f"{name}: an image is made", [made.stderr])
                return
        server = Server(folder, image if made_by else base, None if made_by else image)
        try:
            errors = fill(server, random.Random(name), model)
            tap.check(f"{name}: writes fail for want of room", errors == [NO_SPACE] * ENOUGH, str(errors))
            tap.check(f"{name}: what was acknowledged reads back",
                      len(model) > 16 and not differing(model, lambda at: server.read(at, SECTOR)))
            error = server.flush()
            tap.check(f"{name}: it can be flushed", error == 0, f"error {error}")
            if make_room:
                os.unlink(small.filler)
                errors = [server.write(at, b"\x4d" * SECTOR) for at in range(0, 8 * SECTOR, SECTOR)] + [server.flush()]
                model.update({at: 0x4D for at in range(0, 8 * SECTOR, SECTOR)})
                tap.check(f"{name}: with room it goes on", errors == [0] * 9, str(errors))
            said = [line for line in server.said() if "warning" in line]
            tap.check(f"{name}: the server says so once, and which file it is",
                      len(said) == 1 and image in said[0] and "No space left" in said[0], *said[:20])
        finally:
            server.kill()
        if os.path.exists(small.filler):
            os.unlink(small.filler)
        copied = run(PLATTER, "convert", image, out, "--overwrite")
        if copied.returncode:
            tap.case(f"{name}: killed, nothing is lost", [copied.stderr])
            return
        with open(out, "rb") as disk:
            lost = differing(model, lambda at: os.pread(disk.fileno(), SECTOR, at))
        tap.check(f"{name}: killed, nothing is lost", not lost, f"{len(lost)} of {len(model)} sectors, from byte {lost[:1]}")
        if checked_as == "vhdx":  # what the log has goes into the file as it is opened
            checked = run("qemu-img", "check", "-q", "-r", "all", "-f", checked_as, image)
            checked = run("qemu-img", "check", "-q", "-f", checked_as, image) if checked.returncode == 0 else checked
        elif checked_as:
            checked = run("qemu-img", "check", "-q", "-f", checked_as, image)
        else:
            return
        # 3: clusters that nothing points to, of writes that were refused in the middle.
        tap.check(f"{name}: killed, it is sound", checked.returncode in (0, 3), checked.stdout + checked.stderr)


def main():
    if not shutil.which("qemu-img"):
        skip_all("qemu-img is not installed")
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        small = Small(folder)
        if not small.mount():
            skip_all("mounting is not allowed here")
        small.__exit__()
        with open(os.path.join(folder, "base.raw"), "wb") as base:
            base.truncate(DISK)
        for form in FORMATS:
            for make_room in (False, True):
                try:
                    try_format(tap, folder, small, form, make_room)
                except (AssertionError, OSError) as error:
                    tap.case(f"{form[0]}: the server answers", [f"{type(error).__name__}: {error}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
