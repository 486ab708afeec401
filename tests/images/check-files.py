#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the files in a volume's bytes with the file system's own tools and compares each with a list.

usage: check-files.py VOLUME ntfs|fat32 NUMBER OUT.img.files     the list make-disk.py wrote; NUMBER: the partition's
       check-files.py VOLUME ntfs|fat32 --list                   only names what lies at the top level
"""
import hashlib
import os
import subprocess
import sys

ENV = dict(os.environ, LC_ALL="C.UTF-8", MTOOLS_SKIP_CHECK="1", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def tool(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def contents(volume, fs, path):
    if fs == "ntfs":
        return tool("ntfscat", "-f", volume, path)
    return tool("mtype", "-i", volume, "::/" + path)


def names(volume, fs):
    """What lies in the root folder, without what the file system keeps there for itself."""
    if fs == "ntfs":
        found = tool("ntfsls", "-f", volume).decode(errors="replace").splitlines()
        return [name for name in found if name.strip(".")]
    found = tool("mdir", "-b", "-i", volume, "::/").decode(errors="replace").splitlines()
    return [name[3:] for name in found]


def main():
    if len(sys.argv) == 4 and sys.argv[3] == "--list":
        print("\n".join(names(sys.argv[1], sys.argv[2])))
        return 0
    if len(sys.argv) != 5 or sys.argv[2] not in ("ntfs", "fat32"):
        sys.exit(__doc__)
    volume, fs, number, listing = sys.argv[1:]
    checked = wrong = 0
    with open(listing, encoding="utf-8") as lines:
        for line in lines:
            digest, _, path = line.rstrip("\n").partition("  ")
            if not path.startswith(number + "/"):
                continue
            path = path[len(number) + 1:]
            data = contents(volume, fs, path)
            checked += 1
            same = hashlib.sha256(data).hexdigest() == digest
            wrong += not same
            print(f"{'same' if same else 'DIFFERENT'}  {len(data):9}  {path}")
    if not checked:
        sys.exit(f"{listing} names no file of partition {number}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
