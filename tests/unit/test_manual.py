#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command and every option of the command line's tables stands in docs/cli.md and in docs/platter.1, and these name
no option that there is not. TAP."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PART = re.compile(r"const struct cli_option \w+\[\] = \{.*?\};|#define CLI_\w*OPTIONS?\b[^\n]*", re.S)
# Rows of the tables and of the macros that make up parts of them: name, what its value is called, help (NULL: not shown).
OPTION = re.compile(r'\{\s*"([a-z0-9][a-z0-9-]*)",\s*(?:NULL|"[^"]*"),\s*(NULL|"|[A-Z_]+)')
COMMAND = re.compile(r'^\s*\{?\s*"([a-z]+(?: [a-z]+)?)",\s*\\?\s*"', re.M)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def sources():
    folder = os.path.join(ROOT, "cli")
    return {name: read("cli", name) for name in sorted(os.listdir(folder)) if name.endswith((".c", ".h"))}


def options(files):
    """(those that --help shows, those that it hides)"""
    shown, hidden = set(), set()
    for text in files.values():
        for part in PART.findall(text.replace("\\\n", " ")):
            for name, help_text in OPTION.findall(part):
                (hidden if help_text == "NULL" else shown).add(name)
    return shown, hidden - shown


def commands(files):
    return sorted({name for path in ("commands.h", "commands_posix.c", "commands_win32.c")
                   for name in COMMAND.findall(files[path])})


def main():
    files, tap = sources(), Tap()
    shown, hidden = options(files)
    names = commands(files)
    pages, manual = read("docs", "cli.md"), read("docs", "platter.1")
    in_pages = set(re.findall(r"--([a-z0-9][a-z0-9-]*)", pages))
    in_manual = {name.replace("\\-", "-") for name in re.findall(r"Fl \\-([a-z0-9\\-]+)", manual)}
    tap.case("the tables are found", [] if len(shown) > 25 and len(names) > 10 else [f"{len(shown)} options, {len(names)} commands"])
    tap.case("each option is in docs/cli.md", [f"--{name}" for name in sorted(shown - in_pages)])
    tap.case("each option is in docs/platter.1", [f"--{name}" for name in sorted(shown - in_manual)])
    tap.case("docs/platter.1 names no other", [f"--{name}" for name in sorted(in_manual - shown - hidden - {"version"})])
    tap.case("each command is in docs/cli.md", [name for name in names if f"platter {name}" not in pages])
    tap.case("each command is in docs/platter.1",
             [name for name in names if not re.search(rf"^\.It Cm {name}$", manual, re.M)])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
