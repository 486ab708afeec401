# SPDX-License-Identifier: MIT
"""What the cases of bench/cases/ are made of: images, servers, and contests between Platter and a peer.

A case is a few lines: see bench/cases/serve.py. Each module there has a function cases(bench) that yields Contest
objects; the two sides of a contest are functions that run once and return one number.
"""
import contextlib
import functools
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLATTER = os.environ.get("PLATTER", os.path.join(ROOT, "build", "host", "platter"))
WORK = os.path.join(ROOT, "build", "bench")
MIB = 1 << 20
TEXT = 256 * MIB  # of what compresses: decoders are the slow ones
PART = 16 * MIB  # of it is made, and repeated: no decoder looks back that far
BUDGET = 18  # seconds after which a contest has enough rounds, if it has three


class Contest:
    """Platter and a peer at the same work. `ours` and `theirs` are called in turn; each returns a number in `unit`."""

    def __init__(self, name, unit, peer_name, ours, theirs, more_is_better=True, rounds=7):
        self.name, self.unit, self.peer_name = name, unit, peer_name
        self.ours, self.theirs = ours, theirs
        self.more_is_better, self.rounds = more_is_better, rounds

    def run(self, rounds=None):
        """One round that does not count, then A B A B ... Returns what goes into the JSON file."""
        samples, peer_samples = [], []
        self.ours(), self.theirs()
        until = time.monotonic() + BUDGET
        while len(samples) < (rounds or self.rounds) and (len(samples) < 3 or time.monotonic() < until):
            samples.append(self.ours())
            peer_samples.append(self.theirs())
        value, peer = statistics.median(samples), statistics.median(peer_samples)
        ratio = value / peer if self.more_is_better else peer / value
        return {"name": self.name, "value": value, "peer": peer, "ratio": ratio, "unit": self.unit,
                "peer_name": self.peer_name, "samples": samples, "peer_samples": peer_samples}


def run(*command):
    """Runs to the end and returns what was printed; a failure raises with the command's own words."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def seconds(*command):
    begun = time.perf_counter()
    run(*command)
    return time.perf_counter() - begun


def rate(size, *command):
    """MiB/s of a command that moves `size` bytes."""
    return size / MIB / seconds(*command)


TOUCH = """import mmap, sys
size = int(sys.argv[1])
pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pages.madvise(mmap.MADV_HUGEPAGE)
pages[::4096] = b"x" * (size // 4096)"""


def touch_memory(most):
    """A virtual machine may give free memory back to its host, seconds after it became free, and pays for it by slow faults
    when it is touched again. Whoever runs next would pay, so it is touched here, at once before what is measured."""
    with contextlib.suppress(OSError, RuntimeError, StopIteration), open("/proc/meminfo", encoding="utf-8") as lines:
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemFree"))
        run("python3", "-c", TOUCH, str(min(free // 2, most) // MIB * MIB))


class Bench:
    """The machine's side of a run: a scratch folder, the test image, servers that end with the run."""

    SIZE = 1024 * MIB

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.made = {}
        shutil.rmtree(WORK, ignore_errors=True)
        os.makedirs(WORK)
        self.stack.callback(shutil.rmtree, WORK, ignore_errors=True)
        touch_memory(6 * Bench.SIZE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def path(self, name):
        return os.path.join(WORK, name)

    def once(self, name, make):
        """The file `name`, made by make(path) when it is first asked for, and in the page cache."""
        if name not in self.made:
            make(self.path(name))
            self.made[name] = self.path(name)
        with open(self.path(name), "rb") as file:
            while file.read(4 * MIB):
                pass
        return self.path(name)

    @staticmethod
    def lazily(make):
        """A function that calls make() the first time and remembers: what a case needs is made when it runs."""
        return functools.lru_cache(maxsize=None)(make)

    def raw_image(self):
        """1 GiB, every fourth MiB a hole, the rest random: nothing to compress, nothing to guess."""
        def make(path):
            with open(path, "wb") as file:
                for start in range(0, self.SIZE, 4 * MIB):
                    file.seek(start)
                    file.write(os.urandom(3 * MIB))
                file.truncate(self.SIZE)
                os.fsync(file.fileno())
        return self.once("disk.raw", make)

    def text_image(self):
        """256 MiB of words out of a vocabulary, as text, code and databases are: half their size when packed."""
        def make(path):
            source = random.Random(7)
            words = [source.randbytes(source.randrange(2, 14)) for _ in range(4000)]
            out = bytearray()
            while len(out) < PART:
                out += source.choice(words) * source.choice((1, 1, 1, 2, 40))
            with open(path, "wb") as file:
                for _ in range(TEXT // PART):
                    file.write(out[:PART])
        return self.once("text.raw", make)

    def converted(self, name, *options):
        """The raw image in another format, made by qemu-img with these options."""
        raw = self.raw_image()
        return self.once(name, lambda path: run("qemu-img", "convert", "-f", "raw", *options, raw, path))

    def _serve(self, command, socket):
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.stack.callback(server.wait)
        self.stack.callback(server.terminate)
        limit = time.monotonic() + 10
        while not os.path.exists(socket):
            if server.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{' '.join(command)}: {server.stderr.read().decode(errors='replace').strip()}")
            time.sleep(0.02)
        return f"nbd+unix:///?socket={socket}"

    def platter_serve(self, image):
        """The URI of a read-only `platter serve` of the image, with its defaults."""
        socket = self.path(f"platter-{os.path.basename(image)}.socket")
        return self._serve([PLATTER, "serve", "--read-only", image, "--socket", socket], socket)

    def qemu_nbd(self, image, image_format, *options):
        """The URI of a read-only qemu-nbd of the image: -t persistent, -e 16 clients, else its defaults."""
        socket = self.path(f"qemu-{os.path.basename(image)}.socket")
        return self._serve(["qemu-nbd", "-r", "-t", "-e", "16", "-f", image_format, "-k", socket, *options, image], socket)


def fio_iops(uri, depth, runtime=2):
    """4 KiB random reads a second, one client at this queue depth; the same offsets for everybody."""
    out = run("fio", "--name=read", "--ioengine=nbd", f"--uri={uri}", "--rw=randread", "--bs=4k", f"--iodepth={depth}",
              "--time_based", f"--runtime={runtime}", "--output-format=json")
    # fio's nbd engine prints a line of its own before the JSON.
    return json.loads(out[out.index(b"{"):])["jobs"][0]["read"]["iops"]


def first_line(*command):
    try:
        return run(*command).decode().splitlines()[0].strip()
    except (OSError, RuntimeError, IndexError):
        return "not there"


def facts():
    """What a reader must know of the machine, and nothing that names it."""
    model = "unknown"
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    filesystem = first_line("stat", "-f", "-c", "%T", ROOT)
    load = os.getloadavg()[0]
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "cores": os.cpu_count(), "cpu": model,
            "kernel": re.sub(r"-.*", "", os.uname().release), "machine": os.uname().machine, "file_system": filesystem,
            "load_before": round(load, 2),
            "versions": {"platter": first_line(PLATTER, "--version"), "qemu-nbd": first_line("qemu-nbd", "--version"),
                         "nbdcopy": first_line("nbdcopy", "--version"), "fio": first_line("fio", "--version")}}
