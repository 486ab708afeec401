/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: every token, every operation, every way to a letter. The table is printed; what is expected of a cell
 * follows from the rule beside its row, and a call that fails never opens what the rule closes.
 */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>

enum { TOKENS = 6, FAULTS = 8 };
static const char *const Names[TOKENS] = {"SYSTEM", "elevated", "filtered", "user", "other", "anonymous"};
static const char *const Ways[] = {"PnP", "explicit", "link"};

static PSIM_PROCESS Process(int token)
{
    PSIM_PROCESS all[TOKENS] = {Rig.System, Rig.Admin, Rig.Filtered, Rig.User, Rig.Other, Rig.Anonymous};

    return all[token];
}

/* What an operation works on: a volume of the token's own, of somebody else's, of the same person's other token. */
typedef enum WHOSE { NoVolume, Own, Others, OtherTokens } WHOSE;
static PROVIDER Served;

static int OwnerFor(int token, WHOSE whose)
{
    if (whose == Own)
        return token == 5 ? -1 : token; /* who cannot open the control device has none */
    if (whose == OtherTokens)
        return token == 1 ? 2 : token == 2 ? 1 : -1;
    return token == 3 ? 4 : 3;
}

static NTSTATUS Attempt(PSIM_PROCESS process, uint32_t flags)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE control;
    NTSTATUS status = SimOpen(process, PLATTER_CONTROL_WIN32_NAME, RW, &control);

    if (!NT_SUCCESS(status))
        return status;
    shape.flags = flags;
    status = CtlHello(process, control, NULL);
    if (NT_SUCCESS(status))
        status = CtlCreateVolume(process, control, &shape, &out);
    SimClose(process, control);
    return status;
}

static NTSTATUS OpenControl(int token)
{
    HANDLE control;
    NTSTATUS status = SimOpen(Process(token), PLATTER_CONTROL_WIN32_NAME, RW, &control);

    if (NT_SUCCESS(status))
        SimClose(Process(token), control);
    return status;
}

static NTSTATUS MountWritable(int token)
{
    return Attempt(Process(token), 0);
}

static NTSTATUS MountReadOnly(int token)
{
    return Attempt(Process(token), PLATTER_VOLUME_READ_ONLY);
}

static NTSTATUS OpenVolume(int token, ACCESS_MASK access)
{
    HANDLE volume;
    NTSTATUS status = SimOpen(Process(token), "\\\\.\\P:", access, &volume);

    if (NT_SUCCESS(status))
        SimClose(Process(token), volume);
    return status;
}

static NTSTATUS ReadSectors(int token)
{
    return OpenVolume(token, GENERIC_READ);
}

static NTSTATUS WriteSectors(int token)
{
    return OpenVolume(token, RW);
}

static NTSTATUS AskProperties(int token)
{
    return OpenVolume(token, FILE_READ_ATTRIBUTES | SYNCHRONIZE);
}

static NTSTATUS ChangeSecurity(int token)
{
    return OpenVolume(token, WRITE_DAC);
}

static NTSTATUS ListWith(int token, BOOLEAN name)
{
    struct {
        struct platter_volume_list_out head;
        struct platter_volume_info info;
    } out;
    struct platter_volume_list_in in = {Served.VolumeId - 1};
    HANDLE control;
    NTSTATUS status = SimOpen(Process(token), PLATTER_CONTROL_WIN32_NAME, RW, &control);

    if (!NT_SUCCESS(status))
        return status;
    status = CtlHello(Process(token), control, NULL);
    if (NT_SUCCESS(status))
        status = SimIoctl(Process(token), control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &out, sizeof(out), NULL);
    SimClose(Process(token), control);
    if (!NT_SUCCESS(status))
        return status;
    if (out.head.count != 1 || out.info.volume_id != Served.VolumeId)
        return STATUS_NOT_FOUND;
    return name && !out.info.image_name[0] ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static NTSTATUS List(int token)
{
    return ListWith(token, FALSE);
}

static NTSTATUS ListImageName(int token)
{
    return ListWith(token, TRUE);
}

static NTSTATUS Remove(int token)
{
    HANDLE control;
    NTSTATUS status = SimOpen(Process(token), PLATTER_CONTROL_WIN32_NAME, RW, &control);

    if (!NT_SUCCESS(status))
        return status;
    status = CtlHello(Process(token), control, NULL);
    if (NT_SUCCESS(status))
        status = CtlRemove(Process(token), control, Served.VolumeId, PLATTER_REMOVE_FORCE);
    SimClose(Process(token), control);
    return status;
}

/* As Explorer does, and as one who has no right to the sectors would try. */
static NTSTATUS Eject(int token)
{
    static const ACCESS_MASK access[] = {GENERIC_READ, FILE_READ_ATTRIBUTES | SYNCHRONIZE};
    NTSTATUS status = STATUS_ACCESS_DENIED;

    for (int i = 0; i < 2 && !NT_SUCCESS(status); i++) {
        HANDLE volume;
        if (!NT_SUCCESS(SimOpen(Process(token), "\\\\.\\P:", access[i], &volume)))
            continue;
        status = SimIoctl(Process(token), volume, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL);
        SimClose(Process(token), volume);
    }
    return status;
}

/* The news that a volume has another letter, forged. */
static NTSTATUS ForgeLetter(int token)
{
    UCHAR news[2 + 28] = {28};
    HANDLE volume;
    NTSTATUS status = SimOpen(Process(token), "\\\\.\\P:", FILE_READ_ATTRIBUTES | SYNCHRONIZE, &volume);

    if (!NT_SUCCESS(status))
        return status;
    for (int i = 0; i < 14; i++)
        news[2 + 2 * i] = (UCHAR) "\\DosDevices\\C:"[i];
    status = SimIoctl(Process(token), volume, 0x4d0010, news, sizeof(news), NULL, 0, NULL);
    SimClose(Process(token), volume);
    return status;
}

#define POLICY_KEY "\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"
#define SDDL "control device: SY BA IU SU (docs/protocol.md)"
#define OWNER "its owner's SID, administrators, SYSTEM (docs/protocol.md)"
#define SECTORS "volume device: SY BA and its owner (docs/protocol.md)"
static const struct {
    const char *Text;
    WHOSE Whose;
    NTSTATUS (*Act)(int token);
    const char *May; /* SYSTEM, elevated, filtered, user, other, anonymous; 'Y' may, '-' may not, ' ' has none */
    const char *Rule;
    const char *Policy; /* value set to 0 */
} Rows[] = {
    {"open \\\\.\\Platter", NoVolume, OpenControl, "YYYYY-", SDDL, NULL},
    {"mount writable", NoVolume, MountWritable, "YYYYY-", "everybody who may open it", NULL},
    {"mount writable, WhoMayMount=0", NoVolume, MountWritable, "YY----", "administrators, SYSTEM (docs/policy.md)",
     "WhoMayMount"},
    {"mount read-only, WhoMayMount=0", NoVolume, MountReadOnly, "YY----", "administrators, SYSTEM (docs/policy.md)",
     "WhoMayMount"},
    {"mount writable, UsersMayWrite=0", NoVolume, MountWritable, "YY----", "administrators, SYSTEM (docs/policy.md)",
     "UsersMayWrite"},
    {"mount read-only, UsersMayWrite=0", NoVolume, MountReadOnly, "YYYYY-", "everybody (docs/policy.md)",
     "UsersMayWrite"},
    {"list: that it is there, own", Own, List, "YYYYY ", "everybody sees all drives", NULL},
    {"list: that it is there, another's", Others, List, "YYYYY-", "everybody sees all drives", NULL},
    {"list: image's name, own", Own, ListImageName, "YYYYY ", OWNER, NULL},
    {"list: image's name, another's", Others, ListImageName, "YY----", OWNER, NULL},
    {"list: image's name, own other token's", OtherTokens, ListImageName, " YY   ", OWNER, NULL},
    {"remove own", Own, Remove, "YYYYY ", OWNER, NULL},
    {"remove another's", Others, Remove, "YY----", OWNER, NULL},
    {"remove own other token's", OtherTokens, Remove, " YY   ", OWNER, NULL},
    {"read sectors, own", Own, ReadSectors, "YYYYY ", SECTORS, NULL},
    {"read sectors, another's", Others, ReadSectors, "YY----", SECTORS, NULL},
    {"write sectors, own", Own, WriteSectors, "YYYYY ", SECTORS, NULL},
    {"write sectors, another's", Others, WriteSectors, "YY----", SECTORS, NULL},
    {"read sectors, own other token's", OtherTokens, ReadSectors, " YY   ", SECTORS, NULL},
    {"ask properties, another's", Others, AskProperties, "YYYYY-", "WD and RC: attributes, as of a fixed disk", NULL},
    {"change its security, own", Own, ChangeSecurity, "YY--- ", "GA is for SY and BA only", NULL},
    {"change its security, another's", Others, ChangeSecurity, "YY----", "GA is for SY and BA only", NULL},
    {"eject own", Own, Eject, "YYYYY ", "the code wants read access: as sectors", NULL},
    {"eject another's", Others, Eject, "YY----", "the code wants read access: as sectors", NULL},
    {"eject own other token's", OtherTokens, Eject, " YY   ", "the code wants read access: as sectors", NULL},
    {"say it has a letter, own", Own, ForgeLetter, "----- ", "LINK_CREATED is the Mount Manager's, in the kernel",
     NULL},
    {"say it has a letter, another's", Others, ForgeLetter, "------",
     "LINK_CREATED is the Mount Manager's, in the kernel", NULL},
};
enum { ROWS = sizeof(Rows) / sizeof(Rows[0]) };

/* One cell, on a machine of its own; Fault 0: none. */
static NTSTATUS Cell(RIG_ROUTE route, int row, int token, ULONG fault)
{
    int owner = OwnerFor(token, Rows[row].Whose);
    NTSTATUS status;

    RigStart(route);
    if (Rows[row].Policy)
        SimRegistrySetDword(POLICY_KEY, Rows[row].Policy, 0);
    if (Rows[row].Whose != NoVolume) {
        ProviderStart(&Served, Process(owner), MIB, 1);
        ProviderMountDefault(&Served);
    }
    SimFaultArm(fault);
    status = Rows[row].Act(token);
    SimFaultArm(0);
    if (Rows[row].Whose != NoVolume)
        ProviderStop(&Served);
    RigStop();
    return status;
}

static void the_table(void **state)
{
    int wrong = 0, cells = 0;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++) {
        print_message("# %-38s %8s %8s %8s %8s %8s %9s  by what rule\n", Ways[route], Names[0], Names[1], Names[2],
                      Names[3], Names[4], Names[5]);
        for (int row = 0; row < ROWS; row++) {
            char line[TOKENS + 1] = "";
            for (int token = 0; token < TOKENS; token++) {
                NTSTATUS status;
                if (Rows[row].Whose != NoVolume && OwnerFor(token, Rows[row].Whose) < 0) {
                    line[token] = ' ';
                    continue;
                }
                status = Cell(route, row, token, 0);
                line[token] = NT_SUCCESS(status)                                                 ? 'Y'
                              : status == STATUS_ACCESS_DENIED || status == (NTSTATUS)0xC0000364 ? '-'
                                                                                                 : '?';
                cells++;
            }
            print_message("# %-38s %8c %8c %8c %8c %8c %9c  %s\n", Rows[row].Text, line[0], line[1], line[2], line[3],
                          line[4], line[5], Rows[row].Rule);
            if (strcmp(line, Rows[row].May)) {
                print_message("# expected: [%s], found: [%s]\n", Rows[row].May, line);
                wrong++;
            }
        }
    }
    print_message("# %d cells\n", cells);
    assert_int_equal(wrong, 0);
}

/* Memory, handles, tokens, registry: whatever fails on the way, a closed door stays closed. */
static void a_fault_opens_no_door(void **state)
{
    int tried = 0;

    (void)state;
    for (int row = 0; row < ROWS; row++)
        for (int token = 0; token < TOKENS; token++)
            for (ULONG fault = 1; fault <= FAULTS && Rows[row].May[token] == '-'; fault++) {
                NTSTATUS status = Cell(RigPnp, row, token, fault);
                if (NT_SUCCESS(status))
                    fail_msg("%s, %s: allowed when call %u fails", Rows[row].Text, Names[token], fault);
                tried++;
            }
    print_message("# %d refusals under faults\n", tried);
    assert_true(tried > 200);
}

/*
 * Where a name goes that a program defines, and where ours goes. DefineDosDevice writes to the caller's \??: the global
 * directory for SYSTEM, a directory of the logon session for all others, and UAC's two tokens of one person are two
 * sessions ("Defining an MS-DOS Device Name", SDK; "Local and Global MS-DOS Device Names", WDK).
 */
static void where_names_go(void **state)
{
    static const struct {
        int By;
        const char *SeenBy; /* one letter for each token that sees it */
    } cases[] = {{0, "YYYYYY"}, {1, "-Y----"}, {2, "--Y---"}, {3, "---Y--"}, {4, "----Y-"}};
    char target[128], line[TOKENS + 1] = "";

    (void)state;
    RigStart(RigPnp);
    print_message("# DefineDosDevice by %13s %8s %8s %8s %8s %9s\n", "SYSTEM", "elevated", "filtered", "user", "other",
                  "anonymous");
    for (unsigned i = 0; i < 5; i++) {
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Process(cases[i].By), "T:", "\\Device\\Floppy0"));
        assert_int_equal(SimLinkTarget(Rig.System, "\\GLOBAL??\\T:", target, sizeof(target)), cases[i].By == 0);
        for (int token = 0; token < TOKENS; token++)
            line[token] = SimLinkTarget(Process(token), "\\??\\T:", target, sizeof(target)) ? 'Y' : '-';
        print_message("# %-18s %13c %8c %8c %8c %8c %9c\n", Names[cases[i].By], line[0], line[1], line[2], line[3],
                      line[4], line[5]);
        assert_string_equal(line, cases[i].SeenBy);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Process(cases[i].By), "T:", NULL));
    }
    RigStop();
}

/* A mount by any of them is seen by all of them at once, as one drive under one letter. */
static void one_letter_for_all(void **state)
{
    char target[128];

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (int by = 0; by < 5; by++) {
            PROVIDER p;
            RigStart(route);
            ProviderStart(&p, Process(by), MIB, 1);
            ProviderMountDefault(&p);
            /* No SimSettle: the letter is there when VOLUME_START returns. */
            for (int token = 0; token < TOKENS; token++) {
                assert_true(SimLinkTarget(Process(token), "\\??\\P:", target, sizeof(target)));
                assert_string_equal(target, p.Device);
                for (char letter = 'A'; letter <= 'Z'; letter++) {
                    char name[16];
                    snprintf(name, sizeof(name), "\\??\\%c:", letter);
                    if (letter != 'P' && SimLinkTarget(Process(token), name, target, sizeof(target)))
                        assert_string_not_equal(target, p.Device);
                }
                if (token < 5)
                    assert_status(STATUS_SUCCESS, OpenVolume(token, FILE_READ_ATTRIBUTES | SYNCHRONIZE));
            }
            ProviderStop(&p);
            for (int token = 0; token < TOKENS; token++)
                assert_false(SimLinkTarget(Process(token), "\\??\\P:", target, sizeof(target)));
            RigStop();
        }
}

/* The forged news of ForgeLetter would have had the driver, as SYSTEM, take C: away from the disk it belongs to. */
static void nobody_takes_anothers_letter(void **state)
{
    char target[128];
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (int by = 0; by < 5; by++) {
            struct platter_volume_info info;
            RigStart(route);
            SimDefineDosDevice(Rig.System, "C:", "\\Device\\HarddiskVolume1");
            ProviderStart(&p, Process(by), MIB, 1);
            ProviderMountDefault(&p);
            ForgeLetter(by);
            assert_true(CtlInfo(Process(by), p.VolumeId, &info));
            assert_int_equal(info.letter, 'P');
            ProviderStop(&p);
            assert_true(SimLinkTarget(Rig.User, "\\??\\C:", target, sizeof(target)));
            assert_string_equal(target, "\\Device\\HarddiskVolume1");
            SimDefineDosDevice(Rig.System, "C:", NULL);
            RigStop();
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_table),          RIG_TEST(a_fault_opens_no_door),        RIG_TEST(where_names_go),
        RIG_TEST(one_letter_for_all), RIG_TEST(nobody_takes_anothers_letter),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
