#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Platter on a real NT kernel: boots a copy of a ready guest image in QEMU and does steps.py in it. Prints TAP.

usage: tests/guest/run.py [IMAGE]        IMAGE, or the variable GUEST_IMAGE: a raw or qcow2 disk as README.md describes

Without an image the suite is skipped. What was seen is kept in build/guest/ARCHITECTURE/: com1.log (the kernel's debug
output), out/ (what each step printed), desktop.png. The driver and the programs are those of build/win32 or build/win64,
PLATTER_WIN32 and PLATTER_WIN64 name others. GUEST_SECONDS bounds the run (1200), GUEST_ACCEL is QEMU's accelerator (tcg).
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import guest  # noqa: E402
import steps  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

PROGRAMS = ("platter.sys", "platter.inf", "guest/platter.exe", "guest/points.exe", "guest/rig.exe", "guest/eject.sys")
# What a kernel says when something has gone wrong inside it.
WRONG = re.compile(r"Assertion .*failed|\*\*\* Assert|Break, or Ignore|kdb:>|Fatal System Error|Technical information:|"
                   r"\*\*\* STOP|BugCheck|bugcheck|Bug check|DRIVER_VERIFIER|Driver Verifier|Page Fault|"
                   r"Unhandled exception|Entered debugger|deadlock detected in driver", re.IGNORECASE)
HARMLESS = re.compile(r"Work Queue Deadlock detected")  # a slow machine
PICTURE_EVERY = 5
NO_DESKTOP = "this image comes to no desktop: a service does the steps"


def run(*command):
    done = subprocess.run(command, cwd=ROOT, env=guest.ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise guest.GuestError(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout.decode(errors='replace')}")


def make_files(folder):
    """The files that go into every image, and beside them for comparison."""
    os.makedirs(os.path.join(folder, "folder"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(os.path.join(ROOT, name), folder)
    source = random.Random(4711)
    for name, size in (("large.bin", 2 << 20), ("part.bin", 400000), ("folder/inside.bin", 70001)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(source.randbytes(size))


def make_images(folder, files):
    """On the spot, by other programs than ours; returns the names of those the guest gets."""
    def disk(name, *parts, table="none"):
        run(sys.executable, "tests/images/make-disk.py", os.path.join(folder, name), *parts, "--table", table,
            "--files", files)
        return name

    fat = disk("fat.img", "fat32:48:FAT")
    names = [fat, disk("two.img", "fat32:40:TWO"), disk("ntfs.img", "ntfs:16:NTFS", table="mbr"),
             disk("parts.img", "fat32:40:ONE", "fat32:36:MIDDLE", "fat32:40:THREE", table="mbr")]
    for kind, format_ in (("vhd", "vpc"), ("qcow2", "qcow2")):
        run("qemu-img", "convert", "-O", format_, os.path.join(folder, fat), os.path.join(folder, f"fat.{kind}"))
        names.append(f"fat.{kind}")
    run("genisoimage", "-quiet", "-J", "-r", "-V", "DISC", "-o", os.path.join(folder, "iso.iso"), files)
    return [*names, "iso.iso"]


def fill(disk, build, folder, images, plan):
    disk.remove("t")
    for name in ("t", "t/out", "t/f"):
        disk.make_folder(name)
    for name in PROGRAMS:
        disk.put(os.path.join(build, name), "t/")
    for name in images:
        disk.put(os.path.join(folder, name), "t/")
    files = os.path.join(folder, "files")
    for name in os.listdir(files):
        disk.put_tree(os.path.join(files, name), "t/f/")
    scratch = os.path.join(folder, "text")
    disk.put_text("".join(f"{step.name}\t{step.seconds}\t{step.line()}\n" for step in plan if not step.of), "t/steps.txt", scratch)
    disk.put_text(steps.USER_COMMANDS, "t/user.cmd", scratch)
    disk.put_text(r"C:\t\rig.exe C:\t\steps.txt C:\t\results.txt C:\t\out" + "\n", "rig.cmd", scratch)


class Watch:
    """Follows the debug output while the guest runs."""

    def __init__(self, boot, picture):
        self.boot, self.picture = boot, picture
        self.step, self.wrong, self.showing, self.desktop = "boot", [], False, True
        boot.on_line = self.take

    def take(self, line):
        mark = re.match(r"PLATTER-GUEST (begin|end) (\S+)", line)
        if mark:
            self.step = mark[2] if mark[1] == "begin" else f"after {mark[2]}"
            self.showing = mark[1] == "begin" and mark[2] == "picture"
        elif line.startswith("PLATTER-GUEST runs as service"):
            self.desktop = False
        elif WRONG.search(line) and not HARMLESS.search(line):
            self.wrong.append(f"{self.step}: {line}")

    def wait(self, seconds):
        until, last = time.monotonic() + seconds, 0.0
        while self.boot.process.poll() is None and not self.boot.stopped and time.monotonic() < until:
            if self.showing and time.monotonic() - last >= PICTURE_EVERY:
                last = time.monotonic()
                self.boot.picture(self.picture)
            time.sleep(0.2)
        return self.boot.wait(max(0.0, until - time.monotonic()))


def read_results(folder):
    results = {}
    try:
        with open(os.path.join(folder, "results.txt"), encoding="ascii", errors="replace") as file:
            for line in file:
                name, outcome, milliseconds = line.rstrip("\r\n").split("\t")
                results[name] = (outcome, int(milliseconds))
    except (OSError, ValueError):
        pass
    return results


def output_of(folder, name):
    try:
        with open(os.path.join(folder, f"{name}.txt"), encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "").strip()
    except OSError:
        return ""


def judge_steps(tap, plan, results, folder, desktop):
    broken = []
    for step in plan:
        outcome, milliseconds = results.get(step.of or step.name, (None, 0))
        output = output_of(folder, step.of or step.name)
        unable = step.cannot and outcome is not None and re.search(step.cannot[0], output)
        wrong = step.judge(outcome, output)
        if not wrong and step.same_as and output != output_of(folder, step.same_as):
            wrong = f"its output is not that of {step.same_as}"
        if outcome is None:
            if step.title:
                tap.check(f"{step.name}: {step.title} (not reached)", False)
            else:
                broken.append(step.name)
        elif wrong and unable:
            tap.skip(f"{step.name}: {step.title}", step.cannot[1])
        elif wrong:
            notes = [step.line(), wrong, *(f"| {line}" for line in output.splitlines()[:20])]
            if step.title:
                tap.check(f"{step.name}: {step.title}", False, *notes)
            else:
                broken.append(step.name)
                print(*(f"# {step.name}: {note}" for note in notes), sep="\n")
        elif step.desktop and not desktop:
            tap.skip(f"{step.name}: {step.title}", NO_DESKTOP)
        elif step.title:
            tap.check(f"{step.name}: {step.title} ({milliseconds / 1000:.1f} s)", True)
    tap.check("every step on the way did what it had to", not broken, f"{len(broken)} did not: {', '.join(broken[:12])}")


def judge_images(tap, disk, folder, files):
    """What the guest wrote, read back here by other programs."""
    def same(image, path, original):
        run("mcopy", "-n", "-o", "-i", image, "::/" + path, os.path.join(folder, "back"))
        with open(os.path.join(folder, "back"), "rb") as one, open(original, "rb") as other:
            if one.read() != other.read():
                raise guest.GuestError(f"{path} differs")

    def check(name, title, *comparisons):
        image = os.path.join(folder, "after-" + name)
        try:
            disk.get(f"t/{name}", image)
            if not name.endswith(".img"):
                run("qemu-img", "convert", "-O", "raw", image, image + ".raw")
                image += ".raw"
            run("fsck.fat", "-n", image)
            for path, original in comparisons:
                same(image, path, original)
            tap.check(title, True)
        except guest.GuestError as error:
            tap.check(title, False, error)

    large, part = os.path.join(files, "large.bin"), os.path.join(files, "part.bin")
    echo = os.path.join(folder, "echo")
    with open(echo, "wb") as file:
        file.write(b"written in the guest\r\n")
    check("fat.img", "fat.img on this side: fsck.fat finds nothing, what the guest wrote is in it",
          ("made/back.bin", part), ("echo.txt", echo), ("large.bin", large))
    for name in ("fat.vhd", "fat.qcow2"):
        check(name, f"{name} on this side: the same, decoded by qemu-img", ("back.bin", part), ("large.bin", large))
    for name in ("iso.iso", "parts.img", "ntfs.img"):
        before, after = os.path.join(folder, name), os.path.join(folder, "after-" + name)
        if name == "parts.img":
            continue  # mounted for writing: file systems may note that
        disk.get(f"t/{name}", after)
        with open(before, "rb") as one, open(after, "rb") as other:
            tap.check(f"{name}, mounted read-only, is what it was, byte by byte", one.read() == other.read())


def judge_letters(tap, folder):
    """The letters that the system chose are those that platter told."""
    try:
        volumes = json.loads(output_of(folder, "parts-list"))["volumes"]
        told = {volume["letter"][0] for volume in volumes}
    except (ValueError, KeyError, TypeError):
        told = set()
    seen = set(output_of(folder, "parts-letters").removeprefix("letters "))
    before = set(output_of(folder, "letters-before").removeprefix("letters "))
    tap.check("the three letters that the system chose are those that platter tells", len(told) == 3 and seen - before == told,
              f"told {sorted(told)}, there {sorted(seen)}, before {sorted(before)}")


def main():
    image = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GUEST_IMAGE", "")
    if not image:
        skip_all("no NT guest: GUEST_IMAGE names a disk image as tests/guest/README.md describes")
    missing = guest.missing_tools("genisoimage", "mkfs.fat", "mkntfs", "ntfscp", "sfdisk", "fsck.fat")
    if missing:
        skip_all(f"not installed: {', '.join(missing)}")
    if not os.path.isfile(image):
        print(f"Bail out! there is no file {image}")
        return 1
    base = os.path.join(ROOT, "build", "guest")
    folder = os.path.join(base, "new")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "out"))
    tap, plan = Tap(), list(steps.all_steps())
    try:
        disk = guest.Disk.copy_of(image, os.path.join(folder, "disk.img"))
        arch = disk.architecture(os.path.join(folder, "kernel"))
        build = guest.build_folder(arch)
        absent = [name for name in PROGRAMS if not os.path.exists(os.path.join(build, name))]
        if absent:
            raise guest.GuestError(f"{build} lacks {', '.join(absent)}: run make")
        emulator = guest.EMULATORS[arch][0]
        if guest.missing_tools(emulator):
            skip_all(f"{emulator} is not installed")
        kept = os.path.join(base, arch)
        shutil.rmtree(kept, ignore_errors=True)
        os.rename(folder, kept)
        folder, disk = kept, guest.Disk(os.path.join(kept, "disk.img"))
        files = os.path.join(folder, "files")
        make_files(files)
        fill(disk, build, folder, make_images(folder, files), plan)
    except guest.GuestError as error:
        print(f"Bail out! {error}")
        return 1
    picture = os.path.join(folder, "desktop.png")
    begun = time.monotonic()
    boot = guest.Boot(disk, arch, os.path.join(folder, "com1.log"), os.path.join(folder, "monitor"))
    watch = Watch(boot, picture)
    outcome = watch.wait(int(os.environ.get("GUEST_SECONDS", "1200")))
    print(f"# {arch} guest: {outcome} after {time.monotonic() - begun:.0f} s, last in step: {watch.step}")
    out = os.path.join(folder, "out")
    try:
        disk.get("t/results.txt", out)
        disk.get_tree("t/out", folder)
    except guest.GuestError as error:
        print(f"# {error}")
    judge_steps(tap, plan, read_results(out), out, watch.desktop)
    judge_letters(tap, out)
    try:
        judge_images(tap, disk, folder, files)
    except guest.GuestError as error:
        tap.check("the images can be taken out of the guest", False, error)
    tap.check("the guest came to its end and restarted by itself", outcome == "restarted", f"it {outcome}")
    tap.check("the kernel's debug output has no assertion, no stop and no other complaint", not watch.wrong, *watch.wrong[:40])
    if watch.desktop:
        tap.check("a picture of the desktop is kept", os.path.exists(picture) and os.path.getsize(picture) > 4096,
                  os.path.relpath(picture, ROOT))
    else:
        tap.skip("a picture of the desktop is kept", NO_DESKTOP)
    os.unlink(disk.path)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
