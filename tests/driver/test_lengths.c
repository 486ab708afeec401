/* SPDX-License-Identifier: MIT */
/*
 * Every control code with every length of input and output from 0 to over: too short is refused with the status that
 * the WDK's pages give, enough is answered, no answer is longer than the buffer, no byte behind it is touched. The I/O
 * manager's buffer is exactly as long as the longer of both, so the sanitizer sees a byte too much in either direction.
 */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddvol.h>
#include <ntddcdrm.h>
#include <mountmgr.h>
#include <mountdev.h>

enum { OVER = 8, ROOM = 2048 };

/* ---- Volumes --------------------------------------------------------------------------------------------------- */

/* In, Out: how long it must be at least. Answer: bytes that the shortest sufficient output gets; 0: none. */
static const struct {
    const char *Name;
    ULONG Code, In, Out, Answer;
    enum { Both, Disk, Cdrom } For;
} Codes[] = {
#define CODE(code, in, out, answer, for)                                                                               \
    {                                                                                                                  \
#code, code, in, out, answer, for                                                                              \
    }
    CODE(IOCTL_DISK_GET_DRIVE_GEOMETRY, 0, sizeof(DISK_GEOMETRY), sizeof(DISK_GEOMETRY), Both),
    CODE(IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, 0, offsetof(DISK_GEOMETRY_EX, Data), offsetof(DISK_GEOMETRY_EX, Data), Both),
    CODE(IOCTL_DISK_GET_MEDIA_TYPES, 0, sizeof(DISK_GEOMETRY), sizeof(DISK_GEOMETRY), Both),
    CODE(IOCTL_DISK_GET_LENGTH_INFO, 0, sizeof(GET_LENGTH_INFORMATION), sizeof(GET_LENGTH_INFORMATION), Both),
    CODE(IOCTL_DISK_GET_PARTITION_INFO, 0, sizeof(PARTITION_INFORMATION), sizeof(PARTITION_INFORMATION), Disk),
    CODE(IOCTL_DISK_GET_PARTITION_INFO_EX, 0, sizeof(PARTITION_INFORMATION_EX), sizeof(PARTITION_INFORMATION_EX), Disk),
    CODE(IOCTL_DISK_IS_WRITABLE, 0, 0, 0, Disk),
    CODE(IOCTL_DISK_CHECK_VERIFY, 0, 0, 0, Both),
    CODE(IOCTL_DISK_VERIFY, sizeof(VERIFY_INFORMATION), 0, 0, Both),
    CODE(IOCTL_DISK_MEDIA_REMOVAL, sizeof(PREVENT_MEDIA_REMOVAL), 0, 0, Both),
    CODE(IOCTL_DISK_UPDATE_PROPERTIES, 0, 0, 0, Both),
    CODE(IOCTL_STORAGE_CHECK_VERIFY, 0, 0, 0, Both),
    CODE(IOCTL_STORAGE_CHECK_VERIFY2, 0, 0, 0, Both),
    CODE(IOCTL_STORAGE_GET_HOTPLUG_INFO, 0, sizeof(STORAGE_HOTPLUG_INFO), sizeof(STORAGE_HOTPLUG_INFO), Both),
    CODE(IOCTL_STORAGE_MEDIA_REMOVAL, sizeof(PREVENT_MEDIA_REMOVAL), 0, 0, Both),
    CODE(IOCTL_STORAGE_EJECTION_CONTROL, sizeof(PREVENT_MEDIA_REMOVAL), 0, 0, Both),
    CODE(IOCTL_STORAGE_READ_CAPACITY, 0, sizeof(STORAGE_READ_CAPACITY), sizeof(STORAGE_READ_CAPACITY), Both),
    CODE(IOCTL_STORAGE_GET_MEDIA_TYPES, 0, sizeof(DISK_GEOMETRY), sizeof(DISK_GEOMETRY), Both),
    CODE(IOCTL_STORAGE_GET_MEDIA_TYPES_EX, 0, sizeof(GET_MEDIA_TYPES), sizeof(GET_MEDIA_TYPES), Both),
    CODE(IOCTL_VOLUME_ONLINE, 0, 0, 0, Both),
    {"IOCTL_VOLUME_POST_ONLINE", CTL_CODE('V', 25, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS), 0, 0, 0,
     Both},
    CODE(IOCTL_VOLUME_SUPPORTS_ONLINE_OFFLINE, 0, 0, 0, Both),
    CODE(IOCTL_VOLUME_IS_OFFLINE, 0, 0, 0, Both),
    CODE(IOCTL_VOLUME_IS_IO_CAPABLE, 0, 0, 0, Both),
    CODE(IOCTL_VOLUME_IS_PARTITION, 0, 0, 0, Both),
    CODE(IOCTL_VOLUME_GET_GPT_ATTRIBUTES, 0, 8, 8, Both),
    {"IOCTL_VOLUME_IS_DYNAMIC", CTL_CODE('V', 18, METHOD_BUFFERED, FILE_ANY_ACCESS), 0, 1, 1, Both},
    CODE(IOCTL_CDROM_CHECK_VERIFY, 0, 0, 0, Cdrom),
    CODE(IOCTL_CDROM_GET_DRIVE_GEOMETRY, 0, sizeof(DISK_GEOMETRY), sizeof(DISK_GEOMETRY), Cdrom),
    CODE(IOCTL_CDROM_GET_DRIVE_GEOMETRY_EX, 0, offsetof(DISK_GEOMETRY_EX, Data), offsetof(DISK_GEOMETRY_EX, Data),
         Cdrom),
    CODE(IOCTL_CDROM_READ_TOC, 0, 4 + 2 * 8, 4 + 2 * 8, Cdrom),
    CODE(IOCTL_CDROM_READ_TOC_EX, sizeof(CDROM_READ_TOC_EX), 4 + 2 * 8, 4 + 2 * 8, Cdrom),
    CODE(IOCTL_CDROM_GET_LAST_SESSION, 0, sizeof(CDROM_TOC_SESSION_DATA), sizeof(CDROM_TOC_SESSION_DATA), Cdrom),
};
enum { CODES = sizeof(Codes) / sizeof(Codes[0]) };

static PROVIDER P;
static HANDLE Volume;

static void Mount(BOOLEAN cdrom)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);

    shape.partition_style = cdrom ? PLATTER_STYLE_NONE : PLATTER_STYLE_MBR;
    shape.flags = PLATTER_VOLUME_STABLE_ID;
    if (cdrom) {
        shape.sector_size = 2048;
        shape.flags |= PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY;
    }
    RigStart(RigPnp);
    ProviderStart(&P, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&P, &shape));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, P.Device, RW, &Volume));
}

static void Unmount(void)
{
    SimClose(Rig.User, Volume);
    ProviderStop(&P);
    RigStop();
}

/* The output's bytes from `from` on are as they were. */
static void Untouched(const UCHAR *out, size_t from, const char *name)
{
    for (size_t i = from; i < ROOM; i++)
        if (out[i] != 0xee)
            fail_msg("%s writes byte %zu of %zu", name, i, from);
}

static void each_volume_code_with_each_length(void **state)
{
    static UCHAR in[ROOM], out[ROOM];

    (void)state;
    for (int cdrom = 0; cdrom < 2; cdrom++) {
        Mount((BOOLEAN)cdrom);
        for (int c = 0; c < CODES; c++) {
            BOOLEAN here = Codes[c].For == Both || (Codes[c].For == Cdrom) == cdrom;
            for (ULONG inbytes = 0; inbytes <= Codes[c].In + OVER; inbytes++)
                for (ULONG outbytes = 0; outbytes <= Codes[c].Out + OVER; outbytes++) {
                    NTSTATUS expected = (!here && Codes[c].Code != IOCTL_DISK_IS_WRITABLE)
                                            ? STATUS_INVALID_DEVICE_REQUEST
                                        : !here                   ? STATUS_MEDIA_WRITE_PROTECTED
                                        : inbytes < Codes[c].In   ? STATUS_INFO_LENGTH_MISMATCH
                                        : outbytes < Codes[c].Out ? STATUS_BUFFER_TOO_SMALL
                                                                  : STATUS_SUCCESS;
                    ULONG_PTR got;
                    NTSTATUS status;
                    if ((Codes[c].Code == IOCTL_VOLUME_IS_PARTITION && cdrom) ||
                        Codes[c].Code == IOCTL_VOLUME_SUPPORTS_ONLINE_OFFLINE ||
                        Codes[c].Code == IOCTL_VOLUME_IS_OFFLINE)
                        expected = STATUS_UNSUCCESSFUL; /* no, it is not and cannot be */
                    memset(out, 0xee, sizeof(out));
                    status = SimIoctl(Rig.User, Volume, Codes[c].Code, in, inbytes, out, outbytes, &got);
                    if (status != expected)
                        fail_msg("%s, %u in, %u out: %08x, expected %08x", Codes[c].Name, inbytes, outbytes, status,
                                 expected);
                    if (!NT_SUCCESS(status) ? got != 0 : Codes[c].Answer ? got != Codes[c].Answer : got > outbytes)
                        fail_msg("%s, %u in, %u out: %zu bytes", Codes[c].Name, inbytes, outbytes, (size_t)got);
                    Untouched(out, got, Codes[c].Name);
                }
        }
        Unmount();
    }
}

/* No code is answered that is not in the table above or below, so that none escapes these tests. */
static void no_other_code_is_answered(void **state)
{
    static const ULONG elsewhere[] = {/* test_volume.c and below */
                                      IOCTL_STORAGE_EJECT_MEDIA,
                                      IOCTL_DISK_EJECT_MEDIA,
                                      CTL_CODE(FILE_DEVICE_CD_ROM, 0x202, METHOD_BUFFERED, FILE_READ_ACCESS),
                                      IOCTL_STORAGE_QUERY_PROPERTY,
                                      IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES,
                                      IOCTL_MOUNTDEV_QUERY_DEVICE_NAME,
                                      IOCTL_MOUNTDEV_QUERY_UNIQUE_ID,
                                      IOCTL_MOUNTDEV_QUERY_STABLE_GUID,
                                      IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME,
                                      CTL_CODE('M', 4, METHOD_BUFFERED, FILE_ANY_ACCESS),
                                      CTL_CODE('M', 5, METHOD_BUFFERED, FILE_ANY_ACCESS),
                                      CTL_CODE('M', 4, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS),
                                      CTL_CODE('M', 5, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)};
    static const ULONG types[] = {FILE_DEVICE_DISK,
                                  FILE_DEVICE_MASS_STORAGE,
                                  'V',
                                  'M',
                                  FILE_DEVICE_CD_ROM,
                                  FILE_DEVICE_DVD,
                                  FILE_DEVICE_FILE_SYSTEM,
                                  FILE_DEVICE_CONTROLLER,
                                  FILE_DEVICE_UNKNOWN,
                                  'm'};
    static UCHAR buffer[ROOM];

    (void)state;
    for (int cdrom = 0; cdrom < 2; cdrom++) {
        Mount((BOOLEAN)cdrom);
        for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++)
            for (ULONG function = 0; function < 0x500; function++)
                for (ULONG access = 0; access < 4; access++) {
                    ULONG code = CTL_CODE(types[t], function, METHOD_BUFFERED, access);
                    BOOLEAN known = FALSE;
                    for (int c = 0; c < CODES; c++)
                        known |= Codes[c].Code == code;
                    for (unsigned e = 0; e < sizeof(elsewhere) / sizeof(elsewhere[0]); e++)
                        known |= elsewhere[e] == code;
                    if (known)
                        continue;
                    NTSTATUS status = SimIoctl(Rig.User, Volume, code, buffer, ROOM, buffer, ROOM, NULL);
                    if (status != STATUS_INVALID_DEVICE_REQUEST)
                        fail_msg("code %08x is answered with %08x and in no table of this test", code, status);
                }
        Unmount();
    }
}

/* ---- Names: MOUNTDEV_NAME carries its own length ------------------------------------------------------------------ */

static NTSTATUS Link(ULONG code, const char *text, ULONG claimed, ULONG inbytes)
{
    UCHAR *in = calloc(1, inbytes ? inbytes : 1); /* exactly, for the sanitizer */
    NTSTATUS status;

    for (ULONG i = 0; i < inbytes; i++) {
        ULONG at = i - 2;
        in[i] = i == 0                                 ? (UCHAR)claimed
                : i == 1                               ? (UCHAR)(claimed >> 8)
                : at % 2 == 0 && at / 2 < strlen(text) ? (UCHAR)text[at / 2]
                                                       : 0;
    }
    /* From the kernel, as the Mount Manager sends it. */
    status = SimKernelRequest(
        SimDeviceByName(P.Device), NULL,
        &(SIM_KERNEL_REQUEST){.Major = IRP_MJ_DEVICE_CONTROL, .Code = code, .Data = in, .Bytes = inbytes}, NULL);
    free(in);
    return status;
}

/* "IOCTL_MOUNTDEV_LINK_CREATED" (WDK): the name's length is in the structure; one that lies is refused. */
static void each_length_of_a_link_name(void **state)
{
    static const ULONG codes[] = {IOCTL_MOUNTDEV_LINK_CREATED, IOCTL_MOUNTDEV_LINK_DELETED};
    static const char *const names[] = {"\\DosDevices\\Q:", "\\??\\Volume{01234567-89ab-cdef-0123-456789abcdef}", ""};
    struct platter_volume_info info;

    (void)state;
    Mount(FALSE);
    for (int c = 0; c < 2; c++)
        for (int n = 0; n < 3; n++)
            for (ULONG claimed = 0; claimed < 110; claimed++)
                for (ULONG inbytes = 0; inbytes < 116; inbytes++) {
                    NTSTATUS status = Link(codes[c], names[n], claimed, inbytes);
                    BOOLEAN lies = inbytes < sizeof(MOUNTDEV_NAME) || claimed > inbytes - 2;
                    if (NT_SUCCESS(status) == lies)
                        fail_msg("%s, length %u in %u bytes: %08x", names[n], claimed, inbytes, status);
                }
    /* A letter is one only as \DosDevices\X:, upper case ([P 5] of mount.c). */
    static const char *const others[] = {"\\DosDevices\\q:",
                                         "\\DosDevices\\QQ",
                                         "\\DosDevicez\\Q:",
                                         "\\DosDevices\\@:",
                                         "\\DosDevices\\[:",
                                         "\\DosDevices\\QR:",
                                         "Q:"};
    Link(codes[0], names[0], 28, 30);
    assert_true(CtlInfo(Rig.User, P.VolumeId, &info));
    assert_int_equal(info.letter, 'Q');
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ULONG bytes = (ULONG)strlen(others[i]) * 2;
        assert_status(STATUS_SUCCESS, Link(codes[0], others[i], bytes, bytes + 2));
        assert_status(STATUS_SUCCESS, Link(codes[1], others[i], bytes, bytes + 2));
        assert_true(CtlInfo(Rig.User, P.VolumeId, &info));
        assert_int_equal(info.letter, 'Q');
    }
    /* Another's letter that goes does not take ours along. */
    assert_status(STATUS_SUCCESS, Link(codes[1], "\\DosDevices\\R:", 28, 30));
    assert_true(CtlInfo(Rig.User, P.VolumeId, &info));
    assert_int_equal(info.letter, 'Q');
    assert_status(STATUS_SUCCESS, Link(codes[1], "\\DosDevices\\Q:", 28, 30));
    assert_true(CtlInfo(Rig.User, P.VolumeId, &info));
    assert_int_equal(info.letter, 0);
    assert_status(STATUS_SUCCESS, Link(codes[0], "\\DosDevices\\P:", 28, 30));
    Unmount();
}

/* Names of the volume longer than any GUID's are not kept, whatever their length: nothing of it lies outside its field. */
static void long_volume_names(void **state)
{
    static const ULONG lengths[] = {96, 97, 98, 99, 100, 104, 128, 200, 1000, 4000, 20000, 65532};
    struct platter_volume_info before, after;
    char *text = malloc(40000);

    (void)state;
    memset(text, 'a', 40000);
    memcpy(text, "\\??\\Volume{", 11);
    text[39999] = 0;
    Mount(FALSE);
    SimSettle();
    assert_true(CtlInfo(Rig.User, P.VolumeId, &before));
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        assert_status(STATUS_SUCCESS, Link(IOCTL_MOUNTDEV_LINK_CREATED, text, lengths[i], lengths[i] + 2));
        assert_true(CtlInfo(Rig.User, P.VolumeId, &after));
        assert_memory_equal(&before, &after, sizeof(before));
    }
    Unmount();
    free(text);
}

/* ---- The control device ----------------------------------------------------------------------------------------- */

static const struct {
    const char *Name;
    ULONG Code, In, Out;
} Controls[] = {
#define CONTROL(name, in, out)                                                                                         \
    {                                                                                                                  \
#name, PLATTER_IOCTL_##name, in, out                                                                           \
    }
    CONTROL(HELLO, sizeof(struct platter_hello_in), sizeof(struct platter_hello_out)),
    CONTROL(VOLUME_LIST, sizeof(struct platter_volume_list_in), sizeof(struct platter_volume_list_out)),
    CONTROL(VOLUME_CREATE, sizeof(struct platter_volume_create_in), sizeof(struct platter_volume_create_out)),
    CONTROL(VOLUME_START, sizeof(struct platter_volume_start_in), sizeof(struct platter_volume_info)),
    CONTROL(VOLUME_REMOVE, sizeof(struct platter_volume_remove_in), 0),
};
enum { CONTROLS = sizeof(Controls) / sizeof(Controls[0]) };

/* Input that is right but for its length; its volume does not exist. */
static void Fill(ULONG code, UCHAR *in)
{
    memset(in, 0, ROOM);
    if (code == PLATTER_IOCTL_HELLO)
        *(struct platter_hello_in *)in =
            (struct platter_hello_in){PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION, {0, 0}};
    else if (code == PLATTER_IOCTL_VOLUME_CREATE)
        *(struct platter_volume_create_in *)in = ShapeDefault(MIB);
    else
        *(ULONG64 *)in = 77;
}

/* docs/protocol.md: input of exactly its size, output of at least its size. */
static void each_control_code_with_each_length(void **state)
{
    static UCHAR in[ROOM], out[ROOM];
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    for (int c = 0; c < CONTROLS; c++)
        for (ULONG inbytes = 0; inbytes <= Controls[c].In + OVER; inbytes++) {
            BOOLEAN exact = inbytes == Controls[c].In;
            for (ULONG outbytes = 0; outbytes <= Controls[c].Out + OVER; outbytes++) {
                ULONG_PTR got;
                NTSTATUS status;
                Fill(Controls[c].Code, in);
                memset(out, 0xee, sizeof(out));
                status = SimIoctl(Rig.User, control, Controls[c].Code, in, inbytes, out, outbytes, &got);
                if (!exact                       ? status != STATUS_INVALID_PARAMETER
                    : outbytes < Controls[c].Out ? status != STATUS_BUFFER_TOO_SMALL
                    : Controls[c].Code == PLATTER_IOCTL_VOLUME_START || Controls[c].Code == PLATTER_IOCTL_VOLUME_REMOVE
                        ? status != STATUS_NOT_FOUND
                        : status != STATUS_SUCCESS)
                    fail_msg("%s, %u in, %u out: %08x", Controls[c].Name, inbytes, outbytes, status);
                Untouched(out, got, Controls[c].Name);
                if (!NT_SUCCESS(status))
                    assert_int_equal(got, 0);
                else if (Controls[c].Code == PLATTER_IOCTL_VOLUME_CREATE)
                    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, *(ULONG64 *)out, 0));
            }
        }
    SimClose(Rig.User, control);
    RigStop();
}

/* TRANSACT: 16 bytes and 24 for each answer, not one more or less; a batch from the least to the most. */
static void transact_with_each_length(void **state)
{
    struct {
        struct platter_transact_in Head;
        struct platter_answer Answers[PLATTER_MAX_BATCH + 1];
    } *in = calloc(1, sizeof(*in));
    UCHAR *batch = calloc(1, PLATTER_TRANSACT_MIN_BATCH + OVER);
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    in->Head.flags = PLATTER_TRANSACT_NO_WAIT;
    for (ULONG answers = 0; answers <= PLATTER_MAX_BATCH; answers++) {
        in->Head.answer_count = answers;
        for (ULONG inbytes = 0; inbytes <= sizeof(*in); inbytes++) {
            NTSTATUS status = SimIoctl(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, inbytes, batch,
                                       PLATTER_TRANSACT_MIN_BATCH, NULL);
            if (status != (inbytes == 16 + 24 * answers ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER))
                fail_msg("TRANSACT, %u answers in %u bytes: %08x", answers, inbytes, status);
        }
    }
    in->Head.answer_count = 0;
    for (ULONG outbytes = 0; outbytes <= PLATTER_TRANSACT_MIN_BATCH + OVER; outbytes++) {
        NTSTATUS status = SimIoctl(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, 16, batch, outbytes, NULL);
        if (status != (outbytes < PLATTER_TRANSACT_MIN_BATCH ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS))
            fail_msg("TRANSACT, a batch of %u bytes: %08x", outbytes, status);
    }
    SimClose(Rig.User, control);
    RigStop();
    free(in);
    free(batch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(each_volume_code_with_each_length),  RIG_TEST(no_other_code_is_answered),
        RIG_TEST(each_length_of_a_link_name),         RIG_TEST(long_volume_names),
        RIG_TEST(each_control_code_with_each_length), RIG_TEST(transact_with_each_length),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
