#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants each fault of mutants.txt into a copy of driver/, builds the driver's tests over it and runs them until one
fails. Prints which test caught which fault; exits 1 if one was caught by none. usage: tests/mutants/run.py [WORD ...]"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("PLATTER_MUTANTS_BUILD", os.path.join(ROOT, "build", "mutants"))
COPY = os.path.join(BUILD, "driver-copy")
ORDER = ["lifecycle", "control", "io", "volume", "security", "mountmgr", "pnp", "faults", "storm"]
LIMIT = 150  # seconds for one test program: one that hangs has caught it too


def mutants():
    with open(os.path.join(HERE, "mutants.txt"), encoding="utf-8") as text:
        lines = [line.rstrip("\n") for line in text if not line.startswith("#")]
    for at in range(0, len(lines) - 3, 5):
        name, file, old, new = lines[at:at + 4]
        yield name, file, old.replace("\\n", "\n"), new.replace("\\n", "\n")


def build():
    targets = ["test_driver_" + name for name in ORDER]
    return subprocess.run(["cmake", "--build", BUILD, "--target", *targets, "--", "--quiet"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def caught_by():
    for name in ORDER:
        try:
            run = subprocess.run([os.path.join(BUILD, "test_driver_" + name)], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=LIMIT, check=False, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return f"{name}: hangs"
        if run.returncode:
            said = re.search(r"# ntsim: (.*)|ERROR: (\S+Sanitizer: \S+)|(runtime error: .*)|LINE +\] --- (\S+)",
                             run.stdout)
            which = re.findall(r"\[ RUN +\] (\w+)", run.stdout)
            why = next((part for part in said.groups() if part), "") if said else "fails"
            return f"{name}/{which[-1] if which else '?'}: {why}"
    return None


def main():
    words = sys.argv[1:]
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, "driver"), COPY)
    subprocess.run(["cmake", "--preset", "asan", "-B", BUILD, "-DPLATTER_DRIVER_DIR=" + COPY], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    if build().returncode:
        sys.exit("mutants: the driver's tests do not build")
    missed = count = 0
    for name, file, old, new in mutants():
        if words and not any(word in name for word in words):
            continue
        count += 1
        path = os.path.join(COPY, file)
        with open(path, encoding="utf-8") as text:
            whole = text.read()
        if old not in whole:
            print(f"MISSING  {name}: the text is not in {file}", flush=True)
            missed += 1
            continue
        try:
            with open(path, "w", encoding="utf-8") as text:
                text.write(whole.replace(old, new, 1))
            result = build()
            if result.returncode:
                verdict = "compiler: " + next((line for line in result.stdout.splitlines() if "error:" in line), "?")
            else:
                verdict = caught_by()
        finally:
            with open(path, "w", encoding="utf-8") as text:
                text.write(whole)
        missed += verdict is None or verdict.startswith("compiler:")
        print(f"{'SURVIVES' if verdict is None else 'caught':8} {name:58} {verdict or ''}", flush=True)
    print(f"{count} faults planted, {count - missed} caught by the tests, {missed} not")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
