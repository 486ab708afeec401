/* SPDX-License-Identifier: MIT */
/*
 * What each token can do with the files and sectors of a drive that another user has mounted, by what guards the files: the
 * file system's own lists, or the drive's where the file system has none. The simulator's rules name their sources
 * (ntsim/src/io_open.c).
 */
#include "rig.h"
#include <ntsim/observe.h>

enum { TOKENS = 6 };
static const char *const Names[TOKENS] = {"SYSTEM", "elevated", "filtered", "user", "other", "anonymous"};
static PROVIDER Served;

static PSIM_PROCESS Process(int token)
{
    PSIM_PROCESS all[TOKENS] = {Rig.System, Rig.Admin, Rig.Filtered, Rig.User, Rig.Other, Rig.Anonymous};

    return all[token];
}

/* Drives of the ordinary user, and one of the administrator's elevated token. */
typedef enum DRIVE { NtfsDrive, FatPrivate, FatShared, FatReadOnly, AdminsPrivate, DRIVES } DRIVE;
static const struct {
    const char *Text;
    uint32_t Flags;
    SIM_FILE_SYSTEM FileSystem;
    int Owner;
} Drives[DRIVES] = {
    [NtfsDrive] = {"NTFS, a file of the owner's alone", 0, SimFileSystemNtfs, 3},
    [FatPrivate] = {"FAT, as mounted", PLATTER_VOLUME_PRIVATE, SimFileSystemFat, 3},
    [FatShared] = {"FAT, --shared", 0, SimFileSystemFat, 3},
    [FatReadOnly] = {"FAT, read-only", PLATTER_VOLUME_READ_ONLY, SimFileSystemFat, 3},
    [AdminsPrivate] = {"FAT, of the administrator", PLATTER_VOLUME_PRIVATE, SimFileSystemFat, 1},
};

static BOOLEAN OpensFile(DRIVE drive, int token, ACCESS_MASK access, ULONG disposition, BOOLEAN change)
{
    BOOLEAN changed;
    NTSTATUS status = SimFileSystemOpen(Process(token), "\\??\\P:\\file", Drives[drive].FileSystem, SimUserPlain,
                                        access, disposition, &changed);

    /* A file system finds out that the medium is read-only; the driver refuses what comes all the same. */
    return NT_SUCCESS(status) && (!change || (changed && !(Drives[drive].Flags & PLATTER_VOLUME_READ_ONLY)));
}

static BOOLEAN ReadsFile(DRIVE drive, int token)
{
    return OpensFile(drive, token, GENERIC_READ, FILE_OPEN, FALSE);
}

static BOOLEAN WritesFile(DRIVE drive, int token)
{
    return OpensFile(drive, token, GENERIC_READ | GENERIC_WRITE, FILE_OPEN, TRUE);
}

/* CREATE_ALWAYS with a right that writes nothing, down to the least that an open can ask for. */
static BOOLEAN EmptiesFile(DRIVE drive, int token)
{
    return OpensFile(drive, token, GENERIC_READ, FILE_OVERWRITE_IF, TRUE) ||
           OpensFile(drive, token, FILE_READ_ATTRIBUTES | SYNCHRONIZE, FILE_SUPERSEDE, TRUE) ||
           OpensFile(drive, token, SYNCHRONIZE, FILE_CREATE, TRUE) ||
           OpensFile(drive, token, MAXIMUM_ALLOWED, FILE_OVERWRITE, TRUE);
}

static BOOLEAN OpensVolume(int token, ACCESS_MASK access)
{
    HANDLE volume;
    NTSTATUS status = SimOpen(Process(token), "\\\\.\\P:", access, &volume);

    if (NT_SUCCESS(status))
        SimClose(Process(token), volume);
    return NT_SUCCESS(status);
}

static BOOLEAN ReadsSectors(DRIVE drive, int token)
{
    (void)drive;
    return OpensVolume(token, FILE_READ_DATA);
}

static BOOLEAN WritesSectors(DRIVE drive, int token)
{
    static UCHAR sector[512];
    HANDLE volume;
    NTSTATUS status = SimOpen(Process(token), "\\\\.\\P:", FILE_WRITE_DATA, &volume);

    (void)drive;
    if (!NT_SUCCESS(status))
        return FALSE;
    status = SimWrite(Process(token), volume, 0, sector, sizeof(sector), NULL);
    SimClose(Process(token), volume);
    return NT_SUCCESS(status);
}

static BOOLEAN AsksProperties(DRIVE drive, int token)
{
    (void)drive;
    return OpensVolume(token, FILE_READ_ATTRIBUTES | SYNCHRONIZE);
}

/* What VOLUME_LIST tells the token of the volume; FALSE: the token does not get that far. */
static BOOLEAN Info(int token, struct platter_volume_info *info)
{
    HANDLE control;

    memset(info, 0, sizeof(*info));
    if (!NT_SUCCESS(SimOpen(Process(token), PLATTER_CONTROL_WIN32_NAME, RW, &control)))
        return FALSE;
    SimClose(Process(token), control);
    return CtlInfo(Process(token), Served.VolumeId, info);
}

static BOOLEAN SeesImage(DRIVE drive, int token)
{
    struct platter_volume_info info;

    (void)drive;
    return Info(token, &info) && info.image_name[0];
}

static BOOLEAN SeesOwner(DRIVE drive, int token)
{
    struct platter_volume_info info;

    (void)drive;
    return Info(token, &info) && info.owner_sid_length;
}

static BOOLEAN SeesLetter(DRIVE drive, int token)
{
    struct platter_volume_info info;

    (void)drive;
    return Info(token, &info) && info.letter == 'P';
}

static BOOLEAN Unmounts(DRIVE drive, int token)
{
    HANDLE control;
    NTSTATUS status = SimOpen(Process(token), PLATTER_CONTROL_WIN32_NAME, RW, &control);

    (void)drive;
    if (!NT_SUCCESS(status))
        return FALSE;
    CtlHello(Process(token), control, NULL);
    status = CtlRemove(Process(token), control, Served.VolumeId, PLATTER_REMOVE_FORCE);
    SimClose(Process(token), control);
    return NT_SUCCESS(status);
}

/* By drive: SYSTEM, elevated, filtered, user, other, anonymous. */
static const struct {
    const char *Text;
    BOOLEAN (*Act)(DRIVE drive, int token);
    const char *May[DRIVES];
} Rows[] = {
    {"read a file", ReadsFile, {"---Y--", "YY-Y--", "YYYYY-", "YYYYY-", "YYY---"}},
    {"write a file", WritesFile, {"---Y--", "YY-Y--", "YYYYY-", "------", "YYY---"}},
    {"empty or make a file", EmptiesFile, {"---Y--", "YY-Y--", "YYYYY-", "------", "YYY---"}},
    {"read sectors", ReadsSectors, {"YY-Y--", "YY-Y--", "YY-Y--", "YY-Y--", "YYY---"}},
    {"write sectors", WritesSectors, {"YY-Y--", "YY-Y--", "YY-Y--", "------", "YYY---"}},
    {"ask properties", AsksProperties, {"YYYYY-", "YY-Y--", "YYYYY-", "YYYYY-", "YYY---"}},
    {"see that it is there", SeesLetter, {"YYYYY-", "YYYYY-", "YYYYY-", "YYYYY-", "YYYYY-"}},
    {"see its image's path", SeesImage, {"YY-Y--", "YY-Y--", "YY-Y--", "YY-Y--", "YYY---"}},
    {"see who mounted it", SeesOwner, {"YY-Y--", "YY-Y--", "YY-Y--", "YY-Y--", "YYY---"}},
    {"unmount", Unmounts, {"YY-Y--", "YY-Y--", "YY-Y--", "YY-Y--", "YYY---"}},
};
enum { ROWS = sizeof(Rows) / sizeof(Rows[0]) };

static void Mount(RIG_ROUTE route, DRIVE drive)
{
    struct platter_volume_create_in shape;

    RigStart(route);
    ProviderStart(&Served, Process(Drives[drive].Owner), MIB, 1);
    shape = ShapeDefault(MIB);
    shape.flags = Drives[drive].Flags;
    assert_status(STATUS_SUCCESS, ProviderMount(&Served, &shape));
}

static void files_and_sectors(void **state)
{
    int wrong = 0;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (int drive = 0; drive < DRIVES; drive++) {
            print_message("# route %d, %-33s %8s %8s %8s %8s %8s %9s\n", route, Drives[drive].Text, Names[0], Names[1],
                          Names[2], Names[3], Names[4], Names[5]);
            for (int row = 0; row < ROWS; row++) {
                char line[TOKENS + 1] = "";
                for (int token = 0; token < TOKENS; token++) {
                    Mount(route, drive);
                    line[token] = Rows[row].Act(drive, token) ? 'Y' : '-';
                    ProviderStop(&Served);
                    RigStop();
                }
                print_message("# %-42s %8c %8c %8c %8c %8c %9c\n", Rows[row].Text, line[0], line[1], line[2], line[3],
                              line[4], line[5]);
                if (strcmp(line, Rows[row].May[drive])) {
                    print_message("# expected: [%s]\n", Rows[row].May[drive]);
                    wrong++;
                }
            }
        }
    assert_int_equal(wrong, 0);
}

/* A handle that lets properties be asked is enough to open names relative to it where the flag is not known. */
static void a_private_volume_is_closed_to_the_last_right(void **state)
{
    static const int strangers[] = {2, 4, 5};
    HANDLE volume;

    (void)state;
    Mount(RigPnp, FatPrivate);
    for (unsigned i = 0; i < 3; i++) {
        for (int bit = 0; bit < 21; bit++)
            assert_status(STATUS_ACCESS_DENIED, SimOpen(Process(strangers[i]), "\\\\.\\P:", 1u << bit, &volume));
        assert_status(STATUS_ACCESS_DENIED, SimOpen(Process(strangers[i]), "\\\\.\\P:", MAXIMUM_ALLOWED, &volume));
    }
    assert_int_equal(SimDeviceByName(Served.Device)->Characteristics & FILE_DEVICE_SECURE_OPEN,
                     FILE_DEVICE_SECURE_OPEN);
    /* The owner: all that NTFS calls "modify", but not the list itself, with which administrators could be shut out. */
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", 0x1301ff, &volume));
    SimClose(Rig.User, volume);
    assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\P:", WRITE_DAC, &volume));
    assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\P:", WRITE_OWNER, &volume));
    ProviderStop(&Served);
    RigStop();
}

/* Who mounted it, byte by byte, and nothing of it for others; idle, busy, idle. */
static void the_list_tells_owner_and_idleness(void **state)
{
    static const UCHAR system[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}, none[PLATTER_SID_BYTES];
    struct platter_volume_info info;
    UCHAR data[512];
    HANDLE volume;
    PSIM_IO io;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&Served, Rig.System, MIB, 1);
    ProviderMountDefault(&Served);
    assert_true(CtlInfo(Rig.Admin, Served.VolumeId, &info));
    assert_int_equal(info.owner_sid_length, sizeof(system));
    assert_memory_equal(info.owner_sid, system, sizeof(system));
    assert_true(CtlInfo(Rig.User, Served.VolumeId, &info));
    assert_int_equal(info.owner_sid_length, 0);
    assert_memory_equal(info.owner_sid, none, sizeof(none));

    SimSleep(90000);
    assert_true(CtlInfo(Rig.User, Served.VolumeId, &info));
    assert_true(info.idle_ms >= 90000 && info.idle_ms < 95000);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.System, "\\\\.\\P:", RW, &volume));
    Served.Conduct = ConductLate;
    Served.LateMs = 5000;
    io = SimReadStart(Rig.System, volume, 0, data, sizeof(data));
    SimSleep(1000);
    assert_true(CtlInfo(Rig.User, Served.VolumeId, &info));
    assert_int_equal(info.in_flight, 1);
    assert_int_equal(info.idle_ms, 0);
    assert_status(STATUS_SUCCESS, SimIoWait(io, NULL));
    SimSleep(2000);
    assert_true(CtlInfo(Rig.User, Served.VolumeId, &info));
    assert_true(info.idle_ms >= 2000 && info.idle_ms < 4000);
    SimClose(Rig.System, volume);
    Served.Conduct = ConductHonest;
    ProviderStop(&Served);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(files_and_sectors),
        RIG_TEST(a_private_volume_is_closed_to_the_last_right),
        RIG_TEST(the_list_tells_owner_and_idleness),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
