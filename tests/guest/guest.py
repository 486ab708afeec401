# SPDX-License-Identifier: MIT
"""An NT guest in QEMU: a throw-away disk, files put into it and taken out, one boot with its debug output.

README.md says what an image must offer. The image itself is never written to.
"""
import os
import re
import shutil
import socket
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILDS = {"i386": ("PLATTER_WIN32", "build/win32"), "x86_64": ("PLATTER_WIN64", "build/win64")}
SECTOR = 512
ENV = dict(os.environ, MTOOLS_SKIP_CHECK="1", LC_ALL="C.UTF-8", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
MACHINES = {0x14C: "i386", 0x8664: "x86_64"}  # IMAGE_FILE_MACHINE_*
EMULATORS = {"i386": ["qemu-system-i386", "-cpu", "pentium3"], "x86_64": ["qemu-system-x86_64", "-cpu", "qemu64"]}
# A kernel that asks somebody at a debugger what to do will wait for ever.
STOPPED = re.compile(rb"kdb:> ?$|Break, or Ignore[^\n]*$|Press any key to reboot")
LAST_WORDS_SECONDS = 8


class GuestError(Exception):
    """The guest cannot be used; the text says why."""


def tool(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENV, check=False)
    if check and done.returncode:
        raise GuestError(f"{' '.join(command)}: exit status {done.returncode}: "
                         f"{done.stdout.decode(errors='replace').strip()}")
    return done.stdout


def build_folder(arch):
    """Where the driver and the programs for a guest lie."""
    variable, default = BUILDS[arch]
    return os.environ.get(variable, os.path.join(ROOT, default))


def missing_tools(*more):
    return [name for name in ("qemu-img", "mcopy", *more) if not shutil.which(name, path=ENV["PATH"])]


class RawDisk:
    """A disk with nothing on it yet."""

    def __init__(self, path):
        self.path = path


class Disk(RawDisk):
    """A raw disk whose first partition is the guest's C:."""

    def __init__(self, path):
        super().__init__(path)
        with open(path, "rb") as file:
            table = file.read(SECTOR)
        if len(table) < SECTOR or table[510:512] != b"\x55\xaa" or table[450] == 0:
            raise GuestError("the disk has no partition table of the MBR kind with a first partition")
        self.drive = f"{path}@@{int.from_bytes(table[454:458], 'little') * SECTOR}"

    @classmethod
    def copy_of(cls, image, path):
        tool("qemu-img", "convert", "-O", "raw", image, path)
        return cls(path)

    def names(self, folder=""):
        found = tool("mdir", "-b", "-i", self.drive, "::/" + folder, check=False).decode(errors="replace")
        return [line.rstrip("/").rsplit("/", 1)[-1] for line in found.splitlines() if line.startswith("::/")]

    def make_folder(self, path):
        tool("mmd", "-i", self.drive, "::/" + path)

    def put(self, source, path):
        tool("mcopy", "-o", "-i", self.drive, source, "::/" + path)

    def put_tree(self, source, path):
        tool("mcopy", "-s", "-o", "-i", self.drive, source, "::/" + path)

    def put_text(self, text, path, scratch):
        with open(scratch, "w", encoding="ascii", newline="\r\n") as file:
            file.write(text)
        self.put(scratch, path)

    def get(self, path, target):
        tool("mcopy", "-n", "-o", "-i", self.drive, "::/" + path, target)

    def get_tree(self, path, target):
        tool("mcopy", "-s", "-n", "-o", "-i", self.drive, "::/" + path, target)

    def remove(self, path):
        tool("mdel", "-i", self.drive, "::/" + path, check=False)
        tool("mdeltree", "-i", self.drive, "::/" + path, check=False)

    def architecture(self, scratch):
        """By the kernel, which the folder of the system holds under the same name on every NT."""
        for folder in self.names():
            if not tool("mdir", "-b", "-i", self.drive, f"::/{folder}/system32/ntoskrnl.exe", check=False) \
                    .startswith(b"::/"):
                continue
            self.get(f"{folder}/system32/ntoskrnl.exe", scratch)
            with open(scratch, "rb") as file:
                image = file.read(4096)
            header = int.from_bytes(image[60:64], "little")
            machine = MACHINES.get(int.from_bytes(image[header + 4:header + 6], "little"))
            if machine:
                return machine
        raise GuestError("no ntoskrnl.exe for i386 or x86_64 on its first partition, which must be FAT")


class Boot:
    """One run of the machine. The debug output (COM1) goes to `log`; on_line(text) is told each line of it."""

    def __init__(self, disk, arch, log, monitor, more=()):
        self.log, self.monitor, self.on_line = log, monitor, None
        self.stopped = False  # the kernel waits at its debugger
        self.last_heard = time.monotonic()
        accelerator = os.environ.get("GUEST_ACCEL", "tcg")
        self.process = subprocess.Popen(
            [*EMULATORS[arch], "-accel", accelerator, "-m", "512", "-no-reboot", "-display", "none",
             "-net", "none", "-serial", "stdio", "-monitor", f"unix:{monitor},server,nowait",
             "-drive", f"file={disk.path},format=raw,if=ide,index=0,media=disk,cache=unsafe", *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        line = b""
        with open(self.log, "wb") as log:
            while data := os.read(self.process.stdout.fileno(), 65536):
                self.last_heard = time.monotonic()
                log.write(data)
                log.flush()
                *whole, line = (line + data).split(b"\n")
                for text in whole:
                    if self.on_line:
                        self.on_line(text.decode(errors="replace").rstrip("\r"))
                if STOPPED.search(line) and not self.stopped:
                    self.stopped = True
                    self.type(b"bt\r")

    def type(self, text):
        """To the kernel's debugger."""
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except OSError:
            pass

    def command(self, text):
        """To QEMU's monitor."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(5)
                link.connect(self.monitor)
                link.recv(65536)
                link.sendall(text.encode() + b"\n")
                time.sleep(0.5)
                link.recv(65536)
        except OSError:
            pass

    def picture(self, path):
        """What is on the screen, as a PNG."""
        self.command(f"screendump {path} -f png")

    def wait(self, seconds):
        """How it ended: "restarted", "stopped" (at the debugger), "timeout"."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and not self.stopped and time.monotonic() < until:
            time.sleep(0.2)
        if self.process.poll() is None:
            if self.stopped:
                time.sleep(LAST_WORDS_SECONDS)
            outcome = "stopped" if self.stopped else "timeout"
            self.process.kill()
        else:
            outcome = "stopped" if self.stopped else "restarted"
        self.process.wait()
        self.reader.join(5)
        if os.path.exists(self.monitor):
            os.unlink(self.monitor)
        return outcome

