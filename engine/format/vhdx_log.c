/* SPDX-License-Identifier: MIT */
/* VHDX: what the log holds that has not arrived in the file yet; the specification, 2.3. */
#include <stdlib.h>
#include <string.h>

#include "../crc32c.h"
#include "vhdx.h"

#define ENTRY_HEADER 64u
#define DESCRIPTOR 32u
/*
 * An entry that a log holds in earnest is small. These bounds keep a file made to waste time from it: what is read to
 * find the active sequence, beside the log itself, and how many sectors of it are held in memory's list.
 */
#define SLACK_BYTES (64ull << 20)
#define MAX_ENTRY_BYTES (32u << 20)
#define MAX_PATCHES 65536u

struct reader {
    struct platter_block *file;
    const struct vhdx_header *header;
    uint64_t budget; /* bytes that may still be read */
    uint8_t *entry;  /* the one at hand */
    size_t room;
};

/* What a whole entry says of itself. */
struct entry {
    uint32_t length, tail, descriptors;
    uint64_t sequence, flushed_size, last_size;
};

/* A run of whole entries, each following the one before. */
struct sequence {
    uint32_t tail, head; /* bytes in the log, where the first and the last begin */
    uint32_t end;        /* where the next would */
    uint64_t entries, first_number, last_number;
    uint32_t replay_from; /* what the last says of where replay begins */
    uint64_t flushed_size, last_size;
};

/* Reads from the log, around its end. */
static enum platter_result read_log(struct reader *reader, void *buffer, uint32_t length, uint32_t at,
                                    struct platter_error *err)
{
    uint32_t to_end = reader->header->log_length - at, first = length < to_end ? length : to_end;
    enum platter_result result;

    if (reader->budget < length)
        return platter_error_set(err, PLATTER_E_FORMAT, reader->file->name, reader->header->log_offset,
                                 "the log is made so that it cannot be read in reasonable time");
    reader->budget -= length;
    result = platter_block_read(reader->file, buffer, first, reader->header->log_offset + at, err);
    if (result == PLATTER_OK && first < length)
        result = platter_block_read(reader->file, (uint8_t *)buffer + first, length - first, reader->header->log_offset,
                                    err);
    return result;
}

/* What can be told from an entry's first bytes. */
static bool plausible(const struct reader *reader, const uint8_t *raw, struct entry *entry)
{
    entry->length = platter_le32(raw + 8);
    entry->tail = platter_le32(raw + 12);
    entry->sequence = platter_le64(raw + 16);
    entry->descriptors = platter_le32(raw + 24);
    entry->flushed_size = platter_le64(raw + 48);
    entry->last_size = platter_le64(raw + 56);
    return memcmp(raw, "loge", 4) == 0 && entry->length >= VHDX_SECTOR && entry->length % VHDX_SECTOR == 0 &&
           entry->length <= reader->header->log_length && entry->length <= MAX_ENTRY_BYTES &&
           entry->tail % VHDX_SECTOR == 0 && entry->tail < reader->header->log_length && entry->sequence > 0 &&
           memcmp(raw + 32, reader->header->log, sizeof(vhdx_guid)) == 0 &&
           entry->descriptors <= (entry->length - ENTRY_HEADER) / DESCRIPTOR;
}

static uint32_t descriptor_sectors(uint32_t descriptors)
{
    return (ENTRY_HEADER + descriptors * DESCRIPTOR + VHDX_SECTOR - 1) / VHDX_SECTOR;
}

/* The descriptors and the data sectors behind them, all of the entry's number. */
static bool body_holds(const uint8_t *raw, const struct entry *entry)
{
    uint64_t sector = descriptor_sectors(entry->descriptors);

    for (uint32_t i = 0; i < entry->descriptors; i++) {
        const uint8_t *descriptor = raw + ENTRY_HEADER + (size_t)i * DESCRIPTOR, *data;

        if (platter_le64(descriptor + 24) != entry->sequence || platter_le64(descriptor + 16) % VHDX_SECTOR)
            return false;
        if (memcmp(descriptor, "zero", 4) == 0) {
            if (platter_le64(descriptor + 8) % VHDX_SECTOR)
                return false;
            continue;
        }
        if (memcmp(descriptor, "desc", 4) != 0 || (sector + 1) * VHDX_SECTOR > entry->length)
            return false;
        data = raw + sector++ * VHDX_SECTOR;
        if (memcmp(data, "data", 4) != 0 || platter_le32(data + 4) != entry->sequence >> 32 ||
            platter_le32(data + VHDX_SECTOR - 4) != (entry->sequence & 0xFFFFFFFF))
            return false;
    }
    return true;
}

/* Reads the entry at `at` into reader->entry. *whole false: there is none. */
static enum platter_result read_entry(struct reader *reader, uint32_t at, struct entry *entry, bool *whole,
                                      struct platter_error *err)
{
    uint8_t raw[ENTRY_HEADER] = {0};
    uint32_t stored;
    enum platter_result result = read_log(reader, raw, sizeof(raw), at, err);

    *whole = false;
    if (result || !plausible(reader, raw, entry))
        return result;
    if (entry->length > reader->room) {
        uint8_t *grown = realloc(reader->entry, entry->length);

        if (!grown)
            return platter_error_set(err, PLATTER_E_NO_MEMORY, reader->file->name, PLATTER_NO_OFFSET, "out of memory");
        reader->entry = grown;
        reader->room = entry->length;
    }
    if ((result = read_log(reader, reader->entry, entry->length, at, err)))
        return result;
    stored = platter_le32(reader->entry + 4);
    platter_put_le32(reader->entry + 4, 0);
    *whole = memcmp(raw + 8, reader->entry + 8, sizeof(raw) - 8) == 0 &&
             platter_crc32c(0, reader->entry, entry->length) == stored && body_holds(reader->entry, entry);
    return PLATTER_OK;
}

/* The longest sequence that begins at `tail`. */
static enum platter_result read_sequence(struct reader *reader, uint32_t tail, struct sequence *sequence,
                                         struct platter_error *err)
{
    uint64_t length = 0;

    memset(sequence, 0, sizeof(*sequence));
    sequence->tail = sequence->end = tail;
    for (;;) {
        struct entry entry;
        bool whole;
        enum platter_result result = read_entry(reader, sequence->end, &entry, &whole, err);

        if (result || !whole || length + entry.length > reader->header->log_length ||
            (sequence->entries && entry.sequence != sequence->last_number + 1))
            return result;
        if (sequence->entries++ == 0)
            sequence->first_number = entry.sequence;
        length += entry.length;
        sequence->last_number = entry.sequence;
        sequence->head = sequence->end;
        sequence->replay_from = entry.tail;
        sequence->flushed_size = entry.flushed_size;
        sequence->last_size = entry.last_size;
        sequence->end = (uint32_t)(((uint64_t)sequence->end + entry.length) % reader->header->log_length);
    }
}

/* The newest run that holds everything its last entry asks for. `active->entries` 0: there is none. */
static enum platter_result find_active(struct reader *reader, struct sequence *active, struct platter_error *err)
{
    uint64_t log_length = reader->header->log_length, at = 0;

    memset(active, 0, sizeof(*active));
    while (at < log_length) {
        struct sequence candidate;
        uint64_t span, asked;
        enum platter_result result = read_sequence(reader, (uint32_t)at, &candidate, err);

        if (result)
            return result;
        if (candidate.entries == 0) {
            at += VHDX_SECTOR;
            continue;
        }
        span = (candidate.head + log_length - candidate.tail) % log_length;
        asked = (candidate.replay_from + log_length - candidate.tail) % log_length;
        if (asked <= span && candidate.last_number > active->last_number)
            *active = candidate;
        if (candidate.end <= at)
            break; /* around the log's end: all of it has been seen */
        at = candidate.end;
    }
    return PLATTER_OK;
}

static enum platter_result add_patch(struct reader *reader, struct vhdx_log *log, const struct vhdx_patch *patch,
                                     struct platter_error *err)
{
    if (log->count == MAX_PATCHES)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, reader->file->name, reader->header->log_offset,
                                 "the log holds more than %u changes", MAX_PATCHES);
    if (log->count == log->room) {
        size_t room = log->room ? log->room * 2 : 64;
        struct vhdx_patch *grown = realloc(log->patches, room * sizeof(*grown));

        if (!grown)
            return platter_error_set(err, PLATTER_E_NO_MEMORY, reader->file->name, PLATTER_NO_OFFSET, "out of memory");
        log->patches = grown;
        log->room = room;
    }
    log->patches[log->count++] = *patch;
    return PLATTER_OK;
}

static enum platter_result collect_entry(struct reader *reader, uint32_t at, const struct entry *entry,
                                         struct vhdx_log *log, struct platter_error *err)
{
    uint64_t sector = descriptor_sectors(entry->descriptors);
    uint64_t log_offset = reader->header->log_offset, log_length = reader->header->log_length;
    enum platter_result result = PLATTER_OK;

    for (uint32_t i = 0; i < entry->descriptors && result == PLATTER_OK; i++) {
        const uint8_t *descriptor = reader->entry + ENTRY_HEADER + (size_t)i * DESCRIPTOR;
        struct vhdx_patch patch = {.target = platter_le64(descriptor + 16)};
        uint64_t length = VHDX_SECTOR;

        if (memcmp(descriptor, "zero", 4) == 0) {
            length = patch.zeros = platter_le64(descriptor + 8);
            if (length == 0)
                continue;
        } else {
            patch.source = log_offset + (at + sector++ * VHDX_SECTOR) % log_length;
            memcpy(patch.leading, descriptor + 8, sizeof(patch.leading));
            memcpy(patch.trailing, descriptor + 4, sizeof(patch.trailing));
        }
        /* The log is no place to be changed through the log, and neither are the headers that lead to it. */
        if (!platter_inside(patch.target, length, entry->last_size) || patch.target < VHDX_MIB ||
            (patch.target < log_offset + log_length && log_offset < patch.target + length))
            return platter_error_set(err, PLATTER_E_FORMAT, reader->file->name, log_offset + at,
                                     "a log entry changes %llu bytes at byte %llu, which it may not",
                                     (unsigned long long)length, (unsigned long long)patch.target);
        result = add_patch(reader, log, &patch, err);
    }
    return result;
}

static enum platter_result collect(struct reader *reader, const struct sequence *active, struct vhdx_log *log,
                                   struct platter_error *err)
{
    uint32_t at = active->replay_from;

    for (;;) {
        struct entry entry;
        bool whole;
        enum platter_result result = read_entry(reader, at, &entry, &whole, err);

        if (result)
            return result;
        if (!whole)
            return platter_error_set(err, PLATTER_E_FORMAT, reader->file->name, reader->header->log_offset + at,
                                     "the log says that an entry is here, and there is none");
        /* Each entry may speak of as much of the file as the last does. */
        entry.last_size = active->last_size;
        if ((result = collect_entry(reader, at, &entry, log, err)))
            return result;
        log->entries++;
        if (at == active->head)
            return PLATTER_OK;
        at = (uint32_t)(((uint64_t)at + entry.length) % reader->header->log_length);
    }
}

enum platter_result platter_vhdx_log_read(struct platter_block *file, const struct vhdx_header *header,
                                          struct vhdx_log *log, struct platter_error *err)
{
    struct reader reader = {.file = file, .header = header, .budget = 4ull * header->log_length + SLACK_BYTES};
    uint64_t size = platter_block_size(file);
    struct sequence active;
    enum platter_result result;

    memset(log, 0, sizeof(*log));
    if (!platter_inside(header->log_offset, header->log_length, size))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, VHDX_HEADER_AT(header->current) + 68,
                                 "the log is said to have %u bytes at byte %llu, which is outside the file",
                                 header->log_length, (unsigned long long)header->log_offset);
    result = find_active(&reader, &active, err);
    if (result == PLATTER_OK && active.entries == 0)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, header->log_offset,
                                   "the log should hold changes that have not arrived in the file, and is damaged");
    if (result == PLATTER_OK && (active.flushed_size > size || active.last_size > 2 * VHDX_MAX_DISK))
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, header->log_offset + active.head,
                                   "the log was written for a file of %llu bytes, but there are %llu: the file "
                                   "has been cut short, or is damaged",
                                   (unsigned long long)active.flushed_size, (unsigned long long)size);
    log->flushed_size = active.flushed_size;
    log->last_size = active.last_size;
    if (result == PLATTER_OK)
        result = collect(&reader, &active, log, err);
    free(reader.entry);
    if (result)
        platter_vhdx_log_free(log);
    return result;
}

void platter_vhdx_log_free(struct vhdx_log *log)
{
    free(log->patches);
    memset(log, 0, sizeof(*log));
}
