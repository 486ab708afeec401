#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a driver package's catalogue, unsigned, as Inf2Cat does on Windows. The same package gives the same bytes.

usage: setup/catalog.py [--version 1|2] [--time SECONDS] --out FILE.cat PACKAGE.inf

Members are the INF and the files that its [SourceDisksFiles] name, from its folder; the hardware ids and the systems it is
good for come from its models and from the machine its driver was built for. osslsigncode signs what this writes.

version 2 (the default): SHA-256, and SHA-1 beside it. Windows 8 and later ("New-FileCatalog", Microsoft).
version 1: SHA-1 only, which Windows 7 needs and later ones still read.

The format: a certificate trust list in PKCS #7 (wincrypt.h, CTL_INFO; mscat.h; wintrust.h, SPC_INDIRECT_DATA_CONTENT).
What Microsoft's own tools put into each field was read in catalogues that they have made (usbipd-win's VBoxUSB.cat).
"""
import argparse
import datetime
import hashlib
import os
import struct
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
# pylint: disable=wrong-import-position
import der  # noqa: E402
from inf import Inf, InfError  # noqa: E402
from pe import Image  # noqa: E402

SIGNED_DATA = "1.2.840.113549.1.7.2"
CTL = "1.3.6.1.4.1.311.10.1"
CATALOG_LIST = "1.3.6.1.4.1.311.12.1.1"
CATALOG_LIST_MEMBER = {1: "1.3.6.1.4.1.311.12.1.2", 2: "1.3.6.1.4.1.311.12.1.3"}
NAME_VALUE = "1.3.6.1.4.1.311.12.2.1"
MEMBER_INFO = {1: "1.3.6.1.4.1.311.12.2.2", 2: "1.3.6.1.4.1.311.12.2.3"}
INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
PE_IMAGE_DATA = "1.3.6.1.4.1.311.2.1.15"
FLAT_DATA = "1.3.6.1.4.1.311.2.1.25"
DIGESTS = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}
# The subject interface packages (mssip.h) that hash the two kinds: a PE image, and a file as it is.
PE_PACKAGE = "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}"
FLAT_PACKAGE = "{DE351A42-8E59-11D0-8C47-00C04FC295EE}"
# mscat.h: CRYPTCAT_ATTR_AUTHENTICATED | CRYPTCAT_ATTR_DATAASCII | CRYPTCAT_ATTR_NAMEASCII
ATTRIBUTE_FLAGS = 0x10010001

# What Inf2Cat calls the systems, by machine: (name, version, the first version of catalogues that it cannot read).
SYSTEMS = {
    0x8664: (("7X64", "6.1", 2), ("8X64", "6.2", 3), ("_v63_X64", "6.3", 3), ("_v100_X64", "10.0", 3)),
    0x014C: (("7X86", "6.1", 2), ("8X86", "6.2", 3), ("_v63", "6.3", 3), ("_v100", "10.0", 3)),
}


def wide(text):
    """A text as attributes hold it: UTF-16 with its end."""
    return (text + "\0").encode("utf-16-le")


def name_value(name, text):
    return der.sequence(der.bmp(name), der.integer(ATTRIBUTE_FLAGS), der.octets(wide(text)))


def attribute(kind, value):
    return der.sequence(der.oid(kind), der.set_of(value))


class Member:
    """A file of the package: its name and its digests."""

    def __init__(self, path):
        self.name = os.path.basename(path).lower()
        with open(path, "rb") as file:
            data = file.read()
        self.image = Image(data) if data[:2] == b"MZ" else None
        if self.image:
            self.digests = {kind: self.image.authenticode(kind) for kind in DIGESTS}
        else:
            self.digests = {kind: hashlib.new(kind, data).digest() for kind in DIGESTS}

    def indirect_data(self, kind):
        """SPC_INDIRECT_DATA_CONTENT: what was hashed, how, and the digest."""
        empty = der.context(2, der.context(0, constructed=False))
        if self.image:
            # SpcPeImageData: its flags as Microsoft's tools set them, and an empty file name ("Authenticode PE Signature Format").
            what = der.sequence(der.oid(PE_IMAGE_DATA),
                                der.sequence(der.tlv(der.BIT_STRING, b"\x05\xa0"), der.context(0, empty)))
        else:
            what = der.sequence(der.oid(FLAT_DATA), empty)
        return der.sequence(what, der.sequence(der.sequence(der.oid(DIGESTS[kind]), der.null()),
                                               der.octets(self.digests[kind])))

    def info(self, version):
        if version == 2:
            return der.context(0 if self.image else 2, constructed=False)
        return der.sequence(der.bmp(PE_PACKAGE if self.image else FLAT_PACKAGE), der.integer(0x200))

    def subjects(self, version, systems):
        """(identifier, trusted subject) for each digest."""
        for kind in DIGESTS if version == 2 else ("sha1",):
            digest = self.digests[kind]
            identifier = digest if version == 2 else wide(digest.hex().upper())
            attributes = [attribute(MEMBER_INFO[version], self.info(version)),
                          attribute(NAME_VALUE, name_value("File", self.name)),
                          attribute(NAME_VALUE, name_value("OSAttr", systems))]
            # Version 2 is looked up by SHA-1 too, but only SHA-256 vouches for a file.
            if kind == "sha256" or version == 1:
                attributes.append(attribute(INDIRECT_DATA, self.indirect_data(kind)))
            yield identifier, der.sequence(der.octets(identifier), der.set_of(*attributes))


def package(inf):
    """The members, the driver's machine and the hardware ids."""
    folder = os.path.dirname(os.path.abspath(inf.path))
    members = [Member(inf.path)] + [Member(os.path.join(folder, name)) for name in inf.source_files()]
    machines = {member.image.machine for member in members if member.image}
    if len(machines) != 1 or not machines & SYSTEMS.keys():
        raise InfError(f"{inf.path}: its drivers are not for one machine that is known: {sorted(machines)}")
    ids = inf.hardware_ids()
    if not ids:
        raise InfError(f"{inf.path}: no model has a hardware id")
    return members, machines.pop(), ids


def catalogue(inf, version, seconds):
    members, machine, ids = package(inf)
    systems = [(name, number) for name, number, until in SYSTEMS[machine] if version < until]
    numbers = ",".join(f"2:{number}" for _, number in systems)
    subjects = sorted(subject for member in members for subject in member.subjects(version, numbers))
    attributes = [("OS", ",".join(name for name, _ in systems))]
    attributes += [(f"HWID{number}", text) for number, text in enumerate(ids, 1)]
    # The list's name must be new for each list, and is where something in it is.
    name = hashlib.sha256(b"".join(subject for _, subject in subjects) + repr(attributes).encode()).digest()[:16]
    trust = der.sequence(
        der.sequence(der.oid(CATALOG_LIST)),
        der.octets(name),
        der.utc_time(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)),
        der.sequence(der.oid(CATALOG_LIST_MEMBER[version]), der.null()),
        der.sequence(*(subject for _, subject in subjects)),
        der.context(0, der.sequence(*(der.sequence(der.oid(NAME_VALUE), der.octets(name_value(key, text)))
                                      for key, text in attributes))))
    signed = der.sequence(der.integer(1), der.tlv(der.SET), der.sequence(der.oid(CTL), der.context(0, trust)),
                          der.tlv(der.SET))
    return der.sequence(der.oid(SIGNED_DATA), der.context(0, signed))


def main():
    parser = argparse.ArgumentParser(description="Makes a driver package's catalogue, unsigned.")
    parser.add_argument("--version", type=int, choices=(1, 2), default=2)
    parser.add_argument("--time", type=int, default=int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")),
                        help="when the list was made, in seconds since 1970 (default: SOURCE_DATE_EPOCH, or 1980)")
    parser.add_argument("--out", required=True)
    parser.add_argument("inf")
    options = parser.parse_args()
    try:
        data = catalogue(Inf(options.inf), options.version, options.time)
        with open(options.out, "wb") as file:
            file.write(data)
    except (OSError, ValueError, struct.error) as error:
        sys.exit(f"catalog: {error}")


if __name__ == "__main__":
    main()
