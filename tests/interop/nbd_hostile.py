#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that lie, stop in the middle, or never come to the point: the server answers or hangs up, and lives on.

Runs against the build with sanitizers, where a read past a buffer is the end of the server. Prints TAP.
"""
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLATTER = os.environ.get("PLATTER", os.path.join(ROOT, "build", "asan", "platter"))
SIZE = 8 << 20
PATIENCE = 20  # seconds; a negotiation that leads nowhere is ended by the server after 10

NBD_MAGIC, OPTION, OPTION_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
REQUEST, SIMPLE, CHUNK = 0x25609513, 0x67446698, 0x668E33EF
OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS, OPT_INFO, OPT_GO, OPT_STRUCTURED = 1, 2, 3, 5, 6, 7, 8
OPT_LIST_META, OPT_SET_META = 9, 10
ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
UNSUP, INVALID, UNKNOWN, TOO_BIG = 0x80000001, 0x80000003, 0x80000006, 0x80000009
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)


class Client:
    """One connection. Every receive has a time limit, so that a server that says nothing fails the case."""

    def __init__(self, path, flags=3):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        assert self.take(16) == NBD_MAGIC + OPTION
        assert struct.unpack(">H", self.take(2)) == (3,)
        if flags is not None:
            self.send(struct.pack(">I", flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def take(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            assert more, "the server hung up"
            data += more
        return data

    def hung_up(self):
        """Reads to the end; the server must be the one to end it."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def option(self, number, data=b"", length=None):
        self.send(OPTION + struct.pack(">II", number, len(data) if length is None else length) + data)

    def replies(self, number):
        """The replies to an option up to the last, as (type, data)."""
        found = []
        while True:
            magic, option, kind, length = struct.unpack(">QIII", self.take(20))
            assert magic == OPTION_REPLY and option == number and length <= 65536
            found.append((kind, self.take(length)))
            if kind not in (REP_SERVER, REP_INFO, REP_META):
                return found

    def ask(self, number, data=b"", length=None):
        self.option(number, data, length)
        return self.replies(number)

    def go(self, structured=False):
        if structured:
            assert self.ask(OPT_STRUCTURED) == [(ACK, b"")]
        assert self.ask(OPT_GO, struct.pack(">IH", 0, 0))[-1][0] == ACK
        return self

    def request(self, command, offset=0, length=0, flags=0, cookie=7, magic=REQUEST):
        self.send(struct.pack(">IHHQQI", magic, flags, command, cookie, offset, length))

    def simple(self, cookie=7):
        magic, error, got = struct.unpack(">IIQ", self.take(16))
        assert magic == SIMPLE and got == cookie
        return error


def export(name=b"", *infos):
    return struct.pack(">I", len(name)) + name + struct.pack(">H", len(infos)) + struct.pack(f">{len(infos)}H", *infos)


def contexts(*queries, name=b""):
    data = struct.pack(">I", len(name)) + name + struct.pack(">I", len(queries))
    return data + b"".join(struct.pack(">I", len(query)) + query for query in queries)


# ---- The cases: each gets the server's socket, and raises when something is wrong -----------------------------------


def unknown_client_flags(path):
    with Client(path, 4) as client:
        assert client.hung_up()


def negotiations_that_lead_nowhere(path):
    """Neither silence nor one byte a second holds a place for longer than the server's ten seconds."""
    with Client(path, None) as silent, Client(path) as dripping:
        begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in OPTION + b"\0" * 100:
                dripping.send(bytes((byte,)))
                time.sleep(0.5)
                assert time.monotonic() - begun < 18, "still connected"
        assert time.monotonic() - begun > 5
        assert silent.hung_up()
        assert time.monotonic() - begun < 18


def options_without_the_fixed_style(path):
    with Client(path, 0) as client:
        client.option(OPT_LIST)
        assert client.hung_up()
    with Client(path, 0) as client:
        client.option(OPT_EXPORT_NAME)
        assert client.take(8 + 2 + 124)[:8] == struct.pack(">Q", SIZE)


def wrong_option_magic(path):
    with Client(path) as client:
        client.send(b"IHAVENOT" + struct.pack(">II", OPT_LIST, 0))
        assert client.hung_up()


def unknown_options(path):
    with Client(path) as client:
        for number in (0, 4, OPT_STARTTLS, 11, 99, 0xFFFFFFFF):
            for data in (b"", b"x" * 1000):
                assert client.ask(number, data)[-1][0] == UNSUP
        client.go()


def oversize_options(path):
    with Client(path) as client:
        assert client.ask(99, b"x" * (1 << 20))[-1][0] == TOO_BIG
        assert client.ask(OPT_GO, b"x" * 70000)[-1][0] == TOO_BIG
        client.go()
    for number, length in ((99, (1 << 20) + 1), (OPT_GO, 0xFFFFFFFF), (OPT_EXPORT_NAME, 70000)):
        with Client(path) as client:
            client.option(number, length=length)
            assert client.hung_up()


def names_that_do_not_fit(path):
    with Client(path) as client:
        for data in (b"", b"\0\0\0", struct.pack(">I", 0), struct.pack(">I", 0xFFFFFFFF) + b"\0\0",
                     struct.pack(">I", 5) + b"abcd" + b"\0\0", export() + b"x", export(b"", 3)[:-1],
                     struct.pack(">IH", 0, 0xFFFF)):
            for number in (OPT_INFO, OPT_GO):
                assert client.ask(number, data)[-1][0] == INVALID, data
        for name in (b"x", b"x" * 5000, b"\xff\0"):
            assert client.ask(OPT_GO, export(name))[-1][0] == UNKNOWN
        client.go()
    with Client(path) as client:
        client.option(OPT_EXPORT_NAME, b"x" * 5000)
        assert client.hung_up()


def options_with_data_they_do_not_take(path):
    with Client(path) as client:
        assert client.ask(OPT_LIST, b"x")[-1][0] == INVALID
        assert client.ask(OPT_STRUCTURED, b"x")[-1][0] == INVALID
        assert [kind for kind, _ in client.ask(OPT_LIST)] == [REP_SERVER, ACK]
        client.go()


def metadata_contexts_out_of_order_and_malformed(path):
    with Client(path) as client:
        assert client.ask(OPT_SET_META, contexts(b"base:allocation"))[-1][0] == INVALID
        assert client.ask(OPT_STRUCTURED)[-1][0] == ACK
        good = contexts(b"base:allocation")
        for data in (good[:-1], good + b"x", b"", struct.pack(">III", 0, 0xFFFFFFFF, 0),
                     struct.pack(">III", 0, 1, 0xFFFFFFFF), struct.pack(">I", 0xFFFFFFF0)):
            for number in (OPT_LIST_META, OPT_SET_META):
                assert client.ask(number, data)[-1][0] == INVALID, data
        assert client.ask(OPT_SET_META, contexts(b"base:allocation", name=b"other"))[-1][0] == UNKNOWN
        assert client.ask(OPT_SET_META, contexts(b"base:", b"qemu:x", b"", b"base:other")) == [(ACK, b"")]
        assert [kind for kind, _ in client.ask(OPT_LIST_META, contexts())] == [REP_META, ACK]
        assert [kind for kind, _ in client.ask(OPT_LIST_META, contexts(b"base:"))] == [REP_META, ACK]
        assert [kind for kind, _ in client.ask(OPT_SET_META, contexts(*[b"base:allocation"] * 1000))] == [REP_META, ACK]
        # A failing selection takes back the one before.
        assert client.ask(OPT_SET_META, good[:-1])[-1][0] == INVALID
        client.go()
        client.request(STATUS, 0, 4096)
        assert struct.unpack(">IHH", client.take(8))[2] & 0x8000


def information_asked_for_twice_and_unknown(path):
    with Client(path) as client:
        kinds = [struct.unpack(">H", data[:2])[0] for kind, data in client.ask(OPT_INFO, export(b"", 3, 3, 99, 0, 1, 65535))
                 if kind == REP_INFO]
        assert sorted(kinds) == [0, 1, 3], kinds
        client.go()


def abort_is_acknowledged(path):
    for data in (b"", b"why not"):
        with Client(path) as client:
            assert client.ask(OPT_ABORT, data) == [(ACK, b"")]
            assert client.hung_up()


def negotiation_cut_anywhere(path):
    script = (struct.pack(">I", 3) + OPTION + struct.pack(">II", OPT_STRUCTURED, 0) + OPTION +
              struct.pack(">II", OPT_SET_META, 27) + contexts(b"base:allocation") + OPTION +
              struct.pack(">II", OPT_GO, 8) + export(b"", 3) +
              struct.pack(">IHHQQI", REQUEST, 0, WRITE, 1, 0, 64) + b"x" * 64)
    for length in range(len(script)):
        with Client(path, None) as client:
            client.send(script[:length])


def wrong_request_magic(path):
    with Client(path).go() as client:
        client.request(READ, 0, 512, magic=0x12345678)
        assert client.hung_up()


def unknown_commands(path):
    with Client(path).go() as client:
        for command in (8, 9, 255, 65535):
            client.request(command, 2**64 - 1, 2**32 - 1)
            assert client.simple() == 22
        client.request(READ, 0, 512)
        assert client.simple() == 0
        client.take(512)


def oversize_requests(path):
    with Client(path).go() as client:
        for length in ((32 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF):
            client.request(READ, 0, length)
            assert client.simple() in (22, 75)
            client.request(TRIM, 2**64 - 1, length)
            assert client.simple() == 22
        client.request(READ, 2**63, 512)
        assert client.simple() == 22
        # The bytes that come with a write too long are not taken for requests.
        client.request(WRITE, 0, 40 << 20)
        for _ in range(40):
            client.send(struct.pack(">IHHQQI", REQUEST, 0, WRITE, 9, 0, 0) * (1 << 15) + b"\0" * (1 << 17))
        assert client.simple() in (22, 28)
        client.request(READ, 0, 512)
        assert client.simple() == 0


def writes_cut_short(path):
    for length, sent in ((512, 0), (512, 511), (1 << 20, 300000), (32 << 20, 1), (0xFFFFFFFF, 5)):
        with Client(path).go() as client:
            client.request(WRITE, 0, length)
            client.send(b"x" * sent)


def answers_nobody_takes(path):
    clients = [Client(path).go() for _ in range(10)]
    for client in clients:
        for _ in range(20):
            client.request(READ, 0, SIZE)
    with Client(path).go() as client:
        client.request(READ, 0, SIZE)
        assert client.simple() == 0
        client.take(SIZE)
    for client in clients:
        client.socket.close()


def more_clients_than_places(path):
    clients = []
    turned_away = 0
    for _ in range(80):
        try:
            clients.append(Client(path).go())
        except (AssertionError, OSError):
            turned_away += 1
    assert len(clients) == 64 and turned_away == 16, (len(clients), turned_away)
    for client in clients:
        client.socket.close()


def noise(path):
    source = random.Random(5)
    for _ in range(150):
        with Client(path, source.choice((None, 0, 1, 2, 3))) as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(source.randbytes(source.randrange(200)))
    for _ in range(150):
        with Client(path).go(source.random() < 0.5) as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for _ in range(source.randrange(10)):
                    client.request(source.randrange(10), source.choice((0, 4096, SIZE - 1, 2**64 - 1)),
                                   source.choice((0, 1, 512, SIZE, 0xFFFFFFFF)), source.choice((0, 0, 1, 2, 4, 8, 0xFFFF)))
                    client.send(source.randbytes(source.randrange(100)))


CASES = [unknown_client_flags, options_without_the_fixed_style, wrong_option_magic, unknown_options, oversize_options,
         names_that_do_not_fit, options_with_data_they_do_not_take, metadata_contexts_out_of_order_and_malformed,
         information_asked_for_twice_and_unknown, abort_is_acknowledged, negotiation_cut_anywhere, wrong_request_magic,
         unknown_commands, oversize_requests, writes_cut_short, answers_nobody_takes, more_clients_than_places, noise,
         negotiations_that_lead_nowhere]


def healthy(path):
    """A well-behaved client still gets its data; places that other clients held may take a moment to come free."""
    for attempt in range(50):
        try:
            with Client(path).go() as client:
                client.request(READ, 4096, 4096)
                assert client.simple() == 0
                client.take(4096)
                return
        except (AssertionError, OSError):
            if attempt == 49:
                raise
            time.sleep(0.1)


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        image, path = os.path.join(folder, "disk.raw"), os.path.join(folder, "socket")
        with open(image, "wb") as disk:
            disk.write(os.urandom(SIZE))
        with open(os.path.join(folder, "log"), "w+b") as log:
            server = subprocess.Popen([PLATTER, "serve", image, "--socket", path], stdout=log, stderr=log)
            begun = time.monotonic()
            while not os.path.exists(path) and server.poll() is None and time.monotonic() - begun < PATIENCE:
                time.sleep(0.05)
            for number, case in enumerate(CASES, 1):
                try:
                    case(path)
                    healthy(path)
                    print(f"ok {number} - {case.__name__}", flush=True)
                except (AssertionError, OSError, struct.error) as error:
                    failed += 1
                    print(f"not ok {number} - {case.__name__}\n# {type(error).__name__}: {error}", flush=True)
            server.send_signal(signal.SIGTERM)
            try:
                code = server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                code = "none: it did not stop"
            failed += code != 0
            print(f"{'ok' if code == 0 else 'not ok'} {len(CASES) + 1} - the server stops cleanly afterwards")
            if code != 0:
                log.seek(0)
                print(f"# exit status {code}\n" + "".join("# " + line for line in log.read().decode(errors="replace").splitlines(True)[-40:]))
    print(f"1..{len(CASES) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
