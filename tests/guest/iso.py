# SPDX-License-Identifier: MIT
"""Files of an ISO 9660 image: found by path, read, and overwritten where they lie, so that no table changes."""
import struct

BLOCK = 2048
DIRECTORY = 2  # flag of a directory record, ECMA-119 9.1.6


class IsoError(Exception):
    pass


class Iso:
    def __init__(self, path, mode="rb"):
        self.file = open(path, mode)
        descriptor = self.blocks(16, BLOCK)
        if descriptor[1:6] != b"CD001":
            raise IsoError(f"{path} is no ISO 9660 image")
        self.root = self.place(descriptor[156:190])

    def close(self):
        self.file.close()

    def blocks(self, number, length):
        self.file.seek(number * BLOCK)
        return self.file.read(length)

    @staticmethod
    def place(record):
        """(first block, length in bytes) of a directory record."""
        return struct.unpack_from("<I", record, 2)[0], struct.unpack_from("<I", record, 10)[0]

    def entries(self, place):
        """(name in lower case, record) of a folder."""
        data, at = self.blocks(*place), 0
        while at < len(data):
            length = data[at]
            if length < 34:  # records do not cross blocks; the rest of this one is empty
                at = (at // BLOCK + 1) * BLOCK
                continue
            record = data[at:at + length]
            name = record[33:33 + record[32]].split(b";")[0].rstrip(b".")
            yield name.decode("latin1").lower(), record
            at += length

    def find(self, path):
        """(first block, length), or None."""
        place = self.root
        for part in path.lower().split("/"):
            place = next((self.place(record) for name, record in self.entries(place) if name == part), None)
            if place is None:
                return None
        return place

    def read(self, path, length=None):
        place = self.find(path)
        if place is None:
            raise IsoError(f"the CD has no file {path}")
        return self.blocks(place[0], place[1] if length is None else min(length, place[1]))

    def overwrite(self, path, text):
        """Text may be shorter than the file; empty lines fill the rest."""
        place = self.find(path)
        if place is None:
            raise IsoError(f"the CD has no file {path}")
        data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode("ascii")
        if len(data) > place[1]:
            raise IsoError(f"{path} has {place[1]} bytes on the CD, too few for {len(data)}")
        self.file.seek(place[0] * BLOCK)
        self.file.write(data + b"\n" * (place[1] - len(data)))
