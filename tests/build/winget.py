#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The winget manifests say what is true, in the form that winget takes. For Debian's own Python, whose packages (PyYAML,
jsonschema) it reads them with.

With PLATTER_WINGET_SCHEMAS=FOLDER (schemas/JSON/manifests/v1.6.0 of github.com/microsoft/winget-cli) they are held against
Microsoft's schemas as well; without, against the rules below, which say the same of what we write, and that is said aloud.
"""
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, skip_all  # noqa: E402

try:
    import yaml
except ImportError:
    skip_all("python3-yaml is not installed")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "setup", "winget.py")
tap = Tap()

URL = r"https?://.+"
COMMON = {"PackageIdentifier": r"[^.\s\\/:*?\"<>|]{1,32}(\.[^.\s\\/:*?\"<>|]{1,32}){1,7}", "PackageVersion": r"[0-9.]{1,128}",
          "ManifestVersion": r"1\.6\.0"}
KINDS = {
    "version": {"DefaultLocale": r"en-US"},
    "defaultLocale": {"PackageLocale": r"en-US", "Publisher": r".{2,256}", "PackageName": r".{2,256}", "License": r".{3,512}",
                      "ShortDescription": r".{3,256}"},
    "installer": {"InstallerType": r"nullsoft", "Scope": r"machine", "ReleaseDate": r"\d{4}-\d\d-\d\d",
                  "ProductCode": r"Platter", "ElevationRequirement": r"elevatesSelf", "UpgradeBehavior": r"install"},
}
RESPONSES = set("packageInUse installInProgress fileInUse diskFull invalidParameter rebootRequiredToFinish cancelledByUser "
                "alreadyInstalled downgrade blockedByPolicy systemNotSupported packageInUseByApplication missingDependency "
                "insufficientMemory noNetwork contactSupport rebootRequiredForInstall rebootInitiated".split())
# Setup's own statuses that winget has no word for.
NO_WORD = {"STEPS_DONE", "STEPS_FAILED", "STEPS_NOT_ELEVATED", "STEPS_INTERRUPTED"}


def problems(manifest):
    """Against the rules of this file."""
    kind = manifest.get("ManifestType")
    if kind not in KINDS:
        yield f"ManifestType {kind}"
        return
    for key, pattern in {**COMMON, **KINDS[kind]}.items():
        if not isinstance(manifest.get(key), str) or not re.fullmatch(pattern, manifest[key]):
            yield f"{key}: {manifest.get(key)!r}"
    if kind != "installer":
        return
    if not manifest.get("Installers"):
        yield "no Installers"
    for installer in manifest.get("Installers", []):
        for key, pattern in (("Architecture", "x64|x86"), ("InstallerUrl", URL), ("InstallerSha256", "[0-9A-F]{64}")):
            if not re.fullmatch(pattern, str(installer.get(key))):
                yield f"{key}: {installer.get(key)!r}"
    for code in manifest.get("ExpectedReturnCodes", []):
        if code["ReturnResponse"] not in RESPONSES or not isinstance(code["InstallerReturnCode"], int):
            yield f"return code {code}"


def schema_problems(manifest, folder):
    import jsonschema  # pylint: disable=import-outside-toplevel
    path = glob.glob(os.path.join(folder, f"manifest.{manifest['ManifestType']}.*.json"))
    with open(path[0], encoding="utf-8") as file:
        schema = json.load(file)
    for error in jsonschema.Draft7Validator(schema).iter_errors(manifest):
        yield f"{list(error.path)}: {error.message}"


def write(folder, *options):
    run = subprocess.run([sys.executable, TOOL, "--version", "1.10.0", "--out", os.path.join(folder, "out"), *options,
                          os.path.join(folder, "platter-setup-1.10.0.exe"), os.path.join(folder, "platter-setup-1.10.0-x86.exe")],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                         env=dict(os.environ, SOURCE_DATE_EPOCH="1700000000"))
    found = {}
    for path in glob.glob(os.path.join(folder, "out", "*.yaml")):
        with open(path, encoding="utf-8") as file:
            # As texts all of it, but for numbers: winget's reader would not take a date for a text either.
            manifest = yaml.load(file, Loader=yaml.SafeLoader)
        found[manifest["ManifestType"]] = manifest
    return run, found


def exits():
    """{name: number} of enum steps_exit."""
    with open(os.path.join(ROOT, "setup", "steps", "steps.h"), encoding="utf-8") as file:
        body = re.search(r"enum steps_exit \{(.*?)\};", file.read(), re.DOTALL).group(1)
    return {name: int(number) for name, number in re.findall(r"^\s+(STEPS_\w+) = (\d+),", body, re.MULTILINE)}


def main():
    sys.path.insert(0, os.path.join(ROOT, "setup"))
    import winget  # pylint: disable=import-outside-toplevel,import-error
    schemas = os.environ.get("PLATTER_WINGET_SCHEMAS")
    with tempfile.TemporaryDirectory() as folder:
        content = {}
        for name in ("platter-setup-1.10.0.exe", "platter-setup-1.10.0-x86.exe"):
            content[name] = os.urandom(1000)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content[name])
        run, found = write(folder, "--url", "https://example.org/releases/")
        tap.check("the manifests are written", run.returncode == 0 and not run.stdout, run.stdout)
        tap.check("there is one of each kind", set(found) == set(KINDS), found.keys())
        for kind, manifest in sorted(found.items()):
            bad = list(problems(manifest))
            tap.check(f"{kind}: keeps our rules", not bad, "\n".join(bad))
            if schemas:
                bad = list(schema_problems(manifest, schemas))
                tap.check(f"{kind}: keeps Microsoft's schema", not bad, "\n".join(bad))
        tap.check("the version is a text, and whole", {m["PackageVersion"] for m in found.values()} == {"1.10.0"})
        for installer in found["installer"]["Installers"]:
            name = os.path.basename(installer["InstallerUrl"])
            tap.check(f"{name}: its sum", installer["InstallerSha256"] == hashlib.sha256(content[name]).hexdigest().upper())
            tap.check(f"{name}: its address", installer["InstallerUrl"] == "https://example.org/releases/" + name)
        first = {path: open(path, "rb").read() for path in glob.glob(os.path.join(folder, "out", "*"))}
        write(folder, "--url", "https://example.org/releases/")
        tap.check("written again, they are the same", first == {path: open(path, "rb").read() for path in first})
        run, found = write(folder)
        tap.check("without an address that is said, and the address cannot exist",
                  "for looking at only" in run.stdout.decode() and ".invalid/" in found["installer"]["Installers"][0]["InstallerUrl"], run.stdout)
        run, _ = write(folder, "--url", "ftp://example.org")
        tap.check("an address that winget does not take is refused", run.returncode == 1, run.stdout)
        os.unlink(os.path.join(folder, "platter-setup-1.10.0.exe"))
        run, _ = write(folder)
        tap.check("an installer that is not there is refused", run.returncode == 1 and b"No such file" in run.stdout, run.stdout)
        for key, value in (("PackageIdentifier", "Platter"), ("ReleaseDate", "today"), ("InstallerType", "zip"), ("Installers", [])):
            tap.check(f"the rules bite: {key}", list(problems({**found["installer"], key: value})))
    if not schemas:
        tap.skip("they keep Microsoft's schemas", "PLATTER_WINGET_SCHEMAS names no folder with them; our own rules only")
    wrong = [name for name, (number, _) in winget.EXITS.items() if exits().get(name) != number]
    tap.check("the exit statuses are those of setup", not wrong, wrong)
    # 20 to 22 are told among setup's own programs only.
    missing = [name for name, number in exits().items()
               if not 20 <= number <= 22 and (name in winget.EXITS) == (name in NO_WORD)]
    tap.check("each of them has its word, or none and is known for it", not missing, missing)
    with open(os.path.join(ROOT, "docs", "install.md"), encoding="utf-8") as file:
        table = {int(number) for number in re.findall(r"^\| (\d+) \| ", file.read(), re.MULTILINE)}
    told = {number for number in exits().values() if not 20 <= number <= 22}
    tap.check("docs/install.md has the same", table == told, table ^ told)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
