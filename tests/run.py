#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the suites of tests/suites.txt and counts every case they report.

Two lanes run side by side: wine/ and build/, which mostly wait or compile, and all the others; within a lane one suite
follows the other.

A suite is a command that prints TAP ("ok 1 - name", "not ok 2 - name", "ok 3 - name # SKIP why", "1..3").
cmocka programs do so under CMOCKA_MESSAGE_OUTPUT=TAP, shell suites through tests/lib.sh. A suite that dies, times out,
or prints fewer cases than it planned has failed, whatever it printed before. Each suite's whole output is kept in
build/test-logs/. The last line is "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed.

usage: tests/run.py [--long] [--list] [-v] [NAME ...]     NAME: only suites whose name contains one of these
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "test-logs")
CASE = re.compile(r"^(not )?ok\b(?:\s+(\d+))?(?:\s*-?\s*(.*?))?(?:\s*#\s*(SKIP|TODO)\b\s*(.*))?$", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*skip\S*\s*(.*))?$", re.IGNORECASE)


def read_suites():
    """Yields (name, kind, timeout in seconds, command) from tests/suites.txt."""
    path = os.path.join(ROOT, "tests", "suites.txt")
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            fields = line.split(None, 3)
            if len(fields) != 4 or fields[1] not in ("fast", "long") or not fields[2].isdigit():
                sys.exit(f"{path}:{number}: want: NAME fast|long TIMEOUT COMMAND")
            yield fields[0], fields[1], int(fields[2]), fields[3]


def run_suite(name, timeout, command):
    """Returns (passed, failed, skipped, lines to show)."""
    log = os.path.join(LOGS, name.replace("/", "-") + ".log")
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", PLATTER_ROOT=ROOT,
               ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1"),
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    died = None
    with open(log, "wb") as out:
        child = subprocess.Popen(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            code = child.wait(timeout)
            if code < 0:
                died = f"killed by signal {-code}"
        except subprocess.TimeoutExpired:
            died = f"no end after {timeout} s"
            os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
    passed = failed = skipped = 0
    planned = 0
    show = []
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            line = line.rstrip()
            plan = PLAN.match(line)
            if plan:
                planned += int(plan.group(1))
                if plan.group(1) == "0":
                    skipped += 1
                    show.append(f"    skipped: {plan.group(2) or 'whole suite'}")
                continue
            case = CASE.match(line)
            if not case:
                continue
            if (case.group(4) or "").upper() == "SKIP":
                skipped += 1
                show.append(f"    skipped: {case.group(3)}: {case.group(5)}")
            elif case.group(1):
                failed += 1
                show.append(f"    FAILED: {case.group(3)}")
            else:
                passed += 1
    ran = passed + failed + skipped
    if died is None and ran < planned:
        died = f"planned {planned} cases, reported {ran}"
    if died is None and ran == 0:
        died = "reported no case"
    if died is None and code != 0 and failed == 0:
        died = f"exit status {code} though no case failed"
    if died:
        failed += 1
        show.append(f"    FAILED: {name}: {died}")
    if failed:
        with open(log, encoding="utf-8", errors="replace") as lines:
            tail = lines.read().splitlines()[-40:]
        show.append(f"    --- the end of {os.path.relpath(log, ROOT)}")
        show.extend("    | " + line for line in tail)
    return passed, failed, skipped, show


def main():
    parser = argparse.ArgumentParser(description="Runs Platter's test suites.")
    parser.add_argument("--long", action="store_true", help="also the suites marked long")
    parser.add_argument("--list", action="store_true", help="only name the suites")
    parser.add_argument("names", nargs="*", help="only suites whose name contains one of these")
    options = parser.parse_args()
    suites = [s for s in read_suites() if not options.names or any(n in s[0] for n in options.names)]
    suites = [s for s in suites if options.long or options.names or s[1] == "fast"]
    if options.list:
        for name, kind, timeout, command in suites:
            print(f"{name:32} {kind:5} {timeout:5} s  {command}")
        return 0
    os.makedirs(LOGS, exist_ok=True)
    # Who starts us in the background has Ctrl-C ignored, and what is ignored is inherited: tests of Ctrl-C want it back.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    total = [0, 0, 0]
    printing = threading.Lock()

    def run_lane(lane):
        for name, _, timeout, command in lane:
            start = time.monotonic()
            passed, failed, skipped, show = run_suite(name, timeout, command)
            verdict = "FAILED" if failed else "ok" if passed else "skipped"
            with printing:
                print(f"{verdict:8}{name:32} {passed:5} passed {failed:3} failed {skipped:3} skipped "
                      f"{time.monotonic() - start:7.1f} s", *show, sep="\n", flush=True)
                total[:] = [a + b for a, b in zip(total, (passed, failed, skipped))]

    slow = [s for s in suites if s[0].startswith(("wine/", "build/"))]
    lanes = [threading.Thread(target=run_lane, args=(lane,)) for lane in (slow, [s for s in suites if s not in slow])]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    print(f"{len(suites)} suites in {time.monotonic() - begin:.0f} s")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
