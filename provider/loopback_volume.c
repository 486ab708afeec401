/* SPDX-License-Identifier: MIT */
/* Volumes of the loopback: created, probed and announced, listed, removed. */
#include "loopback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_1601_TO_1970 11644473600ull

static bool all_zero(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

static bool terminated(const uint16_t *text, size_t units)
{
    for (size_t i = 0; i < units; i++) {
        if (text[i] == 0)
            return true;
    }
    return false;
}

static const char *wrong_geometry(const struct platter_volume_create_in *in)
{
    uint32_t sector = in->sector_size, physical = in->physical_sector_size;
    if (sector < PLATTER_MIN_SECTOR_SIZE || sector > PLATTER_MAX_SECTOR_SIZE || (sector & (sector - 1)))
        return "the sector size is not 512, 1024, 2048 or 4096";
    if (physical < sector || (physical & (physical - 1)))
        return "the physical sector size is not a power of two from the sector size on";
    if (in->length_bytes == 0 || in->length_bytes % sector || in->length_bytes > PLATTER_MAX_VOLUME_BYTES)
        return "the length is not a positive number of sectors within the limit";
    if (in->partition_offset % sector || in->partition_offset > PLATTER_MAX_VOLUME_BYTES)
        return "the partition's offset is not a number of sectors within the limit";
    return NULL;
}

static const char *wrong_partition(const struct platter_volume_create_in *in)
{
    if (in->partition_style > PLATTER_STYLE_GPT)
        return "the partition style is unknown";
    if (in->partition_style == PLATTER_STYLE_NONE && (in->partition_number || in->partition_offset))
        return "a partition's number or offset is given without a partition table";
    if (in->partition_style != PLATTER_STYLE_MBR && (in->mbr_type || in->mbr_boot_indicator || in->mbr_signature))
        return "MBR fields are set for another partition style";
    if (in->mbr_type > 0xff || in->mbr_boot_indicator > 1)
        return "an MBR field is out of range";
    if (in->partition_style != PLATTER_STYLE_GPT &&
        (!all_zero(in->gpt_type, 16) || !all_zero(in->gpt_partition_id, 16) || !all_zero(in->gpt_disk_id, 16) ||
         in->gpt_attributes || !all_zero(in->gpt_name, sizeof(in->gpt_name))))
        return "GPT fields are set for another partition style";
    return NULL;
}

static const char *wrong_create(const struct platter_volume_create_in *in)
{
    const char *why = wrong_geometry(in);
    if (!why)
        why = wrong_partition(in);
    if (why)
        return why;
    if (in->flags & ~PLATTER_VOLUME_FLAGS_KNOWN)
        return "a volume flag is unknown";
    if ((in->flags & PLATTER_VOLUME_CDROM) && (in->sector_size != 2048 || !(in->flags & PLATTER_VOLUME_READ_ONLY)))
        return "a CD-ROM is read-only and has 2048-byte sectors";
    if (in->deadline_ms != 0 &&
        (in->deadline_ms < PLATTER_MIN_DEADLINE_MS || in->deadline_ms > PLATTER_MAX_DEADLINE_MS))
        return "the deadline is out of range";
    if (in->letter != 0 && (in->letter < 'A' || in->letter > 'Z'))
        return "the drive letter is not one of A to Z";
    if (in->letter != 0 && (in->flags & PLATTER_VOLUME_NO_LETTER))
        return "a drive letter is given, and that there shall be none";
    if (all_zero(in->unique_id, sizeof(in->unique_id)))
        return "the unique id is zero";
    if (!terminated(in->label, PLATTER_LABEL_CHARS) || !terminated(in->image_name, PLATTER_IMAGE_NAME_CHARS))
        return "the label or the image's name is not terminated";
    return NULL;
}

enum platter_result loopback_volume_create(struct loopback_session *session, const struct platter_volume_create_in *in,
                                           struct platter_volume_create_out *out, struct platter_error *err)
{
    struct platter_loopback *loopback = session->loopback;
    const char *why = wrong_create(in);
    if (why)
        return loopback_refuse(err, why);
    if (session->live_volumes >= PLATTER_MAX_VOLUMES_PER_SESSION || loopback->volumes >= PLATTER_MAX_VOLUMES)
        return loopback_refuse(err, "the limit on volumes is reached");
    struct loopback_volume *volume = calloc(1, sizeof(*volume));
    if (!volume)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    volume->session = session;
    volume->references = 1;
    volume->create = *in;
    if (volume->create.deadline_ms == 0)
        volume->create.deadline_ms = PLATTER_DEFAULT_DEADLINE_MS;
    volume->info = (struct platter_volume_info){
        .volume_id = loopback->next_volume_id++,
        .length_bytes = in->length_bytes,
        .partition_offset = in->partition_offset,
        .sector_size = in->sector_size,
        .flags = in->flags,
        .partition_number = in->partition_number,
        .may_remove = 1,
    };
    memcpy(volume->info.unique_id, in->unique_id, sizeof(in->unique_id));
    memcpy(volume->info.label, in->label, sizeof(in->label));
    memcpy(volume->info.image_name, in->image_name, sizeof(in->image_name));
    memset(out, 0, sizeof(*out));
    char name[PLATTER_DEVICE_NAME_CHARS];
    (void)snprintf(name, sizeof(name), "%s%llu", PLATTER_VOLUME_DEVICE_PREFIX,
                   (unsigned long long)volume->info.volume_id);
    for (size_t i = 0; name[i]; i++)
        out->device_name[i] = volume->info.device_name[i] = (uint16_t)name[i];
    out->volume_id = volume->info.volume_id;

    struct loopback_volume **link = &session->volumes;
    while (*link)
        link = &(*link)->next;
    *link = volume;
    session->live_volumes++;
    session->had_volumes = true;
    loopback->volumes++;
    return PLATTER_OK;
}

struct loopback_volume *loopback_volume_find(struct platter_loopback *loopback, struct loopback_session *session,
                                             uint64_t id)
{
    for (struct loopback_session *at = loopback->sessions; at; at = at->next) {
        if (session && at != session)
            continue;
        for (struct loopback_volume *volume = at->volumes; volume; volume = volume->next) {
            if (volume->info.volume_id == id)
                return volume;
        }
    }
    return NULL;
}

static bool letter_taken(const struct platter_loopback *loopback, uint32_t letter)
{
    for (const struct loopback_session *session = loopback->sessions; session; session = session->next) {
        for (const struct loopback_volume *volume = session->volumes; volume; volume = volume->next) {
            if (volume->info.letter == letter)
                return true;
        }
    }
    return false;
}

static enum platter_result announce(struct loopback_volume *volume, struct platter_error *err)
{
    const struct platter_loopback *loopback = volume->session->loopback;
    uint32_t letter = volume->create.letter;
    volume->info.route = PLATTER_ROUTE_NONE;
    if (volume->create.flags & PLATTER_VOLUME_NO_LETTER)
        return PLATTER_OK;
    if (letter && letter_taken(loopback, letter))
        return platter_error_set(err, PLATTER_E_EXISTS, NULL, PLATTER_NO_OFFSET, "the drive letter is already in use");
    for (uint32_t free_letter = 'D'; !letter && free_letter <= 'Z'; free_letter++) {
        if (!letter_taken(loopback, free_letter))
            letter = free_letter;
    }
    volume->info.letter = letter;
    if (letter)
        volume->info.route = PLATTER_ROUTE_LINK;
    return PLATTER_OK;
}

static enum platter_result probe_failed(uint32_t status, struct platter_error *err)
{
    switch (status) {
    case LOOPBACK_CANCELLED:
        return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "the handle is shutting down");
    case PLATTER_LOOPBACK_GONE:
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "the volume is gone");
    case PLATTER_LOOPBACK_TIMEOUT:
        return platter_error_set(err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET,
                                 "the volume's first read was not answered in time");
    case PLATTER_STATUS_DAMAGED:
        return platter_error_set(err, PLATTER_E_DAMAGED, NULL, PLATTER_NO_OFFSET,
                                 "the volume's first read found damaged data");
    default:
        return platter_error_set(err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET, "the volume's first read failed");
    }
}

enum platter_result loopback_volume_start(struct loopback_session *session, const struct platter_volume_start_in *in,
                                          struct platter_volume_info *out, struct platter_error *err)
{
    struct loopback_volume *volume = loopback_volume_find(session->loopback, session, in->volume_id);
    uint8_t sector[PLATTER_MAX_SECTOR_SIZE];
    enum platter_result result;

    if (in->flags || in->reserved)
        return loopback_refuse(err, "a flag or reserved field of VOLUME_START is not zero");
    if (!volume)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET,
                                 "there is no such volume on this handle");
    if (volume->info.state != PLATTER_STATE_CREATED)
        return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "the volume has been started before");
    struct loopback_io probe = {
        .volume = volume,
        .op = PLATTER_OP_READ,
        .flags = PLATTER_REQUEST_PROBE,
        .buffer = sector,
        .length = volume->create.sector_size,
    };
    volume->references++;
    volume->info.state = PLATTER_STATE_PROBING;
    uint32_t status = loopback_io_run(&probe);
    if (status != PLATTER_STATUS_OK)
        result = probe_failed(status, err);
    else if (volume->removed)
        result = probe_failed(PLATTER_LOOPBACK_GONE, err);
    else
        result = announce(volume, err);
    if (!volume->removed)
        volume->info.state = result == PLATTER_OK ? PLATTER_STATE_RUNNING : PLATTER_STATE_CREATED;
    if (result == PLATTER_OK) {
        volume->info.mounted_at = ((uint64_t)time(NULL) + SECONDS_1601_TO_1970) * 10000000u;
        *out = volume->info;
    }
    loopback_volume_unref(volume);
    return result;
}

void loopback_volume_unref(struct loopback_volume *volume)
{
    if (--volume->references == 0)
        free(volume);
}

void loopback_volume_drop(struct loopback_volume *volume)
{
    struct loopback_session *session = volume->session;
    struct loopback_volume **link = &session->volumes;
    while (*link != volume)
        link = &(*link)->next;
    *link = volume->next;
    volume->info.state = PLATTER_STATE_REMOVING;
    volume->removed = true;
    for (struct loopback_io *io = volume->ios; io; io = io->next_of_volume)
        loopback_io_finish(io, PLATTER_LOOPBACK_GONE);
    session->live_volumes--;
    session->loopback->volumes--;
    session->removals++;
    platter_cond_broadcast(&session->work);
    loopback_volume_unref(volume);
}

enum platter_result loopback_volume_remove(struct platter_loopback *loopback, const struct platter_volume_remove_in *in,
                                           struct platter_error *err)
{
    struct loopback_volume *volume = loopback_volume_find(loopback, NULL, in->volume_id);
    if (in->reserved || (in->flags & ~(uint32_t)PLATTER_REMOVE_FORCE))
        return loopback_refuse(err, "VOLUME_REMOVE has unknown flags or a reserved field that is not zero");
    if (!volume)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "there is no such volume");
    /* A client inside platter_loopback_io() is what an open handle is to the driver. */
    if (volume->ios && !(in->flags & PLATTER_REMOVE_FORCE))
        return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "the volume is in use");
    loopback_volume_drop(volume);
    return PLATTER_OK;
}

/* The volume with the smallest id above `id`, of any session. */
static const struct loopback_volume *next_volume(const struct platter_loopback *loopback, uint64_t id)
{
    const struct loopback_volume *found = NULL;
    for (const struct loopback_session *session = loopback->sessions; session; session = session->next) {
        for (const struct loopback_volume *volume = session->volumes; volume; volume = volume->next) {
            if (volume->info.volume_id > id && (!found || volume->info.volume_id < found->info.volume_id))
                found = volume;
        }
    }
    return found;
}

void loopback_volume_list(struct platter_loopback *loopback, uint64_t after_id, void *output, uint32_t output_length,
                          uint32_t *returned)
{
    struct platter_volume_list_out header = {0};
    uint8_t *at = (uint8_t *)output + sizeof(header);
    size_t room = output_length - sizeof(header);
    const struct loopback_volume *volume = next_volume(loopback, after_id);
    while (volume && room >= sizeof(volume->info)) {
        memcpy(at, &volume->info, sizeof(volume->info));
        at += sizeof(volume->info);
        room -= sizeof(volume->info);
        header.count++;
        volume = next_volume(loopback, volume->info.volume_id);
    }
    header.more = volume != NULL;
    memcpy(output, &header, sizeof(header));
    *returned = (uint32_t)(at - (uint8_t *)output);
}
