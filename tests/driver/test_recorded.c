/* SPDX-License-Identifier: MIT */
/*
 * What a real NT kernel asked of a volume when it arrived, recorded from its debug output (ReactOS, August 2025; a prototype
 * of this driver): the codes in their order, the room each had, what was answered. The two steps of the names are as the
 * pages of IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, _UNIQUE_ID and _SUGGESTED_LINK_NAME (WDK) have them.
 */
#include "rig.h"
#include <ntsim/observe.h>
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddcdrm.h>

#define REFUSED ((ULONG)STATUS_INVALID_DEVICE_REQUEST)
#define OVERFLOW ((ULONG)STATUS_BUFFER_OVERFLOW)
enum { NAME = 100000 }; /* plus the bytes of the device's name, which differ */

typedef struct ASKED {
    ULONG Code, Room, Status, Bytes;
} ASKED;

static const ASKED Arrival[] = {
    {0x560038, 8, 0, 8},               /* VOLUME_GET_GPT_ATTRIBUTES */
    {0x070048, 144, 0, 144},           /* DISK_GET_PARTITION_INFO_EX */
    {0x4d0008, 4, OVERFLOW, 4},        /* MOUNTDEV_QUERY_DEVICE_NAME: the length */
    {0x4d0008, NAME + 4, 0, NAME + 2}, /* and the name */
    {0x4d0000, 4, OVERFLOW, 4},        /* MOUNTDEV_QUERY_UNIQUE_ID */
    {0x4d0000, 28, 0, 26},
    {0x4d0018, 16, REFUSED, 0}, /* MOUNTDEV_QUERY_STABLE_GUID */
    {0x4d000c, 6, OVERFLOW, 6}, /* MOUNTDEV_QUERY_SUGGESTED_LINK_NAME */
    {0x4d000c, 34, 0, 32},
    /* LINK_CREATED for \??\Volume{...} and \DosDevices\P:. The prototype refused this form of Vista's and took the older
     * 4d0010 that came then; this driver takes it. */
    {0x4dc010, 0, 0, 0},
    {0x4dc010, 0, 0, 0},
    {0x56c008, 0, 0, 0},          /* VOLUME_ONLINE */
    {0x4dc004, 1036, REFUSED, 0}, /* MOUNTDEV_UNIQUE_ID_CHANGE_NOTIFY */
};

static void is_asked_and_answers_as_recorded(void **state)
{
    const char *text;
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        ULONG name;
        RigStart(route);
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        SimSettle();
        text = SimMountTranscript();
        name = (ULONG)strlen(p.Device) * 2;
        for (unsigned i = 0; i < sizeof(Arrival) / sizeof(Arrival[0]); i++) {
            ASKED want = Arrival[i], got;
            int used = 0;
            if (sscanf(text, "%x %u -> %x %u\n%n", &got.Code, &got.Room, &got.Status, &got.Bytes, &used) != 4)
                fail_msg("asked %u times only", i);
            want.Room += want.Room >= NAME ? name - NAME : 0;
            want.Bytes += want.Bytes >= NAME ? name - NAME : 0;
            print_message("# %2u %06x room %4u -> %08x %4u bytes\n", i + 1, got.Code, got.Room, got.Status, got.Bytes);
            if (memcmp(&want, &got, sizeof(got)))
                fail_msg("recorded: %06x room %u -> %08x, %u bytes", want.Code, want.Room, want.Status, want.Bytes);
            text += used;
        }
        assert_string_equal(text, "");
        ProviderStop(&p);
        RigStop();
    }
}

static void Answers(PROVIDER *p, const ASKED *list, unsigned count)
{
    PDEVICE_OBJECT device = SimDeviceByName(p->Device);

    for (unsigned i = 0; i < count; i++) {
        UCHAR out[2048];
        SIM_KERNEL_REQUEST request = {
            .Major = IRP_MJ_DEVICE_CONTROL, .Code = list[i].Code, .Output = out, .OutBytes = list[i].Room};
        ULONG_PTR bytes = 0;
        NTSTATUS status = SimKernelRequest(device, NULL, &request, &bytes);
        if ((ULONG)status != list[i].Status || bytes != list[i].Bytes)
            fail_msg("%06x room %u: %08x, %zu bytes; expected %08x, %u", list[i].Code, list[i].Room, (ULONG)status,
                     (size_t)bytes, list[i].Status, list[i].Bytes);
    }
}

/* Then the file systems came, in this order (geometry many times). */
static void answers_the_file_systems_as_recorded(void **state)
{
    static const ASKED asked[] = {
        {IOCTL_DISK_GET_DRIVE_GEOMETRY, 24, 0, 24},
        {0x074004, 32, 0, 32} /* PARTITION_INFO */,
        {0x070048, 144, 0, 144},
        {IOCTL_STORAGE_GET_HOTPLUG_INFO, 8, 0, 8},
        {0x2d1080, 12, REFUSED, 0} /* DEVICE_NUMBER */,
        {0x66001b, 0, REFUSED, 0},
        {IOCTL_DISK_IS_WRITABLE, 0, 0, 0},
        {IOCTL_DISK_GET_LENGTH_INFO, 8, 0, 8},
    };
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    Answers(&p, asked, sizeof(asked) / sizeof(asked[0]));
    ProviderStop(&p);
    RigStop();
}

/* News of a name whose length lies, as a Mount Manager gone wrong would send it: no byte behind it is read. */
static void news_that_lie(void **state)
{
    static const ULONG codes[] = {0x4dc010, 0x4d0010, 0x4dc014, 0x4d0014};
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    for (unsigned i = 0; i < 4; i++)
        for (ULONG length = 0; length < 30; length++) {
            struct platter_volume_info info;
            UCHAR *news = calloc(1, length ? length : 1);
            SIM_KERNEL_REQUEST request = {
                .Major = IRP_MJ_DEVICE_CONTROL, .Code = codes[i], .Data = news, .Bytes = length};
            if (length >= 2)
                *(USHORT *)news = 28;
            assert_false(NT_SUCCESS(SimKernelRequest(SimDeviceByName(p.Device), NULL, &request, NULL)));
            free(news);
            assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
            assert_int_equal(info.letter, 'P');
        }
    ProviderStop(&p);
    RigStop();
}

/* As the CDFS sample (Windows-driver-samples) asks when it mounts and when it reads the table of contents. */
static void answers_cdfs(void **state)
{
    static const ASKED asked[] = {
        {IOCTL_CDROM_CHECK_VERIFY, 4, 0, 4},
        {IOCTL_CDROM_GET_DRIVE_GEOMETRY, 24, 0, 24},
        {IOCTL_CDROM_READ_TOC, sizeof(CDROM_TOC), 0, 20},
        {IOCTL_CDROM_GET_LAST_SESSION, sizeof(CDROM_TOC), 0, 12},
    };
    struct platter_volume_create_in shape = ShapeDefault(2048 * 5000);
    CDROM_READ_TOC_EX ask = {0};
    CDROM_TOC toc;
    HANDLE volume;
    ULONG_PTR bytes;
    PROVIDER p;

    (void)state;
    shape.sector_size = 2048;
    shape.physical_sector_size = 2048;
    shape.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, shape.length_bytes, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    Answers(&p, asked, sizeof(asked) / sizeof(asked[0]));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, p.Device, GENERIC_READ, &volume));
#define TOC_EX() SimIoctl(Rig.User, volume, IOCTL_CDROM_READ_TOC_EX, &ask, sizeof(ask), &toc, sizeof(toc), &bytes)
    /* In blocks: the track begins at 0, the lead-out behind the last. */
    memset(&toc, 0xee, sizeof(toc));
    assert_status(STATUS_SUCCESS, TOC_EX());
    assert_int_equal(bytes, 20);
    assert_true(toc.FirstTrack == 1 && toc.LastTrack == 1 && toc.TrackData[1].TrackNumber == 0xaa);
    assert_memory_equal(toc.TrackData[0].Address, "\0\0\0\0", 4);
    assert_memory_equal(toc.TrackData[1].Address, "\0\0\x13\x88", 4);
    ask.Msf = 1; /* in minutes, seconds, frames: two seconds later */
    assert_status(STATUS_SUCCESS, TOC_EX());
    assert_memory_equal(toc.TrackData[0].Address, "\0\0\2\0", 4);
    assert_int_equal(
        (toc.TrackData[1].Address[1] * 60 + toc.TrackData[1].Address[2]) * 75 + toc.TrackData[1].Address[3], 5150);
    ask.Format = CDROM_READ_TOC_EX_FORMAT_SESSION;
    assert_status(STATUS_SUCCESS, TOC_EX());
    assert_int_equal(bytes, sizeof(CDROM_TOC_SESSION_DATA));
    for (UCHAR format = 2; format < 16; format++) {
        ask.Format = format & 0xf;
        assert_status(STATUS_INVALID_DEVICE_REQUEST, TOC_EX());
    }
    ask.Format = 0;
    ask.SessionTrack = 2;
    assert_status(STATUS_INVALID_PARAMETER, TOC_EX());
    for (ULONG length = 0; length < 20; length++)
        assert_false(
            NT_SUCCESS(SimIoctl(Rig.User, volume, IOCTL_CDROM_READ_TOC_EX, &ask, sizeof(ask), &toc, length, &bytes)));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(is_asked_and_answers_as_recorded),
        RIG_TEST(answers_the_file_systems_as_recorded),
        RIG_TEST(news_that_lie),
        RIG_TEST(answers_cdfs),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
