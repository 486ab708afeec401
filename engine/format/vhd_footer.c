/* SPDX-License-Identifier: MIT */
#include "vhd.h"

#include <string.h>

#include "../bytes.h"

#define COOKIE "conectix"
#define CHECKSUM_AT 64u
#define EPOCH_DAYS 10957u /* 1970-01-01 to 2000-01-01 */

uint32_t platter_vhd_checksum(const uint8_t *data, size_t length, size_t checksum_at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        if (i < checksum_at || i >= checksum_at + 4)
            sum += data[i];
    }
    return ~sum;
}

static bool cookie_at(struct platter_block *file, uint64_t offset)
{
    char cookie[8];

    return platter_inside(offset, sizeof(cookie), platter_block_size(file)) &&
           platter_block_read(file, cookie, sizeof(cookie), offset, NULL) == PLATTER_OK &&
           memcmp(cookie, COOKIE, sizeof(cookie)) == 0;
}

/* Where the footer at the end starts, and its length; false when there is none. */
static bool find_end(struct platter_block *file, uint64_t *offset, uint32_t *length)
{
    static const uint32_t lengths[] = {VHD_FOOTER_SIZE, VHD_FOOTER_SIZE_OLD};
    uint64_t size = platter_block_size(file);

    for (size_t i = 0; i < 2; i++) {
        if (size >= lengths[i] && cookie_at(file, size - lengths[i])) {
            *offset = size - lengths[i];
            *length = lengths[i];
            return true;
        }
    }
    return false;
}

bool platter_vhd_footer_present(struct platter_block *file)
{
    uint64_t offset;
    uint32_t length;

    return find_end(file, &offset, &length) || (platter_block_size(file) > VHD_FOOTER_SIZE && cookie_at(file, 0));
}

static void copy_word(char *out, const uint8_t *word)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = word[i] >= 0x20 && word[i] < 0x7F ? (char)word[i] : ' ';
    out[4] = '\0';
    for (size_t i = 4; i > 0 && out[i - 1] == ' '; i--)
        out[i - 1] = '\0';
}

static enum platter_result parse(struct platter_block *file, uint64_t offset, uint32_t length,
                                 struct vhd_footer *footer, struct platter_error *err)
{
    uint8_t raw[VHD_FOOTER_SIZE] = {0};
    uint32_t stored, computed, version;
    enum platter_result result = platter_block_read(file, raw, length, offset, err);

    if (result)
        return result;
    stored = platter_be32(raw + CHECKSUM_AT);
    computed = platter_vhd_checksum(raw, sizeof(raw), CHECKSUM_AT);
    if (stored != computed)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, offset,
                                 "the footer's checksum is 0x%08x, computed 0x%08x", stored, computed);
    version = platter_be32(raw + 12);
    if (version >> 16 != 1)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, offset + 12,
                                 "VHD of version %u.%u; 1.0 is the one known", version >> 16, version & 0xFFFF);
    memset(footer, 0, sizeof(*footer));
    memcpy(footer->raw, raw, sizeof(raw));
    footer->offset = offset;
    footer->length = length;
    footer->data_offset = platter_be64(raw + 16);
    footer->timestamp = platter_be32(raw + 24);
    copy_word(footer->creator, raw + 28);
    footer->creator_version = platter_be32(raw + 32);
    copy_word(footer->creator_os, raw + 36);
    footer->original_size = platter_be64(raw + 40);
    footer->current_size = platter_be64(raw + 48);
    footer->cylinders = platter_be16(raw + 56);
    footer->heads = raw[58];
    footer->sectors_per_track = raw[59];
    footer->type = platter_be32(raw + 60);
    memcpy(footer->id, raw + 68, sizeof(footer->id));
    footer->saved_state = raw[84] != 0;
    if (footer->current_size == 0 || footer->current_size % 512 || footer->current_size > INT64_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, offset + 48,
                                 "the footer gives the disk an impossible size of %llu bytes",
                                 (unsigned long long)footer->current_size);
    return PLATTER_OK;
}

enum platter_result platter_vhd_footer_read(struct platter_block *file, struct vhd_footer *footer,
                                            struct platter_error *err)
{
    uint64_t offset = 0;
    uint32_t length = 0;
    enum platter_result result = PLATTER_E_FORMAT;
    bool at_end = find_end(file, &offset, &length);

    if (at_end)
        result = parse(file, offset, length, footer, err);
    if (result != PLATTER_E_FORMAT)
        return result;
    /* Dynamic and differencing disks have a copy at the start, made for when the end is lost. */
    if (platter_block_size(file) > VHD_FOOTER_SIZE && cookie_at(file, 0)) {
        struct platter_error copy_error;

        result = parse(file, 0, VHD_FOOTER_SIZE, footer, &copy_error);
        if (result == PLATTER_OK && footer->type != VHD_FIXED) {
            footer->copy_used = true;
            return PLATTER_OK;
        }
        if (!at_end && result) {
            if (err)
                *err = copy_error;
            return result;
        }
        result = PLATTER_E_FORMAT;
    }
    if (!at_end)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "the last 512 bytes of the file are not a VHD footer");
    return result;
}

void platter_vhd_footer_put(const struct vhd_footer *footer, uint8_t raw[VHD_FOOTER_SIZE])
{
    memset(raw, 0, VHD_FOOTER_SIZE);
    memcpy(raw, COOKIE, 8);
    platter_put_be32(raw + 8, 2); /* a bit that is always set */
    platter_put_be32(raw + 12, 1u << 16);
    platter_put_be64(raw + 16, footer->data_offset);
    platter_put_be32(raw + 24, footer->timestamp);
    memcpy(raw + 28, footer->creator, 4);
    platter_put_be32(raw + 32, footer->creator_version);
    memcpy(raw + 36, footer->creator_os, 4);
    platter_put_be64(raw + 40, footer->original_size);
    platter_put_be64(raw + 48, footer->current_size);
    platter_put_be16(raw + 56, footer->cylinders);
    raw[58] = footer->heads;
    raw[59] = footer->sectors_per_track;
    platter_put_be32(raw + 60, footer->type);
    memcpy(raw + 68, footer->id, sizeof(footer->id));
    platter_put_be32(raw + CHECKSUM_AT, platter_vhd_checksum(raw, VHD_FOOTER_SIZE, CHECKSUM_AT));
}

/* Days since 1970-01-01 to a date, in the calendar's 400-year cycle that starts on 0000-03-01. */
static void civil_date(uint32_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint32_t shifted = days + 719468;
    uint32_t cycle = shifted / 146097, in_cycle = shifted % 146097;
    uint32_t years = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    uint32_t in_year = in_cycle - (365 * years + years / 4 - years / 100);
    uint32_t from_march = (5 * in_year + 2) / 153;

    *day = in_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = years + cycle * 400 + (*month <= 2);
}

void platter_vhd_footer_details(const struct vhd_footer *footer, struct platter_detail_list *details)
{
    const uint8_t *id = footer->id;
    uint32_t second = footer->timestamp % 86400;
    unsigned year, month, day;

    civil_date(EPOCH_DAYS + footer->timestamp / 86400, &year, &month, &day);
    platter_detail_add(details, "creator", "%s", footer->creator);
    platter_detail_add(details, "creator_version", "%u.%u", footer->creator_version >> 16,
                       footer->creator_version & 0xFFFF);
    platter_detail_add(details, "creator_os", "%s", footer->creator_os);
    platter_detail_add(details, "created", "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day, second / 3600,
                       second / 60 % 60, second % 60);
    platter_detail_add(details, "id", "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0],
                       id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13],
                       id[14], id[15]);
    platter_detail_add(details, "geometry", "%u/%u/%u", footer->cylinders, footer->heads, footer->sectors_per_track);
    if (footer->original_size != footer->current_size)
        platter_detail_add(details, "original_size", "%llu", (unsigned long long)footer->original_size);
    if (footer->saved_state)
        platter_detail_add(details, "saved_state", "yes");
    if (footer->copy_used)
        platter_detail_add(details, "footer_copy_used", "yes");
}
