#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures Platter beside its peers, prints a table and writes build/bench.json.

Both sides of a case run in turn on the same file in the same minutes, so the ratio means something on a busy machine,
too; the figures alone do not. A ratio above 1 is in Platter's favour. Nothing is asserted: tests/ is for that.

usage: bench/run.py [--rounds N] [--list] [NAME ...]     NAME: only cases whose name contains one of these
"""
import argparse
import glob
import importlib.util
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402


def modules():
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", "*.py"))):
        spec = importlib.util.spec_from_file_location("bench_" + os.path.basename(path)[:-3], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description="Measures Platter beside its peers.")
    parser.add_argument("--rounds", type=int, help="measurements of each side, instead of each case's own number")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("names", nargs="*", help="only cases whose name contains one of these")
    options = parser.parse_args()
    meta = harness.facts()
    print(f"{meta['cores']} cores ({meta['cpu']}), Linux {meta['kernel']}, load {meta['load_before']}; "
          f"medians, page cache warm; ratio above 1: Platter is ahead\n")
    print(f"{'':44}{'Platter':>10}  {'peer':>10}  {'unit':8}{'ratio':>6}  peer")
    results = []
    skipped = 0
    with harness.Bench() as bench:
        for module in modules():
            for contest in module.cases(bench):
                if options.names and not any(name in contest.name for name in options.names):
                    continue
                if options.list:
                    print(contest.name)
                    continue
                try:
                    result = contest.run(options.rounds)
                except (OSError, RuntimeError, ValueError) as error:
                    skipped += 1
                    print(f"{contest.name:44}not measured: {error}", flush=True)
                    continue
                results.append(result)
                print(f"{result['name']:44}{number(result['value']):>10}  {number(result['peer']):>10}  "
                      f"{result['unit']:8}{result['ratio']:6.2f}  {result['peer_name']}", flush=True)
    if options.list:
        return 0
    path = os.path.join(harness.ROOT, "build", "bench.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"meta": meta, "results": results}, out, indent=1)
        out.write("\n")
    print(f"\n{len(results)} cases measured, {skipped} not; written to {os.path.relpath(path, harness.ROOT)}")
    return 1 if skipped and not results else 0


if __name__ == "__main__":
    sys.exit(main())
