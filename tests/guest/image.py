#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a guest image for run.py from a ReactOS boot CD that the user gives, with nobody at the keyboard.

usage: tests/guest/image.py CD.iso [OUT.qcow2]       build/guest/ARCHITECTURE.qcow2 without OUT

The CD is copied, and in the copy the answers of unattend.inf and a boot entry with the debug output on COM1 are put over
its own, in place. Then three boots in QEMU: text setup, graphical setup, first logon. A box that setup shows is answered
with the Enter key: there are CDs whose setup complains of a library that is not on them. Twenty minutes on an idle machine.
What was seen stays in build/guest/setup/. The program that ends the first logon is rig.exe of build/win32 or build/win64.
"""
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import guest  # noqa: E402
from iso import Iso, IsoError  # noqa: E402

DISK_BYTES = 2 << 30
STAGE_SECONDS = int(os.environ.get("GUEST_SECONDS", "3600"))
STARTUP = "Documents and Settings/All Users/Start Menu/Programs/Startup"
HOOK = "@if exist C:\\rig.cmd call C:\\rig.cmd\n"
BOX = re.compile(r'MessageBox: ?L?"')
BOX_SECONDS = 3  # for it to be drawn and to take keys
FREELDR = """[FREELOADER]
DefaultOS=Setup_Debug
TimeOut=0

[Display]
TitleText=Setup
MinimalUI=Yes

[Operating Systems]
Setup_Debug="Setup (Debug)"

[Setup_Debug]
BootType=ReactOSSetup
Options=/DEBUG /DEBUGPORT=COM1 /BAUDRATE=115200 /NOGUIBOOT /SIFOPTIONSOVERRIDE
"""


def prepare(cd, folder):
    """The CD's copy, and the architecture of the kernel on it."""
    path = os.path.join(folder, "cd.iso")
    shutil.copyfile(cd, path)
    iso = Iso(path, "r+b")
    try:
        image = iso.read("reactos/system32/ntoskrnl.exe", 4096)
        header = int.from_bytes(image[60:64], "little")
        arch = guest.MACHINES.get(int.from_bytes(image[header + 4:header + 6], "little"))
        if arch is None:
            raise IsoError("the kernel on the CD is neither for i386 nor for x86_64")
        with open(os.path.join(HERE, "unattend.inf"), encoding="ascii") as file:
            iso.overwrite("reactos/unattend.inf", file.read())
        iso.overwrite("freeldr.ini", FREELDR)
    finally:
        iso.close()
    return path, arch


def boot(stage, arch, disk, folder, more):
    """One boot to its restart."""
    begun = time.monotonic()
    machine = guest.Boot(disk, arch, os.path.join(folder, f"{stage}.log"), os.path.join(folder, "monitor"), more)
    boxes = []

    def look(line):
        if BOX.search(line):
            boxes.append((time.monotonic() + BOX_SECONDS, line))

    machine.on_line = look
    while machine.process.poll() is None and not machine.stopped and time.monotonic() - begun < STAGE_SECONDS:
        if boxes and time.monotonic() >= boxes[0][0]:
            print(f"  answered with Enter: {boxes.pop(0)[1]}", flush=True)
            machine.command("sendkey ret")
        time.sleep(0.2)
    if machine.process.poll() is None:
        machine.picture(os.path.join(folder, f"{stage}.png"))
    outcome = machine.wait(0)
    print(f"  {stage}: {outcome} after {time.monotonic() - begun:.0f} s", flush=True)
    if outcome != "restarted":
        raise guest.GuestError(f"{stage} came to no end; {folder}/{stage}.log and .png show where it stood")


def blank(path):
    with open(path, "wb") as file:
        file.truncate(DISK_BYTES)


def make(cd, out):
    folder = os.path.join(ROOT, "build", "guest", "setup")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path, arch = prepare(cd, folder)
    rig = os.path.join(guest.build_folder(arch), "guest", "rig.exe")
    if not os.path.exists(rig):
        raise guest.GuestError(f"{rig} is not there: run make")
    out = out or os.path.join(ROOT, "build", "guest", f"{arch}.qcow2")
    print(f"{arch}, into {out}", flush=True)
    name = os.path.join(folder, "disk.img")
    blank(name)
    boot("text-setup", arch, guest.RawDisk(name), folder, ["-cdrom", path, "-boot", "order=dc"])
    boot("graphical-setup", arch, guest.RawDisk(name), folder, ["-cdrom", path, "-boot", "order=c"])
    disk, scratch = guest.Disk(name), os.path.join(folder, "text")
    disk.put_text(HOOK, f"{STARTUP}/rig.cmd", scratch)
    disk.make_folder("t")
    disk.put(rig, "t/")
    disk.put_text("first\t30\tcmd /c ver\n", "t/steps.txt", scratch)
    disk.put_text("C:\\t\\rig.exe C:\\t\\steps.txt C:\\t\\results.txt C:\\t\n", "rig.cmd", scratch)
    boot("first-logon", arch, disk, folder, [])
    if "results.txt" not in disk.names("t"):
        raise guest.GuestError(f"{STARTUP}/rig.cmd was not run at the first logon")
    disk.remove("rig.cmd")
    disk.remove("t")
    guest.tool("qemu-img", "convert", "-O", "qcow2", name, out + ".new")
    os.replace(out + ".new", out)
    os.unlink(name)
    os.unlink(path)
    print(f"made {out}; run it with: make guest GUEST_IMAGE={out}")


def main():
    if len(sys.argv) not in (2, 3) or not os.path.isfile(sys.argv[1]):
        print("usage: make guest-image ISO=CD.iso [OUT=IMAGE.qcow2]: a ReactOS boot CD, which you give", file=sys.stderr)
        return 2
    missing = guest.missing_tools("qemu-system-i386", "qemu-system-x86_64")
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    try:
        make(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
    except (guest.GuestError, IsoError) as error:
        print(f"guest-image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
