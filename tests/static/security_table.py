#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the tables of docs/security.md against the tests that they name: each cell names one, each one is there and is run,
and where a test has a table of its own (test_tokens.c, test_files.c), the cells say what it expects. Prints TAP.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.environ.get("PLATTER_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/security.md"
TOKENS = ("SYSTEM", "elevated", "filtered", "user", "other", "anonymous")
OWNER = 3  # the column of who has mounted the drive, in the first table

# Row of the first table: rows of test_tokens.c for others, and for who has mounted the drive.
TOKEN_ROWS = {
    "open `\\\\.\\Platter`": ("open \\\\.\\Platter",) * 2,
    "mount": ("mount writable",) * 2,
    "mount, `WhoMayMount` 0": ("mount read-only, WhoMayMount=0",) * 2,
    "mount writable, `UsersMayWrite` 0": ("mount writable, UsersMayWrite=0",) * 2,
    "see the drive and its letter": ("list: that it is there, another's", "list: that it is there, own"),
    "see the image's path": ("list: image's name, another's", "list: image's name, own"),
    "unmount": ("remove another's", "remove own"),
    "eject": ("eject another's", "eject own"),
    "read and write sectors": ("write sectors, another's", "write sectors, own"),
    "change the drive's descriptor": ("change its security, another's", "change its security, own"),
    "say that it has a letter of another's": ("say it has a letter, another's", "say it has a letter, own"),
}
# Row of a table (0: the user's drive, 1: the administrator's): rows of test_files.c, and the drive there.
FILE_ROWS = {
    (0, "see the image's path"): (("see its image's path",), "FatPrivate"),
    (0, "see who mounted it"): (("see who mounted it",), "FatPrivate"),
    (0, "unmount"): (("unmount",), "FatPrivate"),
    (0, "read and write sectors"): (("read sectors", "write sectors"), "FatPrivate"),
    (0, "NTFS, ReFS: a file of one user's alone"): (("read a file", "write a file"), "NtfsDrive"),
    (0, "FAT, exFAT, unknown; writable: read a file"): (("read a file",), "FatPrivate"),
    (0, "the same: write, empty or make a file"): (("write a file", "empty or make a file"), "FatPrivate"),
    (0, "the same, `--shared`: read and write"): (("read a file", "write a file", "empty or make a file"), "FatShared"),
    (0, "FAT, exFAT, UDF; read-only: read a file"): (("read a file",), "FatReadOnly"),
    (0, "any, read-only: write"): (("write a file", "empty or make a file", "write sectors"), "FatReadOnly"),
    (1, "see the image's path"): (("see its image's path",), "AdminsPrivate"),
    (1, "unmount"): (("unmount",), "AdminsPrivate"),
    (1, "read and write sectors"): (("read sectors", "write sectors"), "AdminsPrivate"),
    (1, "FAT, writable: read and write a file"): (("read a file", "write a file"), "AdminsPrivate"),
}

tap = Tap()


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def read_tables(page):
    """(tables of what tokens may: [(row, [cell, ...]), ...]; tests: {mark: (suite, test, path)})."""
    tables, tests, rows = [], {}, None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            rows = None
        elif len(cells) == 1 + len(TOKENS) and not cells[0] and rows is None:
            rows = []
            tables.append(rows)
        elif rows is not None and len(cells) == 1 + len(TOKENS) and cells[0] != "---":
            rows.append((cells[0], cells[1:]))
        elif len(cells) == 4 and re.fullmatch(r"\[\w\]", cells[0]):
            tests[cells[0]] = tuple(cells[1:])
    return tables, tests


def check_cells(tables, tests):
    problems = []
    for rows in tables:
        for row, cells in rows:
            for token, cell in zip(TOKENS, cells):
                if not re.fullmatch(r"(yes|no)( \[\w\])+", cell):
                    problems.append(f"{row}, {token}: {cell!r}")
                problems += [f"{row}, {token}: there is no {mark}" for mark in re.findall(r"\[\w\]", cell) if mark not in tests]
    return problems


def check_test(suites, suite, test, path):
    if not os.path.exists(os.path.join(ROOT, path)):
        return f"there is no {path}"
    source = text(path)
    line = next((line for line in suites.splitlines() if line.startswith(suite + " ")), None)
    if line is None:
        return f"there is no suite {suite}"
    program = os.path.splitext(os.path.basename(path))[0]
    if path.endswith(".c"):
        if not re.search(rf"(RIG_TEST|cmocka_unit_test)\({test}\)", source) or f"static void {test}(void **state)" not in source:
            return f"{path} has no test {test}"
        built = program.replace("test_", "test_driver_") if path.startswith("tests/driver/") else program
        return None if f"/{built}" in line else f"the suite {suite} does not run {path}"
    if f'"{test}"' not in source:
        return f"{path} has no case {test!r}"
    return None if path in line else f"the suite {suite} does not run {path}"


def token_table():
    return dict(re.findall(r'\{"((?:[^"\\]|\\.)*)", (?:NoVolume|Own|Others|OtherTokens), \w+, "([Y -]{6})"',
                           text("tests/driver/test_tokens.c").replace("\\\\\\\\.\\\\", "\\\\.\\")))


def file_table():
    source = text("tests/driver/test_files.c")
    drives = re.search(r"typedef enum DRIVE \{ (.*?), DRIVES \}", source).group(1).split(", ")
    found = re.findall(r'\{"([^"]+)", \w+, \{((?:"[Y-]{6}"(?:, )?)+)\}\}', source)
    return {name: dict(zip(drives, re.findall(r'"([Y-]{6})"', expected))) for name, expected in found}


def check_truth(tables, tokens, files):
    problems = []
    for number, rows in enumerate(tables):
        for row, cells in rows:
            for column, cell in enumerate(cells):
                said = "Y" if cell.startswith("yes") else "-"
                wanted = []
                if number == 0 and "[T]" in cell:
                    others, own = TOKEN_ROWS.get(row, (None, None))
                    wanted.append(tokens.get(own if column == OWNER else others, "??????")[column])
                if "[F]" in cell:
                    names, drive = FILE_ROWS.get((number, row), ((None,), None))
                    wanted += [files.get(name, {}).get(drive, "??????")[column] for name in names]
                # Rows that only a test of another kind proves have neither mark.
                problems += [f"{row}, {TOKENS[column]}: says {cell!r}, the test expects {w!r}" for w in wanted if w != said]
    return problems


def main():
    page, suites = text(PAGE), text("tests/suites.txt")
    tables, tests = read_tables(page)
    cells = sum(len(cells) for rows in tables for _, cells in rows)
    tap.case(f"{PAGE} has two tables of what tokens may do, with {cells} cells, and {len(tests)} tests",
             [] if len(tables) == 2 and cells >= 120 and len(tests) >= 10 else ["they were not found"])
    tap.case("each cell says yes or no, and names a test", check_cells(tables, tests))
    for mark, (suite, test, path) in tests.items():
        problem = check_test(suites, suite, test, path)
        tap.case(f"{mark} {suite}: {test}", [problem] if problem else [])
    outside = "\n".join(line for line in page.splitlines() if not re.match(r"\| \[\w\] \|", line))
    tap.case("each test that is listed is named somewhere", [mark for mark in tests if mark not in outside])
    tap.case("each mark in the text is listed",
             sorted({mark for mark in re.findall(r"\[[A-Z]\]", outside) if mark not in tests}))
    tokens, files = token_table(), file_table()
    tap.case(f"the tables of the tests are understood: {len(tokens)} rows and {len(files)} rows",
             [] if len(tokens) >= 25 and len(files) == 10 else [str(sorted(tokens)), str(sorted(files))])
    tap.case("each cell says what its test expects", check_truth(tables, tokens, files))
    for what, old, new in (("cell that is wrong", "| unmount | yes [T] [R] | yes [T] [R] | no [T]", "| unmount | yes [T] [R] | yes [T] [R] | yes [T]"),
                           ("cell without a test", "| eject | yes [T] |", "| eject | yes |")):
        planted = page.replace(old, new)
        noticed = check_truth(read_tables(planted)[0], tokens, files) + check_cells(*read_tables(planted))
        tap.case(f"a {what} would be noticed", [] if planted != page and noticed else ["it was not"])
    gone = check_test(suites, "driver/tokens", "the_tables", "tests/driver/test_tokens.c")
    tap.case("a test that is not there would be noticed", [] if gone else ["it was not"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
