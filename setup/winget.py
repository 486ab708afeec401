#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the three files that the Windows Package Manager wants of a release: version, installer, default locale.

usage: setup/winget.py --version 1.2.3 [--url https://HOST/PATH] --out FOLDER SETUP.exe [SETUP-x86.exe]

The sums are those of the installers given. URL is the folder they will be downloaded from; without it they get an address
that cannot exist, so that nobody publishes such a manifest by mistake. Manifests: github.com/microsoft/winget-cli,
schemas/JSON/manifests.
"""
import argparse
import datetime
import hashlib
import os
import sys

IDENTIFIER = "PlatterProject.Platter"
MANIFESTS = "1.6.0"
NOWHERE = "https://no-address.invalid"
LOCALE = "en-US"

# enum steps_exit in setup/steps/steps.h, in the words of the manifest; tests/build/winget.py compares the two. winget has no
# word for 2, 4 and 10 and shows the number.
EXITS = {
    "STEPS_CANCELLED": (1, "cancelledByUser"),
    "STEPS_UNSUPPORTED": (3, "systemNotSupported"),
    "STEPS_BUSY": (5, "packageInUse"),
    "STEPS_SECURE_BOOT": (6, "blockedByPolicy"),
    "STEPS_NEWER": (7, "downgrade"),
    "STEPS_RUNNING": (8, "installInProgress"),
    "STEPS_USAGE": (9, "invalidParameter"),
    "STEPS_UNTRUSTED": (11, "contactSupport"),
    "STEPS_RESTART_FIRST": (12, "rebootRequiredForInstall"),
    "STEPS_RESTART": (3010, "rebootRequiredToFinish"),
}


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest().upper()


def scalar(value):
    """Always in quotes: 0.10 is no number here, and 'no' no truth."""
    return str(value) if isinstance(value, int) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def yaml(value, indent=""):
    """Mappings, lists of mappings and of texts, texts and numbers."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield f"{indent}{key}:"
            yield from yaml(item, indent + "  ")
        elif isinstance(item, list):
            yield f"{indent}{key}:"
            for entry in item:
                if isinstance(entry, dict):
                    first, *rest = yaml(entry, indent + "    ")
                    yield f"{indent}  - {first.strip()}"
                    yield from rest
                else:
                    yield f"{indent}  - {scalar(entry)}"
        else:
            yield f"{indent}{key}: {scalar(item)}"


def manifests(version, url, setups, day):
    """{kind: manifest}; setups: [(architecture, path)]."""
    both = {"PackageIdentifier": IDENTIFIER, "PackageVersion": version}

    def end(kind):
        return {"ManifestType": kind, "ManifestVersion": MANIFESTS}

    installer = {
        **both,
        "Platform": ["Windows.Desktop"],
        # What winget itself runs on.
        "MinimumOSVersion": "10.0.17763.0",
        "InstallerType": "nullsoft",
        "Scope": "machine",
        "InstallModes": ["interactive", "silent", "silentWithProgress"],
        "InstallerSwitches": {"Silent": "/S", "SilentWithProgress": "/S", "InstallLocation": '/D=<INSTALLPATH>',
                              "Log": '/LOG="<LOGPATH>"'},
        "ExpectedReturnCodes": [{"InstallerReturnCode": number, "ReturnResponse": response}
                                for number, response in EXITS.values()],
        "UpgradeBehavior": "install",
        "Commands": ["platter"],
        "ProductCode": "Platter",
        "ReleaseDate": day,
        "AppsAndFeaturesEntries": [{"DisplayName": "Platter", "Publisher": "Platter project", "ProductCode": "Platter",
                                    "DisplayVersion": version}],
        "ElevationRequirement": "elevatesSelf",
        "Installers": [{"Architecture": architecture, "InstallerUrl": f"{url}/{os.path.basename(path)}",
                        "InstallerSha256": sha256(path)} for architecture, path in setups],
        **end("installer"),
    }
    locale = {
        **both,
        "PackageLocale": LOCALE,
        "Publisher": "Platter project",
        "PackageName": "Platter",
        "License": "MIT",
        "ShortDescription": "Presents disk and backup images as drives of Windows.",
        "Description": "Mounts disk and backup images (raw, VHD, VHDX, VMDK, VDI, QCOW2, Macrium Reflect X) as drives that "
                       "every user and session sees, by a kernel driver that holds no image parser.",
        "Moniker": "platter",
        "Tags": ["backup", "disk-image", "forensics", "mount", "qcow2", "vdi", "vhd", "vhdx", "vmdk"],
        **end("defaultLocale"),
    }
    return {"": {**both, "DefaultLocale": LOCALE, **end("version")}, ".installer": installer, f".locale.{LOCALE}": locale}


def main():
    parser = argparse.ArgumentParser(description="Writes the manifests of a release for winget.")
    parser.add_argument("--version", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--out", required=True)
    parser.add_argument("setup")
    parser.add_argument("setup_x86", nargs="?")
    options = parser.parse_args()
    if options.url and not options.url.startswith("https://"):
        sys.exit(f"winget: {options.url} does not begin with https://")
    if not options.url:
        print("winget: no address was given (DIST_URL), so these manifests are for looking at only", file=sys.stderr)
    setups = [("x64", options.setup)] + ([("x86", options.setup_x86)] if options.setup_x86 else [])
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
    day = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d")
    try:
        files = manifests(options.version, (options.url or NOWHERE).rstrip("/"), setups, day)
        os.makedirs(options.out, exist_ok=True)
        for name, content in files.items():
            path = os.path.join(options.out, f"{IDENTIFIER}{name}.yaml")
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                kind = content["ManifestType"]
                file.write(f"# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.{MANIFESTS}.schema.json\n")
                file.write("\n".join(yaml(content)) + "\n")
    except OSError as error:
        sys.exit(f"winget: {error}")


if __name__ == "__main__":
    main()
