#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every program, driver and library that is shipped says what it is and asks Windows for every protection there is: version,
icon, manifest, flags, sections. Read with pefile, of Debian's packages, so for Debian's own Python.

usage: tests/build/resources.py [FOLDER ...]     build/win64 and build/win32 otherwise
       tests/build/resources.py --setup FILE...  the setup program, whose code is NSIS's; succeeds when it is in order
"""
import glob
import os
import re
import struct
import sys
import xml.etree.ElementTree as tree

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, skip_all  # noqa: E402

try:
    import pefile
except ImportError:
    skip_all("python3-pefile is not installed")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ICON, GROUP_ICON, VERSION, MANIFEST = 3, 14, 16, 24
HIGH_ENTROPY, DYNAMIC_BASE, NX = 0x20, 0x40, 0x100
SECTION_EXECUTE, SECTION_WRITE = 0x20000000, 0x80000000
SIZES = [16, 32, 48, 256]
SYSTEMS = {"{35138b9a-5d96-4fbd-8e2d-a2440225f93a}", "{4a2f28e3-53b9-4441-ba9c-d69d4a4a6e38}",
           "{1f676c76-80e1-4239-95bb-83d0f6d0da78}", "{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}"}
tap = Tap()


def version_of_project():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^project\(platter VERSION ([0-9.]+)", file.read(), re.MULTILINE)[1]


def resources(image, kind):
    """[(id, bytes)] of one kind, in the languages there are."""
    found = []
    for entry in getattr(image, "DIRECTORY_ENTRY_RESOURCE", None).entries if hasattr(image, "DIRECTORY_ENTRY_RESOURCE") else []:
        if entry.id != kind:
            continue
        for item in entry.directory.entries:
            for language in item.directory.entries:
                data = language.data.struct
                found.append((item.id, image.get_data(data.OffsetToData, data.Size)))
    return found


def version_problems(image, name, version):
    found = resources(image, VERSION)
    if len(found) != 1:
        yield f"{len(found)} version resources"
        return
    fixed = image.VS_FIXEDFILEINFO[0]
    want = tuple(int(n) for n in version.split(".")) + (0,)
    for which, high, low in (("file", fixed.FileVersionMS, fixed.FileVersionLS),
                             ("product", fixed.ProductVersionMS, fixed.ProductVersionLS)):
        if (high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF) != want:
            yield f"the {which}'s version is {high:#x} {low:#x}"
    if (fixed.FileType == 3) != name.endswith(".sys"):
        yield f"file type {fixed.FileType}"
    strings = {key.decode(): value.decode() for info in image.FileInfo[0] if hasattr(info, "StringTable")
               for table in info.StringTable for key, value in table.entries.items()}
    expect = {"CompanyName": "Platter project", "ProductName": "Platter", "OriginalFilename": name,
              "ProductVersion": version, "FileVersion": version + ".0"}
    for key, value in expect.items():
        if strings.get(key) != value:
            yield f"{key} is {strings.get(key)!r}, not {value!r}"
    for key in ("FileDescription", "LegalCopyright", "InternalName"):
        if not strings.get(key, "").strip():
            yield f"no {key}"


def icon_problems(image):
    groups, pictures = resources(image, GROUP_ICON), dict(resources(image, ICON))
    if not groups:
        yield "no icon"
        return
    _, data = groups[0]
    sizes = []
    with open(os.path.join(ROOT, "resources", "platter.ico"), "rb") as file:
        own = file.read()
    for i in range(struct.unpack_from("<H", data, 4)[0]):
        width, _, _, _, _, _, size, number = struct.unpack_from("<BBBBHHIH", data, 6 + 14 * i)
        sizes.append(width or 256)
        if len(pictures.get(number, b"")) != size or pictures[number] not in own:
            yield f"the picture of {width or 256} pixels is not that of resources/platter.ico"
    if sizes != SIZES:
        yield f"sizes {sizes}"


def manifest_problems(image):
    found = resources(image, MANIFEST)
    if len(found) != 1 or found[0][0] != 1:
        yield f"{len(found)} manifests"
        return
    try:
        root = tree.fromstring(found[0][1])
    except tree.ParseError as error:
        yield f"the manifest: {error}"
        return
    nodes = {node.tag.split("}")[1]: node for node in root.iter()}
    if nodes["requestedExecutionLevel"].get("level") != "asInvoker":
        yield "it does not run with its caller's rights"
    if nodes["requestedExecutionLevel"].get("uiAccess") != "false":
        yield "uiAccess"
    missing = SYSTEMS - {node.get("Id", "").lower() for node in root.iter() if node.tag.endswith("}supportedOS")}
    if missing:
        yield f"systems that it does not say it knows: {missing}"
    if nodes["longPathAware"].text != "true":
        yield "not for long paths"


def flag_problems(image):
    flags = image.OPTIONAL_HEADER.DllCharacteristics
    wanted = {"NX_COMPAT": NX, "DYNAMIC_BASE": DYNAMIC_BASE}
    if image.FILE_HEADER.Machine == 0x8664:
        wanted["HIGH_ENTROPY_VA"] = HIGH_ENTROPY
    for name, bit in wanted.items():
        if not flags & bit:
            yield f"{name} is not set"
    if image.FILE_HEADER.Characteristics & 1 or not image.OPTIONAL_HEADER.DATA_DIRECTORY[5].Size:
        yield "no relocations, so it always lies at one address"
    for section in image.sections:
        if section.Characteristics & SECTION_EXECUTE and section.Characteristics & SECTION_WRITE:
            yield f"section {section.Name.rstrip(bytes(1)).decode()} is writable and executable"
    if image.FILE_HEADER.TimeDateStamp:
        yield "the time of the build is in it"
    if image.OPTIONAL_HEADER.CheckSum != image.generate_checksum():
        yield "the checksum is wrong"


def look(path, version):
    image = pefile.PE(path, fast_load=False)
    name = os.path.basename(path)
    yield from flag_problems(image)
    yield from version_problems(image, name, version)
    if name.endswith(".exe"):
        yield from icon_problems(image)
        yield from manifest_problems(image)


def look_at_setup(path, version):
    """It asks for an administrator's rights, and has NSIS's code: no relocations, and the commit's time."""
    image = pefile.PE(path)
    yield from version_problems(image, "platter-setup.exe", version)
    yield from icon_problems(image)
    for section in image.sections:
        if section.Characteristics & SECTION_EXECUTE and section.Characteristics & SECTION_WRITE:
            yield "a section is writable and executable"
    if not image.OPTIONAL_HEADER.DllCharacteristics & NX:
        yield "NX_COMPAT is not set"
    found = resources(image, MANIFEST)
    if len(found) != 1 or b"requireAdministrator" not in found[0][1]:
        yield "its manifest does not ask for an administrator's rights"
    elif not all(system.encode() in found[0][1].lower() for system in SYSTEMS):
        yield "its manifest does not name the systems from Windows 7 on"


def spoiled(data, what):
    """A copy of a program with one thing wrong."""
    image = pefile.PE(data=data, fast_load=True)
    data = bytearray(data)
    optional = image.OPTIONAL_HEADER.get_file_offset()
    if what == "NX_COMPAT":
        data[optional + 71] &= ~0x01
    elif what == "DYNAMIC_BASE":
        data[optional + 70] &= ~0x40
    elif what == "HIGH_ENTROPY_VA":
        data[optional + 70] &= ~0x20
    elif what == "writable and executable":
        data[image.sections[0].get_file_offset() + 39] |= 0x80
    elif what == "the time of the build":
        data[image.FILE_HEADER.get_file_offset() + 4] = 1
    elif what == "is not that of resources":
        icon = open(os.path.join(ROOT, "resources", "platter.ico"), "rb").read()
        at = data.index(icon[70:70 + 1000])
        data[at + 500] ^= 0xFF
    elif what == "its caller's rights":
        at = data.index(b'level="asInvoker"')
        data[at:at + 17] = b'level="asAnybody"'
    elif what == "ProductName is":
        at = data.index("ProductName".encode("utf-16-le"))
        data[data.index("Platter".encode("utf-16-le"), at)] ^= 0x20
    elif what == "the file's version":
        data[data.index(b"\xbd\x04\xef\xfe") + 8] ^= 1
    return bytes(data)


def bites(path, version):
    for what in ("NX_COMPAT", "DYNAMIC_BASE", "HIGH_ENTROPY_VA", "writable and executable", "the time of the build",
                 "is not that of resources", "its caller's rights", "ProductName is", "the file's version"):
        with open(path, "rb") as file:
            bad = spoiled(file.read(), what)
        target = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"platter-resources-{os.getpid()}", os.path.basename(path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            with open(target, "wb") as file:
                file.write(bad)
            found = [problem for problem in look(target, version) if what in problem]
        finally:
            os.unlink(target)
            os.rmdir(os.path.dirname(target))
        tap.case(f"found: {what}", [] if found else ["nothing was found"])


def main():
    version = version_of_project()
    if sys.argv[1:2] == ["--setup"]:
        problems = [f"{path}: {problem}" for path in sys.argv[2:] for problem in look_at_setup(path, version)]
        print("\n".join(problems))
        sys.exit(bool(problems))
    folders = sys.argv[1:] or [os.path.join(ROOT, "build", arch) for arch in ("win64", "win32")]
    seen = set()
    for folder in folders:
        paths = sorted(p for kind in ("exe", "sys", "dll") for p in glob.glob(os.path.join(folder, f"platter*.{kind}")))
        names = {os.path.basename(path) for path in paths}
        tap.case(f"{os.path.basename(folder)}: {', '.join(sorted(names))}",
                 [f"{name} is missing" for name in ("platter.exe", "platter.sys") if name not in names])
        for path in paths:
            seen.add(path)
            tap.case(os.path.relpath(path, os.path.dirname(os.path.abspath(folder))), list(look(path, version)))
    program = next((path for path in seen if path.endswith("win64/platter.exe")), None)
    if program:
        bites(program, version)
    icon = os.path.join(ROOT, "resources", "platter.ico")
    code = os.spawnl(os.P_WAIT, sys.executable, sys.executable, os.path.join(ROOT, "resources", "icon.py"), "--check", icon)
    tap.case("resources/platter.ico is what its script draws", [] if code == 0 else ["resources/icon.py draws something else"])
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
