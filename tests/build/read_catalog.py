#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads a catalogue, signed or not, with a library that has no part in making ours (asn1crypto; of Debian's packages, so
for Debian's own Python), and compares it with the files of its package.

usage: tests/build/read_catalog.py FILE.cat FOLDER

Prints what it has read; the exit status is 0 only if the catalogue is in order and vouches for each file of FOLDER that it
names, and for an INF and a driver at least.
"""
import hashlib
import json
import os
import sys

from asn1crypto import cms, core, parser

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
from pe import Image  # noqa: E402  pylint: disable=wrong-import-position

NAME_VALUE, MEMBER_INFO = "1.3.6.1.4.1.311.12.2.1", {"1.3.6.1.4.1.311.12.2.2": 1, "1.3.6.1.4.1.311.12.2.3": 2}
INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
VERSIONS = {"1.3.6.1.4.1.311.12.1.2": 1, "1.3.6.1.4.1.311.12.1.3": 2}


def load(data):
    """(tag, children or contents): a tree of plain tuples."""
    at, out = 0, []
    while at < len(data):
        kind, method, tag, header, contents, trailer = parser.parse(data[at:])
        at += len(header) + len(contents) + len(trailer)
        out.append((kind, tag, load(contents) if method else contents))
    return out


def text(contents):
    decoded = contents.decode("utf-16-le")
    if not decoded.endswith("\0"):
        raise ValueError(f"an attribute's text has no end: {decoded!r}")
    return decoded[:-1]


def oid(node):
    return core.ObjectIdentifier.load(bytes((6, len(node[2]))) + node[2]).dotted


def name_value(node):
    name, flags, value = node[2]
    if name[1] != 30 or int.from_bytes(flags[2], "big") != 0x10010001:
        raise ValueError("an attribute that is not a plain text")
    return name[2].decode("utf-16-be"), text(value[2])


def read(path):
    with open(path, "rb") as file:
        content = cms.ContentInfo.load(file.read())
    if content["content_type"].native != "signed_data":
        raise ValueError("not PKCS #7 signed data")
    inner = content["content"]["encap_content_info"]
    if inner["content_type"].dotted != "1.3.6.1.4.1.311.10.1":
        raise ValueError("its content is no certificate trust list")
    usage, name, _, algorithm, subjects, *rest = load(inner.dump())[0][2][1][2][0][2]
    if oid(usage[2][0]) != "1.3.6.1.4.1.311.12.1.1":
        raise ValueError("not a list of catalogue members")
    version = VERSIONS[oid(algorithm[2][0])]
    result = {"version": version, "name": name[2].hex(), "signed": len(content["content"]["signer_infos"]) > 0,
              "attributes": dict(name_value(load(extension[2][1][2])[0]) for extension in rest[0][2][0][2]),
              "members": []}
    order = []
    for subject in subjects[2]:
        identifier, attributes = subject[2][0][2], subject[2][1][2]
        order.append(identifier)
        member = {"id": identifier.hex() if version == 2 else text(identifier).lower()}
        for item in attributes:
            kind, values = oid(item[2][0]), item[2][1][2]
            if kind == NAME_VALUE:
                key, value = name_value(values[0])
                member[key] = value
            elif kind == INDIRECT_DATA:
                digest = values[0][2][1][2]
                member["algorithm"] = hashlib.new({"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}[
                    oid(digest[0][2][0])]).name
                member["digest"] = digest[1][2].hex()
            elif MEMBER_INFO.get(kind) != version:
                raise ValueError(f"a member has an attribute {kind} of another version")
        result["members"].append(member)
    if order != sorted(order):
        raise ValueError("its members are not in order")
    return result


def digests(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"MZ":
        return {Image(data).authenticode(kind).hex() for kind in ("sha1", "sha256")}
    return {hashlib.new(kind, data).hexdigest() for kind in ("sha1", "sha256")}


def main():
    catalogue, folder = sys.argv[1:]
    found = read(catalogue)
    print(json.dumps(found, indent=1))
    bad, kinds = [], set()
    for member in found["members"]:
        path = os.path.join(folder, member["File"])
        kinds.add(os.path.splitext(path)[1])
        if not os.path.exists(path):
            bad.append(f"{member['File']} is not in {folder}")
        elif member["id"] not in digests(path):
            bad.append(f"{member['File']} is not the file that the catalogue knows")
        if "digest" in member and member["digest"] != member["id"]:
            bad.append(f"{member['File']}: two digests in one member")
    strongest = "sha256" if found["version"] == 2 else "sha1"
    for name in {member["File"] for member in found["members"]}:
        if not any(m["File"] == name and m.get("algorithm") == strongest for m in found["members"]):
            bad.append(f"{name} has no {strongest}")
    if not {".inf", ".sys"} <= kinds:
        bad.append("no INF or no driver among the members")
    for problem in bad:
        print(f"{catalogue}: {problem}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
