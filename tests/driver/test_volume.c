/* SPDX-License-Identifier: MIT */
/* What file systems, Explorer and tools ask of a volume: the answers against the WDK's pages, with every length. */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddvol.h>
#include <ntddcdrm.h>
#include <mountmgr.h>
#include <mountdev.h>

static PROVIDER P;
static HANDLE Volume;

static void Mount(const struct platter_volume_create_in *shape)
{
    RigStart(RigPnp);
    ProviderStart(&P, Rig.User, shape->length_bytes, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&P, shape));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, P.Device, RW, &Volume));
}

static void Unmount(void)
{
    SimClose(Rig.User, Volume);
    ProviderStop(&P);
    RigStop();
}

#define ASK(code, in, inbytes, out, outbytes) SimIoctl(Rig.User, Volume, code, in, inbytes, out, outbytes, &Bytes)
static ULONG_PTR Bytes;

/* Too short by one: refused, nothing said. Exact, and over: the same answer, of the same size. */
static void Answers(ULONG code, void *out, ULONG size, const char *name)
{
    UCHAR again[1024];
    NTSTATUS status;

    for (ULONG length = 0; length < size; length++) {
        status = ASK(code, NULL, 0, again, length);
        if (status != STATUS_BUFFER_TOO_SMALL || Bytes)
            fail_msg("%s with %u bytes: %08x, %zu", name, length, status, (size_t)Bytes);
    }
    status = ASK(code, NULL, 0, out, size);
    if (status != STATUS_SUCCESS || Bytes != size)
        fail_msg("%s: %08x, %zu bytes", name, status, (size_t)Bytes);
    memset(again, 0xee, sizeof(again));
    assert_status(STATUS_SUCCESS, ASK(code, NULL, 0, again, sizeof(again)));
    assert_int_equal(Bytes, size);
    assert_memory_equal(again, out, size);
    assert_int_equal(again[size], 0xee);
}
#define ANSWERS(code, out) Answers(code, &(out), sizeof(out), #code)

static void sizes_and_geometry(void **state)
{
    static const struct {
        ULONG Sector;
        ULONG64 Length;
    } cases[] = {{512, 512}, {512, 40 * MIB + 512}, {4096, 8192}, {1024, MIB}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct platter_volume_create_in shape = ShapeDefault(cases[i].Length);
        GET_LENGTH_INFORMATION length;
        DISK_GEOMETRY geometry;
        struct {
            DISK_GEOMETRY Geometry;
            LARGE_INTEGER DiskSize;
        } ex;
        STORAGE_READ_CAPACITY capacity;
        ULONG64 cylinder;
        shape.sector_size = cases[i].Sector;
        Mount(&shape);
        ANSWERS(IOCTL_DISK_GET_LENGTH_INFO, length);
        assert_int_equal(length.Length.QuadPart, cases[i].Length);
        ANSWERS(IOCTL_DISK_GET_DRIVE_GEOMETRY, geometry);
        assert_int_equal(geometry.BytesPerSector, cases[i].Sector);
        assert_int_equal(geometry.MediaType, FixedMedia);
        cylinder = (ULONG64)geometry.TracksPerCylinder * geometry.SectorsPerTrack * geometry.BytesPerSector;
        assert_true(cylinder && geometry.Cylinders.QuadPart > 0);
        assert_true((ULONG64)geometry.Cylinders.QuadPart * cylinder <= cases[i].Length);
        assert_true(((ULONG64)geometry.Cylinders.QuadPart + 1) * cylinder > cases[i].Length);
        assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, NULL, 0, &ex, sizeof(ex)));
        assert_int_equal(Bytes, offsetof(DISK_GEOMETRY_EX, Data));
        assert_int_equal(ex.DiskSize.QuadPart, cases[i].Length);
        assert_memory_equal(&ex.Geometry, &geometry, sizeof(geometry));
        ANSWERS(IOCTL_STORAGE_READ_CAPACITY, capacity);
        assert_int_equal(capacity.BlockLength, cases[i].Sector);
        assert_int_equal(capacity.NumberOfBlocks.QuadPart, cases[i].Length / cases[i].Sector);
        assert_int_equal(capacity.DiskLength.QuadPart, cases[i].Length);
        Unmount();
    }
}

static void partitions_by_their_style(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    PARTITION_INFORMATION mbr;
    PARTITION_INFORMATION_EX ex;
    VOLUME_GET_GPT_ATTRIBUTES_INFORMATION attributes;
    BOOLEAN dynamic = 1;

    (void)state;
    Mount(&shape);
    ANSWERS(IOCTL_DISK_GET_PARTITION_INFO, mbr);
    assert_int_equal(mbr.StartingOffset.QuadPart, 0);
    assert_int_equal(mbr.PartitionLength.QuadPart, MIB);
    assert_false(NT_SUCCESS(ASK(IOCTL_VOLUME_IS_PARTITION, NULL, 0, NULL, 0)));
    ANSWERS(IOCTL_VOLUME_GET_GPT_ATTRIBUTES, attributes);
    assert_int_equal(attributes.GptAttributes, 0);
    Unmount();

    shape.partition_style = PLATTER_STYLE_MBR;
    shape.partition_offset = 63 * 512;
    shape.partition_number = 2;
    shape.mbr_type = 0x07;
    shape.mbr_boot_indicator = 1;
    Mount(&shape);
    ANSWERS(IOCTL_DISK_GET_PARTITION_INFO, mbr);
    ANSWERS(IOCTL_DISK_GET_PARTITION_INFO_EX, ex);
    assert_int_equal(mbr.PartitionType, 0x07);
    assert_int_equal(mbr.PartitionNumber, 2);
    assert_int_equal(mbr.HiddenSectors, 63);
    assert_true(mbr.BootIndicator && mbr.RecognizedPartition);
    assert_int_equal(ex.PartitionStyle, PARTITION_STYLE_MBR);
    assert_int_equal(ex.StartingOffset.QuadPart, 63 * 512);
    assert_int_equal(ex.PartitionLength.QuadPart, MIB);
    assert_int_equal(ex.Mbr.PartitionType, 0x07);
    assert_int_equal(ex.Mbr.HiddenSectors, 63);
    assert_status(STATUS_SUCCESS, ASK(IOCTL_VOLUME_IS_PARTITION, NULL, 0, NULL, 0));
    Unmount();

    shape = ShapeDefault(MIB);
    shape.partition_style = PLATTER_STYLE_GPT;
    shape.partition_offset = MIB;
    shape.partition_number = 3;
    for (int i = 0; i < 16; i++) {
        shape.gpt_type[i] = (uint8_t)(0x10 + i);
        shape.gpt_partition_id[i] = (uint8_t)(0x40 + i);
    }
    shape.gpt_attributes = 0x8000000000000001ull;
    shape.gpt_name[0] = 'D';
    shape.flags = PLATTER_VOLUME_READ_ONLY;
    Mount(&shape);
    assert_status(STATUS_INVALID_DEVICE_REQUEST, ASK(IOCTL_DISK_GET_PARTITION_INFO, NULL, 0, &mbr, sizeof(mbr)));
    ANSWERS(IOCTL_DISK_GET_PARTITION_INFO_EX, ex);
    assert_int_equal(ex.PartitionStyle, PARTITION_STYLE_GPT);
    assert_memory_equal(&ex.Gpt.PartitionType, shape.gpt_type, 16);
    assert_memory_equal(&ex.Gpt.PartitionId, shape.gpt_partition_id, 16);
    assert_int_equal(ex.Gpt.Name[0], 'D');
    assert_int_equal(ex.Gpt.Attributes, shape.gpt_attributes);
    ANSWERS(IOCTL_VOLUME_GET_GPT_ATTRIBUTES, attributes);
    /* Read-only as mounted; "no letter" is the mounter's to say, not the image's. */
    assert_true(attributes.GptAttributes == 0x1000000000000001ull);
    Answers(CTL_CODE(IOCTL_VOLUME_BASE, 18, METHOD_BUFFERED, FILE_ANY_ACCESS), &dynamic, sizeof(dynamic), "IS_DYNAMIC");
    assert_false(dynamic);
    Unmount();
}

static void properties(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    STORAGE_PROPERTY_QUERY query = {0};
    UCHAR out[256];
    static const STORAGE_PROPERTY_ID known[] = {StorageDeviceProperty, StorageAccessAlignmentProperty,
                                                StorageDeviceSeekPenaltyProperty, StorageDeviceTrimProperty};

    (void)state;
    shape.partition_style = PLATTER_STYLE_MBR;
    shape.partition_offset = 63 * 512;
    shape.flags = PLATTER_VOLUME_TRIM;
    Mount(&shape);
    for (unsigned i = 0; i < 4; i++) {
        STORAGE_DESCRIPTOR_HEADER *header = (STORAGE_DESCRIPTOR_HEADER *)out;
        ULONG size;
        query.PropertyId = known[i];
        query.QueryType = PropertyExistsQuery;
        assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), NULL, 0));
        query.QueryType = PropertyStandardQuery;
        assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(*header)));
        assert_int_equal(Bytes, sizeof(*header));
        size = header->Size;
        assert_true(size > sizeof(*header) && size <= sizeof(out));
        for (ULONG length = 0; length <= size + 8; length++) {
            NTSTATUS status;
            memset(out, 0xee, sizeof(out));
            status = ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, length);
            assert_int_equal(NT_SUCCESS(status), length >= sizeof(*header));
            if (NT_SUCCESS(status))
                assert_int_equal(Bytes, length < size ? length : size);
            assert_int_equal(out[length], 0xee);
        }
        query.QueryType = PropertyMaskQuery;
        assert_false(NT_SUCCESS(ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(out))));
    }
    query.QueryType = PropertyStandardQuery;
    query.PropertyId = StorageDeviceProperty;
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(out)));
    assert_int_equal(((STORAGE_DEVICE_DESCRIPTOR *)out)->DeviceType, 0); /* a SCSI type, not FILE_DEVICE_DISK */
    assert_false(((STORAGE_DEVICE_DESCRIPTOR *)out)->RemovableMedia);
    assert_string_equal((char *)out + ((STORAGE_DEVICE_DESCRIPTOR *)out)->VendorIdOffset, "Platter");
    query.PropertyId = StorageAccessAlignmentProperty;
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(out)));
    assert_int_equal(((STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR *)out)->BytesPerPhysicalSector, 4096);
    assert_int_equal(((STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR *)out)->BytesOffsetForSectorAlignment, 63 * 512 % 4096);
    query.PropertyId = StorageDeviceTrimProperty;
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(out)));
    assert_true(((DEVICE_TRIM_DESCRIPTOR *)out)->TrimEnabled);
    for (ULONG id = 4; id < 64; id++) {
        query.PropertyId = id;
        if (id != StorageAccessAlignmentProperty && id != StorageDeviceSeekPenaltyProperty &&
            id != StorageDeviceTrimProperty)
            assert_status(STATUS_INVALID_DEVICE_REQUEST,
                          ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), out, sizeof(out)));
    }
    for (ULONG length = 0; length < 8; length++)
        assert_false(NT_SUCCESS(ASK(IOCTL_STORAGE_QUERY_PROPERTY, &query, length, out, sizeof(out))));
    Unmount();
}

typedef struct TRIM {
    DEVICE_MANAGE_DATA_SET_ATTRIBUTES Head;
    DEVICE_DATA_SET_RANGE Ranges[3];
} TRIM;
static TRIM Trim(ULONG ranges)
{
    TRIM trim;

    memset(&trim, 0, sizeof(trim));
    trim.Head.Size = sizeof(trim.Head);
    trim.Head.Action = 1;
    trim.Head.DataSetRangesOffset = offsetof(TRIM, Ranges);
    trim.Head.DataSetRangesLength = ranges * sizeof(trim.Ranges[0]);
    for (ULONG i = 0; i < 3; i++) {
        trim.Ranges[i].StartingOffset = i * 65536;
        trim.Ranges[i].LengthInBytes = 4096;
    }
    return trim;
}
#define DO_TRIM(t) ASK(IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, &t, sizeof(t), NULL, 0)
#define TRIM_REFUSED(change)                                                                                           \
    do {                                                                                                               \
        TRIM t = Trim(3);                                                                                              \
        change;                                                                                                        \
        if (DO_TRIM(t) != STATUS_INVALID_PARAMETER)                                                                    \
            fail_msg("taken: %s", #change);                                                                            \
    } while (0)

static void trim_reaches_the_provider(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    TRIM trim = Trim(3);

    (void)state;
    shape.flags = PLATTER_VOLUME_TRIM;
    Mount(&shape);
    assert_status(STATUS_SUCCESS, DO_TRIM(trim));
    assert_int_equal(P.Discards, 3);
    assert_int_equal(P.Discarded, 3 * 4096);
    TRIM_REFUSED(t.Head.DataSetRangesOffset = 4);
    TRIM_REFUSED(t.Head.DataSetRangesOffset += 4);
    TRIM_REFUSED(t.Head.DataSetRangesOffset = 0xfffffff8);
    TRIM_REFUSED(t.Head.DataSetRangesOffset = sizeof(t));
    TRIM_REFUSED(t.Head.DataSetRangesLength = 0);
    TRIM_REFUSED(t.Head.DataSetRangesLength += 16);
    TRIM_REFUSED(t.Head.DataSetRangesLength = 0xfffffff0);
    TRIM_REFUSED(t.Head.DataSetRangesLength -= 1);
    TRIM_REFUSED(t.Head.Size = 4);
    TRIM_REFUSED(t.Ranges[2].LengthInBytes = 0);
    TRIM_REFUSED(t.Ranges[2].LengthInBytes = 100);
    TRIM_REFUSED(t.Ranges[1].StartingOffset = MIB);
    TRIM_REFUSED(t.Ranges[1].StartingOffset = -512);
    TRIM_REFUSED(t.Ranges[1].LengthInBytes = ~511ull);
    trim.Head.Action = 3;
    assert_status(STATUS_INVALID_DEVICE_REQUEST, DO_TRIM(trim));
    assert_int_equal(P.Discards, 3);
    Unmount();
    shape = ShapeDefault(MIB);
    trim = Trim(1);
    Mount(&shape);
    assert_status(STATUS_INVALID_DEVICE_REQUEST, DO_TRIM(trim));
    Unmount();
    shape.flags = PLATTER_VOLUME_TRIM | PLATTER_VOLUME_READ_ONLY;
    Mount(&shape);
    assert_status(STATUS_MEDIA_WRITE_PROTECTED, DO_TRIM(trim));
    Unmount();
}

static void verify_writable_and_locks(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    VERIFY_INFORMATION verify = {.StartingOffset.QuadPart = 512, .Length = 8192};
    PREVENT_MEDIA_REMOVAL prevent = {TRUE};
    STORAGE_HOTPLUG_INFO hotplug;
    ULONG count = 7;

    (void)state;
    Mount(&shape);
    assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0));
    verify.Length = 0;
    assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0));
    verify.Length = MIB;
    assert_status(STATUS_INVALID_PARAMETER, ASK(IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0));
    verify.StartingOffset.QuadPart = -512;
    verify.Length = 512;
    assert_status(STATUS_INVALID_PARAMETER, ASK(IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0));
    assert_false(NT_SUCCESS(ASK(IOCTL_DISK_VERIFY, &verify, sizeof(verify) - 1, NULL, 0)));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_CHECK_VERIFY, NULL, 0, NULL, 0));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_CHECK_VERIFY, NULL, 0, &count, sizeof(count)));
    assert_int_equal(Bytes, sizeof(count));
    assert_int_equal(count, 0);
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_CHECK_VERIFY2, NULL, 0, &count, 3));
    assert_int_equal(Bytes, 0);
    ANSWERS(IOCTL_STORAGE_GET_HOTPLUG_INFO, hotplug);
    assert_int_equal(hotplug.Size, sizeof(hotplug));
    assert_false(hotplug.MediaRemovable);
    /* Locked in: no eject, twice locked is twice to be unlocked, one unlock too many does no harm. */
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_MEDIA_REMOVAL, &prevent, sizeof(prevent), NULL, 0));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_DISK_MEDIA_REMOVAL, &prevent, sizeof(prevent), NULL, 0));
    assert_status(STATUS_DEVICE_BUSY, ASK(IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0));
    prevent.PreventMediaRemoval = FALSE;
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_MEDIA_REMOVAL, &prevent, sizeof(prevent), NULL, 0));
    assert_status(STATUS_DEVICE_BUSY, ASK(IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0));
    for (int i = 0; i < 2; i++)
        assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_EJECTION_CONTROL, &prevent, sizeof(prevent), NULL, 0));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0));
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    Unmount();
    shape = ShapeDefault(MIB);
    shape.flags = PLATTER_VOLUME_READ_ONLY;
    Mount(&shape);
    assert_status(STATUS_MEDIA_WRITE_PROTECTED, ASK(IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0));
    Unmount();
}

static void a_disc(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(2048 * 1000);
    DISK_GEOMETRY geometry;
    CDROM_TOC toc;
    CDROM_TOC_SESSION_DATA session;
    GET_MEDIA_TYPES types;

    (void)state;
    shape.sector_size = 2048;
    shape.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY;
    Mount(&shape);
    assert_int_equal(SimDeviceByName(P.Device)->DeviceType, FILE_DEVICE_CD_ROM);
    ANSWERS(IOCTL_CDROM_GET_DRIVE_GEOMETRY, geometry);
    assert_int_equal(geometry.BytesPerSector, 2048);
    assert_int_equal(geometry.MediaType, RemovableMedia);
    assert_status(STATUS_SUCCESS, ASK(IOCTL_CDROM_CHECK_VERIFY, NULL, 0, NULL, 0));
    for (ULONG length = 0; length < 4 + 2 * 8; length++)
        assert_status(STATUS_BUFFER_TOO_SMALL, ASK(IOCTL_CDROM_READ_TOC, NULL, 0, &toc, length));
    assert_status(STATUS_SUCCESS, ASK(IOCTL_CDROM_READ_TOC, NULL, 0, &toc, sizeof(toc)));
    assert_int_equal(Bytes, 4 + 2 * 8);
    assert_int_equal(toc.Length[0] << 8 | toc.Length[1], 2 + 2 * 8);
    assert_true(toc.FirstTrack == 1 && toc.LastTrack == 1 && toc.TrackData[1].TrackNumber == 0xaa);
    assert_true(toc.TrackData[0].Control & 4);
    assert_int_equal(
        (toc.TrackData[1].Address[1] * 60 + toc.TrackData[1].Address[2]) * 75 + toc.TrackData[1].Address[3], 1150);
    ANSWERS(IOCTL_CDROM_GET_LAST_SESSION, session);
    assert_int_equal(session.FirstCompleteSession, 1);
    ANSWERS(IOCTL_STORAGE_GET_MEDIA_TYPES_EX, types);
    assert_int_equal(types.DeviceType, FILE_DEVICE_CD_ROM);
    assert_int_equal(types.MediaInfo[0].DeviceSpecific.RemovableDiskInfo.MediaType, CD_ROM);
    assert_status(STATUS_INVALID_DEVICE_REQUEST, ASK(IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0, &toc, sizeof(toc)));
    Unmount();
    shape = ShapeDefault(MIB);
    Mount(&shape);
    assert_status(STATUS_INVALID_DEVICE_REQUEST, ASK(IOCTL_CDROM_READ_TOC, NULL, 0, &toc, sizeof(toc)));
    ANSWERS(IOCTL_STORAGE_GET_MEDIA_TYPES_EX, types);
    assert_int_equal(types.DeviceType, FILE_DEVICE_DISK);
    Unmount();
}

/* What it cannot answer truthfully it refuses: peers.md 5.4. */
static void what_is_not_known_is_refused(void **state)
{
    static const ULONG codes[] = {IOCTL_STORAGE_GET_DEVICE_NUMBER,
                                  0x560000 /* VOLUME_DISK_EXTENTS */,
                                  0x4d1018,
                                  0x455610d8,
                                  0x2d5928,
                                  0x700f0,
                                  0x7c010,
                                  0x530018,
                                  0x4d004,
                                  0x41018,
                                  0x4dc004 /* UNIQUE_ID_CHANGE_NOTIFY */,
                                  0,
                                  0xffffffff & ~3u};
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    UCHAR out[512];

    (void)state;
    Mount(&shape);
    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        NTSTATUS status = ASK(codes[i], out, 64, out, sizeof(out));
        if (status != STATUS_INVALID_DEVICE_REQUEST)
            fail_msg("code %08x: %08x", codes[i], status);
    }
    /* Any code of the families asked here, with hostile lengths: never a crash, never bytes that nobody wrote. */
    for (ULONG function = 0; function < 64; function++)
        for (ULONG family = 0; family < 5; family++) {
            static const ULONG types[] = {FILE_DEVICE_DISK, FILE_DEVICE_MASS_STORAGE, 'V', 'M', FILE_DEVICE_CD_ROM};
            for (ULONG access = 0; access < 4; access++)
                for (ULONG length = 0; length < 40; length += 7) {
                    ULONG code = CTL_CODE(types[family], function, METHOD_BUFFERED, access);
                    if (code == IOCTL_STORAGE_EJECT_MEDIA)
                        continue;
                    memset(out, 0xff, sizeof(out));
                    ASK(code, out, length, out, length * 3);
                }
        }
    Unmount();
}

static void names_for_the_mount_manager(void **state)
{
    static const ULONG codes[] = {IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, IOCTL_MOUNTDEV_QUERY_UNIQUE_ID,
                                  IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME};
    static const ULONG fixed[] = {sizeof(MOUNTDEV_NAME), sizeof(MOUNTDEV_UNIQUE_ID),
                                  sizeof(MOUNTDEV_SUGGESTED_LINK_NAME)};
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    MOUNTDEV_STABLE_GUID guid;
    UCHAR out[256];

    (void)state;
    shape.flags = PLATTER_VOLUME_STABLE_ID;
    Mount(&shape);
    for (int i = 0; i < 3; i++)
        for (ULONG length = 0; length < 100; length++) {
            ULONG at = i == 2 ? 2 : 0;
            NTSTATUS status = ASK(codes[i], NULL, 0, out, length);
            if (length < fixed[i]) {
                assert_status(STATUS_BUFFER_TOO_SMALL, status);
                continue;
            }
            ULONG need = *(USHORT *)(out + at) + at + 2u;
            assert_status(length < need ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, status);
            assert_int_equal(Bytes, length < need ? fixed[i] : need);
        }
    ANSWERS(IOCTL_MOUNTDEV_QUERY_STABLE_GUID, guid);
    assert_memory_equal(&guid, shape.unique_id, 16);
    /* LINK_CREATED with a length that lies. */
    for (ULONG length = 0; length < 40; length++) {
        *(USHORT *)out = 0xfffe;
        assert_false(NT_SUCCESS(ASK(IOCTL_MOUNTDEV_LINK_CREATED, out, length, NULL, 0)));
        assert_false(NT_SUCCESS(ASK(IOCTL_MOUNTDEV_LINK_DELETED, out, length, NULL, 0)));
    }
    Unmount();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(sizes_and_geometry),           RIG_TEST(partitions_by_their_style),   RIG_TEST(properties),
        RIG_TEST(trim_reaches_the_provider),    RIG_TEST(verify_writable_and_locks),   RIG_TEST(a_disc),
        RIG_TEST(what_is_not_known_is_refused), RIG_TEST(names_for_the_mount_manager),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
