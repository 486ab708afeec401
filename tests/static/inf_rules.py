# SPDX-License-Identifier: MIT
"""What inf_lint.py knows by heart: names and numbers of the Windows Driver Kit's pages."""
import re

INFVERIF = "devtest/inf-validation-errors-and-warnings"

GUID = r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}"
# install/system-defined-device-setup-classes-available-to-vendors: those that a driver like ours might name.
CLASSES = {
    "system": "{4d36e97d-e325-11ce-bfc1-08002be10318}",
    "volume": "{71a27cdd-812a-11d0-bec7-08002be2092f}",
    "diskdrive": "{4d36e967-e325-11ce-bfc1-08002be10318}",
    "cdrom": "{4d36e965-e325-11ce-bfc1-08002be10318}",
    "scsiadapter": "{4d36e97b-e325-11ce-bfc1-08002be10318}",
    "softwaredevice": "{62f9c741-b25a-46ce-b54c-9bccce08b6f2}",
}
# install/inf-manufacturer-section: NT[machine][.[major][.[minor][.[product][.[suite][.[build]]]]]]
DECORATION = r"NT(x86|amd64|arm|arm64|ia64)(?:\.\d*){0,5}"
# What may follow the name of an install section.
SUFFIXES = ("HW", "Wdf", "Components", "Software", "Interfaces", "Events", "Filters", "LogConfigOverride")
# install/inf-addservice-directive, for a kernel driver that Plug and Play starts: at boot or when there is a device.
SERVICE = {"ServiceType": {1, 2}, "StartType": {0, 3}, "ErrorControl": {0, 1, 2, 3}}
# install/using-dirids: the driver store, %SystemRoot%\System32\drivers, System32.
FOLDERS = {11, 12, 13}

# Of "SID Strings" and "ACE Strings" in the Windows SDK.
SIDS = set("AA AC AN AO AU BA BG BO BU CA CD CG CO CY DA DC DD DG DU EA ED ER ES HA HI IS IU KA LA LG LS LU LW ME MP MU NO NS "
           "NU OW PA PO PS PU RA RC RD RE RM RO RS RU SA SI SO SU SY UD WD WR".split())
RIGHTS = set("GA GR GW GX RC SD WD WO RP WP CC DC LC SW LO DT CR FA FR FW FX KA KR KW KX".split())
ACE_FLAGS = set("CI OI NP IO ID SA FA".split())


def number(text):
    """A number of an INF, decimal or with 0x; None for anything else."""
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"\d+", text) else None


def pairs(text):
    return {text[at:at + 2] for at in range(0, len(text), 2)}


def entry(text):
    """What is wrong with what stands between two parentheses, or None."""
    fields = text.split(";")
    if len(fields) != 6:
        return f"({text}) has {len(fields)} fields, not 6"
    kind, flags, rights, _, _, sid = fields
    if kind not in ("A", "D"):
        return f"({text}): {kind!r} neither allows nor denies"
    if flags and not pairs(flags) <= ACE_FLAGS:
        return f"({text}): flags {flags}"
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,8}", rights) and not (rights and pairs(rights) <= RIGHTS):
        return f"({text}): rights {rights!r}"
    if sid not in SIDS and not re.fullmatch(r"S-1(-\d+)+", sid):
        return f"({text}): nobody is {sid!r}"
    if kind == "A" and sid in ("WD", "AN") and "GA" in pairs(rights):
        return f"({text}) gives everything to everybody"
    return None


def descriptor(text):
    """What is wrong with a device's security descriptor, or None."""
    match = re.fullmatch(r"D:(P?(?:A[IR])*)((?:\([^()]*\))+)", text)
    if match is None:
        return "not D:P(...)(...)"
    if "P" not in match[1]:
        return "not protected: it would inherit"
    entries = re.findall(r"\(([^()]*)\)", match[2])
    problem = next((p for p in map(entry, entries) if p), None)
    if problem is None and not any(e.startswith("A;") and e.endswith(";SY") for e in entries):
        problem = "the system itself has no access"
    return problem
