/* SPDX-License-Identifier: MIT */
/* QCOW2: the header, its extensions and the list of snapshots, each field checked before it is believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

#define EXTENSION_END 0u
#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define EXTENSION_DATA_FILE 0x44415441u
#define EXTENSION_FEATURE_NAMES 0x6803f857u
#define FEATURE_ENTRY 48u /* bytes: kind, bit, name */
#define FEATURE_INCOMPATIBLE 0u
#define MAX_NAME 1023u

static enum platter_result wrong(struct platter_block *file, uint64_t at, const char *what, uint64_t value,
                                 struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, file->name, at, "%s of %llu makes no sense", what,
                             (unsigned long long)value);
}

static char *read_text(struct platter_block *file, uint64_t offset, uint32_t length, struct platter_error *err)
{
    char *text = malloc((size_t)length + 1);

    if (!text) {
        (void)platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
        return NULL;
    }
    if (platter_block_read(file, text, length, offset, err)) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    if (strlen(text) != length) {
        (void)platter_error_set(err, PLATTER_E_FORMAT, file->name, offset, "a name has a zero byte in it");
        free(text);
        return NULL;
    }
    return text;
}

struct extension {
    uint32_t type, length;
    uint64_t at; /* of its data */
};

/* The extension at *at, behind which *at is left; EXTENSION_END: there is none. */
static enum platter_result next_extension(struct platter_block *file, uint64_t *at, uint64_t end,
                                          struct extension *extension, struct platter_error *err)
{
    uint8_t head[8];
    enum platter_result result;

    *extension = (struct extension){.type = EXTENSION_END};
    if (!platter_inside(*at, sizeof(head), end))
        return PLATTER_OK;
    if ((result = platter_block_read(file, head, sizeof(head), *at, err)))
        return result;
    *extension = (struct extension){platter_be32(head), platter_be32(head + 4), *at + sizeof(head)};
    if (extension->type != EXTENSION_END && !platter_inside(extension->at, extension->length, end))
        return wrong(file, *at + 4, "the length of a header extension", extension->length, err);
    *at = extension->at + (((uint64_t)extension->length + 7) & ~7ull);
    return PLATTER_OK;
}

static enum platter_result read_extensions(struct platter_block *file, struct qcow2_header *header, uint64_t end,
                                           struct platter_error *err)
{
    uint64_t at = header->header_length;

    if (end > platter_block_size(file))
        end = platter_block_size(file);
    for (;;) {
        struct extension extension;
        enum platter_result result = next_extension(file, &at, end, &extension, err);
        char **text = extension.type == EXTENSION_BACKING_FORMAT ? &header->backing_format
                      : extension.type == EXTENSION_DATA_FILE    ? &header->data_file
                                                                 : NULL;

        if (result || extension.type == EXTENSION_END)
            return result;
        if (!text || *text)
            continue;
        if (extension.length == 0 || extension.length > MAX_NAME)
            return wrong(file, extension.at - 4, "the length of a name", extension.length, err);
        *text = read_text(file, extension.at, extension.length, err);
        if (!*text)
            return PLATTER_E_FORMAT;
    }
}

/* The name that the image itself has for an incompatible feature; "" when it has none. */
static void feature_name(struct platter_block *file, const struct qcow2_header *header, unsigned bit, char *name,
                         size_t size)
{
    uint64_t at = header->header_length, end = 1ull << header->cluster_bits;
    struct extension extension;
    uint8_t entry[FEATURE_ENTRY];

    name[0] = '\0';
    if (end > platter_block_size(file))
        end = platter_block_size(file);
    do {
        if (next_extension(file, &at, end, &extension, NULL) || extension.type == EXTENSION_END)
            return;
    } while (extension.type != EXTENSION_FEATURE_NAMES);
    for (uint32_t i = 0; i + FEATURE_ENTRY <= extension.length; i += FEATURE_ENTRY) {
        if (platter_block_read(file, entry, sizeof(entry), extension.at + i, NULL))
            return;
        if (entry[0] != FEATURE_INCOMPATIBLE || entry[1] != bit)
            continue;
        (void)snprintf(name, size, "%.*s", (int)(FEATURE_ENTRY - 2), (const char *)entry + 2);
        return;
    }
}

static enum platter_result refuse_features(struct platter_block *file, const struct qcow2_header *header,
                                           uint64_t unknown, struct platter_error *err)
{
    char list[256] = "";
    size_t used = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        char name[FEATURE_ENTRY];

        if (!(unknown >> bit & 1) || used + sizeof(name) + 16 > sizeof(list))
            continue;
        feature_name(file, header, bit, name, sizeof(name));
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%sbit %u", used ? ", " : "", name,
                                 name[0] ? ", " : "", bit);
    }
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 72, "needs features that are not known here: %s",
                             list);
}

static enum platter_result check_features(struct platter_block *file, const struct qcow2_header *header,
                                          struct platter_error *err)
{
    if (header->crypt_method != 0)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 32,
                                 "is encrypted (method %u), which is not supported", header->crypt_method);
    if (header->incompatible & ~(uint64_t)QCOW2_INCOMPATIBLE_KNOWN)
        return refuse_features(file, header, header->incompatible & ~(uint64_t)QCOW2_INCOMPATIBLE_KNOWN, err);
    if (header->compression_type > 1)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 104, "compression type %u is not supported",
                                 header->compression_type);
    if ((header->compression_type != 0) != ((header->incompatible & QCOW2_COMPRESSION_TYPE) != 0))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 104,
                                 "the compression type is %u, but the feature bits say otherwise",
                                 header->compression_type);
    return PLATTER_OK;
}

static enum platter_result check_geometry(struct platter_block *file, const struct qcow2_header *header,
                                          struct platter_error *err)
{
    uint64_t cluster = 1ull << header->cluster_bits;
    uint64_t entry = header->incompatible & QCOW2_EXTENDED_L2 ? 16 : 8;
    uint64_t covered = cluster / entry * cluster; /* guest bytes of one L1 entry; at most 2^38 */
    uint64_t needed = header->size / covered + (header->size % covered != 0);

    if ((header->incompatible & QCOW2_EXTENDED_L2) && header->cluster_bits < 14)
        return wrong(file, 20, "with extended L2 entries, a cluster size exponent", header->cluster_bits, err);
    if (header->size > INT64_MAX - cluster)
        return wrong(file, 24, "a disk size", header->size, err);
    if (header->l1_entries > QCOW2_MAX_L1_BYTES / 8 || header->l1_entries < needed)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 36,
                                 "the L1 table has %u entries, a disk of %llu bytes needs %llu", header->l1_entries,
                                 (unsigned long long)header->size, (unsigned long long)needed);
    if (header->l1_offset % cluster || (header->l1_entries && header->l1_offset == 0))
        return wrong(file, 40, "an L1 table offset", header->l1_offset, err);
    if (!platter_inside(header->l1_offset, (uint64_t)header->l1_entries * 8, platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 40,
                                 "the L1 table at byte %llu lies outside the file: the file has been cut short",
                                 (unsigned long long)header->l1_offset);
    if (header->reftable_offset % cluster || header->reftable_offset == 0)
        return wrong(file, 48, "a refcount table offset", header->reftable_offset, err);
    if (header->reftable_clusters == 0 ||
        header->reftable_clusters > (QCOW2_MAX_REFTABLE_BYTES >> header->cluster_bits) + 1)
        return wrong(file, 56, "a refcount table size in clusters", header->reftable_clusters, err);
    if (header->snapshot_count > QCOW2_MAX_SNAPSHOTS)
        return wrong(file, 60, "a number of snapshots", header->snapshot_count, err);
    return PLATTER_OK;
}

enum platter_result platter_qcow2_header_read(struct platter_block *file, struct qcow2_header *header,
                                              struct platter_error *err)
{
    uint64_t size = platter_block_size(file), backing_offset;
    uint32_t backing_length;
    uint8_t raw[112] = {0};
    enum platter_result result;

    memset(header, 0, sizeof(*header));
    if (size < QCOW2_HEADER_V2)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, size, "the file ends inside its header");
    result = platter_block_read(file, raw, size < sizeof(raw) ? (size_t)size : sizeof(raw), 0, err);
    if (result)
        return result;
    header->version = platter_be32(raw + 4);
    backing_offset = platter_be64(raw + 8);
    backing_length = platter_be32(raw + 16);
    header->cluster_bits = platter_be32(raw + 20);
    header->size = platter_be64(raw + 24);
    header->crypt_method = platter_be32(raw + 32);
    header->l1_entries = platter_be32(raw + 36);
    header->l1_offset = platter_be64(raw + 40);
    header->reftable_offset = platter_be64(raw + 48);
    header->reftable_clusters = platter_be32(raw + 56);
    header->snapshot_count = platter_be32(raw + 60);
    header->snapshots_offset = platter_be64(raw + 64);
    header->refcount_order = 4;
    header->header_length = QCOW2_HEADER_V2;
    if (header->version < 2 || header->version > 3)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 4, "is QCOW version %u; 2 and 3 are supported",
                                 header->version);
    if (header->cluster_bits < 9 || header->cluster_bits > 21)
        return wrong(file, 20, "a cluster size exponent", header->cluster_bits, err);
    if (header->version == 3) {
        header->incompatible = platter_be64(raw + 72);
        header->compatible = platter_be64(raw + 80);
        header->autoclear = platter_be64(raw + 88);
        header->refcount_order = platter_be32(raw + 96);
        header->header_length = platter_be32(raw + 100);
        if (header->header_length < QCOW2_HEADER_V3 || header->header_length % 8 ||
            header->header_length > 1u << header->cluster_bits)
            return wrong(file, 100, "a header length", header->header_length, err);
        if (header->header_length > QCOW2_HEADER_V3)
            header->compression_type = raw[104];
        if (header->refcount_order > 6)
            return wrong(file, 96, "a refcount width exponent", header->refcount_order, err);
    }
    result = check_features(file, header, err);
    if (result)
        return result;
    result = check_geometry(file, header, err);
    if (result)
        return result;
    if (backing_offset != 0) {
        if (backing_length == 0 || backing_length > MAX_NAME)
            return wrong(file, 16, "the length of the backing file's name", backing_length, err);
        if (!platter_inside(backing_offset, backing_length, 1ull << header->cluster_bits))
            return wrong(file, 8, "the offset of the backing file's name", backing_offset, err);
    }
    /* Extensions end where the backing file's name begins, or with the first cluster. */
    result = read_extensions(file, header, backing_offset ? backing_offset : 1ull << header->cluster_bits, err);
    if (result == PLATTER_OK && backing_offset != 0) {
        header->backing_name = read_text(file, backing_offset, backing_length, err);
        if (!header->backing_name)
            result = PLATTER_E_FORMAT;
    }
    if (result == PLATTER_OK && (header->incompatible & QCOW2_DATA_FILE) && !header->data_file)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, 72,
                                   "keeps its data in another file, but does not say in which");
    if (result)
        platter_qcow2_header_free(header);
    return result;
}

void platter_qcow2_header_free(struct qcow2_header *header)
{
    free(header->backing_name);
    free(header->backing_format);
    free(header->data_file);
    header->backing_name = header->backing_format = header->data_file = NULL;
}

static enum platter_result read_snapshot(struct qcow2 *q, uint64_t *at, struct qcow2_snapshot *snapshot,
                                         struct platter_error *err)
{
    uint8_t raw[40], extra[16];
    uint32_t id_length, name_length, extra_length;
    enum platter_result result = platter_block_read(q->file, raw, sizeof(raw), *at, err);

    if (result)
        return result;
    snapshot->l1_offset = platter_be64(raw);
    snapshot->l1_entries = platter_be32(raw + 8);
    id_length = platter_be16(raw + 12);
    name_length = platter_be16(raw + 14);
    snapshot->date = platter_be32(raw + 16);
    extra_length = platter_be32(raw + 36);
    snapshot->disk_size = q->header.size;
    if (extra_length > 1024)
        return wrong(q->file, *at + 36, "the length of a snapshot's extra data", extra_length, err);
    if (snapshot->l1_entries > QCOW2_MAX_L1_BYTES / 8)
        return wrong(q->file, *at + 8, "a number of L1 entries", snapshot->l1_entries, err);
    if (extra_length >= 16) {
        result = platter_block_read(q->file, extra, sizeof(extra), *at + 40, err);
        if (result)
            return result;
        snapshot->disk_size = platter_be64(extra + 8);
    }
    snapshot->id = read_text(q->file, *at + 40 + extra_length, id_length, err);
    snapshot->name = snapshot->id ? read_text(q->file, *at + 40 + extra_length + id_length, name_length, err) : NULL;
    if (!snapshot->name)
        return PLATTER_E_FORMAT;
    *at += (40ull + extra_length + id_length + name_length + 7) & ~7ull;
    return PLATTER_OK;
}

enum platter_result platter_qcow2_snapshots_read(struct qcow2 *q, struct platter_error *err)
{
    uint64_t at = q->header.snapshots_offset;

    if (q->header.snapshot_count == 0)
        return PLATTER_OK;
    q->snapshots = calloc(q->header.snapshot_count, sizeof(*q->snapshots));
    if (!q->snapshots)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    for (uint32_t i = 0; i < q->header.snapshot_count; i++) {
        enum platter_result result = read_snapshot(q, &at, &q->snapshots[i], err);

        if (result)
            return result;
    }
    q->snapshots_length = at - q->header.snapshots_offset;
    return PLATTER_OK;
}

void platter_qcow2_snapshots_free(struct qcow2 *q)
{
    for (uint32_t i = 0; q->snapshots && i < q->header.snapshot_count; i++) {
        free(q->snapshots[i].id);
        free(q->snapshots[i].name);
    }
    free(q->snapshots);
    q->snapshots = NULL;
}
