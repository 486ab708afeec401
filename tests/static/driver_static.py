#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be said of the driver without running it: gcc's analyzer, the depth of its stack, layouts on both builds.

Everything is compiled with the flags of the real builds, taken from their compile_commands.json. Each check is held
against a planted fault, so that it is known to bite. Prints TAP.
"""
import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import layout
import stack

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, skip_all  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILDS = os.environ.get("PLATTER_BUILDS", os.path.join(ROOT, "build"))
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = sorted(glob.glob(os.path.join(ROOT, "driver", "*.c")))
# What the analyzer says and why it is wrong: (file, text in its warning). Empty is best.
EXCUSED = []


def flags(build):
    """How the build compiles the driver's files, without the names of source and output."""
    with open(os.path.join(BUILDS, build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            if entry["file"] == os.path.join(ROOT, "driver", "queue.c"):
                words = entry["command"].split()
                at = words.index("-o")
                return [w for w in words[:at] if not w.startswith(("-fsanitize", "-Werror"))], entry["directory"]
    raise stack.Problem(f"{build} does not compile the driver")


def compile_with(build, extra, source, output):
    """What the compiler says; raises when it fails."""
    words, directory = flags(build)
    done = subprocess.run([*words, *extra, "-c", source, "-o", output], cwd=directory, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise stack.Problem(done.stdout)
    return done.stdout


class Suite(Tap):
    def __init__(self, work):
        super().__init__()
        self.work = work
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

    def guarded(self, name, function):
        try:
            self.case(name, function())
        except (stack.Problem, OSError, subprocess.CalledProcessError) as error:
            self.case(name, [str(error)])

    def analyze(self, source, header):
        said = compile_with("host", ["-fanalyzer", "-include", header], source, os.devnull)
        warnings = [line for line in said.splitlines() if "[-Wanalyzer" in line]
        return [w for w in warnings if not any(file in w and text in w for file, text in EXCUSED)]

    def analyzer(self):
        header = os.path.join(HERE, "analyzer.h")
        jobs = [(source, self.pool.submit(self.analyze, source, header)) for source in SOURCES]
        for source, job in jobs:
            self.guarded(f"the analyzer has nothing to say of {os.path.basename(source)}", job.result)

    def analyzer_bites(self):
        """A pointer that may be NULL, and a use of what was freed: it knows what pool routines do."""
        tree = os.path.join(self.work, "planted")
        shutil.copytree(os.path.join(ROOT, "driver"), os.path.join(tree, "driver"))
        os.makedirs(os.path.join(tree, "tests", "static"))
        header = shutil.copy(os.path.join(HERE, "analyzer.h"), os.path.join(tree, "tests", "static"))
        for what, name, old, new in (
                ("allocation that is not checked", "pnp_volume.c",
                 "    if (bus == NULL)\n        return STATUS_INSUFFICIENT_RESOURCES;\n", ""),
                ("use after free", "secure.c", "CloseKey:\n",
                 "    if (data->DataLength == 1)\n        *Descriptor = NULL;\nCloseKey:\n")):
            path = os.path.join(tree, "driver", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
            self.guarded(f"the analyzer sees a planted {what}",
                         lambda: [] if text.count(old) == 1 and self.analyze(path, header) else ["it says nothing"])

    def depth(self, build):
        folder = os.path.join(self.work, build)
        os.makedirs(folder)
        list(self.pool.map(lambda source: compile_with(
            build, ["-fcallgraph-info=su"], source,
            os.path.join(folder, os.path.basename(source)[:-2] + ".o")), SOURCES))
        worst, chain, twice = stack.report(folder)
        print(f"# {build}: {worst} bytes of stack: {', '.join(chain)}; worker and dispatch: {twice} bytes")
        problems = []
        if worst > stack.BOUND:
            problems.append(f"{worst} bytes below an entry point, at most {stack.BOUND}")
        if twice > stack.BOUND_TWICE:
            problems.append(f"{twice} bytes of worker and dispatch, at most {stack.BOUND_TWICE}")
        return problems

    def depth_bites(self, build):
        """Without one of its declarations the call graph has a hole, which must be told."""
        missing = stack.INDIRECT.pop("ControlIoctl")
        try:
            stack.report(os.path.join(self.work, build))
        except stack.Problem:
            return []
        finally:
            stack.INDIRECT["ControlIoctl"] = missing
        return ["a call through a pointer was not noticed"]

    def layouts(self, extra=()):
        paths = []
        for build in ("host", "win64"):
            paths.append(os.path.join(self.work, f"layout-{build}.o"))
            compile_with(build, ["-O0", "-g", "-fno-eliminate-unused-debug-types", *extra],
                         os.path.join(HERE, "layout.c"), paths[-1])
        count, problems = layout.differences(*paths)
        print(f"# {count} types compared")
        return problems


def main():
    if not shutil.which("llvm-dwarfdump"):
        skip_all("llvm-dwarfdump is not installed")
    with tempfile.TemporaryDirectory() as work:
        suite = Suite(work)
        suite.analyzer()
        suite.analyzer_bites()
        for build in ("win64", "win32"):
            suite.guarded(f"{build}: no chain of calls takes more stack than it may", lambda b=build: suite.depth(b))
        suite.guarded("a call that the graph does not show is told", lambda: suite.depth_bites("win64"))
        suite.guarded("every type lies the same natively and for Windows", suite.layouts)
        suite.guarded("a type that lies otherwise is told", lambda: [] if "layout_planted" in
                      "".join(suite.layouts(["-DLAYOUT_PLANTED"])) else ["a `long` was not noticed"])
        return suite.end()


if __name__ == "__main__":
    sys.exit(main())
