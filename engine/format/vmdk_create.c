/* SPDX-License-Identifier: MIT */
/* VMDK: a new, empty image, one sparse extent with its descriptor inside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../os/file.h"
#include "../os/system.h"
#include "vmdk.h"
#include "vmdk_create.h"

#define GRAIN_SECTORS 128u /* 64 KiB */
#define TABLE_WORDS 512u
#define TABLE_SECTORS (TABLE_WORDS * 4 / VMDK_SECTOR)
#define DESCRIPTOR_AT 1u /* sectors, as what follows */
#define DESCRIPTOR_SECTORS 20u
#define DIRECTORY_AT (DESCRIPTOR_AT + DESCRIPTOR_SECTORS)
#define IDE_CYLINDERS_MOST 16383u

struct layout {
    uint64_t sectors, tables, directory_sectors; /* of the disk; grain tables; of one directory */
    uint64_t spare_at, directory_at, end;        /* sectors; each directory has its tables behind it */
};

static struct layout lay_out(uint64_t size)
{
    struct layout layout = {.sectors = size / VMDK_SECTOR, .spare_at = DIRECTORY_AT};
    uint64_t span = (uint64_t)GRAIN_SECTORS * TABLE_WORDS;

    layout.tables = (layout.sectors + span - 1) / span;
    layout.directory_sectors = (layout.tables * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
    layout.directory_at = layout.spare_at + layout.directory_sectors + layout.tables * TABLE_SECTORS;
    layout.end = layout.directory_at + layout.directory_sectors + layout.tables * TABLE_SECTORS;
    layout.end = (layout.end + GRAIN_SECTORS - 1) / GRAIN_SECTORS * GRAIN_SECTORS;
    return layout;
}

void platter_vmdk_header_put(uint8_t raw[VMDK_SECTOR], const struct vmdk_header_fields *fields)
{
    memset(raw, 0, VMDK_SECTOR);
    platter_put_le32(raw, VMDK_MAGIC);
    platter_put_le32(raw + 4, fields->version);
    platter_put_le32(raw + 8, fields->flags);
    platter_put_le64(raw + 12, fields->sectors);
    platter_put_le64(raw + 20, GRAIN_SECTORS);
    platter_put_le64(raw + 28, DESCRIPTOR_AT);
    platter_put_le64(raw + 36, DESCRIPTOR_SECTORS);
    platter_put_le32(raw + 44, TABLE_WORDS);
    platter_put_le64(raw + 48, fields->spare_at);
    platter_put_le64(raw + 56, fields->directory_at);
    platter_put_le64(raw + 64, fields->overhead);
    memcpy(raw + 73, "\n \r\n", 4);
    platter_put_le16(raw + 77, fields->flags & VMDK_FLAG_COMPRESSED ? 1 : 0);
}

enum platter_result platter_vmdk_descriptor_put(char *text, size_t room, const char *path, uint64_t sectors,
                                                const char *type, struct platter_error *err)
{
    const char *name = path + platter_os_folder_length(path);
    uint64_t cylinders = sectors / (16 * 63);
    uint32_t cid;
    int length;
    enum platter_result result = platter_os_random(&cid, sizeof(cid), err);

    if (result)
        return result;
    if (cid >= VMDK_NO_PARENT - 1) /* these two are no ids */
        cid = 1;
    if (strpbrk(name, "\"\r\n"))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "a VMDK has its own name in it, and that cannot have a quotation mark in it");
    length = snprintf(text, room,
                      "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%08x\nparentCID=ffffffff\n"
                      "createType=\"%s\"\n\n# Extent description\nRW %llu SPARSE \"%s\"\n\n"
                      "# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"%llu\"\n"
                      "ddb.geometry.heads = \"16\"\nddb.geometry.sectors = \"63\"\nddb.adapterType = \"ide\"\n",
                      cid, type, (unsigned long long)sectors, name,
                      (unsigned long long)(cylinders < IDE_CYLINDERS_MOST ? cylinders : IDE_CYLINDERS_MOST));
    if (length < 0 || (size_t)length >= room)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "the name is too long for a VMDK");
    return PLATTER_OK;
}

/* A directory of tables that lie behind it, one after the other. They are empty: holes. */
static enum platter_result write_directory(struct platter_os_file *file, const char *path, const struct layout *layout,
                                           uint64_t at, struct platter_error *err)
{
    uint8_t *words = malloc((size_t)layout->tables * 4);
    enum platter_result result;

    if (!words)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    for (uint64_t i = 0; i < layout->tables; i++)
        platter_put_le32(words + i * 4, (uint32_t)(at + layout->directory_sectors + i * TABLE_SECTORS));
    result = platter_os_file_write(file, words, (size_t)layout->tables * 4, at * VMDK_SECTOR, err);
    free(words);
    return result;
}

static enum platter_result vmdk_create(struct platter_os_file *file, const char *path,
                                       const struct platter_new_image *wanted, struct platter_error *err)
{
    struct layout layout = lay_out(wanted->size);
    struct vmdk_header_fields fields = {
        .version = 1,
        .flags = VMDK_FLAG_LINE_ENDS | VMDK_FLAG_SPARE,
        .sectors = layout.sectors,
        .spare_at = layout.spare_at,
        .directory_at = layout.directory_at,
        .overhead = layout.end,
    };
    uint8_t head[(1 + DESCRIPTOR_SECTORS) * VMDK_SECTOR] = {0};
    enum platter_result result;

    platter_vmdk_header_put(head, &fields);
    result = platter_vmdk_descriptor_put((char *)head + VMDK_SECTOR, DESCRIPTOR_SECTORS * VMDK_SECTOR, path,
                                         layout.sectors, "monolithicSparse", err);
    if (result || (result = platter_os_file_resize(file, layout.end * VMDK_SECTOR, err)) ||
        (result = platter_os_file_write(file, head, sizeof(head), 0, err)) ||
        (result = write_directory(file, path, &layout, layout.spare_at, err)))
        return result;
    return write_directory(file, path, &layout, layout.directory_at, err);
}

static const char *const extensions[] = {"vmdk", NULL};
static const char *const subformats[] = {"monolithicSparse", NULL};

const struct platter_maker platter_vmdk_maker = {
    .extensions = extensions,
    .subformats = subformats,
    /* Sectors of the file are counted in 32 bits; 256 MiB and a little are for the tables of such a disk. */
    .size_most = (2ull << 40) - (260u << 20),
    .sector_most = 512,
    .block_least = GRAIN_SECTORS * VMDK_SECTOR,
    .block_most = GRAIN_SECTORS * VMDK_SECTOR,
    .block_usual = GRAIN_SECTORS * VMDK_SECTOR,
    .create = vmdk_create,
};
