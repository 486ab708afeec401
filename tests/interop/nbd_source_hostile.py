#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NBD servers that lie, stop in the middle, or never come to the point: `platter` ends with a sentence that names the URI.

Each case is a server of its own on a free port of 127.0.0.1 and one run of the build with sanitizers against it. All run
at once, because those that are about patience take some seconds each. Prints TAP.
"""
import concurrent.futures
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLATTER = os.environ.get("PLATTER", os.path.join(ROOT, "build", "asan", "platter"))
TOOL = os.environ.get("ENGINE_TOOL", os.path.join(ROOT, "build", "asan", "engine_tool"))
SIZE = 1 << 20
COPYING = 128 << 10  # a read of so much is the conversion's, or its read-ahead's; who looks what is in the export reads less
PART = 4096
PATIENCE = 28  # seconds; the driver waits 30 for an answer
MEMORY = 600  # MiB, of a process with AddressSanitizer

MAGIC, OPTION, OPTION_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
SIMPLE, CHUNK = 0x67446698, 0x668E33EF
GO, STRUCTURED, SET_META = 7, 8, 10
ACK, INFO, META = 1, 3, 4
UNSUP, POLICY, TLS, UNKNOWN = 0x80000001, 0x80000002, 0x80000005, 0x80000006
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FLAGS = 1 | 4  # has flags, can flush


class Over(Exception):
    """The client has gone, or the case is done with it."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(60)

    def send(self, data):
        try:
            self.connection.sendall(data)
        except OSError as error:
            raise Over from error

    def take(self, length):
        data = b""
        while len(data) < length:
            try:
                more = self.connection.recv(length - len(data))
            except OSError as error:
                raise Over from error
            if not more:
                raise Over
            data += more
        return data

    def greet(self):
        self.send(MAGIC + OPTION + struct.pack(">H", 3))
        self.take(4)

    def option(self):
        magic, number, length = struct.unpack(">8sII", self.take(16))
        assert magic == OPTION
        return number, self.take(length)

    def reply(self, number, kind, data=b"", length=None):
        self.send(struct.pack(">QIII", OPTION_REPLY, number, kind, len(data) if length is None else length) + data)

    def negotiate(self, size=SIZE, flags=FLAGS, structured=True, blocks=None):
        """An honest negotiation."""
        self.greet()
        while True:
            number, _ = self.option()
            if number == STRUCTURED:
                self.reply(number, ACK if structured else UNSUP)
            elif number == SET_META:
                self.reply(number, META, struct.pack(">I", 5) + b"base:allocation")
                self.reply(number, ACK)
            elif number == GO:
                self.reply(number, INFO, struct.pack(">HQH", 0, size, flags))
                if blocks:
                    self.reply(number, INFO, struct.pack(">HIII", 3, *blocks))
                self.reply(number, ACK)
                return self
            else:
                self.reply(number, UNSUP)

    def request(self):
        magic, _, command, cookie, offset, length = struct.unpack(">IHHQQI", self.take(28))
        assert magic == 0x25609513
        if command == WRITE:
            self.take(length)
        if command == DISC:
            raise Over
        return command, cookie, offset, length

    def chunk(self, cookie, kind, data=b"", done=True, length=None):
        self.send(struct.pack(">IHHQI", CHUNK, done, kind, cookie, len(data) if length is None else length) + data)

    def data(self, cookie, offset, data, done=True):
        self.chunk(cookie, 1, struct.pack(">Q", offset) + data, done)

    def answer(self, command, cookie, offset, length):
        """Honestly: data that tells its own place, all of it data."""
        if command == READ:
            self.data(cookie, offset, content(offset, length))
        elif command == STATUS:
            self.chunk(cookie, 5, struct.pack(">III", 5, length, 0))
        else:
            self.chunk(cookie, 0)


def content(offset, length):
    first = offset // 8
    words = struct.pack(f">{length // 8 + 2}Q", *range(first, first + length // 8 + 2))
    return words[offset % 8:offset % 8 + length]


def reads(wrong):
    """A server that is honest until somebody reads more than a sector or two; then wrong(peer, cookie, offset, length)."""
    def serve(peer):
        peer.negotiate()
        while True:
            command, cookie, offset, length = peer.request()
            if command == READ:
                wrong(peer, cookie, offset, length)
            else:
                peer.answer(command, cookie, offset, length)
    return serve


def raw(data, wait=False):
    def serve(peer):
        peer.send(data)
        if wait:
            peer.take(1 << 30)
    return serve


def options(answer):
    """answer(peer, number) replies to the first option that is asked."""
    def serve(peer):
        peer.greet()
        number, _ = peer.option()
        answer(peer, number)
        peer.take(1 << 20)
    return serve


def drip(data):
    def serve(peer):
        for byte in data:
            peer.send(bytes([byte]))
            time.sleep(1)
        peer.take(1 << 20)
    return serve


def forever(step):
    def run(peer, *arguments):
        while True:
            step(peer, *arguments)
    return run


def go_refused(kind, text=b""):
    def serve(peer):
        peer.greet()
        while True:
            number, _ = peer.option()
            peer.reply(number, kind if number == GO else UNSUP, text if number == GO else b"")
    return serve


def go_says(*infos):
    def serve(peer):
        peer.greet()
        while True:
            number, _ = peer.option()
            if number == GO:
                for info in infos:
                    peer.reply(number, INFO, info)
                peer.reply(number, ACK)
            else:
                peer.reply(number, UNSUP)
    return serve


def map_says(data):
    def serve(peer):
        peer.negotiate()
        while True:
            command, cookie, offset, length = peer.request()
            if command == STATUS:
                peer.chunk(cookie, 5, data)
            else:
                peer.answer(command, cookie, offset, length)
    return serve


def drip_read(peer, cookie, offset, length):
    if length < COPYING:
        peer.data(cookie, offset, bytes(length))
        return
    peer.send(struct.pack(">IHHQIQ", CHUNK, 1, 1, cookie, 8 + length, offset))
    for _ in range(length):
        peer.send(b"x")
        time.sleep(1)


def hang_up(*_):
    raise Over


def silent(peer, *_):
    peer.take(1 << 30)


def half_and_gone(peer, cookie, offset, length):
    peer.send(struct.pack(">IHHQIQ", CHUNK, 1, 1, cookie, 8 + length, offset) + bytes(length // 2))
    raise Over


def in_pieces(peer, cookie, offset, length):
    """Honest and odd: pieces from the end to the start, a hole for what is zero, and DONE by itself."""
    for at in range(offset + length, offset, -512):
        start = max(offset, at - 512)
        peer.data(cookie, start, content(start, at - start), done=False)
    peer.chunk(cookie, 0)


def one_part_twice(peer, cookie, offset, length):
    if length < COPYING or (offset | length) % (2 * PART):
        peer.data(cookie, offset, bytes(length))
        return
    for at in range(offset, offset + length, 2 * PART):
        for _ in range(2):
            peer.data(cookie, at, b"A" * PART, done=False)
    peer.chunk(cookie, 0)


def simple(error):
    def wrong(peer, cookie, *_):
        peer.send(struct.pack(">IIQ", SIMPLE, error, cookie))
    return wrong


def said(error, text):
    return lambda peer, cookie, *_: peer.chunk(cookie, 0x8001, struct.pack(">IH", error, len(text)) + text)


EXPORT = struct.pack(">HQH", 0, SIZE, FLAGS)
IO, FORMAT, UNSUPPORTED, ACCESS, NOT_FOUND = 9, 6, 7, 4, 3
NONSENSE = "does not keep to the NBD protocol"
# name, server, exit status, what standard error says after the URI
CASES = [
    ("hangs up at once", hang_up, IO, "hung up"),
    ("says nothing", silent, IO, "took too long"),
    ("greets a byte a second", drip(MAGIC + OPTION + bytes([0, 3])), IO, "took too long"),
    ("greets halfway", raw(MAGIC), IO, "hung up"),
    ("speaks HTTP", raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", True), FORMAT, "no NBD server"),
    ("speaks the old style", raw(MAGIC + struct.pack(">QQ", 0x420281861253, SIZE) + bytes(128), True), UNSUPPORTED, "old version"),
    ("speaks newstyle that is not fixed", raw(MAGIC + OPTION + bytes(2), True), UNSUPPORTED, "old version"),
    ("greets wrongly", raw(MAGIC + b"IHAVEOTP" + bytes(2), True), FORMAT, NONSENSE),
    ("answers another option", options(lambda peer, number: peer.reply(number + 1, ACK)), FORMAT, NONSENSE),
    ("answers an option with the wrong magic", options(lambda peer, number: peer.send(bytes(20))), FORMAT, NONSENSE),
    ("answers an option with 4 GiB", options(lambda peer, number: peer.reply(number, INFO, b"x", 0xFFFFFFFF)), FORMAT, "too long"),
    ("answers an option without end", options(forever(lambda peer, number: peer.reply(number, INFO, struct.pack(">H", 1)))),
     FORMAT, NONSENSE),
    ("describes the export without end", lambda peer: peer.greet() or forever_go(peer), FORMAT, "do not end"),
    ("answers half an option", options(lambda peer, number: peer.reply(number, ACK, b"", 100)), IO, "took too long"),
    ("wants TLS", go_refused(TLS), UNSUPPORTED, "TLS"),
    ("has no such export", go_refused(UNKNOWN, b"no\x1b[31m\nsuch"), NOT_FOUND, r"no such export: no\?\[31m\?such"),
    ("does not allow it", go_refused(POLICY), ACCESS, "not allow"),
    ("does not tell a size", go_says(), FORMAT, "size"),
    ("tells a size of 16 EiB", go_says(struct.pack(">HQH", 0, 2**64 - 1, FLAGS)), FORMAT, "larger"),
    ("wants blocks of 3 bytes", go_says(EXPORT, struct.pack(">HIII", 3, 3, 4096, 65536)), FORMAT, NONSENSE),
    ("wants blocks of 1 GiB", go_says(EXPORT, struct.pack(">HIII", 3, 1 << 30, 1 << 30, 1 << 30)), FORMAT, NONSENSE),
    ("wants blocks that the size is no multiple of", go_says(struct.pack(">HQH", 0, SIZE + 100, FLAGS), struct.pack(">HIII", 3, 512, 4096, 65536)),
     UNSUPPORTED, "no multiple"),
    ("takes at most less than a block", go_says(EXPORT, struct.pack(">HIII", 3, 4096, 4096, 512)), FORMAT, NONSENSE),
    ("answers what was not asked", reads(lambda peer, cookie, offset, length: peer.data(cookie + 1, offset, bytes(length))),
     IO, "what was not asked"),
    ("answers with garbage", reads(lambda peer, *_: peer.send(b"\xff" * 64)), IO, "begins with something else"),
    ("answers without structure", reads(simple(0)), IO, "without the structure"),
    ("sends data before the read", reads(lambda peer, cookie, offset, length: peer.data(cookie, (offset - 1) % 2**64, bytes(length))),
     IO, "not asked for"),
    ("sends data behind the read", reads(lambda peer, cookie, offset, length: peer.data(cookie, offset, bytes(length + 1))),
     IO, "not asked for"),
    ("sends data at the end of all numbers", reads(lambda peer, cookie, offset, length: peer.data(cookie, 2**64 - 1, bytes(length))),
     IO, "not asked for"),
    ("sends a chunk of 4 GiB", reads(lambda peer, cookie, offset, length: peer.chunk(cookie, 1, struct.pack(">Q", offset), True, 0xFFFFFFFF)),
     IO, "not asked for"),
    ("sends a chunk without data", reads(lambda peer, cookie, *_: peer.chunk(cookie, 1, bytes(8))), IO, "too short"),
    ("sends a hole of 4 GiB", reads(lambda peer, cookie, offset, length: peer.chunk(cookie, 2, struct.pack(">QI", offset, 0xFFFFFFFF))),
     IO, "not asked for"),
    ("sends a hole without end", reads(forever(lambda peer, cookie, offset, length: peer.chunk(cookie, 2, struct.pack(">QI", offset, 0), False))),
     IO, "not asked for"),
    ("sends half", reads(lambda peer, cookie, offset, length: peer.data(cookie, offset, bytes(length // 2))), IO, "other bytes"),
    ("sends nothing and is done", reads(lambda peer, cookie, *_: peer.chunk(cookie, 0)), IO, "other bytes"),
    ("is not done by an empty chunk", reads(lambda peer, cookie, *_: peer.chunk(cookie, 0, done=False)), IO, "malformed"),
    ("answers a read with a map", reads(lambda peer, cookie, *_: peer.chunk(cookie, 5, bytes(12))), IO, "map"),
    ("sends a chunk of no known kind", reads(lambda peer, cookie, *_: peer.chunk(cookie, 77)), IO, "of a kind"),
    ("sends an error of no error", reads(said(0, b"")), IO, "malformed"),
    ("sends an error longer than itself", reads(lambda peer, cookie, *_: peer.chunk(cookie, 0x8001, struct.pack(">IH", 5, 500))), IO, "malformed"),
    ("sends errors without end", reads(forever(lambda peer, cookie, *_: peer.chunk(cookie, 0x8001, struct.pack(">IH", 5, 0), False))),
     IO, "too many pieces"),
    ("fails, and says why", reads(said(5, b"the \x07disk is gone")), IO, r"input/output error: the \?disk is gone"),
    ("fails with an error of its own", reads(said(12345, b"")), IO, "error 12345"),
    ("hangs up at each read", reads(hang_up), IO, "hung up"),
    ("hangs up in the middle of each read", reads(half_and_gone), IO, "hung up"),
    ("is always about to shut down", reads(said(108, b"")), IO, "shutting down"),
    ("never answers", reads(silent), IO, "not answer|too long"),
    ("answers a byte a second", reads(drip_read), IO, "not answer|too long"),
    ("has a map of another kind", map_says(struct.pack(">III", 6, SIZE, 0)), IO, "map"),
    ("has a map of empty runs", map_says(struct.pack(">I", 5) + bytes(8)), IO, "map"),
    ("has a map of half a run", map_says(struct.pack(">II", 5, SIZE)), IO, "map"),
    ("has no map after all", map_says(b""), IO, "map"),
]


def forever_go(peer):
    while True:
        number, _ = peer.option()
        if number != GO:
            peer.reply(number, UNSUP)
            continue
        while True:
            peer.reply(number, INFO, struct.pack(">H", 1) + b"name")


class Server:
    """Serves each connection with `serve` in a thread of its own until the case ends."""

    def __init__(self, serve):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.uri = f"nbd://127.0.0.1:{self.socket.getsockname()[1]}/some"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with connection:
            try:
                self.serve(Peer(connection))
            except (Over, OSError):
                pass

    def close(self):
        self.socket.close()


def run(folder, number, *command):
    """Exit status, standard error, seconds, MiB."""
    begun = time.monotonic()
    with open(os.path.join(folder, f"err{number}"), "wb+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        timer = threading.Timer(PATIENCE + 20, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        return process.returncode, errors.read().decode(errors="replace"), time.monotonic() - begun, usage.ru_maxrss / 1024


def refuse(folder, number, case):
    name, serve, status, words = case
    server = Server(serve)
    try:
        out = os.path.join(folder, f"out{number}")
        got, text, seconds, memory = run(folder, number, PLATTER, "convert", "--format", "raw", server.uri, out)
        wrong = []
        if got != status:
            wrong.append(f"exit status {got}, want {status}")
        if not re.search(re.escape(server.uri) + ".*(" + words + ")", text):
            wrong.append("want the URI and: " + words)
        if seconds > PATIENCE or memory > MEMORY or os.path.exists(out):
            wrong.append(f"{seconds:.1f} s, {memory:.0f} MiB, output left: {os.path.exists(out)}")
        return f"a server that {name}", wrong, text
    finally:
        server.close()


def read(folder, number, serve, want):
    """The whole disk, from a server that is odd but may be so."""
    server = Server(serve)
    try:
        out = os.path.join(folder, f"out{number}")
        got, text, _, _ = run(folder, number, PLATTER, "convert", "--format", "raw", server.uri, out)
        wrong = [] if got == 0 and open(out, "rb").read() == want else [f"exit status {got}, or other bytes"]
        return wrong, text
    finally:
        server.close()


def loses_a_write(folder, number):
    """Writes are acknowledged and the connection is lost before the flush: the flush must not succeed."""
    lost = []

    def serve(peer):
        peer.negotiate()
        while True:
            command, cookie, offset, length = peer.request()
            if command == FLUSH and not lost:
                lost.append(True)
                raise Over
            peer.answer(command, cookie, offset, length)
    server = Server(serve)
    try:
        got, text, _, _ = run(folder, number, TOOL, "-w", "-f", "raw", "write", server.uri, "4096", "words")
        fine = got == IO and "may be missing" in text and lost
        return "a connection lost before the flush is told by the flush", [] if fine else [f"exit status {got}"], text
    finally:
        server.close()


def repeats_a_write(folder, number):
    """The connection is lost before the write is acknowledged: it is sent again, and all is well."""
    disk, lost = bytearray(SIZE), []

    def serve(peer):
        peer.negotiate()
        while True:
            magic, _, command, cookie, offset, length = struct.unpack(">IHHQQI", peer.take(28))
            assert magic == 0x25609513
            payload = peer.take(length) if command == WRITE else b""
            if command == DISC:
                raise Over
            if command == WRITE and not lost:
                lost.append(True)
                raise Over
            disk[offset:offset + len(payload)] = payload
            peer.answer(command, cookie, offset, length)
    server = Server(serve)
    try:
        got, text, _, _ = run(folder, number, TOOL, "-w", "-f", "raw", "write", server.uri, "4096", "words")
        fine = got == 0 and disk[4096:4101] == b"words" and lost
        return "a write without an answer is sent again", [] if fine else [f"exit status {got}"], text
    finally:
        server.close()


def shrinks(folder, number):
    """After a reconnect the export is another one."""
    met = []

    def serve(peer):
        met.append(True)
        peer.negotiate(size=SIZE if len(met) == 1 else SIZE // 2)
        while True:
            command, cookie, offset, length = peer.request()
            if command == READ and len(met) == 1 and offset:
                raise Over
            peer.answer(command, cookie, offset, length)
    server = Server(serve)
    try:
        got, text, seconds, _ = run(folder, number, PLATTER, "convert", "--format", "raw", server.uri, os.path.join(folder, f"out{number}"))
        fine = got == IO and f"has {SIZE // 2} bytes now" in text and seconds < 10
        return "an export that is smaller after a reconnect is an error", [] if fine else [f"exit status {got}, {seconds:.1f} s"], text
    finally:
        server.close()


def main():
    with tempfile.TemporaryDirectory(prefix="platter-test.") as folder, concurrent.futures.ThreadPoolExecutor(8) as pool:
        twice = (b"A" * PART + bytes(PART)) * (SIZE // (2 * PART))
        # The patient ones first, so that they overlap.
        order = sorted(CASES, key=lambda case: not re.search("took too long|not answer|shutting|hung up", case[3]))
        tasks = [pool.submit(refuse, folder, number, case) for number, case in enumerate(order)]
        tasks += [pool.submit(case, folder, 1000 + number) for number, case in enumerate((loses_a_write, repeats_a_write, shrinks))]
        tasks.append(pool.submit(lambda: ("a server that answers in pieces, last first, is read",
                                          *read(folder, 2000, reads(in_pieces), content(0, SIZE)))))
        tasks.append(pool.submit(lambda: ("what a server sends twice is not made up for with old memory",
                                          *read(folder, 2001, reads(one_part_twice), twice))))
        failed = 0
        print(f"1..{len(tasks)}", flush=True)
        for number, task in enumerate(tasks, 1):
            name, wrong, text = task.result()
            failed += bool(wrong)
            for line in wrong + (text.splitlines() if wrong else []):
                print("# " + line)
            print(f"{'not ' if wrong else ''}ok {number} - {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
