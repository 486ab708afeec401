#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a Wine prefix holds, as lines that can be compared: files, and the registry as regedit exports it.

usage: snapshot.py take PREFIX EXPORT.reg OUT       EXPORT.reg: made by `regedit /E`
       snapshot.py compare BEFORE AFTER EXCEPTION.txt [--all]

An exception file has a regular expression a line, for lines that may differ; the comment before it says why. With --all one
that matches nothing is an error, too: it would hide what comes back later.
"""
import hashlib
import os
import re
import sys

HASHED = re.compile(r"/Platter(/|$)|drivers/platter|inf/", re.I)


def files(prefix):
    """Path, size and time; of what is Platter's, the sum instead of the time."""
    root = os.path.join(prefix, "drive_c")
    for folder, names, leaves in os.walk(root):
        for name in names:
            yield f"dir {os.path.relpath(os.path.join(folder, name), root)}"
        for name in leaves:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            inside = os.path.relpath(path, root)
            if HASHED.search("/" + inside) and os.path.isfile(path):
                with open(path, "rb") as file:
                    mark = hashlib.sha256(file.read()).hexdigest()[:16]
            else:
                mark = str(status.st_mtime_ns)
            yield f"file {inside} {status.st_size} {mark}"


def registry(export):
    """Each key, and each value with its key; a value's continuation lines are joined."""
    with open(export, encoding="utf-16") as file:
        text = file.read()
    key = ""
    for line in re.sub(r"\\\n +", "", text.replace("\r\n", "\n")).split("\n"):
        if line.startswith("["):
            key = line.strip("[]")
            yield f"key {key}"
        elif line and key:
            yield f"value {key} {line}"


def take(prefix, export, out):
    with open(out, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(sorted(set(files(prefix)) | set(registry(export)))) + "\n")


def exceptions(path):
    with open(path, encoding="utf-8") as file:
        return [re.compile(line.rstrip("\n")) for line in file if line.strip() and not line.startswith("#")]


def compare(before, after, allowed, everything=None):
    def lines(path):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return set(file.read().splitlines())

    one, other = lines(before), lines(after)
    rules = exceptions(allowed)
    used, worst = set(), 0
    for sign, line in sorted([("-", line) for line in one - other] + [("+", line) for line in other - one],
                             key=lambda each: each[1]):
        match = next((rule for rule in rules if rule.search(line)), None)
        if match:
            used.add(match)
            continue
        print(sign, line)
        worst = 1
    for rule in rules:
        if everything and rule not in used:
            print("the exception matches nothing:", rule.pattern)
            worst = 1
    return worst


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "take":
        take(*sys.argv[2:])
        return 0
    if len(sys.argv) in (5, 6) and sys.argv[1] == "compare":
        return compare(*sys.argv[2:])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
