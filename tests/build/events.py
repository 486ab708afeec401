#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The messages of the event logs: what windmc makes of the .mc files has the numbers that the sources write, each with no
more insertions than strings are given, and lies in the programs that are named as their source. Prints TAP.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.environ.get("PLATTER_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILDS = os.environ.get("PLATTER_BUILDS", os.path.join(ROOT, "build"))
SOURCES = [  # message file, windmc's options, header with the numbers, program that holds them
    ("driver/events.mc", ["-c"], "driver/error_log.h", "platter.sys"),
    ("service/events.mc", [], "mount/event.h", "platterd.exe"),
]
INFORMATION, WARNING, ERROR = 1, 2, 3
EVENT_LOG_KEYS = ("EventMessageFile", "TypesSupported")

tap = Tap()


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def numbers(header):
    """{name: number}, of #defines and enumerators with a severity."""
    found = re.findall(r"(?:#define )?\b((?:ERROR_LOG|PLATTER_EVENT)_\w+)(?: = | \(\(NTSTATUS\))(0x[0-9A-Fa-f]{8})",
                       text(header))
    return {name: int(value, 16) for name, value in found}


def compile_messages(path, options, folder):
    """The table's bytes, and {number: text} of it. Source: MESSAGE_RESOURCE_DATA, winnt.h."""
    subprocess.run(["x86_64-w64-mingw32-windmc", *options, "-h", folder, "-r", folder, os.path.join(ROOT, path)], check=True)
    with open(os.path.join(folder, "MSG00409.bin"), "rb") as file:
        data = file.read()
    messages = {}
    (blocks,) = struct.unpack_from("<I", data)
    for block in range(blocks):
        low, high, at = struct.unpack_from("<III", data, 4 + 12 * block)
        for number in range(low, high + 1):
            length, unicode = struct.unpack_from("<HH", data, at)
            raw = data[at + 4:at + length]
            messages[number] = raw.decode("utf-16-le" if unicode else "latin-1").rstrip("\0")
            at += length
    return data, messages


def check_messages(wanted, messages):
    problems = [f"{name} ({number:#x}) has no message" for name, number in wanted.items() if number not in messages]
    problems += [f"message {number:#x} has no name" for number in messages if number not in wanted.values()]
    problems += [f"{name}: severity {number >> 30}" for name, number in wanted.items()
                 if number >> 30 not in (INFORMATION, WARNING, ERROR)]
    return problems


def check_insertions(messages):
    problems = []
    for number, message in messages.items():
        found = sorted(int(n) for n in re.findall(r"%(\d+)", message))
        # %1 of the driver's is the I/O manager's, and need not be used.
        if found and found not in (list(range(1, found[-1] + 1)), list(range(2, found[-1] + 1))):
            problems.append(f"message {number:#x} inserts {found}")
        if not found or found[-1] > 4 or "%" in re.sub(r"%\d", "", message):
            problems.append(f"message {number:#x}: {message!r}")
    return problems


def check_program(table, program):
    problems = []
    for build in ("win64", "win32"):
        path = os.path.join(BUILDS, build, program)
        if not os.path.exists(path):
            problems.append(f"{path} has not been built")
            continue
        with open(path, "rb") as file:
            if table not in file.read():
                problems.append(f"{path} does not hold the messages")
    return problems


def main():
    for path, options, header, program in SOURCES:
        wanted = numbers(header)
        with tempfile.TemporaryDirectory() as folder:
            table, messages = compile_messages(path, options, folder)
        tap.case(f"{path}: {len(messages)} messages, with the numbers of {header}",
                 check_messages(wanted, messages) if wanted else ["no numbers found"])
        tap.case(f"{path}: what they insert is given", check_insertions(messages))
        tap.case(f"{path}: no message asks for an image's name",
                 [m for m in messages.values() if re.search(r"\b(path|file)\b", m)])
        tap.case(f"{program} holds them, in both builds", check_program(table, program))
        planted = dict(messages)
        planted.pop(next(iter(planted)))
        tap.case(f"{path}: a message that is missing would be noticed",
                 [] if check_messages(wanted, planted) else ["it was not"])
    inf = text("driver/platter.inf")
    tap.case("the INF registers the driver as a source of the System log",
             [key for key in EVENT_LOG_KEYS if not re.search(rf"^HKR,, {key},", inf, re.M)] +
             ([] if re.search(r"^AddService = platter, 0x00000002, Service, EventLog$", inf, re.M) else ["no event log section"]))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
