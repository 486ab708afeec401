/* SPDX-License-Identifier: MIT */
/* VMDK: headers of sparse extents, both kinds of them, and opening one. */
#include <stdlib.h>
#include <string.h>

#include "vmdk.h"

#define TABLE_CACHE_BYTES (8u << 20) /* tables of 128 GiB with grains of 64 KiB */
#define GRAIN_CACHE_BYTES (32u << 20)
#define GRAIN_MOST (64u << 20)
#define PACKED_MOST (2u << 20) /* a compressed grain is unpacked whole */
#define TABLE_WORDS_MOST 16384u
#define DIRECTORY_MOST (256u << 20) /* bytes */
#define SECTORS_MOST (1ull << 53)
#define DIRECTORY_AT_END UINT64_MAX
#define ESX_TABLE_WORDS 4096u

static enum platter_result impossible(struct platter_block *file, uint64_t at, const char *what, uint64_t value,
                                      struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, file->name, at, "%s of %llu is not possible", what,
                             (unsigned long long)value);
}

/* The header once more behind the data, with what was not known when the first was written. */
static enum platter_result read_footer(struct platter_block *file, uint8_t *raw, struct platter_error *err)
{
    uint64_t size = platter_block_size(file), at = size / VMDK_SECTOR * VMDK_SECTOR - 2 * VMDK_SECTOR;
    enum platter_result result;

    if (size < 4 * VMDK_SECTOR)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, size, "the file has been cut short");
    result = platter_block_read(file, raw, VMDK_SECTOR, at, err);
    if (result == PLATTER_OK && (platter_le32(raw) != VMDK_MAGIC || platter_le64(raw + 56) == DIRECTORY_AT_END))
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, at,
                                   "there is no footer, which says where the grains are: the file has been cut short");
    return result;
}

static enum platter_result read_hosted(struct platter_block *file, uint8_t *raw, struct vmdk_header *header,
                                       uint64_t *grain, struct platter_error *err)
{
    uint64_t descriptor = platter_le64(raw + 28), length = platter_le64(raw + 36), directory;
    enum platter_result result;

    if (platter_le32(raw + 4) < 1 || platter_le32(raw + 4) > 3)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 4,
                                 "a sparse extent of version %u is not supported", platter_le32(raw + 4));
    if (platter_le64(raw + 56) == DIRECTORY_AT_END && (result = read_footer(file, raw, err)))
        return result;
    header->flags = platter_le32(raw + 8);
    /* What a text-mode transfer has damaged shows here. */
    if ((header->flags & VMDK_FLAG_LINE_ENDS) && memcmp(raw + 73, "\n \r\n", 4) != 0)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 73,
                                 "its line ends have been changed: the file was transferred as if it were a text");
    header->capacity = platter_le64(raw + 12);
    *grain = platter_le64(raw + 20);
    header->table_words = platter_le32(raw + 44);
    header->unclean = raw[72] != 0;
    if (descriptor > SECTORS_MOST || length > SECTORS_MOST)
        return impossible(file, 28, "a descriptor's place", descriptor, err);
    header->descriptor_offset = descriptor * VMDK_SECTOR;
    header->descriptor_length = length * VMDK_SECTOR;
    directory = platter_le64(raw + 56);
    if (directory > SECTORS_MOST || platter_le64(raw + 48) > SECTORS_MOST)
        return impossible(file, 56, "a grain directory's place", directory, err);
    header->directory = directory * VMDK_SECTOR;
    if (header->flags & VMDK_FLAG_SPARE)
        header->spare_directory = platter_le64(raw + 48) * VMDK_SECTOR;
    if (!(header->flags & VMDK_FLAG_COMPRESSED) != (platter_le16(raw + 77) == 0) || platter_le16(raw + 77) > 1)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 77,
                                 "compression %u is not supported with flags 0x%x", platter_le16(raw + 77),
                                 header->flags);
    return PLATTER_OK;
}

enum platter_result platter_vmdk_header_read(struct platter_block *file, struct vmdk_header *header,
                                             struct platter_error *err)
{
    uint8_t raw[VMDK_SECTOR];
    uint64_t grain = 0, span;
    enum platter_result result;

    *header = (struct vmdk_header){.esx = false};
    if (platter_block_size(file) < sizeof(raw))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "is too short to be a sparse extent");
    if ((result = platter_block_read(file, raw, sizeof(raw), 0, err)))
        return result;
    if (platter_le32(raw) == VMDK_COWD_MAGIC) {
        header->esx = true;
        header->capacity = platter_le32(raw + 12);
        grain = platter_le32(raw + 16);
        header->directory = (uint64_t)platter_le32(raw + 20) * VMDK_SECTOR;
        header->table_words = ESX_TABLE_WORDS;
    } else if (platter_le32(raw) == VMDK_MAGIC) {
        if ((result = read_hosted(file, raw, header, &grain, err)))
            return result;
    } else if (platter_le64(raw) == VMDK_SE_MAGIC) {
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 0,
                                 "is an SEsparse extent, which is not supported; consolidate the snapshot in vSphere, "
                                 "or export the disk");
    } else {
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0, "is no sparse extent of a VMDK");
    }
    if (header->capacity == 0 || header->capacity > SECTORS_MOST)
        return impossible(file, 12, "a capacity in sectors", header->capacity, err);
    if (grain == 0 || (grain & (grain - 1)) ||
        grain > (header->flags & VMDK_FLAG_COMPRESSED ? PACKED_MOST : GRAIN_MOST) / VMDK_SECTOR)
        return impossible(file, header->esx ? 16 : 20, "a grain size in sectors", grain, err);
    if (header->table_words == 0 || header->table_words > TABLE_WORDS_MOST)
        return impossible(file, 44, "a grain table's size", header->table_words, err);
    header->capacity *= VMDK_SECTOR;
    header->grain = (uint32_t)(grain * VMDK_SECTOR);
    span = (uint64_t)header->grain * header->table_words;
    header->directory_words = header->capacity / span + (header->capacity % span != 0);
    if (header->directory_words > DIRECTORY_MOST / 4)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 12,
                                 "a grain directory of %llu entries is larger than is supported",
                                 (unsigned long long)header->directory_words);
    return PLATTER_OK;
}

const char *platter_vmdk_why_read_only(const struct vmdk_header *header)
{
    if (header->flags & VMDK_FLAG_COMPRESSED)
        return "a stream-optimized image can only be read";
    return header->esx ? "a sparse extent of ESX can only be read" : NULL;
}

static void sparse_free(struct vmdk_sparse *s)
{
    for (size_t i = 0; i < s->dirty_count; i++)
        platter_cache_release(s->tables, s->dirty[i].table);
    free(s->dirty);
    platter_cache_free(s->grains);
    platter_cache_free(s->tables);
    platter_page_table_close(&s->spare);
    platter_page_table_close(&s->directory);
    platter_mapped_free(&s->m);
    free(s);
}

static void sparse_close(struct platter_block *base)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)base;

    if (s->m.writable)
        platter_vmdk_write_end(s);
    sparse_free(s);
}

const struct platter_block_ops platter_vmdk_sparse_ops = {
    .layer = "sparse VMDK",
    .close = sparse_close,
    .read = platter_mapped_read,
    .write = platter_mapped_write,
    .flush = platter_vmdk_flush,
    .discard = platter_mapped_discard,
    .map = platter_mapped_map,
};

static enum platter_result directory_open(struct vmdk_sparse *s, uint64_t offset, struct platter_page_table *table,
                                          struct platter_error *err)
{
    uint64_t bytes = s->header.directory_words * 4;

    if (offset < VMDK_SECTOR || !platter_inside(offset, bytes, platter_block_size(s->m.file)))
        return platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, 56,
                                 "a grain directory is said to be at byte %llu, where it cannot be",
                                 (unsigned long long)offset);
    return platter_page_table_open(table, s->m.file, offset, bytes, 0, err);
}

enum platter_result platter_vmdk_sparse_open(struct platter_block *file, const struct vmdk_header *header,
                                             struct platter_block *parent, uint64_t start, uint64_t size, bool writable,
                                             struct platter_block **block, struct platter_error *err)
{
    struct vmdk_sparse *s;
    const char *obstacle = platter_vmdk_why_read_only(header);
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;

    if (size > header->capacity)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 12,
                                 "has %llu bytes of the disk, but is said to have %llu",
                                 (unsigned long long)header->capacity, (unsigned long long)size);
    if (writable && obstacle)
        return platter_error_set(err, PLATTER_E_READ_ONLY, file->name, PLATTER_NO_OFFSET, "%s", obstacle);
    s = calloc(1, sizeof(*s));
    if (!s)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    platter_mapped_init(&s->m, &platter_vmdk_mapped_ops, file);
    s->m.parent = parent ? platter_block_ref(parent) : NULL;
    s->m.parent_offset = start;
    s->header = *header;
    while (1u << s->grain_bits < header->grain)
        s->grain_bits++;
    if ((result = directory_open(s, header->directory, &s->directory, err)) ||
        (header->spare_directory && (result = directory_open(s, header->spare_directory, &s->spare, err))) ||
        (result = platter_cache_create((size_t)header->table_words * 4, TABLE_CACHE_BYTES, &s->tables, err)))
        goto fail;
    if (header->flags & VMDK_FLAG_COMPRESSED) {
        if ((result = platter_cache_create(header->grain, GRAIN_CACHE_BYTES, &s->grains, err)))
            goto fail;
    }
    if (writable) {
        if ((result = platter_vmdk_write_prepare(s, err)))
            goto fail;
        s->m.writable = true;
        caps |= PLATTER_CAP_WRITE | (file->caps & PLATTER_CAP_DISCARD);
    }
    result = platter_block_init(&s->m.base, &platter_vmdk_sparse_ops, file->name, size, 0, 0, caps, err);
    if (result)
        goto fail;
    *block = &s->m.base;
    return PLATTER_OK;
fail:
    sparse_free(s);
    return result;
}
