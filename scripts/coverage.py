#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads gcov's answers for the sources of driver/ in a build folder; prints lines and branches reached by file, then
every line that no test reaches with the reason for it.

The reasons stand in a file of lines "FILE: PATTERN: REASON". A pattern is a regular expression that is looked for in the
text of a line; several lines may have one reason. An entry that applies to no line that is not reached is an error.

usage: scripts/coverage.py BUILD-FOLDER REASONS LINES-PERCENT BRANCHES-PERCENT
"""
import collections
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

NOTES = ("tests/ntsim/CMakeFiles/platter_driver_native.dir/**/*.gcno", "tests/unit/CMakeFiles/test_sddl.dir/**/sddl*.c.gcno",
         "tests/fuzz/CMakeFiles/fuzz_sddl.dir/**/sddl*.c.gcno")


def measure(build):
    """Counts by (file, line), and by (file, line, number of the branch)."""
    lines, branches = collections.Counter(), collections.Counter()
    for pattern in NOTES:
        notes = glob.glob(os.path.join(build, pattern), recursive=True)
        if not notes:
            sys.exit(f"{build}: nothing is built of {pattern}")
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["gcov", "-b", "-j", *notes], cwd=work, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            for name in glob.glob(os.path.join(work, "*.json.gz")):
                with gzip.open(name) as data:
                    count(json.load(data)["files"], lines, branches)
    return lines, branches


def count(files, lines, branches):
    for source in files:
        path = source["file"]
        if "driver/" not in path or path.startswith("/usr/") or "tests/" in path:
            continue
        path = "driver/" + path.rsplit("driver/", 1)[1]
        for line in source["lines"]:
            key = (path, line["line_number"])
            lines[key] += line["count"]
            for number, branch in enumerate(line["branches"]):
                branches[(*key, number)] += branch["count"]


def row(name, which_lines, which_branches):
    """Prints a row of the table; the percentages."""
    shares = []
    for counts in (which_lines, which_branches):
        shares.append((sum(1 for n in counts if n), len(counts)))
    percent = [100 * hit / of if of else 100.0 for hit, of in shares]
    print(f"{name:28} " + " ".join(f"{hit:5}/{of:<5}{share:6.1f}%" for (hit, of), share in zip(shares, percent)))
    return percent


def read_reasons(path):
    """(number of the line, file, pattern, reason)"""
    entries = []
    with open(path, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if not line.strip() or line.startswith("#"):
                continue
            parts = line.rstrip("\n").split(": ", 2)
            if len(parts) != 3:
                sys.exit(f"{path}:{number}: want FILE: PATTERN: REASON")
            entries.append((number, "driver/" + parts[0], re.compile(parts[1]), parts[2]))
    return entries


def texts_of(files):
    texts = {}
    for path in files:
        with open(path, encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                texts[(path, number)] = line.strip()
    return texts


def main():
    build, reasons, least = os.path.abspath(sys.argv[1]), sys.argv[2], [float(p) for p in sys.argv[3:5]]
    lines, branches = measure(build)
    files = sorted({path for path, _ in lines})
    problems = []
    print(f"{'':28} {'lines':>17} {'branches':>17}")
    for path in files:
        row(path, [n for k, n in lines.items() if k[0] == path], [n for k, n in branches.items() if k[0] == path])
    for what, share, want in zip(("lines", "branches"), row("all", list(lines.values()), list(branches.values())), least):
        if share < want:
            problems.append(f"{share:.1f} percent of the {what} are reached, want {want:.0f}")
    texts = texts_of(files)
    missed = {key for key, n in lines.items() if not n}
    told = {}
    for number, path, pattern, reason in read_reasons(reasons):
        found = {key for key in missed if key[0] == path and pattern.search(texts[key])}
        if not found:
            problems.append(f"{reasons}:{number}: no line of {path} that is not reached has {pattern.pattern}")
        told.update({key: reason for key in found})
    print("\nlines that no test reaches:")
    for key in sorted(missed):
        print(f"{key[0]}:{key[1]}: {texts[key]}\n    {told.get(key, 'no reason is given')}")
    print("\nlines with a branch that is never taken:")
    for path in files:
        numbers = sorted({k[1] for k, n in branches.items() if k[0] == path and not n} - {k[1] for k in missed})
        if numbers:
            print(f"{path}: {', '.join(str(n) for n in numbers)}")
    for problem in problems:
        print(f"coverage: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
