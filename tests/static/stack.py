# SPDX-License-Identifier: MIT
"""Sums the driver's stack over its call graph, from gcc's -fcallgraph-info=su (.ci files), and holds it to a bound.

A kernel stack is 12 KiB on x86 and 24 KiB on x64, and most of it is others': file systems and filters above, the Mount
Manager between. Bounded are the deepest chain below any entry point, and the worst case of two: our worker calls the Mount
Manager, which calls our dispatch routine on the same stack. What gcc cannot see is declared below, and a declaration that
matches nothing, an indirect call or an entry point that is not declared, or recursion is an error.
"""
import collections
import glob
import os
import re

BOUND = 4096  # bytes below one entry point
BOUND_TWICE = 6144  # bytes of Worker and, through the Mount Manager, of Dispatch

# Who calls through a table, and whom it may reach.
INDIRECT = {
    "ControlIoctl": r"Transact|driver/control\.c:(Hello|List|Create|Start|Remove)",
    "IoctlDispatch": r"Ioctl(Answer|MediaRemoval)\w*|driver/(\w+_ioctl|mountdev)\.c:(Answer|Link|Ioctl)\w*",
    "driver/storage_ioctl.c:AnswerProperty": r"driver/storage_ioctl\.c:(Describe|Property)\w*",
    "driver/announce.c:GiveLetter": r"driver/announce_\w+\.c:Give",
    "AnnounceStep": r"driver/announce_\w+\.c:Check",
    "AnnounceSuspend": r"driver/announce_\w+\.c:Take",
    "AnnounceWithdraw": r"driver/announce_\w+\.c:Take",
}
# Calls a routine of the system by its address (MmGetSystemRoutineAddress), which calls nothing of ours.
SYSTEM = {"DevicePropertySetName"}
# Whom the system calls.
ENTRIES = re.compile(r"DriverEntry|BusAddDevice|driver/\w+\.c:(Dispatch|Unload|Worker|Tick|Forwarded|Cancel\w+)"
                     r"|__stack_chk_fail|__main")
# Does its work once a volume and returns at once the second time, so that a chain passes through it once.
ONCE = "VolumeBeginRemove"

NODE = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes \((\w[^)]*)\)')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


class Problem(Exception):
    pass


def read(folder):
    """(bytes of each function's frame, callees of each)."""
    frames, calls = {}, collections.defaultdict(set)
    files = glob.glob(os.path.join(folder, "**", "*.ci"), recursive=True)
    if not files:
        raise Problem(f"{folder}: no .ci files")
    for path in files:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                line = re.sub(r'"[^"]*/(driver/\w+\.c:)', r'"\1', line)
                line = re.sub(r'@\d+"', '"', line)  # stdcall's decoration on x86
                node, edge = NODE.match(line), EDGE.match(line)
                if node:
                    if node.group(3) not in ("static", "dynamic,bounded"):
                        raise Problem(f"{node.group(1)}: the stack it takes is not bounded: {node.group(3)}")
                    frames[node.group(1)] = max(frames.get(node.group(1), 0), int(node.group(2)))
                elif edge:
                    calls[edge.group(1)].add(edge.group(2))
    return frames, calls


def resolve(frames, calls):
    """Puts in what goes through tables; what is not declared is an error."""
    reached = set()
    for caller in [name for name in calls if "__indirect_call" in calls[name]]:
        if caller in SYSTEM:
            continue
        if caller not in INDIRECT:
            raise Problem(f"{caller} calls through a pointer: declare in tests/static/stack.py whom it may reach")
        targets = {name for name in frames if re.fullmatch(INDIRECT[caller], name)}
        if not targets:
            raise Problem(f"{caller}: what tests/static/stack.py declares of its calls matches no function")
        calls[caller] |= targets
        reached |= targets
    called = set().union(*calls.values())
    entries = [name for name in frames if name not in called]
    for name in entries:
        if not ENTRIES.fullmatch(name):
            raise Problem(f"{name} is called by nobody: declare in tests/static/stack.py whether the system or a table does")
    return entries + [name for name in frames if ENTRIES.fullmatch(name) and name in called]


def deepest(frames, calls, name, bodies, memo, path):
    """(bytes, chain) of the deepest chain from a function, while ONCE may do its work yet so many times."""
    key = (name, bodies)
    if key in memo:
        return memo[key]
    if key in path:
        raise Problem(f"recursion: {' > '.join(n for n, _ in path[path.index(key):])} > {name}")
    best = (0, [])
    if name != ONCE or bodies:
        left = bodies - (name == ONCE)
        for callee in sorted(calls.get(name, ())):
            if callee in frames:
                best = max(best, deepest(frames, calls, callee, left, memo, path + [key]), key=lambda b: b[0])
    memo[key] = (frames[name] + best[0], [name] + best[1])
    return memo[key]


def report(folder):
    """(bytes of the deepest chain, its functions, bytes of a worker and a dispatch routine on one stack)."""
    frames, calls = read(folder)
    entries = resolve(frames, calls)
    memo = {}
    found = {name: deepest(frames, calls, name, 1, memo, []) for name in entries}
    worst, chain = max(found.values(), key=lambda f: f[0])
    twice = sum(max(found[name][0] for name in found if name.endswith(":" + end)) for end in ("Worker", "Dispatch"))
    return worst, [f"{frames[name]} {name}" for name in chain], twice
