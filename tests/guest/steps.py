# SPDX-License-Identifier: MIT
"""What is done in the guest, in order, and what must come of it: a script of one session.

A command that begins with platter, points or cmd is run from the folder T; `cmd` is the guest's own shell.
"""
import re
from dataclasses import dataclass

T = r"C:\t"
USER, PASSWORD = "pl_other", "Pl-4711-other"
CYCLES = 20
OK, NOT_FOUND, ACCESS, BUSY, DRIVER = 0, 3, 4, 5, 17  # exit statuses, docs/cli.md
BY_PNP, BY_DRIVER = "letter by: Mount Manager)", "letter by: Mount Manager, told by the driver)"


@dataclass
class Step:
    name: str
    seconds: int
    command: str
    title: str = ""          # what is shown when all is well; without one the step is a means, and only its failure tells
    status: object = OK      # the exit status, or a set of them, or None: whatever it is
    has: tuple = ()          # texts that the output must have
    hasnt: tuple = ()
    like: tuple = ()         # regular expressions, the same
    same_as: str = ""        # the step whose output it must repeat
    of: str = ""             # nothing is run: the output of this step is judged once more
    cannot: tuple = ()       # (regular expression, reason): what this guest says when it cannot do this at all
    desktop: bool = False    # shows nothing where there is no desktop

    def line(self):
        word, _, rest = self.command.partition(" ")
        if word in ("platter", "points"):
            return f"{T}\\{word}.exe {rest}"
        return f"cmd /c {rest}" if word == "cmd" else self.command

    def judge(self, outcome, output):
        """None, or what is wrong."""
        allowed = self.status if isinstance(self.status, set) else {self.status}
        if self.status is not None and outcome not in {str(status) for status in allowed}:
            return f"exit status {outcome}, not {' or '.join(str(status) for status in sorted(allowed))}"
        for text in self.has:
            if text not in output:
                return f"its output lacks {text!r}"
        for text in self.hasnt:
            if text in output:
                return f"its output has {text!r}"
        for pattern in self.like:
            if not re.search(pattern, output):
                return f"its output has nothing like {pattern!r}"
        return None


def compare(name, drive, path, title):
    return Step(name, 120, rf"cmd fc /b {drive}:\{path} {T}\f\{path}", title, has=("no differences",))


def gone(name, letter, title):
    return Step(name, 40, f"points gone {letter}: 20", title)


def write_back(name, drive, path, title):
    """A file written and compared, with a pause before and after: README.md says why under "Known of ReactOS"."""
    yield Step(f"{name}-before", 30, "points sleep 3")
    yield Step(name, 120, rf"cmd copy {T}\f\part.bin {drive}:\{path}", title, has=("1 file",))
    yield Step(f"{name}-after", 30, "points sleep 3")
    yield Step(f"{name}-compare", 120, rf"cmd fc /b {drive}:\{path} {T}\f\part.bin", "and reads back equal",
               has=("no differences",))


def before():
    yield Step("points-before", 30, "points all")
    yield Step("registry-before", 30, r"reg query HKLM\SYSTEM\MountedDevices")
    yield Step("letters-before", 30, "points letters")
    yield Step("status-before", 60, "platter driver status", "without the driver, platter says that it is not there",
               status=DRIVER, has=("not installed",))


def by_service():
    """No device node: the driver tells the Mount Manager of the volume by its ioctls."""
    yield Step("service", 60, rf"points service {T}\platter.sys", "the service manager loads platter.sys", has=("started",))
    yield Step("service-mount", 120, rf"platter mount {T}\fat.img --letter X",
               "a volume without a device node gets its letter by VOLUME_ARRIVAL_NOTIFICATION and CREATE_POINT",
               has=("is now X:", BY_DRIVER))
    yield Step("service-show", 30, "points show X:", "the Mount Manager knows it: letter, volume name, device",
               has=(r"device \Device\PlatterVolume", "filesystem FAT32", r"point \DosDevices\X: -> \Device\PlatterVolume"),
               like=(r"volume \\\\\?\\Volume\{[0-9a-f-]{36}\}", r"point \\\?\?\\Volume\{"))
    yield compare("service-fc", "X", "large.bin", "files are read through X:")
    yield Step("service-unmount", 120, "platter unmount X:")
    yield gone("service-gone", "X", "unmounting takes the letter away")
    yield Step("service-points", 30, "points all", "and leaves no point of the Mount Manager", same_as="points-before")
    yield Step("service-stop", 60, "points no-service", "the driver unloads when its service is stopped", has=("stopped",))
    yield Step("service-status", 60, "platter driver status", "then it is not there", status=DRIVER)


def install():
    yield Step("install", 300, "platter driver install", "platter driver install: INF, device node, START",
               has=("is installed and runs",))
    yield Step("status", 60, "platter driver status", "it answers, and the Mount Manager is there",
               has=("bus devices:      1", "letters by:       Mount Manager"))
    yield Step("devices", 60, "points devices", "the bus device has no problem code",
               like=(r"(?i)device Root\\PlatterBus\\0000 status \w+ problem 0 ",))
    yield Step("install-again", 120, "platter driver install", "installing again changes nothing",
               has=("is installed already and runs",))


def fat():
    yield Step("mount", 120, rf"platter mount {T}\fat.img --letter X", "FAT32: the letter asked for, by the Mount Manager",
               has=("is now X:", BY_PNP))
    yield Step("show", 30, "points show X:", "its device, its volume name, its two points and no other letter",
               has=(r"device \Device\PlatterVolume", "type 3", "filesystem FAT32 label FAT", "points 2",
                    r"point \DosDevices\X: -> \Device\PlatterVolume"),
               like=(r"volume \\\\\?\\Volume\{[0-9a-f-]{36}\}", r"point \\\?\?\\Volume\{"))
    yield Step("volume-device", 60, "points devices", "PnP has a device node for it, started, with its name",
               like=(r"(?i)device Platter\\Volume\\\d+ status \w+ problem 0 description \S+ ",))
    yield Step("dir", 60, r"cmd dir X:\ ", "dir", has=("README.md", "large.bin", "folder"))
    yield Step("type", 60, r"cmd type X:\README.md", "type: the text that went into the image", has=("# Platter",))
    yield compare("fc", "X", "large.bin", "2 MiB through X: equal the original")
    yield compare("fc-folder", "X", r"folder\inside.bin", "so does a file in a folder")
    yield Step("write", 60, r"cmd echo written in the guest> X:\echo.txt")
    yield Step("mkdir", 60, r"cmd md X:\made")
    yield from write_back("copy", "X", r"made\back.bin", "a file is copied to X:")
    yield Step("list", 60, "platter list", "platter list tells of it", has=("X:", "owner only", "fat.img"))
    yield Step("taken", 120, rf"platter mount {T}\iso.iso --letter X", "a letter that is taken is refused, and by whom",
               status=BUSY, has=("X: is taken by", "PlatterVolume"))
    yield Step("image-busy", 120, rf"platter mount {T}\fat.img --letter Y", "an image that is mounted is refused",
               status=BUSY)


def other_user():
    """One logon only, and late: ReactOS' kernel (2025) stops in its own list of logon sessions after a second one."""
    yield Step("user-mount", 120, rf"platter mount {T}\fat.img --letter X --shared", has=("is now X:",))
    yield Step("user-private", 120, rf"platter mount {T}\fat.vhd --letter W", "a writable FAT drive is its user's alone",
               has=("is now W:", "only you and administrators"))
    yield Step("user-private-own", 60, r"cmd dir W:\ ", "who opens it", has=("README.md",))
    yield Step("user-made", 60, f"net user {USER} {PASSWORD} /add", status=None)
    yield Step("user", 200, rf'points as {USER} {PASSWORD} X: W: "{T}\user.cmd"', status=None)
    yield Step("user-sees", 0, "", "another user, in another logon session, sees the same drive", of="user",
               has=("sees README.md",), like=(r"session 0:\w+",), status=None,
               cannot=("LogonUser: error", "this guest cannot log another user on"))
    yield Step("user-shut-out", 0, "", "and of a drive that is ours alone the kernel opens nothing to that user", of="user",
               like=(r"in W:\s+FindFirstFile: error 5\b",), hasnt=("was to be closed",), status=None,
               cannot=("LogonUser: error", "this guest cannot log another user on"))
    no_process = ("CreateProcessAsUser: error|LogonUser: error", "in this guest only the system may start a process as "
                  "another user")
    yield Step("user-unmounts", 0, "", "that user may not unmount it", of="user", has=("unmount ended 4",), status=None,
               cannot=no_process)
    yield Step("user-mounts", 0, "", "and mounts a drive, which we see under the same letter", of="user",
               has=("is now Y:", "mount ended 0"), status=None, cannot=no_process)
    yield Step("user-end", 120, "platter unmount --all", status=None)


def busy_and_unmount():
    yield Step("hold", 30, rf'points start "{T}\points.exe hold X:\large.bin 40"')
    yield Step("hold-wait", 30, "points sleep 3")
    yield Step("busy", 90, "platter unmount X:", "unmounting is refused while a file is open", status=BUSY, has=("in use",))
    yield Step("eject-busy", 60, "points eject X:", "so is ejecting", status=1, has=("FSCTL_LOCK_VOLUME",))
    yield Step("busy-still", 60, r"cmd type X:\echo.txt", "and the drive goes on", has=("written in the guest",))
    yield Step("hold-over", 60, "points sleep 30")
    yield Step("unmount", 120, "platter unmount X:", "once it is closed, X: is unmounted", has=("X: is unmounted",))
    yield gone("gone", "X", "the letter is gone")
    yield Step("no-process", 30, "points ended platter.exe", "and so is the process that served it", has=("running 0",))
    yield Step("points-after-unmount", 30, "points all", "no point of the Mount Manager is left", same_as="points-before")


def eject():
    yield Step("remount", 120, rf"platter mount {T}\fat.img --letter X", "the image is mounted again", has=("is now X:", BY_PNP))
    yield Step("remount-fc", 120, rf"cmd fc /b X:\made\back.bin {T}\f\part.bin", "with what was written to it before",
               has=("no differences",))
    yield Step("eject", 60, "points eject X:", "IOCTL_STORAGE_EJECT_MEDIA, after lock and dismount as in Explorer",
               has=("ejected",))
    yield gone("eject-gone", "X", "the letter is gone")
    yield Step("eject-process", 40, "points ended platter.exe", "the process has ended", has=("running 0",))
    yield Step("eject-points", 30, "points all", "no point is left", same_as="points-before")
    yield Step("eject-remount", 120, rf"platter mount {T}\fat.img --letter X", "mounted again after the ejection",
               has=("is now X:", BY_PNP))
    yield Step("eject-read", 60, r"cmd type X:\echo.txt", "and read", has=("written in the guest",))
    yield Step("request-eject", 90, "points request-eject X:", "CM_Request_Device_Eject, as 'Safely Remove Hardware' asks",
               has=("CM_Request_Device_Eject: 0 ",),
               cannot=(r"CM_Request_Device_Eject: \d+ \(CR_CALL_NOT_IMPLEMENTED\)",
                       "this kernel has no query-and-remove for programs, and says so (a driver's request follows)"))
    yield Step("request-end", 120, "platter unmount X:", status={OK, NOT_FOUND})


def eject_by_driver():
    """The same way down in the kernel: QUERY_REMOVE, which CDFS answers for its files and passes on, then EJECT."""
    ask = rf"points driver-eject R: {T}\eject.sys"
    yield Step("driver-eject-mount", 120, rf"platter mount {T}\iso.iso --letter R", has=("is now R:", BY_PNP))
    yield Step("driver-eject-read", 60, r"cmd type R:\README.md", has=("# Platter",))
    yield Step("driver-eject-hold", 30, rf'points start "{T}\points.exe hold R:\large.bin 14"')
    yield Step("driver-eject-wait", 30, "points sleep 3")
    yield Step("driver-eject-busy", 60, ask, has=("asked",))
    yield Step("driver-eject-still", 60, r"cmd type R:\README.md", "a driver asks the PnP manager for ejection "
               "(IoRequestDeviceEject): with a file open CDFS refuses QUERY_REMOVE, and the drive goes on", has=("# Platter",))
    yield Step("driver-eject-over", 60, "points sleep 12")
    yield Step("driver-eject", 60, ask, "once the file is closed it is asked again", has=("asked",))
    yield gone("driver-eject-gone", "R", "QUERY_REMOVE and EJECT take the drive away: the letter is gone")
    yield Step("driver-eject-process", 40, "points ended platter.exe", "and so is the process", has=("running 0",))
    yield Step("driver-eject-points", 30, "points all", "no point is left", same_as="points-before")


def kinds():
    yield Step("iso", 120, rf"platter mount {T}\iso.iso --letter R", "ISO 9660: a CD-ROM drive", has=("is now R:", "iso9660"))
    yield Step("iso-show", 60, "points show R:", "of type CD-ROM, mounted by CDFS", has=("type 5", "filesystem CDFS label DISC"))
    yield compare("iso-fc", "R", "large.bin", "its files equal the originals")
    yield Step("iso-write", 60, r"cmd echo x> R:\new.txt", status=None)
    yield Step("iso-unwritten", 60, r"cmd if exist R:\new.txt echo written", "and nothing is written to it", status=None,
               hasnt=("written",))
    yield Step("iso-unmount", 120, "platter unmount R:", has=("R: is unmounted",))
    yield Step("parts", 180, rf"platter mount {T}\parts.img", "an MBR disk with three partitions: the system chooses letters",
               like=(r"partition 1, .*is now [D-Z]: ", r"partition 2, .*is now [D-Z]: ", r"partition 3, .*is now [D-Z]: "))
    yield Step("parts-list", 60, "platter list --json")
    yield Step("parts-letters", 30, "points letters")
    yield Step("parts-unmount", 180, "platter unmount --all", "all three are unmounted", like=(r"(?s)(is unmounted.*){3}",))
    yield Step("parts-letters-after", 30, "points letters", "their letters are gone", same_as="letters-before")
    yield Step("two", 120, rf"platter mount {T}\parts.img --partition 1,3 --letter P,Q", "two of the three, with letters asked",
               has=("is now P:", "is now Q:"))
    yield compare("two-fc-1", "P", "large.bin", "files of the first")
    yield compare("two-fc-3", "Q", "large.bin", "and of the third equal the originals")
    yield Step("two-unmount", 180, "platter unmount --all", has=("P: is unmounted", "Q: is unmounted"))
    for kind in ("vhd", "qcow2"):
        yield Step(kind, 120, rf"platter mount {T}\fat.{kind} --letter V", f"{kind.upper()}, written by another program",
                   has=("is now V:",))
        yield compare(f"{kind}-fc", "V", "large.bin", "its files equal the originals")
        yield from write_back(f"{kind}-copy", "V", "back.bin", "and it is written to")
        yield Step(f"{kind}-unmount", 120, "platter unmount V:", has=("V: is unmounted",))


def killed():
    yield Step("kill-mount", 120, rf"platter mount {T}\fat.img --letter X", has=("is now X:",))
    yield Step("kill-hold", 30, rf'points start "{T}\points.exe hold X:\large.bin 20"')
    yield Step("kill-wait", 30, "points sleep 3")
    yield Step("kill", 30, "points kill platter.exe", "the process that serves a drive is killed, with a file open on it",
               has=("killed 1",))
    yield gone("kill-gone", "X", "the letter goes away within 20 s")
    yield Step("kill-dir", 60, r"cmd dir X:\ ", "nothing is there any more", status=None, hasnt=("README.md",))
    yield Step("kill-list", 60, "platter list", "the driver has no volume left", has=("no drives are mounted",))
    yield Step("kill-points", 30, "points all", "and the Mount Manager no point", same_as="points-before")
    yield Step("kill-over", 60, "points sleep 10")
    yield Step("kill-remount", 120, rf"platter mount {T}\two.img --letter X", "the next mount gets the letter", has=("is now X:",))
    yield Step("kill-unmount", 120, "platter unmount X:", has=("X: is unmounted",))


def cycles():
    for number in range(1, CYCLES + 1):
        yield Step(f"cycle-{number:02}-mount", 120, rf"platter mount {T}\two.img --letter X", has=("is now X:", BY_PNP))
        yield Step(f"cycle-{number:02}-read", 60, r"cmd type X:\README.md", has=("# Platter",))
        yield Step(f"cycle-{number:02}-unmount", 120, "platter unmount X:", has=("X: is unmounted",))
    yield Step("cycles-points", 30, "points all", f"after {CYCLES} mounts and unmounts the Mount Manager has the points of before",
               same_as="points-before")
    yield Step("cycles-registry", 30, r"reg query HKLM\SYSTEM\MountedDevices", "and its registry key the values of before",
               same_as="registry-before")


def picture():
    yield Step("desktop-mount", 120, rf"platter mount {T}\fat.img --letter X", has=("is now X:",))
    yield Step("desktop-open", 60, r'points start "explorer.exe X:\"')
    yield Step("picture", 90, "points sleep 30")
    yield Step("desktop-unmount", 120, "platter unmount X: --force", "a drive that is shown in the file manager is unmounted "
               "by force", has=("X: is unmounted",), desktop=True)
    yield gone("desktop-gone", "X", "its letter is gone")


def ntfs():
    """Last, and taken away by force: ReactOS' NTFS driver does not let go of a volume (README.md)."""
    yield Step("ntfs", 120, rf"platter mount {T}\ntfs.img --letter N --read-only", "NTFS is mounted", has=("is now N:", "ntfs"))
    unread = ("(?i)GetVolumeInformation: error|cannot open", "this guest's NTFS driver does not take it")
    yield Step("ntfs-show", 60, "points show N:", "by the system's NTFS driver", has=("filesystem NTFS",), cannot=unread)
    yield Step("ntfs-dir", 60, r"cmd dir N:\ ", "and lists its files", has=("README.md", "large.bin"), cannot=unread)
    yield Step("ntfs-copy", 200, rf"cmd copy /b N:\large.bin {T}\out\ntfs.bin", "a file is copied from it", has=("1 file",), cannot=unread)
    yield Step("ntfs-fc", 120, rf"cmd fc /b {T}\out\ntfs.bin {T}\f\large.bin", "and equals the original", has=("no differences",),
               cannot=("(?i)cannot (open|find)", "this guest's NTFS driver has not read it"))
    yield Step("ntfs-unmount", 120, "platter unmount N: --force", status=None)
    yield gone("ntfs-gone", "N", "its letter is gone")


def remove():
    yield Step("remove", 200, "platter driver remove", "platter driver remove: no device, no service, no file",
               has=("the driver is removed",),
               cannot=("function is not supported on this system|a drive is still mounted",
                       "this guest's SetupAPI cannot remove a device (the driver's unloading is shown by service-stop)"))
    yield Step("points-end", 30, "points all", "at the end the Mount Manager has the points of the beginning",
               same_as="points-before")
    yield Step("letters-end", 30, "points letters", "and there are the letters of the beginning", same_as="letters-before")


# What the other user does, in a process of his own.
USER_COMMANDS = rf"""@{T}\platter.exe list
@{T}\platter.exe unmount X:
@echo unmount ended %ERRORLEVEL%
@{T}\platter.exe mount {T}\two.img --letter Y
@echo mount ended %ERRORLEVEL%
"""


def all_steps():
    for part in (before, by_service, install, fat, busy_and_unmount, eject, eject_by_driver, kinds, killed, cycles, picture, other_user, ntfs, remove):
        yield from part()
