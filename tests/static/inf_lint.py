#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds an INF against the rules of the Windows Driver Kit, as far as a driver package like ours can break them.

usage: tests/static/inf_lint.py [--version 1.2.3] FILE.inf

InfVerif, which does this on Windows, is not to be had elsewhere; a rule that it has too gives its number. Each finding ends
with the page that the rule comes from, below https://learn.microsoft.com/windows-hardware/drivers/. The exit status is 0
only without findings.
"""
import argparse
import datetime
import os
import re
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "setup"))
# pylint: disable=wrong-import-position
import inf_rules as rules  # noqa: E402
from inf import Inf, InfError  # noqa: E402


class Lint:
    """found: the findings. used: the names of sections and strings that something refers to."""

    def __init__(self, inf, version):
        self.inf, self.version = inf, version
        self.found = []
        self.used = set()
        self.copied = set()

    def say(self, line, text, page):
        self.found.append((line, f"{self.inf.path}:{line}: {text} [{page}]"))

    def at(self, section):
        return self.inf.lines.get(section.lower(), 1)

    def run(self):
        self.version_section()
        self.manufacturers()
        self.files()
        self.strings()
        self.closed()
        return [text for _, text in sorted(self.found)]

    # ---- [Version] ------------------------------------------------------------------------------------------------

    def need(self, key, page, number=""):
        value = self.inf.value("Version", key)
        if not value:
            self.say(self.at("version"), f"[Version] has no {key}{number}", page)
        return value

    def version_section(self):
        page = "install/inf-version-section"
        self.used.add("version")
        if self.inf.value("Version", "Signature").lower() not in ("$windows nt$", "$chicago$"):
            self.say(self.at("version"), "[Version] has no Signature \"$Windows NT$\" (1001)", page)
        name, guid = self.need("Class", page), self.need("ClassGuid", page).lower()
        if guid and not re.fullmatch(rules.GUID, guid):
            self.say(self.at("version"), f"ClassGuid {guid} is no GUID", page)
        known = rules.CLASSES.get(name.lower())
        if known and guid and guid != known:
            self.say(self.at("version"), f"class {name} has the GUID {known}, not {guid}",
                     "install/system-defined-device-setup-classes-available-to-vendors")
        if self.need("Provider", page).lower() == "microsoft":
            self.say(self.at("version"), "the provider cannot be Microsoft (1204)", page)
        catalogue = self.need("CatalogFile", page, " (1233)")
        if catalogue and not re.fullmatch(r"[^\\/]+\.cat", catalogue, re.IGNORECASE):
            self.say(self.at("version"), f"CatalogFile {catalogue} is not the name of a .cat file", page)
        if self.inf.value("Version", "PnpLockdown") != "1":
            self.say(self.at("version"), "PnpLockdown is not 1: programs could change the driver's files", page)
        self.driver_version()
        if known and "classinstall32" in self.inf.sections:
            self.say(self.at("classinstall32"), f"[ClassInstall32] for Microsoft's class {name} (1285)", rules.INFVERIF)
        if "manufacturer" in self.inf.sections and any(s.startswith("defaultinstall") for s in self.inf.sections):
            self.say(self.at("manufacturer"), "[Manufacturer] beside [DefaultInstall] (1212)", rules.INFVERIF)

    def driver_version(self):
        page = "install/inf-driverver-directive"
        line = self.inf.entry("Version", "DriverVer")
        if line is None:
            self.say(self.at("version"), "[Version] has no DriverVer", page)
            return
        date, number = self.inf.expand(line.value(0)), self.inf.expand(line.value(1))
        parts = re.fullmatch(r"(\d\d)[/-](\d\d)[/-](\d{4})", date)
        try:
            if parts is None:
                raise ValueError
            datetime.date(int(parts[3]), int(parts[1]), int(parts[2]))
        except ValueError:
            self.say(line.number, f"DriverVer's date {date!r} is not a month/day/year of the calendar", page)
        if not re.fullmatch(r"\d+(\.\d+){3}", number) or any(int(n) > 65535 for n in number.split(".")):
            self.say(line.number, f"DriverVer's version {number!r} is not four numbers up to 65535", page)
        elif self.version and number != self.version + ".0":
            self.say(line.number, f"DriverVer says {number}, the project {self.version}.0", page)

    # ---- Models and what they install -----------------------------------------------------------------------------

    def section(self, name, line, what, number="1203"):
        """Notes that something refers to it; False, said, when it is not there."""
        self.used.add(name.lower())
        if name.lower() in self.inf.sections:
            return True
        self.say(line, f"{what} refers to section [{name}], which is not there ({number})", rules.INFVERIF)
        return False

    def manufacturers(self):
        page = "install/inf-manufacturer-section"
        self.used.add("manufacturer")
        machines = set()
        if not self.inf.lines_of("Manufacturer"):
            self.say(1, "there is no [Manufacturer], so it installs on no device (1297)", page)
        for line in self.inf.lines_of("Manufacturer"):
            base = line.value(0) or self.inf.expand(line.key or "")
            decorations = line.values[1:]
            for decoration in decorations:
                match = re.fullmatch(rules.DECORATION, decoration, re.IGNORECASE)
                if match is None:
                    self.say(line.number, f"{decoration} is no target that Windows knows", page)
                    continue
                machines.add(match[1].lower())
                if self.section(f"{base}.{decoration}", line.number, "[Manufacturer]"):
                    self.models(f"{base}.{decoration}", match[1])
            if base.lower() in self.inf.sections:
                self.used.add(base.lower())
                self.models(base, "")
            elif not decorations:
                self.section(base, line.number, "[Manufacturer]")
        if "amd64" not in machines:
            self.say(self.at("manufacturer"), "no models for NTamd64: Windows on x86_64 takes no others", page)

    def models(self, section, machine):
        page = "install/inf-models-section"
        if not self.inf.lines_of(section):
            self.say(self.at(section), f"[{section}] has no model (1297)", page)
        for line in self.inf.lines_of(section):
            if line.key is None or not line.value(0):
                self.say(line.number, "a model is DESCRIPTION = INSTALL SECTION, HARDWARE ID", page)
                continue
            if not re.fullmatch(r"%[^%]+%", line.key):
                self.say(line.number, f"the description {line.key} is not a name of [Strings]", page)
            ids = [self.inf.expand(text) for text in line.values[1:]]
            if not any(ids):
                self.say(line.number, f"{line.key} has no hardware id (1297)", page)
            for text in ids:
                if text and not re.fullmatch(r"[!-+\--~]{1,199}", text):
                    self.say(line.number, f"{text!r} is no hardware id", "install/hardware-ids")
            self.install(line.value(0), machine, line.number)

    def install(self, base, machine, line):
        """The section that Windows takes for this machine, and those that belong to it."""
        page = "install/inf-ddinstall-section"
        candidates = ([f"{base}.NT{machine}"] if machine else []) + [f"{base}.NT", base]
        chosen = next((name for name in candidates if name.lower() in self.inf.sections), None)
        if chosen is None:
            self.say(line, f"there is no install section [{base}], with or without .NT (1203)", page)
            return
        self.used.add(chosen.lower())
        self.directives(chosen)
        for suffix in rules.SUFFIXES:
            name = f"{chosen}.{suffix}"
            if name.lower() in self.inf.sections:
                self.used.add(name.lower())
                self.directives(name)
        if f"{chosen}.coinstallers".lower() in self.inf.sections:
            self.say(self.at(f"{chosen}.coinstallers"), "co-installers are no longer allowed (1300)", rules.INFVERIF)
        self.services(f"{chosen}.Services", self.at(chosen))

    def directives(self, section):
        """Everything in an install section that names other sections."""
        for line in self.inf.lines_of(section):
            key = (line.key or "").lower()
            for value in line.values:
                if key in ("addreg", "delreg") and self.section(value, line.number, line.key):
                    self.registry(value)
                elif key in ("addproperty", "delproperty", "profileitems", "registerdlls"):
                    self.section(value, line.number, line.key)
                elif key in ("copyfiles", "delfiles", "renfiles"):
                    self.copy(value, key, line)

    def copy(self, value, key, line):
        if value.startswith("@"):
            files = [value[1:]]
        elif self.section(value, line.number, line.key):
            files = [entry.value(0) or entry.key for entry in self.inf.lines_of(value)]
            dirs = self.inf.entry("DestinationDirs", value) or self.inf.entry("DestinationDirs", "DefaultDestDir")
            if dirs is None:
                self.say(self.at(value), f"[DestinationDirs] does not say where the files of [{value}] go",
                         "install/inf-destinationdirs-section")
        else:
            return
        if key == "copyfiles":
            for name in files:
                self.copied.add(name.lower())
                if name.lower() not in self.inf.source_files():
                    self.say(line.number, f"{name} is not in [SourceDisksFiles] (1230)", rules.INFVERIF)

    def registry(self, section):
        page = "install/inf-addreg-directive"
        for line in self.inf.lines_of(section):
            fields = [self.inf.expand(text) for text in ([line.key] if line.key is not None else []) + line.values]
            fields += [""] * (5 - len(fields))
            if fields[0].upper() != "HKR":
                number = "1221" if "\\services\\" in fields[1].lower() else "1304"
                self.say(line.number, f"a key outside HKR ({number})", rules.INFVERIF)
            flags = rules.number(fields[3] or "0")
            if flags is None:
                self.say(line.number, f"{fields[3]} is no number of flags", page)
            elif flags & 0xFFFF0001 == 0x00010001 and rules.number(fields[4]) is None:
                self.say(line.number, f"{fields[4]!r} is no REG_DWORD", page)
            if fields[2].lower() == "security":
                problem = rules.descriptor(fields[4])
                if problem:
                    self.say(line.number, f"security descriptor {fields[4]!r}: {problem}",
                             "kernel/sddl-for-device-objects")

    # ---- Services -------------------------------------------------------------------------------------------------

    def services(self, section, line):
        page = "install/inf-addservice-directive"
        if section.lower() not in self.inf.sections:
            self.say(line, f"there is no [{section}] (1296)", rules.INFVERIF)
            return
        self.used.add(section.lower())
        functions = 0
        for entry in self.inf.lines_of(section):
            if (entry.key or "").lower() != "addservice":
                continue
            flags = rules.number(entry.value(1) or "0")
            functions += bool(flags and flags & 2)
            if flags is None:
                self.say(entry.number, f"{entry.value(1)} is no number of flags", page)
            if entry.value(0):
                if self.section(entry.value(2), entry.number, "AddService"):
                    self.service(entry.value(2))
                if entry.value(3) and self.section(entry.value(3), entry.number, "AddService"):
                    # Its HKR is the source's key in the event log.
                    self.directives(entry.value(3))
        if functions != 1:
            self.say(self.at(section), f"{functions} services are the device's own (SPSVCINST_ASSOCSERVICE), not 1", page)

    def service(self, section):
        page = "install/inf-addservice-directive"
        for key, allowed in rules.SERVICE.items():
            text = self.inf.value(section, key)
            if rules.number(text) not in allowed:
                self.say(self.at(section), f"{key} {text or 'is missing and'} should be one of {sorted(allowed)}", page)
        binary = self.inf.value(section, "ServiceBinary")
        match = re.fullmatch(r"%1[23]%\\([^\\]+)", binary)
        if match is None:
            self.say(self.at(section), f"ServiceBinary {binary!r} is not %12%\\FILE or %13%\\FILE", page)
        elif match[1].lower() not in self.inf.source_files():
            self.say(self.at(section), f"ServiceBinary {match[1]} is not in [SourceDisksFiles] (1230)", rules.INFVERIF)
        if not self.inf.value(section, "DisplayName"):
            self.say(self.at(section), "the service has no DisplayName", page)
        self.directives(section)

    # ---- Files and strings ----------------------------------------------------------------------------------------

    def files(self):
        names = {line.key for section in self.inf.sections if section.startswith("sourcedisksnames")
                 for line in self.inf.lines_of(section)}
        for section in self.inf.sections:
            if section.startswith(("sourcedisksnames", "sourcedisksfiles")):
                self.used.add(section)
            if not section.startswith("sourcedisksfiles"):
                continue
            for line in self.inf.lines_of(section):
                if line.value(0) not in names:
                    self.say(line.number, f"disk {line.value(0)!r} is not in [SourceDisksNames]",
                             "install/inf-sourcedisksnames-section")
                if (line.key or "").lower() not in self.copied:
                    self.say(line.number, f"{line.key} is copied nowhere", "install/inf-sourcedisksfiles-section")
        page = "install/inf-destinationdirs-section"
        self.used.add("destinationdirs")
        for line in self.inf.lines_of("DestinationDirs"):
            if rules.number(line.value(0)) not in rules.FOLDERS:
                self.say(line.number, f"{line.value(0)!r} is no folder of the driver's", page)
            if line.key.lower() != "defaultdestdir" and line.key.lower() not in self.inf.sections:
                self.say(line.number, f"there is no section [{line.key}]", page)

    def strings(self):
        page = "install/inf-strings-section"
        self.used.update(name for name in self.inf.sections if name.startswith("strings"))
        wanted = {}
        for name, lines in self.inf.sections.items():
            for line in lines:
                texts = list(line.values)
                if not name.startswith("strings") and line.key:
                    texts.append(line.key)
                for text in texts:
                    for token in re.findall(r"%([^%]+)%", text.replace("%%", "")):
                        # A number stands for a folder: %12%.
                        if not token.isdigit():
                            wanted.setdefault(token.lower(), line.number)
        for token, line in wanted.items():
            if token not in self.inf.strings:
                self.say(line, f"%{token}% is not in [Strings] (1235)", rules.INFVERIF)
        seen = set()
        for line in self.inf.lines_of("Strings"):
            if line.key.lower() in seen:
                self.say(line.number, f"{line.key} stands twice in [Strings]", page)
            seen.add(line.key.lower())
            if line.key.lower() not in wanted:
                self.say(line.number, f"{line.key} is used nowhere", page)

    def closed(self):
        for name in self.inf.sections:
            # Windows itself looks for these.
            if name.startswith(("defaultuninstall", "controlflags")):
                continue
            if name not in self.used:
                self.say(self.at(name), f"nothing refers to [{self.inf.names[name]}] (2083)", rules.INFVERIF)


def main():
    parser = argparse.ArgumentParser(description="Checks an INF against the rules of the Windows Driver Kit.")
    parser.add_argument("--version", default="", help="what DriverVer must say, without the last number")
    parser.add_argument("inf")
    options = parser.parse_args()
    try:
        found = Lint(Inf(options.inf), options.version).run()
    except (OSError, InfError) as error:
        found = [str(error)]
    for text in found:
        print(text)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
