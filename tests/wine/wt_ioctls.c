/* SPDX-License-Identifier: MIT */
/*
 * What a mounted volume answers to the control codes that file systems, Explorer, chkdsk and the Mount Manager send.
 * The expectations come from the reference pages of each code ("winioctl.h", "ntdddisk.h", "ntddstor.h", "mountmgr.h" in
 * Microsoft's documentation) and from what we know of the volume ourselves, not from what the driver happened to say.
 * usage: wt_ioctls LETTER
 */
#include "wt_session.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* mountmgr.h of the DDK: MOUNTDEVCONTROLTYPE is 'M'. Two numbers: before and since the access bits were dropped. */
#define MOUNTDEV_CODE(function, access) CTL_CODE('M', function, METHOD_BUFFERED, access)
#define MOUNTDEV_QUERY_UNIQUE_ID MOUNTDEV_CODE(0, FILE_ANY_ACCESS)
#define MOUNTDEV_QUERY_DEVICE_NAME MOUNTDEV_CODE(2, FILE_ANY_ACCESS)
#define MOUNTDEV_QUERY_SUGGESTED_LINK_NAME MOUNTDEV_CODE(3, FILE_ANY_ACCESS)
#define MOUNTDEV_LINK_CREATED_OLD MOUNTDEV_CODE(4, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
#define MOUNTDEV_LINK_CREATED MOUNTDEV_CODE(4, FILE_ANY_ACCESS)
#define MOUNTDEV_LINK_DELETED MOUNTDEV_CODE(5, FILE_ANY_ACCESS)
#define VOLUME_CODE(function, access) CTL_CODE('V', function, METHOD_BUFFERED, access)
#define VOLUME_GET_GPT_ATTRIBUTES VOLUME_CODE(14, FILE_ANY_ACCESS)
#define VOLSNAP_FLUSH_AND_HOLD_WRITES CTL_CODE('S', 0, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

struct volume {
    struct platter_volume_create_in create;
    struct platter_volume_create_out created;
    HANDLE drive;
    bool read_only;
};

static DWORD ask(const struct volume *v, DWORD code, const void *in, DWORD in_length, void *out, DWORD out_length,
                 DWORD *done)
{
    DWORD ignored;
    memset(out, 0, out_length);
    return wt_control(v->drive, code, in, in_length, out, out_length, done != NULL ? done : &ignored);
}

/* ---- Size and place ---- */

static void test_size(const struct volume *v)
{
    GET_LENGTH_INFORMATION length;
    DISK_GEOMETRY geometry;
    DISK_GEOMETRY_EX geometry_ex;
    DWORD done;

    DWORD error = ask(v, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, &done);
    wt_ok(error == 0 && done == sizeof length && (uint64_t)length.Length.QuadPart == v->create.length_bytes,
          "DISK_GET_LENGTH_INFO: the length (error %lu)", error);
    error = ask(v, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length - 1, NULL);
    wt_ok(error == ERROR_INSUFFICIENT_BUFFER, "in a short buffer: ERROR_INSUFFICIENT_BUFFER (error %lu)", error);

    error = ask(v, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof geometry, &done);
    uint64_t bytes = (uint64_t)geometry.Cylinders.QuadPart * geometry.TracksPerCylinder * geometry.SectorsPerTrack *
                     geometry.BytesPerSector;
    wt_ok(error == 0 && done == sizeof geometry && geometry.BytesPerSector == v->create.sector_size &&
              geometry.MediaType == FixedMedia,
          "DISK_GET_DRIVE_GEOMETRY: sector size, fixed media (error %lu)", error);
    wt_ok(bytes != 0 && bytes <= v->create.length_bytes, "its cylinders do not reach over the end (%llu bytes)",
          (unsigned long long)bytes);
    error = ask(v, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof geometry - 1, NULL);
    wt_ok(error == ERROR_INSUFFICIENT_BUFFER, "in a short buffer: ERROR_INSUFFICIENT_BUFFER (error %lu)", error);
    error = ask(v, IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, NULL, 0, &geometry_ex, sizeof geometry_ex, NULL);
    wt_ok(error == 0 && (uint64_t)geometry_ex.DiskSize.QuadPart == v->create.length_bytes &&
              geometry_ex.Geometry.BytesPerSector == v->create.sector_size,
          "DISK_GET_DRIVE_GEOMETRY_EX: the size (error %lu)", error);
}

static void test_partition(const struct volume *v)
{
    PARTITION_INFORMATION_EX ex;
    PARTITION_INFORMATION info;

    DWORD error = ask(v, IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0, &ex, sizeof ex, NULL);
    wt_ok(error == 0 && (uint64_t)ex.StartingOffset.QuadPart == v->create.partition_offset &&
              (uint64_t)ex.PartitionLength.QuadPart == v->create.length_bytes &&
              ex.PartitionNumber == v->create.partition_number,
          "DISK_GET_PARTITION_INFO_EX: place, length, number (error %lu)", error);
    if (v->create.partition_style == PLATTER_STYLE_MBR) {
        wt_ok(ex.PartitionStyle == PARTITION_STYLE_MBR && ex.Mbr.PartitionType == v->create.mbr_type &&
                  ex.Mbr.BootIndicator == (v->create.mbr_boot_indicator != 0) &&
                  ex.Mbr.HiddenSectors == v->create.partition_offset / v->create.sector_size,
              "MBR type, active flag, hidden sectors");
        error = ask(v, IOCTL_DISK_GET_PARTITION_INFO, NULL, 0, &info, sizeof info, NULL);
        wt_ok(error == 0 && info.PartitionType == v->create.mbr_type &&
                  (uint64_t)info.PartitionLength.QuadPart == v->create.length_bytes,
              "DISK_GET_PARTITION_INFO: type and length (error %lu)", error);
    } else {
        wt_ok(ex.PartitionStyle == PARTITION_STYLE_GPT && memcmp(&ex.Gpt.PartitionType, v->create.gpt_type, 16) == 0 &&
                  memcmp(&ex.Gpt.PartitionId, v->create.gpt_partition_id, 16) == 0 &&
                  ex.Gpt.Attributes == v->create.gpt_attributes && ex.Gpt.Name[0] == 'D',
              "GPT type, id, attributes, name");
        error = ask(v, IOCTL_DISK_GET_PARTITION_INFO, NULL, 0, &info, sizeof info, NULL);
        wt_ok(error == ERROR_INVALID_FUNCTION, "DISK_GET_PARTITION_INFO is refused on a GPT partition (error %lu)",
              error);
    }
}

/* ---- What the Mount Manager asks ---- */

struct mountdev_text {
    USHORT length; /* bytes */
    WCHAR text[200];
};

static void test_mountdev(const struct volume *v, char letter)
{
    struct mountdev_text name;
    struct {
        USHORT length;
        unsigned char id[64];
    } id;
    struct {
        BOOLEAN use_only_if_no_other;
        USHORT length;
        WCHAR text[64];
    } suggested;
    DWORD done;

    DWORD error = ask(v, MOUNTDEV_QUERY_DEVICE_NAME, NULL, 0, &name, sizeof name, &done);
    wt_ok(error == 0 && done == 2u + name.length && name.length == 2 * wcslen((const WCHAR *)v->created.device_name) &&
              memcmp(name.text, v->created.device_name, name.length) == 0,
          "MOUNTDEV_QUERY_DEVICE_NAME: the device's name (error %lu)", error);
    error = ask(v, MOUNTDEV_QUERY_DEVICE_NAME, NULL, 0, &name, 4, &done);
    wt_ok(error == ERROR_MORE_DATA && name.length == 2 * wcslen((const WCHAR *)v->created.device_name),
          "in a short buffer: its length and ERROR_MORE_DATA (error %lu)", error);
    error = ask(v, MOUNTDEV_QUERY_UNIQUE_ID, NULL, 0, &id, sizeof id, &done);
    wt_ok(error == 0 && id.length >= 16 && done == 2u + id.length, "MOUNTDEV_QUERY_UNIQUE_ID (error %lu)", error);
    bool found = false;
    for (int i = 0; error == 0 && i + 16 <= id.length; i++)
        found = found || memcmp(id.id + i, v->create.unique_id, 16) == 0;
    wt_ok(found, "has the id the provider gave in it");
    error = ask(v, MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, &suggested, sizeof suggested, NULL);
    WCHAR expected[] = L"\\DosDevices\\?:";
    expected[12] = (WCHAR)letter;
    wt_ok(error == 0 && suggested.length == 28 && memcmp(suggested.text, expected, 28) == 0,
          "MOUNTDEV_QUERY_SUGGESTED_LINK_NAME: the asked letter (error %lu)", error);
    struct mountdev_text link = {.length = 28};
    memcpy(link.text, expected, 28);
    error = ask(v, MOUNTDEV_LINK_CREATED, &link, 30, &name, 0, NULL);
    wt_ok(error == ERROR_ACCESS_DENIED, "MOUNTDEV_LINK_CREATED by a program is refused (error %lu)", error);
    error = ask(v, MOUNTDEV_LINK_CREATED_OLD, &link, 30, &name, 0, NULL);
    wt_ok(error == ERROR_ACCESS_DENIED, "also by its old number (error %lu)", error);
}

/* ---- Properties ---- */

static DWORD property(const struct volume *v, STORAGE_PROPERTY_ID id, STORAGE_QUERY_TYPE type, void *out, DWORD length)
{
    STORAGE_PROPERTY_QUERY query = {.PropertyId = id, .QueryType = type};
    return ask(v, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, out, length, NULL);
}

static void test_properties(const struct volume *v)
{
    union {
        STORAGE_DEVICE_DESCRIPTOR device;
        unsigned char bytes[1024];
    } device;
    STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR alignment;
    DEVICE_SEEK_PENALTY_DESCRIPTOR seek;
    DEVICE_TRIM_DESCRIPTOR trim;
    STORAGE_DESCRIPTOR_HEADER header;

    DWORD error = property(v, StorageDeviceProperty, PropertyStandardQuery, &device, sizeof device);
    wt_ok(error == 0 && device.device.Size >= offsetof(STORAGE_DEVICE_DESCRIPTOR, RawDeviceProperties) &&
              device.device.Size <= sizeof device && !device.device.RemovableMedia,
          "STORAGE_QUERY_PROPERTY device: media not removable (error %lu)", error);
    wt_ok(device.device.ProductIdOffset < sizeof device && device.device.VendorIdOffset < sizeof device &&
              (device.device.ProductIdOffset == 0 ||
               memchr(device.bytes + device.device.ProductIdOffset, 0, sizeof device - device.device.ProductIdOffset)),
          "its texts lie inside and end");
    error = property(v, StorageDeviceProperty, PropertyStandardQuery, &header, sizeof header);
    wt_ok(error == 0 && header.Size == device.device.Size, "with room for the header only: the size (error %lu)",
          error);
    error = property(v, StorageAccessAlignmentProperty, PropertyStandardQuery, &alignment, sizeof alignment);
    wt_ok(error == 0 && alignment.BytesPerLogicalSector == v->create.sector_size &&
              alignment.BytesPerPhysicalSector == v->create.physical_sector_size,
          "alignment: logical and physical sectors (error %lu)", error);
    error = property(v, StorageDeviceSeekPenaltyProperty, PropertyStandardQuery, &seek, sizeof seek);
    wt_ok((error == 0 && !seek.IncursSeekPenalty) || error == ERROR_INVALID_FUNCTION,
          "seek penalty: none, or not known (error %lu)", error);
    error = property(v, StorageDeviceTrimProperty, PropertyStandardQuery, &trim, sizeof trim);
    wt_ok(error == 0 && trim.TrimEnabled == ((v->create.flags & PLATTER_VOLUME_TRIM) != 0),
          "trim: what the provider said (error %lu)", error);
    error = property(v, StorageAccessAlignmentProperty, PropertyExistsQuery, &header, 0);
    wt_ok(error == 0, "a property that exists (error %lu)", error);
    error = property(v, (STORAGE_PROPERTY_ID)9999, PropertyExistsQuery, &header, 0);
    wt_ok(error == ERROR_INVALID_FUNCTION || error == ERROR_NOT_SUPPORTED, "and one that does not (error %lu)", error);
    error = property(v, (STORAGE_PROPERTY_ID)9999, PropertyStandardQuery, &device, sizeof device);
    wt_ok(error == ERROR_INVALID_FUNCTION || error == ERROR_NOT_SUPPORTED, "nor can be queried (error %lu)", error);
    error = ask(v, IOCTL_STORAGE_QUERY_PROPERTY, &header, 4, &device, sizeof device, NULL);
    wt_ok(error != 0, "half a query is refused (error %lu)", error);
}

/* ---- The others: a table of code, input, answer ---- */

enum { TRUTH = 0, REFUSED = ERROR_INVALID_FUNCTION, ANY_REFUSAL = 0xfffe, WRITABLE_ONLY = 0xfffd };

static void test_table(const struct volume *v)
{
    static const BOOLEAN yes = TRUE;
    static const VERIFY_INFORMATION inside = {.Length = 65536};
    static const VERIFY_INFORMATION outside = {.StartingOffset.QuadPart = 1ll << 50, .Length = 4096};
    static const VERIFY_INFORMATION negative = {.StartingOffset.QuadPart = -4096, .Length = 4096};
#define CODE(name) #name, name
    static const struct {
        const char *name;
        DWORD code;
        const void *in;
        DWORD in_length, out_length, expected;
    } table[] = {
        {CODE(IOCTL_DISK_CHECK_VERIFY), NULL, 0, 0, TRUTH},
        {CODE(IOCTL_STORAGE_CHECK_VERIFY), NULL, 0, 0, TRUTH},
        {CODE(IOCTL_STORAGE_CHECK_VERIFY2), NULL, 0, 0, TRUTH},
        {CODE(IOCTL_DISK_IS_WRITABLE), NULL, 0, 0, WRITABLE_ONLY},
        {CODE(IOCTL_DISK_MEDIA_REMOVAL), &yes, sizeof yes, 0, TRUTH},
        {CODE(IOCTL_STORAGE_MEDIA_REMOVAL), &yes, sizeof yes, 0, TRUTH},
        {CODE(IOCTL_STORAGE_GET_HOTPLUG_INFO), NULL, 0, sizeof(STORAGE_HOTPLUG_INFO), TRUTH},
        {CODE(IOCTL_VOLUME_ONLINE), NULL, 0, 0, TRUTH},
        {CODE(VOLUME_GET_GPT_ATTRIBUTES), NULL, 0, 8, TRUTH},
        {"IOCTL_DISK_VERIFY inside", IOCTL_DISK_VERIFY, &inside, sizeof inside, 0, TRUTH},
        {"IOCTL_DISK_VERIFY outside", IOCTL_DISK_VERIFY, &outside, sizeof outside, 0, ANY_REFUSAL},
        {"IOCTL_DISK_VERIFY negative", IOCTL_DISK_VERIFY, &negative, sizeof negative, 0, ANY_REFUSAL},
        /* The volume lies on no disk that Windows knows: no made-up number, no made-up extents. */
        {CODE(IOCTL_STORAGE_GET_DEVICE_NUMBER), NULL, 0, sizeof(STORAGE_DEVICE_NUMBER), REFUSED},
        {CODE(IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS), NULL, 0, sizeof(VOLUME_DISK_EXTENTS), REFUSED},
        {CODE(IOCTL_DISK_PERFORMANCE), NULL, 0, sizeof(DISK_PERFORMANCE), REFUSED},
        {CODE(IOCTL_DISK_FORMAT_TRACKS), NULL, 0, 0, ANY_REFUSAL},
        {CODE(IOCTL_DISK_DELETE_DRIVE_LAYOUT), NULL, 0, 0, ANY_REFUSAL},
        {CODE(VOLSNAP_FLUSH_AND_HOLD_WRITES), NULL, 0, 0, REFUSED},
        {"IOCTL_SCSI_GET_ADDRESS", 0x41018, NULL, 0, 8, REFUSED},
        {"IOCTL_SCSI_PASS_THROUGH", 0x4d004, &yes, sizeof yes, 0, REFUSED},
        {"IOCTL_ATA_PASS_THROUGH", 0x4d02c, &yes, sizeof yes, 0, REFUSED},
        {"a BitLocker code (0x45561088)", 0x45561088, NULL, 0, 64, REFUSED},
        {"a code nobody knows", CTL_CODE(0x9999, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, 64, REFUSED},
        {"TRANSACT, which is not for volumes", PLATTER_IOCTL_TRANSACT, &yes, sizeof yes, 64, REFUSED},
    };
#undef CODE
    static unsigned char out[1024];
    for (size_t i = 0; i < ARRAYSIZE(table); i++) {
        DWORD expected = table[i].expected;
        if (expected == WRITABLE_ONLY)
            expected = v->read_only ? ERROR_WRITE_PROTECT : 0;
        DWORD done = 0;
        DWORD error = ask(v, table[i].code, table[i].in, table[i].in_length, out, table[i].out_length, &done);
        bool right = expected == ANY_REFUSAL ? error != 0 : error == expected;
        if (right && error == 0)
            right = done == table[i].out_length;
        wt_ok(right, "%s: error %lu, %lu bytes", table[i].name, error, done);
    }
}

static void test_hotplug(const struct volume *v)
{
    STORAGE_HOTPLUG_INFO info;
    DWORD error = ask(v, IOCTL_STORAGE_GET_HOTPLUG_INFO, NULL, 0, &info, sizeof info, NULL);
    /* Fixed media in a removable device: file systems keep their caches, Windows offers safe removal. */
    wt_ok(error == 0 && info.Size == sizeof info && !info.MediaRemovable, "hotplug: media not removable (error %lu)",
          error);
}

static void test_volume(struct wt_session *session, char letter, const struct platter_volume_create_in *create)
{
    struct volume v = {.create = *create, .read_only = (create->flags & PLATTER_VOLUME_READ_ONLY) != 0};
    struct platter_volume_info info;

    struct wt_disk *disk = wt_session_add(session, create);
    DWORD error = wt_volume_start(session->control, disk->volume_id, &info);
    if (error != 0 || !wt_wait_drive(letter, true, 5000))
        wt_bail("cannot mount %c: error %lu", letter, error);
    memcpy(v.created.device_name, info.device_name, sizeof v.created.device_name);
    v.drive = wt_open_drive(letter, GENERIC_READ | GENERIC_WRITE);
    wt_note("%c: style %lu, sector size %lu, %s", letter, (unsigned long)create->partition_style,
            (unsigned long)create->sector_size, v.read_only ? "read-only" : "writable");
    test_size(&v);
    test_partition(&v);
    test_mountdev(&v, letter);
    test_properties(&v);
    test_hotplug(&v);
    test_table(&v);
    CloseHandle(v.drive);
    error = wt_volume_remove(session->control, disk->volume_id, 0);
    wt_ok(error == 0 && wt_wait_drive(letter, false, 5000), "none of this keeps the volume from going (error %lu)",
          error);
}

int wmain(int argc, wchar_t **argv)
{
    struct wt_session session;

    if (argc != 2)
        wt_bail("usage: wt_ioctls LETTER");
    wt_watchdog(60);
    wt_session_open(&session);

    struct platter_volume_create_in mbr = wt_volume(9 << 20);
    mbr.flags = 0;
    mbr.letter = (uint32_t)argv[1][0];
    mbr.partition_offset = 63 * 512;
    mbr.partition_style = PLATTER_STYLE_MBR;
    mbr.partition_number = 2;
    mbr.mbr_type = 0x0c;
    mbr.mbr_boot_indicator = 1;
    mbr.mbr_signature = 0x12345678;
    test_volume(&session, (char)mbr.letter, &mbr);

    struct platter_volume_create_in gpt = wt_volume(8 << 20);
    gpt.flags = PLATTER_VOLUME_READ_ONLY | PLATTER_VOLUME_TRIM;
    gpt.letter = (uint32_t)argv[1][0];
    gpt.sector_size = gpt.physical_sector_size = 4096;
    gpt.partition_offset = 5ull << 40; /* beyond 4 GiB, and what 32 bits of sectors reach */
    gpt.partition_style = PLATTER_STYLE_GPT;
    gpt.partition_number = 3;
    memset(gpt.gpt_type, 0xa1, 16);
    memset(gpt.gpt_partition_id, 0xa2, 16);
    memset(gpt.gpt_disk_id, 0xa3, 16);
    gpt.gpt_attributes = 1;
    memcpy(gpt.gpt_name, L"Data", 8);
    test_volume(&session, (char)gpt.letter, &gpt);
    wt_session_close(&session);
    return wt_finish();
}
