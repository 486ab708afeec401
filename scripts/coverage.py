#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads gcov's answers for the sources of driver/ in a build folder; prints lines and branches reached by file, then
every line that no test reaches. usage: scripts/coverage.py BUILD-FOLDER"""
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

build = os.path.abspath(sys.argv[1])
lines, branches = {}, {}
notes = glob.glob(os.path.join(build, "tests/ntsim/CMakeFiles/platter_driver_native.dir/**/*.gcno"), recursive=True)
if not notes:
    sys.exit(f"{build}: no coverage build of the driver")
with tempfile.TemporaryDirectory() as work:
    subprocess.run(["gcov", "-b", "-j"] + notes, cwd=work, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for name in glob.glob(os.path.join(work, "*.json.gz")):
        with gzip.open(name) as data:
            for source in json.load(data)["files"]:
                path = source["file"]
                if "driver/" not in path or "/usr/" in path or "tests/" in path:
                    continue
                path = "driver/" + path.rsplit("driver/", 1)[1]
                for line in source["lines"]:
                    key = (path, line["line_number"])
                    lines[key] = lines.get(key, 0) + line["count"]
                    for number, branch in enumerate(line["branches"]):
                        one = (*key, number)
                        branches[one] = branches.get(one, 0) + branch["count"]
files = sorted({path for path, _ in lines})
print(f"{'':28} {'lines':>14} {'branches':>14}")


def row(name, which_lines, which_branches):
    hit, hit_branches = sum(1 for n in which_lines if n), sum(1 for n in which_branches if n)
    print(f"{name:28} {hit:5}/{len(which_lines):<5}{100 * hit / max(1, len(which_lines)):4.0f}% "
          f"{hit_branches:5}/{len(which_branches):<5}{100 * hit_branches / max(1, len(which_branches)):4.0f}%")


for path in files:
    row(path, [n for k, n in lines.items() if k[0] == path], [n for k, n in branches.items() if k[0] == path])
row("all", list(lines.values()), list(branches.values()))
missed = sorted(k for k, n in lines.items() if not n)
if missed:
    print("\nlines that no test reaches:")
for path, number in missed:
    with open(path, encoding="utf-8") as text:
        print(f"{path}:{number}: {text.read().splitlines()[number - 1].strip()}")
