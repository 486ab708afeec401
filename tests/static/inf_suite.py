#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The INF that is shipped keeps the rules of inf_lint.py, and each rule bites: a table of INFs with one fault each."""
import os
import re
import subprocess
import sys
import tempfile

from inf_lint import Inf, InfError, Lint

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINT = os.path.join(ROOT, "tests", "static", "inf_lint.py")
INF = os.path.join(ROOT, "driver", "platter.inf")

# What is changed (a regular expression, once), into what, and what the finding must say.
FAULTS = [
    ("the signature", r'"\$WINDOWS NT\$"', '"$Windows 95$"', r"no Signature"),
    ("no class", r"^Class .*\n", "", r"\[Version\] has no Class "),
    ("a class GUID that is none", r"4d36e97d-e325", "4d36e97d-325", r"is no GUID"),
    ("another class' GUID", r"4d36e97d-e325", "4d36e967-e325", r"class System has the GUID"),
    ("no provider", r"^Provider    =.*\n", "", r"no Provider"),
    ("Microsoft as the provider", r'"Platter project"', '"Microsoft"', r"1204"),
    ("no catalogue", r"^CatalogFile.*\n", "", r"1233"),
    ("a catalogue in a folder", r"platter\.cat", r"x\\\\platter.cat", r"not the name of a \.cat file"),
    ("no DriverVer", r"^DriverVer.*\n", "", r"no DriverVer"),
    ("the date as Europe writes it", r"11/22/2026", "22/11/2026", r"not a month/day/year"),
    ("a day that is not in the calendar", r"11/22/2026", "02/30/2026", r"not a month/day/year"),
    ("a version of three numbers", r"0\.1\.0\.0", "0.1.0", r"not four numbers"),
    ("a version that is too large", r"0\.1\.0\.0", "0.1.65536.0", r"not four numbers"),
    ("another version than the project's", r"0\.1\.0\.0", "0.1.1.0", r"the project"),
    ("files that programs may change", r"^PnpLockdown.*\n", "", r"PnpLockdown"),
    ("no manufacturer", r"^%Provider% = Models.*\n", "", r"1297"),
    ("a target that Windows does not know", r"NTx86, NTamd64", "NTx86, NTamd64, NTx64", r"NTx64 is no target"),
    ("models for a target that are not there", r"NTx86, NTamd64", "NTx86, NTamd64, NTarm64", r"\[Models\.NTarm64\].*1203"),
    ("no models for x86_64", r"NTx86, NTamd64", "NTx86", r"no models for NTamd64"),
    ("a model without a hardware id", r"(\[Models\.NTamd64\]\n%Bus% .*), Root.PlatterBus", r"\1", r"no hardware id"),
    ("a hardware id with a blank", r"(\[Models\.NTamd64\]\n.*\n.*)Platter.Volume", r"\1Platter Volume", r"no hardware id"),
    ("a description that is no string", r"(\[Models\.NTamd64\]\n)%Bus%   ", r"\1Bus", r"description Bus is not"),
    ("an install section that is not there", r"\[Bus\.NT\]", "[Buss.NT]", r"no install section \[Bus\]"),
    ("files to copy that no section names", r"CopyFiles = Files", "CopyFiles = platter.sys", r"\[platter\.sys\].*1203"),
    ("a file that is not in SourceDisksFiles", r"(\[Files\]\n)platter", r"\1plotter", r"plotter\.sys is not in .*1230"),
    ("a file on no disk", r"platter\.sys = 1", "platter.sys = 2", r"disk '2'"),
    ("a file that is copied nowhere", r"platter\.sys = 1", "platter.sys = 1\nother.sys = 1", r"other\.sys is copied nowhere"),
    ("a destination for nothing", r"DefaultDestDir = 12", "DefaultDestDir = 12\nFilez = 12", r"no section \[Filez\]"),
    ("no destination", r"^DefaultDestDir.*\n", "", r"does not say where"),
    ("a folder that is not the driver's", r"DefaultDestDir = 12", "DefaultDestDir = 24", r"no folder of the driver's"),
    ("no services", r"\[Volume\.NT\.Services\]\nAddService.*\n", "", r"1296"),
    ("no service of the device's own", r"platter, 0x00000002", "platter, 0", r"0 services are the device's own"),
    ("a service's section that is not there", r"0x00000002, Service,", "0x00000002, Servise,", r"\[Servise\].*1203"),
    ("no type of service", r"^ServiceType.*\n", "", r"ServiceType is missing"),
    ("a service that starts by itself", r"StartType     = 3", "StartType     = 2", r"StartType 2"),
    ("errors that mean nothing", r"ErrorControl  = 1", "ErrorControl  = 9", r"ErrorControl 9"),
    ("a driver outside the drivers' folder", r"%12%", "%10%", r"ServiceBinary"),
    ("another driver's file", r"ServiceBinary = %12%.platter", r"ServiceBinary = %12%\\plotter", r"plotter\.sys is not in .*1230"),
    ("a service without a name", r"^DisplayName.*\n", "", r"no DisplayName"),
    ("a descriptor that is none", r'"D:P\(A;;GA;;;SY\)', '"D:P(A;GA;;;SY)', r"has 5 fields"),
    ("a descriptor for everybody", r"\(A;;GA;;;BA\)", "(A;;GA;;;WD)", r"everything to everybody"),
    ("a descriptor without the system", r"\(A;;GA;;;SY\)", "", r"the system itself"),
    ("a descriptor that inherits", r'"D:P\(', '"D:(', r"not protected"),
    ("a descriptor for nobody known", r"GA;;;BA\)", "GA;;;QQ)", r"nobody is 'QQ'"),
    ("a key of another's", r"HKR, Parameters, WhoMayMount", "HKLM, SOFTWARE, WhoMayMount", r"1304"),
    ("the service's key by its path", r"HKR, Parameters, WhoMayMount",
     r"HKLM, SYSTEM\\CurrentControlSet\\Services\\platter, WhoMayMount", r"1221"),
    ("a number that is none", r"(WhoMayMount, +0x00010003), 1", r"\1, yes", r"no REG_DWORD"),
    ("flags that are none", r"(UsersMayWrite, +)0x00010003", r"\1DWORD", r"no number of flags"),
    ("a string that is not there", r"^Volume  .*\n", "", r"%volume% is not in .*1235"),
    ("an environment variable with one percent sign", r"%%SystemRoot%%\\system32\\setupapi", r"%SystemRoot%\\system32\\setupapi", r"1235"),
    ("a string that nothing uses", r"(\[Strings\]\n)", '\\1Unused = "x"\n', r"Unused is used nowhere"),
    ("a string that stands twice", r"(\[Strings\]\n)", '\\1Bus = "x"\n', r"stands twice"),
    ("a section that nothing uses", r"\[Strings\]", "[Left.Over]\nx = 1\n[Strings]", r"\[Left\.Over\].*2083"),
    ("a co-installer", r"\[Strings\]", "[Bus.NT.CoInstallers]\nAddReg = BusHardware\n[Strings]", r"1300"),
    ("a class installer", r"\[Strings\]", "[ClassInstall32]\nAddReg = BusHardware\n[Strings]", r"1285"),
    ("an installation without a device", r"\[Strings\]", "[DefaultInstall]\nCopyFiles = Files\n[Strings]", r"1212"),
    ("a quote that is not closed", r'"Platter project"', '"Platter project', r"quote is not closed"),
    ("a line before any section", r"\[Version\]\n", "x = 1\n[Version]\n", r"before the first section"),
]

# What is allowed, and must not be found.
ALLOWED = [
    ("DOS line ends", r"\n", "\r\n"),
    ("a target with a version", r"NTamd64", "NTamd64.6.1"),
    ("a descriptor with a SID", r";BA\)", ";S-1-5-32-544)"),
    ("a line that goes on", r"CopyFiles = Files", "CopyFiles = \\\\\n    Files"),
]


def lint(text, folder, version):
    path = os.path.join(folder, "platter.inf")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    try:
        found = Lint(Inf(path), version).run()
    except InfError as error:
        found = [str(error)]
    return bool(found), "\n".join(found)


def main():
    with open(INF, encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"^project\(platter VERSION ([0-9.]+)", file.read(), re.MULTILINE)[1]
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([LINT, "--version", version, INF], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        tap.check("driver/platter.inf keeps the rules", run.returncode == 0 and not run.stdout, run.stdout.decode())
        for name, old, new, want in FAULTS:
            bad, times = re.subn(old, new, text, count=1, flags=re.MULTILINE)
            code, output = lint(bad, folder, version) if times else (0, f"{old} is not in the INF")
            tap.check(f"found: {name}", code and re.search(want, output) is not None and "Traceback" not in output, output)
        for name, old, new in ALLOWED:
            good, times = re.subn(old, new, text)
            code, output = lint(good, folder, version) if times else (1, f"{old} is not in the INF")
            tap.check(f"allowed: {name}", not code, output)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
