# SPDX-License-Identifier: MIT
"""Reads an INF file as SetupAPI does ("General Syntax Rules for INF Files", Windows Driver Kit).

Sections of one name are one; names do not mind case; a backslash at the end joins the next line; quotes keep commas,
semicolons and percent signs; %name% stands for a text of [Strings], %% for a percent sign.
"""
import re


class InfError(ValueError):
    """Its text begins with file and line."""


class Line:
    """`key = value, value` (key is None without the equals sign), its texts still with their %names%."""

    def __init__(self, number, key, values):
        self.number = number
        self.key = key
        self.values = values

    def value(self, index):
        return self.values[index] if index < len(self.values) else ""


def split(text, where):
    """The fields of a line, without comment and quotes; whether there is a key before an '='; and what was quoted."""
    fields, field, key, quoted = [], "", None, False
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == '"':
            end = text.find('"', at + 1)
            # Two quotes in a quoted text are one of its own.
            while end >= 0 and text[end:end + 2] == '""':
                end = text.find('"', end + 2)
            if end < 0:
                raise InfError(f"{where}: a quote is not closed")
            field = (field if quoted else field.strip()) + text[at + 1:end].replace('""', '"')
            quoted = True
            at = end + 1
            continue
        if letter == ";":
            break
        if letter == "=" and key is None and not fields:
            key, field, quoted = field.strip(), "", False
        elif letter == ",":
            fields.append(field if quoted else field.strip())
            field, quoted = "", False
        elif not quoted or not letter.isspace():
            field += letter
        at += 1
    last = field if quoted else field.strip()
    if last or fields or key is not None:
        fields.append(last)
    if fields == [""]:
        fields = []
    return key, fields


class Inf:
    """sections: {name in small letters: [Line]}; names: the same with the spelling of the file; lines: where each begins."""

    def __init__(self, path):
        self.path = path
        self.sections, self.names, self.lines = {}, {}, {}
        with open(path, "rb") as file:
            data = file.read()
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        self.text = data.decode("utf-16" if wide else "utf-8-sig", "strict" if wide else "replace")
        self._parse()
        self.strings = {}
        for line in self.sections.get("strings", []):
            if line.key is None:
                raise InfError(f"{path}:{line.number}: a line of [Strings] without '='")
            self.strings[line.key.lower()] = line.value(0)

    def _parse(self):
        section, pending, begin = None, "", 0
        for number, raw in enumerate(self.text.splitlines(), 1):
            bare = raw.rstrip()
            begin = begin or number
            # A continuation, unless the backslash is in a comment or the end of a path in quotes.
            if bare.endswith("\\") and ";" not in bare and bare.count('"') % 2 == 0:
                pending += bare[:-1]
                continue
            text, where, at = (pending + bare).strip(), f"{self.path}:{begin}", begin
            pending, begin = "", 0
            if text.startswith("["):
                end = text.find("]")
                if end < 0:
                    raise InfError(f"{where}: a section's name is not closed")
                section = text[1:end].strip()
                self.sections.setdefault(section.lower(), [])
                self.names.setdefault(section.lower(), section)
                self.lines.setdefault(section.lower(), at)
                continue
            key, values = split(text, where)
            if key is None and not values:
                continue
            if section is None:
                raise InfError(f"{where}: a line before the first section")
            self.sections[section.lower()].append(Line(at, key, values))

    def expand(self, text):
        """With the texts of [Strings] for %names%; a name that is not there, a number of a folder perhaps, stays."""
        return re.sub(r"%([^%]*)%", lambda m: self.strings.get(m[1].lower(), m[0]) if m[1] else "%", text)

    def lines_of(self, section):
        return self.sections.get(section.lower(), [])

    def entry(self, section, key):
        """The first line with that key, or None."""
        for line in self.lines_of(section):
            if line.key is not None and line.key.lower() == key.lower():
                return line
        return None

    def value(self, section, key):
        """The first value of that line, expanded; "" where there is none."""
        line = self.entry(section, key)
        return self.expand(line.value(0)) if line else ""

    def models(self):
        """(name of the models section, decoration or "") of each that [Manufacturer] names."""
        for line in self.lines_of("Manufacturer"):
            name = line.value(0) or self.expand(line.key or "")
            yield name, ""
            for decoration in line.values[1:]:
                yield f"{name}.{decoration}", decoration

    def hardware_ids(self):
        """Each id of each model once, in the order of the file."""
        seen = {}
        for section, _ in self.models():
            for line in self.lines_of(section):
                for text in line.values[1:]:
                    seen.setdefault(self.expand(text).lower())
        return list(seen)

    def source_files(self):
        """The names in [SourceDisksFiles], decorated or not."""
        seen = {}
        for name in self.sections:
            if re.fullmatch(r"sourcedisksfiles(\..*)?", name):
                for line in self.sections[name]:
                    seen.setdefault((line.key or line.value(0)).lower())
        return list(seen)
