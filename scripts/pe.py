# SPDX-License-Identifier: MIT
"""What the scripts and tests read out of a PE file, by the format itself (Microsoft, "PE Format").

usage: python3 scripts/pe.py FILE...     prints the SHA-256 that a signature or a catalogue has of each
"""
import hashlib
import struct
import sys

EXPORT, IMPORT, RESOURCE, SECURITY, RELOC, DEBUG, TLS = 0, 1, 2, 4, 5, 6, 9


class Image:
    """The headers, sections and directories of a PE file."""

    def __init__(self, data):
        self.data = data
        if data[:2] != b"MZ":
            raise ValueError("no MZ header")
        self.pe = struct.unpack_from("<I", data, 0x3C)[0]
        if data[self.pe:self.pe + 4] != b"PE\0\0":
            raise ValueError("no PE header")
        (self.machine, section_count, self.timestamp, self.symbols, _, optional_size,
         self.characteristics) = struct.unpack_from("<HHIIIHH", data, self.pe + 4)
        self.optional = self.pe + 24
        self.magic = struct.unpack_from("<H", data, self.optional)[0]
        self.plus = self.magic == 0x20B
        (self.entry,) = struct.unpack_from("<I", data, self.optional + 16)
        self.section_alignment, self.file_alignment = struct.unpack_from("<II", data, self.optional + 32)
        self.version = struct.unpack_from("<HH", data, self.optional + 48)
        self.checksum, self.subsystem, self.dll = struct.unpack_from("<IHH", data, self.optional + 64)
        at = self.optional + (112 if self.plus else 96)
        (count,) = struct.unpack_from("<I", data, at - 4)
        self.directory_table = at
        self.directories = [struct.unpack_from("<II", data, at + 8 * i) for i in range(count)]
        self.sections = []
        at = self.optional + optional_size
        for i in range(section_count):
            name, size, address, raw_size, raw = struct.unpack_from("<8sIIII", data, at + 40 * i)
            flags = struct.unpack_from("<I", data, at + 40 * i + 36)[0]
            self.sections.append((name.rstrip(b"\0").decode(), address, size, raw, raw_size, flags))

    def directory(self, index):
        return self.directories[index] if index < len(self.directories) else (0, 0)

    def offset(self, address):
        for _, begin, _, raw, raw_size, _ in self.sections:
            if begin <= address < begin + raw_size:
                return raw + address - begin
        raise ValueError(f"address {address:#x} lies in no section")

    def text(self, address):
        at = self.offset(address)
        return self.data[at:self.data.index(b"\0", at)].decode("ascii")

    def imports(self):
        """(module, name) of each; an import by number is (module, "#N")."""
        address, _ = self.directory(IMPORT)
        at = self.offset(address)
        while True:
            table, _, _, module, thunks = struct.unpack_from("<IIIII", self.data, at)
            if module == 0:
                return
            step, by_number = (8, 1 << 63) if self.plus else (4, 1 << 31)
            entry = self.offset(table or thunks)
            while True:
                value = struct.unpack_from("<Q" if self.plus else "<I", self.data, entry)[0]
                if value == 0:
                    break
                name = f"#{value & 0xffff}" if value & by_number else self.text(value + 2)
                yield self.text(module).lower(), name
                entry += step
            at += 20

    def hashed(self):
        """The pieces of the file that Authenticode hashes: all but the checksum, the signature and the directory entry
        that says where it lies ("Windows Authenticode Portable Executable Signature Format", Microsoft, 2008)."""
        for name, _, _, raw, raw_size, _ in self.sections:
            if raw + raw_size > len(self.data):
                raise ValueError(f"section {name} ends behind the file")
        checksum, entry = self.optional + 64, self.directory_table + 8 * SECURITY
        begin, size = self.directory(SECURITY)
        end = begin if begin else len(self.data)
        if begin and (begin + size != len(self.data) or begin < entry):
            raise ValueError("there is something behind the signature")
        yield self.data[:checksum]
        yield self.data[checksum + 4:entry]
        yield self.data[entry + 8:end]
        # As if it had been signed already: a signature begins at a multiple of eight.
        yield b"\0" * (-end % 8)

    def authenticode(self, algorithm):
        """The digest that a signature or a catalogue has of this file, signed or not; algorithm as hashlib names it."""
        digest = hashlib.new(algorithm)
        for piece in self.hashed():
            digest.update(piece)
        return digest.digest()

    def right_checksum(self):
        """As CheckSumMappedFile computes it: 16-bit words folded, the field itself left out, plus the length."""
        data = bytearray(self.data)
        data[self.optional + 64:self.optional + 68] = b"\0\0\0\0"
        if len(data) % 2:
            data.append(0)
        total = 0
        for (word,) in struct.iter_unpack("<H", data):
            total += word
            total = (total & 0xFFFF) + (total >> 16)
        return total + len(self.data)


def main():
    for path in sys.argv[1:]:
        try:
            with open(path, "rb") as file:
                print(Image(file.read()).authenticode("sha256").hex())
        except (OSError, ValueError, struct.error) as error:
            sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
