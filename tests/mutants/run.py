#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one fault after the other into a copy of a file of driver/ and runs the driver's suites until one fails.

tests/mutants/faults.txt describes the faults. A fault that no suite notices has survived: a test is missing. So it has
when a suite only stops to answer: a hang is for the simulator to tell, not for a clock. An edit whose old text is not
there exactly once is an error, so that the list stays true as the driver changes.

usage: run.py [--check | --few] [--jobs N] [NAME ...]
  --check  only see that every edit still applies
  --few    one fault of each of the kinds that crash machines; TAP
"""
import argparse
import concurrent.futures
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULTS = os.path.join(ROOT, "tests", "mutants", "faults.txt")
SUITES = os.path.join(ROOT, "tests", "suites.txt")
PLACE = os.path.join(ROOT, "build", "mutants")
DRIVER = os.path.join(PLACE, "driver")
BUILD = os.path.join(PLACE, "asan")
HEAD = re.compile(r"^== (\S+) (\S+) (\S+) (\S+): (.+)$")
SUITE = re.compile(r"^driver/(\S+)\s+\S+\s+\d+\s+build/asan/(test_driver_\S+)$")
SUITE_SECONDS = 120  # the whole of each takes a few seconds
FEW = ("remove-lock", "twice", "cancel", "length", "leak", "irql", "lock")
# What a fault makes unused is not what it is about.
FLAGS = ("-O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-unused-variable "
         "-Wno-unused-function -Wno-unused-but-set-variable -Wno-unused-parameter -Wno-unused-value")


class Fault:
    def __init__(self, name, file, first, kind, what, old, new):
        self.name, self.file, self.first, self.kind, self.what = name, file, first, kind, what
        self.old, self.new = old, new

    def apply(self, text):
        """The file's text with the fault in it."""
        count = text.count(self.old)
        if count != 1:
            sys.exit(f"{FAULTS}: {self.name}: the old text stands {count} times in driver/{self.file}, not once")
        return text.replace(self.old, self.new)


def read_faults():
    """Blocks of: == NAME FILE SUITE KIND: WHAT, lines of the old text, a line ---, lines of the new text."""
    faults, block = [], None
    with open(FAULTS, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            head = HEAD.match(line.rstrip("\n"))
            if head:
                block = {"head": head.groups(), "parts": [[]]}
                faults.append(block)
            elif line.startswith("=="):
                sys.exit(f"{FAULTS}:{number}: want: == NAME FILE SUITE KIND: WHAT")
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


class Bench:
    """The unchanged driver, built once, and how to build one file of it and one program anew."""

    def __init__(self, programs):
        if os.path.isdir(DRIVER):
            shutil.rmtree(DRIVER)
        shutil.copytree(os.path.join(ROOT, "driver"), DRIVER)
        # No cache of compilers: each of these files is compiled once.
        env = {name: value for name, value in os.environ.items() if name != "CMAKE_C_COMPILER_LAUNCHER"}
        subprocess.run(["cmake", "--preset", "asan", "-B", BUILD, f"-DPLATTER_DRIVER_DIR={DRIVER}",
                        f"-DCMAKE_C_FLAGS={FLAGS}"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(["cmake", "--build", BUILD, "--target", *programs], cwd=ROOT, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"{done.stdout}\nthe driver without any fault cannot be built")
        self.compilers, self.linkers = {}, {}
        with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
            for entry in json.load(file):
                if os.path.dirname(entry["file"]) == DRIVER and "platter_driver_native" in entry["command"]:
                    self.compilers[os.path.basename(entry["file"])] = entry["command"]
        for program in programs:
            commands = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", program], text=True, check=True,
                                      stdout=subprocess.PIPE).stdout.splitlines()
            self.linkers[program] = commands[-1]

    def compile(self, fault, place):
        """The object with the fault in it; a fault that does not compile is an error of faults.txt."""
        path = os.path.join(place, fault.file)
        with open(path, "w", encoding="utf-8") as out:
            out.write(fault.apply(source(fault.file)))
        command = self.compilers[fault.file]
        at = re.search(r"-o (\S+)", command).group(1)
        new = re.sub(r" -o \S+ -c \S+$", f" -iquote {DRIVER} -o {path}.o -c {path}", command)
        new = re.sub(r" -MD -MT \S+ -MF \S+", "", new)
        done = subprocess.run(new, shell=True, cwd=BUILD, text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"{done.stdout}\n{fault.name} does not compile")
        return at, path + ".o"

    def link(self, program, place, at, changed):
        path = os.path.join(place, program)
        command = self.linkers[program].replace(f" {at} ", f" {changed} ").replace(f" -o {program} ", f" -o {path} ")
        if changed not in command or path not in command:
            raise RuntimeError(f"{program} is not linked as expected: {command}")
        subprocess.run(command, shell=True, cwd=BUILD, check=True)
        return path


def lines_of(child, end):
    """What it prints, line by line, until it ends; None: it is still at it at the time `end`."""
    rest = b""
    while True:
        ready, _, _ = select.select([child.stdout], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            yield None
            return
        got = os.read(child.stdout.fileno(), 65536)
        if not got:
            if rest:
                yield rest.decode(errors="replace")
            return
        *lines, rest = (rest + got).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")


def judge(child):
    """None: all passed; otherwise (test, how it failed), as soon as that is known."""
    output, failed, why = [], None, ""
    for line in lines_of(child, time.monotonic() + SUITE_SECONDS):
        if line is None:
            return "?", None
        output.append(line)
        told = re.match(r"not ok -\s+(\S+) # ntsim: (.*)", line)
        if told:
            return told.group(1), told.group(2)
        if line.startswith("ERROR: "):
            why = line[7:]
        if failed:
            why = why or line.lstrip("# ")
            return failed, why
        if re.match(r"not ok \d+ - ", line):
            failed = line.split(" - ", 1)[1].split(" ")[0]
    child.wait()
    if child.returncode == 0:
        return None
    text = "\n".join(output)
    summary = re.search(r"^SUMMARY: \S+: (.*)$", text, re.M) or re.search(r"runtime error: (.*)$", text, re.M)
    begun = len(re.findall(r"^ok \d+ - ", text, re.M))
    return f"test {begun + 1}", summary.group(1) if summary else f"exit status {child.returncode}"


def run(path, place):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1",
               UBSAN_OPTIONS="halt_on_error=1")
    child = subprocess.Popen([path], cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        return judge(child)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.stdout.close()
        child.wait()


def try_fault(bench, suites, fault):
    """(suite, test, how) of the first suite that notices; None: it survives."""
    with tempfile.TemporaryDirectory(dir=PLACE) as place:
        at, changed = bench.compile(fault, place)
        for subject in sorted(suites, key=lambda s: s != fault.first):  # stable: the rest in their order
            path = bench.link(suites[subject], place, at, changed)
            found = run(path, place)
            os.unlink(path)
            if found:
                return (subject, *found)
    return None


def few(faults):
    chosen = []
    for kind in FEW:
        chosen += [fault for fault in faults if fault.kind == kind][:1]
    return chosen


def check(faults):
    for number, fault in enumerate(faults, 1):
        print(f"ok {number} - {fault.name} still applies to {fault.file}")
    print(f"1..{len(faults)}")


def report(fault, found, number, tap):
    """Prints a row of the table; FALSE: the fault was not caught."""
    caught = found is not None and found[2] is not None
    if found is None:
        how = f"SURVIVED: {fault.what}"
    elif not caught:
        how = f"NOT TOLD: driver/{found[0]} has no end, and the simulator does not say why"
    else:
        how = f"{found[0] + '/' + found[1]:44} {found[2][:100]}"
    if tap:
        print(f"{'ok' if caught else 'not ok'} {number} - {fault.name} ({fault.kind}): {how}", flush=True)
    else:
        print(f"{fault.name:28} {fault.kind:12} {how}", flush=True)
    return caught


def main():
    parser = argparse.ArgumentParser(description="Plants faults into the driver and sees which suite notices.")
    parser.add_argument("--check", action="store_true", help="only see that every edit still applies")
    parser.add_argument("--few", action="store_true", help="one of each of the worst kinds, as TAP")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time")
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
        return check(faults)
    faults = few(faults) if options.few else [f for f in faults if not options.names or f.name in options.names]
    begin = time.monotonic()
    os.makedirs(PLACE, exist_ok=True)
    bench = Bench(list(suites.values()))
    if not options.few:
        for program in suites.values():
            found = run(os.path.join(BUILD, program), PLACE)
            if found:
                sys.exit(f"{program} fails without any fault: {found[0]}: {found[1]}")
        print(f"{'fault':28} {'kind':12} {'caught by suite/test':44} how")
    missed = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(try_fault, bench, suites, fault): fault for fault in faults}
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            if not report(jobs[job], job.result(), number, options.few):
                missed.append(jobs[job].name)
    if options.few:
        print(f"1..{len(faults)}")
    else:
        print(f"{len(faults) - len(missed)} of {len(faults)} caught in {(time.monotonic() - begin) / 60:.1f} minutes"
              + (f"; not caught: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
