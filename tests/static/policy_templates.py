#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The group policy templates (setup/policy) say what docs/policy.md says and what driver/policy.c and the programs read:
the same values, types, numbers, meanings when absent, and place in the registry. And they are well formed: every reference
within them and to their texts resolves, nothing is left over.

With PLATTER_ADMX_SCHEMA=FILE ([MS-GPREG] section 7) xmllint holds them against
Microsoft's schema (libxml2 wants [$] there, where the patterns have an escaped $).
"""
import glob
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as tree

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "setup", "policy")
SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
KEY = r"SOFTWARE\Policies\Platter"
tap = Tap()


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def documented():
    """{value: type} of the table in docs/policy.md, and those whose column for an absent value is that of 1."""
    rows = re.findall(r"^\| `(\w+)` \| (REG_\w+) \|", text_of("docs", "policy.md"), re.MULTILINE)
    absent = re.search(r"^\| value \| type \| 0 \| (.*?) \|", text_of("docs", "policy.md"), re.MULTILINE)
    return dict(rows), len(rows), bool(absent and "without a value" in absent[1])


def in_driver():
    """{value: (meaning when absent, when not understood)} that driver/policy.c reads, and its first key."""
    source = text_of("driver", "policy.c")
    key = re.search(r'L"\\\\Registry\\\\Machine\\\\(.*?)"', source)[1].replace("\\\\", "\\")
    names = dict(re.findall(r'static UNICODE_STRING (\w+) = RTL_CONSTANT_STRING\(L"(\w+)"\)', source))
    reads = re.findall(r"ReadSwitch\(&(\w+), (TRUE|FALSE), (TRUE|FALSE)\)", source)
    return {names[name]: (absent, safe) for name, absent, safe in reads}, key


def in_programs():
    """Values that programs read by themselves, and their first key."""
    found, keys = set(), set()
    for path in glob.glob(os.path.join(ROOT, "mount", "policy*.c")):
        source = text_of(path)
        found |= set(re.findall(r'read_value\(L"(\w+)"', source))
        keys |= {key.replace("\\\\", "\\") for key in re.findall(r'\{L"(SOFTWARE\\\\Policies[^"]*)"', source)}
    return found, keys


class Templates:
    def __init__(self, admx, adml):
        self.admx, self.adml = admx, adml
        self.policies = {p.get("name"): p for p in admx.iter(SPACE + "policy")}

    def strings(self):
        return {s.get("id"): s.text or "" for s in self.adml.iter(SPACE + "string")}

    def presentations(self):
        return {p.get("id"): p for p in self.adml.iter(SPACE + "presentation")}

    def references(self, kind):
        """Of $(string.NAME) or $(presentation.NAME), wherever they stand."""
        return [name for node in self.admx.iter() for value in node.attrib.values()
                for name in re.findall(r"^\$\(" + kind + r"\.(\w+)\)$", value)]

    def form(self):
        """What is wrong with the two files by themselves."""
        strings, wanted = self.strings(), self.references("string")
        for name in wanted:
            if not strings.get(name, "").strip():
                yield f"$(string.{name}) has no text"
        for name in strings.keys() - set(wanted):
            yield f"the text {name} is used nowhere"
        for node in self.admx.iter():
            for value in node.attrib.values():
                if value.startswith("$(") and not re.match(r"^\$\((string|presentation)\.\w+\)$", value):
                    yield f"{value} is no reference"
        if len(strings) != len(list(self.adml.iter(SPACE + "string"))):
            yield "a text stands twice"
        presentations, shown = self.presentations(), self.references("presentation")
        if set(shown) != set(presentations):
            yield f"presentations {sorted(presentations)}, references {sorted(shown)}"
        categories = {c.get("name") for c in self.admx.iter(SPACE + "category")}
        supported = {d.get("name") for d in self.admx.iter(SPACE + "definition")}
        if len(self.policies) != len(list(self.admx.iter(SPACE + "policy"))):
            yield "a policy stands twice"
        for name, policy in self.policies.items():
            if policy.find(SPACE + "parentCategory").get("ref") not in categories:
                yield f"{name}: its category is not there"
            if policy.find(SPACE + "supportedOn").get("ref") not in supported:
                yield f"{name}: what supports it is not there"
            elements = {e.get("id"): e.tag for e in policy.findall(SPACE + "elements/*")}
            presentation = re.findall(r"presentation\.(\w+)", policy.get("presentation", ""))
            boxes = {b.get("refId"): b.tag for p in presentation for b in presentations.get(p, ())}
            if {i: t + "Box" for i, t in elements.items()} != boxes:
                yield f"{name}: elements {elements}, but what is shown is {boxes}"
            if bool(policy.get("valueName")) == bool(elements):
                yield f"{name}: neither a switch nor a list, or both"

    def value(self, name):
        """(type, {number when enabled, when disabled}) of a policy."""
        policy = self.policies[name]
        switch = [policy.find(f"{SPACE}{side}/{SPACE}decimal") for side in ("enabledValue", "disabledValue")]
        if policy.get("valueName"):
            return policy.get("valueName"), "REG_DWORD", tuple(n.get("value") if n is not None else None for n in switch)
        element = policy.find(SPACE + "elements/*")
        return element.get("valueName"), {"multiText": "REG_MULTI_SZ"}.get(element.tag.replace(SPACE, "")), None

    def meaning(self):
        """What is wrong measured by the documents and the sources."""
        types, rows, absent_is_one = documented()
        driver, driver_key = in_driver()
        programs, program_keys = in_programs()
        if rows != len(types):
            yield "a value has two rows in docs/policy.md"
        if not absent_is_one:
            yield "docs/policy.md does not say that without a value it is as with 1"
        if driver_key != KEY or program_keys != {KEY}:
            yield f"the driver reads {driver_key}, the programs {program_keys}"
        if set(types) != set(driver) | programs:
            yield f"documented {sorted(types)}, read {sorted(set(driver) | programs)}"
        found = {}
        for name, policy in self.policies.items():
            value, kind, numbers = self.value(name)
            found[value] = kind
            if policy.get("class") != "Machine" or policy.get("key") != KEY:
                yield f"{name}: {policy.get('class')} {policy.get('key')}"
            if kind == "REG_DWORD" and numbers != ("1", "0"):
                yield f"{name}: enabled and disabled are {numbers}"
            explain = self.strings().get(f"{name}_Explain", "")
            if kind == "REG_DWORD" and driver.get(value, ("",))[0] == "TRUE" and "Enabled, or not configured:" not in explain:
                yield f"{name}: absent means 1, and its text does not say so"
            if kind == "REG_MULTI_SZ" and "Disabled, or not configured: all" not in explain:
                yield f"{name}: absent means all, and its text does not say so"
        if found != types:
            yield f"templates {found}, documented {types}"


def load():
    return Templates(tree.parse(os.path.join(FOLDER, "Platter.admx")).getroot(),
                     tree.parse(os.path.join(FOLDER, "en-US", "Platter.adml")).getroot())


# What is broken in a copy, and how.
def remove(node, tag, **attributes):
    for parent in node.iter():
        for child in list(parent):
            if child.tag == SPACE + tag and all(child.get(k) == v for k, v in attributes.items()):
                parent.remove(child)
                return


FAULTS = [
    ("a text that is missing", lambda t: remove(t.adml, "string", id="WhoMayMount_Explain")),
    ("a text that nothing uses", lambda t: t.policies["WhoMayMount"].set("explainText", "$(string.WhoMayMount)")),
    ("a presentation that is missing", lambda t: remove(t.adml, "presentation", id="AllowedFormats")),
    ("a box for another element", lambda t: next(t.adml.iter(SPACE + "multiTextBox")).set("refId", "Other")),
    ("a category that is missing", lambda t: remove(t.admx, "category", name="Platter")),
    ("another key", lambda t: t.policies["WhoMayMount"].set("key", r"SOFTWARE\Platter")),
    ("a policy of users", lambda t: t.policies["WhoMayMount"].set("class", "Both")),
    ("another value", lambda t: t.policies["WhoMayMount"].set("valueName", "WhoCanMount")),
    ("enabled and disabled the wrong way", lambda t: t.policies["UsersMayWrite"].find(f"{SPACE}enabledValue/{SPACE}decimal").set("value", "0")),
    ("a policy that is missing", lambda t: (remove(t.admx, "policy", name="UnmountOnShutdown"), t.policies.pop("UnmountOnShutdown"))),
]


def schema():
    path = os.environ.get("PLATTER_ADMX_SCHEMA")
    if not path:
        tap.skip("they keep Microsoft's schema", "PLATTER_ADMX_SCHEMA names no file with it; our own rules only")
        return
    for name in ("Platter.admx", "en-US/Platter.adml"):
        run = subprocess.run(["xmllint", "--noout", "--schema", path, os.path.join(FOLDER, name)], stderr=subprocess.STDOUT,
                             stdout=subprocess.PIPE, check=False)
        tap.case(f"{name} keeps Microsoft's schema", [] if run.returncode == 0 else run.stdout.decode().splitlines())


def main():
    tap.case("every reference within the templates resolves", list(load().form()))
    tap.case("they say what docs/policy.md says and the driver and the programs read", list(load().meaning()))
    for name, fault in FAULTS:
        templates = load()
        fault(templates)
        found = list(templates.form()) + list(templates.meaning())
        tap.case(f"found: {name}", [] if found else ["nothing was found"])
    schema()
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
