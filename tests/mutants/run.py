#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one fault after the other into a copy of driver/ and runs the driver's suites until one of them fails.

tests/mutants/faults.txt describes the faults. A fault that no suite notices has survived: a test is missing. An edit
whose old text is not there exactly once is an error, so that the list stays true as the driver changes.

usage: run.py [--check] [--minutes N] [NAME ...]     --check: only see that every edit still applies
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULTS = os.path.join(ROOT, "tests", "mutants", "faults.txt")
SUITES = os.path.join(ROOT, "tests", "suites.txt")
PLACE = os.path.join(ROOT, "build", "mutants")
DRIVER = os.path.join(PLACE, "driver")
BUILD = os.path.join(PLACE, "asan")
HEAD = re.compile(r"^== (\S+) (\S+) (\S+): (.+)$")
SUITE = re.compile(r"^driver/(\S+)\s+\S+\s+\d+\s+build/asan/(test_driver_\S+)$")
SUITE_SECONDS = 90  # a suite that takes longer hangs: the whole of each takes a few seconds
# What a fault makes unused is not what it is about.
FLAGS = ("-O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-unused-variable "
         "-Wno-unused-function -Wno-unused-but-set-variable -Wno-unused-parameter -Wno-unused-value")


class Fault:
    def __init__(self, name, file, first, what, old, new):
        self.name, self.file, self.first, self.what, self.old, self.new = name, file, first, what, old, new

    def apply(self, text):
        """The file's text with the fault in it."""
        count = text.count(self.old)
        if count != 1:
            sys.exit(f"{FAULTS}: {self.name}: the old text stands {count} times in driver/{self.file}, not once")
        return text.replace(self.old, self.new)


def read_faults():
    """Blocks of: == NAME FILE SUITE: WHAT, lines of the old text, a line ---, lines of the new text."""
    faults, block = [], None
    with open(FAULTS, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            head = HEAD.match(line.rstrip("\n"))
            if head:
                block = {"head": head.groups(), "parts": [[]]}
                faults.append(block)
            elif line.startswith("=="):
                sys.exit(f"{FAULTS}:{number}: want: == NAME FILE SUITE: WHAT")
            elif block is None:
                if line.strip() and not line.startswith("#"):
                    sys.exit(f"{FAULTS}:{number}: text before the first fault")
            elif line.rstrip("\n") == "---":
                block["parts"].append([])
            else:
                block["parts"][-1].append(line)
    result = []
    for block in faults:
        name = block["head"][0]
        if len(block["parts"]) != 2 or not "".join(block["parts"][0]).strip():
            sys.exit(f"{FAULTS}: {name}: want the old text, one line ---, the new text")
        result.append(Fault(*block["head"], *("".join(part).rstrip("\n") for part in block["parts"])))
    if len({fault.name for fault in result}) != len(result):
        sys.exit(f"{FAULTS}: a name stands twice")
    return result


def read_suites():
    """{subject: program} of the native driver suites, in the order of tests/suites.txt."""
    with open(SUITES, encoding="utf-8") as lines:
        found = (SUITE.match(line.split("#", 1)[0].strip()) for line in lines)
        return {match.group(1): match.group(2) for match in found if match}


def source(file):
    with open(os.path.join(ROOT, "driver", file), encoding="utf-8") as text:
        return text.read()


def write(file, text):
    with open(os.path.join(DRIVER, file), "w", encoding="utf-8") as out:
        out.write(text)


def configure():
    if os.path.isdir(DRIVER):
        shutil.rmtree(DRIVER)
    shutil.copytree(os.path.join(ROOT, "driver"), DRIVER)
    subprocess.run(["cmake", "--preset", "asan", "-B", BUILD, f"-DPLATTER_DRIVER_DIR={DRIVER}",
                    f"-DCMAKE_C_FLAGS={FLAGS}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def build(program, fault="unchanged"):
    done = subprocess.run(["cmake", "--build", BUILD, "--target", program], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{program} cannot be built: {fault}")


def run(program):
    """None: all passed; otherwise (test, how it failed)."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1",
               UBSAN_OPTIONS="halt_on_error=1")
    child = subprocess.Popen([os.path.join(BUILD, program)], cwd=PLACE, env=env, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    try:
        output, _ = child.communicate(timeout=SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return "?", f"no end after {SUITE_SECONDS} s"
    if child.returncode == 0:
        return None
    told = re.search(r"^not ok -\s+(\S+) # ntsim: (.*)$", output, re.M)
    failed = re.search(r"^not ok \d+ - (\S+)", output, re.M)
    if told and not (failed and failed.start() < told.start()):
        return told.group(1), told.group(2)
    summary = re.search(r"^SUMMARY: (\S+): (.*)$", output, re.M) or re.search(r"()runtime error: (.*)$", output, re.M)
    why = re.search(r"^# (.*(?:!=|error:|[Aa]ssert).*)$", output, re.M)
    return (failed.group(1) if failed else "?",
            why.group(1) if failed and why else summary.group(2) if summary else f"exit status {child.returncode}")


def main():
    parser = argparse.ArgumentParser(description="Plants faults into the driver and sees which suite notices.")
    parser.add_argument("--check", action="store_true", help="only see that every edit still applies")
    parser.add_argument("--minutes", type=int, default=60, help="stop after that long; what was not run counts as failed")
    parser.add_argument("names", nargs="*", help="only these faults")
    options = parser.parse_args()
    faults = read_faults()
    unknown = set(options.names) - {fault.name for fault in faults}
    if unknown:
        sys.exit(f"no such fault: {' '.join(sorted(unknown))}")
    suites = read_suites()
    for fault in faults:
        fault.apply(source(fault.file))
        if fault.first not in suites:
            sys.exit(f"{FAULTS}: {fault.name}: there is no suite driver/{fault.first}")
    if options.check:
        for number, fault in enumerate(faults, 1):
            print(f"ok {number} - {fault.name} still applies to {fault.file}")
        print(f"1..{len(faults)}")
        return 0
    faults = [fault for fault in faults if not options.names or fault.name in options.names]
    configure()
    for program in suites.values():
        build(program)
        found = run(program)
        if found:
            sys.exit(f"{program} fails without any fault: {found[0]}: {found[1]}")
    begin, caught, survived = time.monotonic(), 0, []
    print(f"{'fault':26} {'file':20} {'suite':10} {'test':38} how")
    for number, fault in enumerate(faults):
        if time.monotonic() - begin > options.minutes * 60:
            survived += [rest.name + " (not run)" for rest in faults[number:]]
            break
        write(fault.file, fault.apply(source(fault.file)))
        found = None
        for subject in sorted(suites, key=lambda s: s != fault.first):  # stable: the rest in their order
            build(suites[subject], fault.name)
            found = run(suites[subject])
            if found:
                break
        write(fault.file, source(fault.file))
        if found:
            caught += 1
            print(f"{fault.name:26} {fault.file:20} {subject:10} {found[0]:38} {found[1][:90]}", flush=True)
        else:
            survived.append(fault.name)
            print(f"{fault.name:26} {fault.file:20} SURVIVED   {fault.what}", flush=True)
    print(f"{caught} of {len(faults)} caught in {(time.monotonic() - begin) / 60:.0f} minutes"
          + (f"; survived: {', '.join(survived)}" if survived else ""))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
