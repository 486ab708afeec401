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

try:
    import yaml
except ImportError:
    print("1..0 # skip python3-yaml is not installed")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "setup", "winget.py")
count = failed = 0

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


def tell(good, name, why=""):
    global count, failed  # pylint: disable=global-statement
    count += 1
    failed += not good
    if not good:
        print("# " + str(why).replace("\n", "\n# "))
    print(f"{'' if good else 'not '}ok {count} - {name}")


def skip(name, why):
    global count  # pylint: disable=global-statement
    count += 1
    print(f"ok {count} - {name} # SKIP {why}")


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
        tell(run.returncode == 0 and not run.stdout, "the manifests are written", run.stdout)
        tell(set(found) == set(KINDS), "there is one of each kind", found.keys())
        for kind, manifest in sorted(found.items()):
            bad = list(problems(manifest))
            tell(not bad, f"{kind}: keeps our rules", "\n".join(bad))
            if schemas:
                bad = list(schema_problems(manifest, schemas))
                tell(not bad, f"{kind}: keeps Microsoft's schema", "\n".join(bad))
        tell({m["PackageVersion"] for m in found.values()} == {"1.10.0"}, "the version is a text, and whole")
        for installer in found["installer"]["Installers"]:
            name = os.path.basename(installer["InstallerUrl"])
            tell(installer["InstallerSha256"] == hashlib.sha256(content[name]).hexdigest().upper(), f"{name}: its sum")
            tell(installer["InstallerUrl"] == "https://example.org/releases/" + name, f"{name}: its address")
        first = {path: open(path, "rb").read() for path in glob.glob(os.path.join(folder, "out", "*"))}
        write(folder, "--url", "https://example.org/releases/")
        tell(first == {path: open(path, "rb").read() for path in first}, "written again, they are the same")
        run, found = write(folder)
        tell("for looking at only" in run.stdout.decode() and ".invalid/" in found["installer"]["Installers"][0]["InstallerUrl"],
             "without an address that is said, and the address cannot exist", run.stdout)
        run, _ = write(folder, "--url", "ftp://example.org")
        tell(run.returncode == 1, "an address that winget does not take is refused", run.stdout)
        os.unlink(os.path.join(folder, "platter-setup-1.10.0.exe"))
        run, _ = write(folder)
        tell(run.returncode == 1 and b"No such file" in run.stdout, "an installer that is not there is refused", run.stdout)
        for key, value in (("PackageIdentifier", "Platter"), ("ReleaseDate", "today"), ("InstallerType", "zip"), ("Installers", [])):
            tell(list(problems({**found["installer"], key: value})), f"the rules bite: {key}")
    if not schemas:
        skip("they keep Microsoft's schemas", "PLATTER_WINGET_SCHEMAS names no folder with them; our own rules only")
    wrong = [name for name, (number, _) in winget.EXITS.items() if exits().get(name) != number]
    tell(not wrong, "the exit statuses are those of setup", wrong)
    # 20 to 22 are told among setup's own programs only.
    missing = [name for name, number in exits().items()
               if not 20 <= number <= 22 and (name in winget.EXITS) == (name in NO_WORD)]
    tell(not missing, "each of them has its word, or none and is known for it", missing)
    with open(os.path.join(ROOT, "docs", "install.md"), encoding="utf-8") as file:
        table = {int(number) for number in re.findall(r"^\| (\d+) \| ", file.read(), re.MULTILINE)}
    told = {number for number in exits().values() if not 20 <= number <= 22}
    tell(table == told, "docs/install.md has the same", table ^ told)
    print(f"1..{count}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
