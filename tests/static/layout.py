# SPDX-License-Identifier: MIT
"""Compares the layout of every structure, union, enumeration and typedef that two object files know, by their DWARF.

What the native tests prove of the driver is proved of platter.sys only where both mean the same bytes.
"""
import re
import subprocess

# Of the compilers and the C library, not of the kernel.
DIFFERENT = re.compile(r"(__)?(gnuc_|builtin_)?va_list|__time32_t|_XCPT_ACTION|threadlocaleinfostruct|threadlocinfo"
                       r"|ldiv_t|max_align_t|u?int_fast(16|32)_t")
FEWEST = 800  # of types that both know; with fewer, something was not read

DIE = re.compile(r"^(0x[0-9a-f]+):( +)(DW_TAG_\w+|NULL)")
ATTRIBUTE = re.compile(r"^\s+DW_AT_(\w+)\s+\((.*)\)\s*$")
TRANSPARENT = ("typedef", "const_type", "volatile_type", "restrict_type", "atomic_type")
RECORDS = ("structure_type", "union_type")


class Types:
    def __init__(self, path):
        done = subprocess.run(["llvm-dwarfdump", "--debug-info", path], text=True, capture_output=True, check=True)
        self.dies, parents, die = {}, [], None
        for line in done.stdout.splitlines():
            head = DIE.match(line)
            if head:
                depth = len(head.group(2))
                while parents and parents[-1][0] >= depth:
                    parents.pop()
                die = None
                if head.group(3) != "NULL":
                    die = {"tag": head.group(3)[7:], "children": []}
                    self.dies[int(head.group(1), 16)] = die
                    if parents:
                        parents[-1][1]["children"].append(die)
                    parents.append((depth, die))
            elif die is not None:
                attribute = ATTRIBUTE.match(line)
                if attribute:
                    die[attribute.group(1)] = attribute.group(2)

    def type_of(self, die):
        """The type a die refers to, through names and qualifiers; None: void."""
        while True:
            reference = re.match(r"(0x[0-9a-f]+)", die.get("type", ""))
            if not reference:
                return None
            die = self.dies.get(int(reference.group(1), 16))
            if die is None or die["tag"] not in TRANSPARENT:
                return die

    def size(self, die):
        if die is None:
            return 0
        if "byte_size" in die:
            return int(die["byte_size"], 0)
        if die["tag"] == "pointer_type":
            return 8
        if die["tag"] == "array_type":
            count = 1
            for part in die["children"]:
                bound = int(part["upper_bound"], 0) + 1 if "upper_bound" in part else int(part.get("count", "0"), 0)
                count *= bound if bound < 1 << 62 else 0
            return count * self.size(self.type_of(die))
        return 0

    def members(self, die, base, prefix):
        """(name, first bit, bits) of each member; those of nameless ones as if they were the outer's."""
        for member in die["children"]:
            if member["tag"] != "member":
                continue
            kind = self.type_of(member)
            at = base + 8 * int(member.get("data_member_location", "0"), 0)
            name = prefix + member.get("name", "").strip('"')
            if "bit_size" in member:
                width = int(member["bit_size"], 0)
                if "data_bit_offset" in member:
                    at = base + int(member["data_bit_offset"], 0)
                elif "bit_offset" in member:
                    unit = int(member["byte_size"], 0) if "byte_size" in member else self.size(kind)
                    at += 8 * unit - int(member["bit_offset"], 0) - width
                yield name, at, width
            elif kind is not None and kind["tag"] in RECORDS and "name" not in member:
                yield from self.members(kind, at, prefix)
            else:
                yield name, at, 8 * self.size(kind)

    def table(self):
        """{name: (size, members)} of every named type."""
        found = {}
        for die in self.dies.values():
            name = die.get("name", "").strip('"')
            if not name or "declaration" in die:
                continue
            if die["tag"] in RECORDS:
                found[die["tag"][:-5] + " " + name] = (self.size(die), tuple(self.members(die, 0, "")))
            elif die["tag"] == "enumeration_type":
                values = tuple((v.get("name"), int(v["const_value"], 0) & 0xFFFFFFFF) for v in die["children"]
                               if "const_value" in v)
                found["enum " + name] = (self.size(die), values)
            elif die["tag"] == "typedef":
                kind = self.type_of(die)
                record = kind is not None and kind["tag"] in RECORDS and "declaration" not in kind
                if kind is not None and "declaration" not in kind and kind["tag"] != "subroutine_type":
                    found[name] = (self.size(kind), tuple(self.members(kind, 0, "")) if record else ())
        return found


def differences(native, windows):
    """(how many types both know, texts that say what differs)."""
    native, windows = Types(native).table(), Types(windows).table()
    both = sorted(set(native) & set(windows))
    found = []
    for name in both:
        if native[name] == windows[name] or DIFFERENT.fullmatch(name.split()[-1]):
            continue
        found.append(f"{name}: {native[name][0]} bytes natively, {windows[name][0]} for Windows")
        pairs = zip(native[name][1], windows[name][1])
        found += [f"    {ours} natively, {theirs} for Windows" for ours, theirs in pairs if ours != theirs][:1]
    if len(both) < FEWEST:
        found.append(f"{len(both)} types compared, fewer than {FEWEST}: they were not read")
    return len(both), found
