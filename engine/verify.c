/* SPDX-License-Identifier: MIT */
/* Reads a whole disk and reports what cannot be read, each range once. */
#include <string.h>

#include "copy/walk.h"
#include "image.h"
#include "verify.h"

/* How often a failing piece may be halved in one check, to tell its bad sectors from its good ones. */
#define HALVINGS_MOST 65536u

struct check {
    struct platter_block *disk;
    platter_finding_fn *finding;
    platter_damage_fn *damage; /* may be NULL */
    void *context;
    struct platter_verify_report *report;
    const char *path;
    uint8_t *data;
    unsigned halvings;
    uint64_t bad_start, bad_end;   /* the failing range that is growing; empty: none */
    struct platter_error bad;      /* its first error */
    struct platter_range touching; /* failing ranges that touch, whatever their errors; empty: none */
};

static void tell_damage(struct check *check)
{
    if (check->touching.length && check->damage)
        check->damage(check->context, check->touching.offset, check->touching.length);
    check->touching.length = 0;
}

static void add_damage(struct check *check, uint64_t offset, uint64_t length)
{
    if (check->touching.length == 0 || check->touching.offset + check->touching.length != offset) {
        tell_damage(check);
        check->touching.offset = offset;
    }
    check->touching.length += length;
}

static void report_bad(struct check *check)
{
    struct platter_error error;

    if (check->bad_end == check->bad_start)
        return;
    (void)platter_error_set(&error, check->bad.result, check->path, check->bad_start,
                            "%llu bytes of the disk cannot be read: %s",
                            (unsigned long long)(check->bad_end - check->bad_start), check->bad.message);
    error.os_error = check->bad.os_error;
    check->report->errors++;
    if (check->finding)
        check->finding(check->context, true, &error);
    add_damage(check, check->bad_start, check->bad_end - check->bad_start);
    check->bad_start = check->bad_end = 0;
}

static void add_bad(struct check *check, uint64_t offset, uint64_t length, const struct platter_error *error)
{
    if (check->bad_end != check->bad_start && check->bad_end == offset && check->bad.result == error->result) {
        check->bad_end += length;
        return;
    }
    report_bad(check);
    check->bad_start = offset;
    check->bad_end = offset + length;
    check->bad = *error;
}

/* Halves what fails until it is good, or a sector. The order is that of the disk, so that ranges grow together. */
static enum platter_result read_range(struct check *check, uint64_t offset, uint64_t length, struct platter_error *err)
{
    uint32_t sector = platter_block_sector_size(check->disk);
    struct platter_error error;
    enum platter_result result = platter_block_read(check->disk, check->data, (size_t)length, offset, &error);
    uint64_t half;

    if (result == PLATTER_OK)
        return PLATTER_OK;
    if (result == PLATTER_E_NO_MEMORY || result == PLATTER_E_CANCELLED) {
        if (err)
            *err = error;
        return result;
    }
    if (length <= sector || check->halvings == HALVINGS_MOST) {
        add_bad(check, offset, length, &error);
        return PLATTER_OK;
    }
    check->halvings++;
    half = (length / sector + 1) / 2 * sector;
    result = read_range(check, offset, half, err);
    if (result == PLATTER_OK && half < length)
        result = read_range(check, offset + half, length - half, err);
    return result;
}

static enum platter_result read_all(struct check *check, const struct platter_progress *progress,
                                    struct platter_error *err)
{
    struct platter_pace pace = {.progress = progress};
    uint64_t total = platter_block_size(check->disk);
    struct platter_walk walk;
    struct platter_extent piece;
    enum platter_result result = platter_pace_tell(&pace, 0, total, true, err);

    platter_walk_start(&walk, check->disk);
    while (result == PLATTER_OK) {
        /* A map that fails does not keep us from reading. */
        if (platter_walk_next(&walk, &piece, NULL) != PLATTER_OK) {
            platter_walk_skip_map(&walk);
            continue;
        }
        if (piece.length == 0)
            break;
        if (piece.flags & PLATTER_EXTENT_DATA)
            result = read_range(check, piece.offset, piece.length, err);
        check->report->bytes_checked += piece.length;
        if (result == PLATTER_OK && walk.at < total)
            result = platter_pace_tell(&pace, walk.at, total, false, err);
    }
    report_bad(check);
    tell_damage(check);
    if (result == PLATTER_OK)
        result = platter_pace_tell(&pace, total, total, true, err);
    return result;
}

static enum platter_result read_disk(struct platter_block *disk, const char *path, platter_finding_fn *finding,
                                     platter_damage_fn *damage, void *context, const struct platter_progress *progress,
                                     struct platter_verify_report *report, struct platter_error *err)
{
    struct check check = {
        .disk = disk, .finding = finding, .damage = damage, .context = context, .report = report, .path = path};
    enum platter_result result;

    check.data = platter_piece_alloc();
    if (!check.data)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = read_all(&check, progress, err);
    platter_piece_free(check.data);
    return result;
}

enum platter_result platter_verify_read(struct platter_block *disk, const char *path, platter_finding_fn *finding,
                                        void *context, const struct platter_progress *progress,
                                        struct platter_verify_report *report, struct platter_error *err)
{
    return read_disk(disk, path, finding, NULL, context, progress, report, err);
}

enum platter_result platter_image_verify(struct platter_image *image, platter_finding_fn *finding, void *context,
                                         const struct platter_progress *progress, struct platter_verify_report *report,
                                         struct platter_error *err)
{
    return platter_image_verify_damage(image, finding, NULL, context, progress, report, err);
}

enum platter_result platter_image_verify_damage(struct platter_image *image, platter_finding_fn *finding,
                                                platter_damage_fn *damage, void *context,
                                                const struct platter_progress *progress,
                                                struct platter_verify_report *report, struct platter_error *err)
{
    const struct platter_format *format = platter_image_format(image);
    struct platter_block *disk = platter_image_decoded(image);
    struct platter_verify_report own;
    enum platter_result result = PLATTER_OK;

    if (!report)
        report = &own;
    memset(report, 0, sizeof(*report));
    report->checksums = platter_block_caps(disk) & PLATTER_CAP_CHECKSUM;
    if (format->verify)
        result = format->verify(disk, finding, context, progress, report, err);
    /* A format that has read the data already has counted it. */
    if (result || report->bytes_checked)
        return result;
    return read_disk(disk, platter_image_info(image)->path, finding, damage, context, progress, report, err);
}
