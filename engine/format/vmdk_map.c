/* SPDX-License-Identifier: MIT */
/* A sparse extent of a VMDK: from an offset to what lies there, and reading it. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "vmdk.h"

#define MARKER_BYTES 12u
/* The first read of a compressed grain: more than nearly all take, and hardly slower than its length alone. */
#define FIRST_READ (64u << 10)

static uint32_t load_word(const uint8_t *at)
{
    uint32_t raw = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);

    return platter_le32(&raw);
}

enum platter_result platter_vmdk_directory_word(struct platter_page_table *directory, uint64_t index, uint32_t *sector,
                                                struct platter_error *err)
{
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(directory, index * 4, &page, err);

    if (result)
        return result;
    *sector = load_word(page + index * 4 % PLATTER_TABLE_PAGE);
    platter_page_table_release(directory);
    return PLATTER_OK;
}

static enum platter_result load_table(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    const struct vmdk_sparse *s = context;

    return platter_block_read(s->m.file, data, (size_t)s->header.table_words * 4, key, err);
}

enum platter_result platter_vmdk_table(struct vmdk_sparse *s, uint64_t index, uint32_t sector,
                                       struct platter_cache_entry **table, struct platter_error *err)
{
    uint64_t at = (uint64_t)sector * VMDK_SECTOR;

    if (!platter_inside(at, (uint64_t)s->header.table_words * 4, platter_block_size(s->m.file)))
        return platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, s->header.directory + index * 4,
                                 "the grain table of byte %llu is said to be at byte %llu, which is not in the file",
                                 (unsigned long long)(index * s->header.table_words << s->grain_bits),
                                 (unsigned long long)at);
    return platter_cache_hold(s->tables, at, load_table, s, table, err);
}

/* Entries from `first` on that continue what it is, as far as `most` goes. */
static uint32_t count_alike(const struct vmdk_sparse *s, const uint8_t *table, uint32_t first, uint64_t most)
{
    uint32_t word = load_word(table + (size_t)first * 4), step = s->header.grain / VMDK_SECTOR, count = 1;
    bool plain = word > VMDK_ZERO_GRAIN || (word && !(s->header.flags & VMDK_FLAG_ZERO_GRAINS));

    if (plain && s->grains)
        return 1;
    while (first + count < s->header.table_words && count < most) {
        uint32_t next = load_word(table + (size_t)(first + count) * 4);

        if (plain ? next != (uint64_t)word + (uint64_t)count * step : next != word)
            break;
        count++;
    }
    return count;
}

static bool meets(uint64_t start, uint64_t length, uint64_t other, uint64_t other_length)
{
    return start < other + other_length && other < start + length;
}

/* The run is one of grains in the file: whether they can be there. */
static enum platter_result check_place(struct vmdk_sparse *s, uint64_t grain, struct platter_run *run,
                                       struct platter_error *err)
{
    uint64_t size = platter_block_size(s->m.file), directory = s->header.directory_words * 4;
    uint64_t length = run->kind == PLATTER_RUN_OWN ? run->length : 1; /* how long a packed one is, its marker knows */

    if (run->host >= size || meets(run->host, 1, 0, VMDK_SECTOR) ||
        meets(run->host, length, s->header.directory, directory) ||
        (s->header.spare_directory && meets(run->host, length, s->header.spare_directory, directory)))
        return platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, run->host,
                                 "the grain of byte %llu is said to be here, where none can be in a file of %llu bytes",
                                 (unsigned long long)(grain << s->grain_bits), (unsigned long long)size);
    /* A run is cut at the file's end, so that only what is missing is an error. */
    if (run->kind == PLATTER_RUN_OWN && run->length > size - run->host)
        run->length = size - run->host;
    return PLATTER_OK;
}

static enum platter_result lookup(struct platter_mapped *m, uint64_t offset, uint64_t limit, struct platter_run *run,
                                  struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)m;
    uint64_t grain = offset >> s->grain_bits, within = offset & (s->header.grain - 1);
    uint64_t index = grain / s->header.table_words;
    uint32_t slot = (uint32_t)(grain % s->header.table_words), sector, word = 0, count;
    struct platter_cache_entry *table;
    enum platter_result result = platter_vmdk_directory_word(&s->directory, index, &sector, err);

    *run = (struct platter_run){.kind = s->m.parent ? PLATTER_RUN_PARENT : PLATTER_RUN_ZERO,
                                .length = s->header.grain - within};
    if (result)
        return result;
    if (sector == 0) {
        run->length = ((uint64_t)(s->header.table_words - slot) << s->grain_bits) - within;
        goto clip;
    }
    if ((result = platter_vmdk_table(s, index, sector, &table, err)))
        return result;
    word = load_word(platter_cache_data(table) + (size_t)slot * 4);
    count = count_alike(s, platter_cache_data(table), slot, limit / s->header.grain + 2);
    platter_cache_release(s->tables, table);
    run->length = ((uint64_t)count << s->grain_bits) - within;
    if (word == VMDK_ZERO_GRAIN && (s->header.flags & VMDK_FLAG_ZERO_GRAINS))
        run->kind = PLATTER_RUN_ZERO;
    else if (word)
        run->kind = s->grains ? PLATTER_RUN_PACKED : PLATTER_RUN_OWN;
clip:
    if (run->length > limit)
        run->length = limit;
    if (run->kind == PLATTER_RUN_OWN || run->kind == PLATTER_RUN_PACKED) {
        run->host = (uint64_t)word * VMDK_SECTOR + (run->kind == PLATTER_RUN_OWN ? within : 0);
        return check_place(s, grain, run, err);
    }
    return PLATTER_OK;
}

static enum platter_result damaged(const struct vmdk_sparse *s, uint64_t host, uint64_t offset, const char *why,
                                   struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_DAMAGED, s->m.file->name, host, "the grain of byte %llu %s",
                             (unsigned long long)offset, why);
}

static bool inflate_grain(const uint8_t *in, size_t in_length, uint8_t *out, size_t out_length, size_t *got)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)in,
                       .avail_in = (uInt)in_length,
                       .next_out = out,
                       .avail_out = (uInt)out_length};
    int status;

    if (inflateInit(&stream) != Z_OK)
        return false;
    status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    *got = out_length - stream.avail_out;
    return status == Z_STREAM_END;
}

/* Reads what is stored of the grain: its marker says how long it is. Of *in, to be freed, *length bytes from *at on. */
static enum platter_result read_stored(const struct vmdk_sparse *s, uint64_t host, uint64_t offset, uint8_t **in,
                                       size_t *at, size_t *length, struct platter_error *err)
{
    uint64_t left = platter_block_size(s->m.file) - host;
    size_t most = (size_t)s->header.grain * 2 + 4096, first = most < FIRST_READ ? most : FIRST_READ, stored;
    enum platter_result result;

    *at = s->header.flags & VMDK_FLAG_MARKERS ? MARKER_BYTES : 0;
    /* No marker: the stream itself tells where it ends. */
    if (*at == 0)
        first = most;
    first = first < left ? first : (size_t)left;
    *in = malloc(most + MARKER_BYTES);
    if (!*in)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, host, "out of memory");
    result = platter_block_read(s->m.file, *in, first, host, err);
    *length = first;
    if (result || *at == 0)
        return result;
    if (first < MARKER_BYTES)
        return damaged(s, host, offset, "is cut short", err);
    if (platter_le64(*in) != offset / VMDK_SECTOR)
        return damaged(s, host, offset, "is said to be here, but another one is", err);
    stored = platter_le32(*in + 8);
    *length = stored;
    if (stored == 0 || stored > most || stored > left - MARKER_BYTES)
        return damaged(s, host, offset, "has an impossible length", err);
    if (stored + MARKER_BYTES > first)
        result = platter_block_read(s->m.file, *in + first, stored + MARKER_BYTES - first, host + first, err);
    return result;
}

/* offset: of the grain, in the extent. */
static enum platter_result unpack(struct vmdk_sparse *s, uint64_t host, uint64_t offset, uint8_t *out,
                                  struct platter_error *err)
{
    uint64_t left = s->header.capacity - offset;
    size_t at = 0, length = 0, got = 0;
    uint8_t *in = NULL;
    enum platter_result result = read_stored(s, host, offset, &in, &at, &length, err);

    if (result == PLATTER_OK && !inflate_grain(in + at, length, out, s->header.grain, &got))
        result = damaged(s, host, offset, "does not unpack", err);
    free(in);
    if (result)
        return result;
    /* Only the extent's last grain may end with it. */
    if (got < s->header.grain && got < left)
        return damaged(s, host, offset, "is shorter than a grain", err);
    memset(out + got, 0, s->header.grain - got);
    return PLATTER_OK;
}

struct job {
    struct vmdk_sparse *s;
    uint64_t offset;
};

static enum platter_result load_grain(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    const struct job *job = context;

    return unpack(job->s, key, job->offset, data, err);
}

static enum platter_result read_packed(struct platter_mapped *m, const struct platter_run *run, uint8_t *out,
                                       uint64_t offset, struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)m;
    uint64_t within = offset & (s->header.grain - 1);
    struct job job = {.s = s, .offset = offset - within};
    struct platter_cache_entry *entry;
    enum platter_result result;

    entry = platter_cache_peek(s->grains, run->host);
    /* Who wants the whole grain gets it straight into his buffer, and nobody keeps a copy. */
    if (!entry && run->length == s->header.grain)
        return unpack(s, run->host, offset, out, err);
    if (!entry && (result = platter_cache_hold(s->grains, run->host, load_grain, &job, &entry, err)))
        return result;
    memcpy(out, platter_cache_data(entry) + within, (size_t)run->length);
    platter_cache_release(s->grains, entry);
    return PLATTER_OK;
}

const struct platter_mapped_ops platter_vmdk_mapped_ops = {
    .lookup = lookup,
    .unpack = read_packed,
    .write_new = platter_vmdk_write_new,
};
