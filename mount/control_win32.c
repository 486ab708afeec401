/* SPDX-License-Identifier: MIT */
#include "control_win32.h"
#include "overlay.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account_win32.h"
#include "bounded_win32.h"
#include "sid.h"
#include "wide_win32.h"

#define ANSWER_MS 10000u
/* The driver gives a file system and the Mount Manager time, and each request up to its deadline. */
#define REMOVE_MS (PLATTER_DEFAULT_DEADLINE_MS + 15000u)
#define VOLUMES_A_PAGE 16u

/* ---- Left behind ------------------------------------------------------------------------------------------------- */

/* Transports with a call still inside the driver: they stay, and only they, or a service would lose a handle a call. */
struct left_behind {
    struct left_behind *next;
    const struct platter_transport *transport;
};

static SRWLOCK lock = SRWLOCK_INIT; /* the list */
static struct left_behind *left_behind;
static bool all_left_behind; /* there was no memory to say which */

static void leave_behind(const struct platter_transport *transport)
{
    struct left_behind *left = malloc(sizeof(*left));

    AcquireSRWLockExclusive(&lock);
    if (left)
        *left = (struct left_behind){.next = left_behind, .transport = transport};
    left_behind = left ? left : left_behind;
    all_left_behind |= !left;
    ReleaseSRWLockExclusive(&lock);
}

static bool is_left_behind(const struct platter_transport *transport)
{
    bool found;

    AcquireSRWLockShared(&lock);
    found = all_left_behind;
    for (const struct left_behind *left = left_behind; left && !found; left = left->next)
        found = left->transport == transport;
    ReleaseSRWLockShared(&lock);
    return found;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

struct opening {
    struct platter_transport *transport;
    struct platter_hello_out hello;
};

static enum platter_result open_driver(void *context, struct platter_error *err)
{
    struct opening *opening = context;

    return platter_transport_driver_open(&opening->transport, &opening->hello, err);
}

enum platter_result platter_control_open(struct platter_transport **transport, struct platter_hello_out *hello,
                                         struct platter_error *err)
{
    struct opening opening = {0};
    enum platter_result result =
        platter_bounded(open_driver, &opening, sizeof(opening), ANSWER_MS, "an answer of the Platter driver", err);

    if (result != PLATTER_OK)
        return result;
    *transport = opening.transport;
    if (hello)
        *hello = opening.hello;
    return PLATTER_OK;
}

void platter_control_close(struct platter_transport *transport)
{
    if (transport && !is_left_behind(transport))
        platter_transport_close(transport);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* Input and output travel in the structure, which outlives a call that does not come back. */
struct call {
    struct platter_transport *transport;
    uint32_t code, input_length, output_length, returned;
    union {
        struct platter_volume_list_in list;
        struct platter_volume_remove_in remove;
    } input;
    struct {
        struct platter_volume_list_out head;
        struct platter_volume_info volumes[VOLUMES_A_PAGE];
    } output;
};

static enum platter_result call_driver(void *context, struct platter_error *err)
{
    struct call *call = context;

    return platter_transport_control(call->transport, call->code, &call->input, call->input_length,
                                     call->output_length ? &call->output : NULL, call->output_length, &call->returned,
                                     err);
}

static enum platter_result bounded_call(struct call *call, uint32_t timeout_ms, struct platter_error *err)
{
    struct platter_error local;
    enum platter_result result =
        platter_bounded(call_driver, call, sizeof(*call), timeout_ms, "an answer of the Platter driver", &local);

    if (result == PLATTER_E_DRIVER && local.os_error == 0) {
        /* Ours, not the driver's: nothing came. Let go of it if that is possible. */
        leave_behind(call->transport);
        platter_transport_shutdown(call->transport);
    }
    if (result != PLATTER_OK && err)
        *err = local;
    return result;
}

enum platter_result platter_control_list(struct platter_transport *transport, struct platter_volume_info **volumes,
                                         size_t *count, struct platter_error *err)
{
    struct call *call = calloc(1, sizeof(*call));
    struct platter_volume_info *all = NULL;
    enum platter_result result = PLATTER_OK;
    size_t known = 0;
    bool more = call != NULL;

    if (!call)
        goto no_memory;
    call->transport = transport;
    call->code = PLATTER_IOCTL_VOLUME_LIST;
    call->input_length = sizeof(call->input.list);
    call->output_length = sizeof(call->output);
    while (more) {
        struct platter_volume_info *grown;
        uint32_t got;

        call->input.list.after_id = known > 0 ? all[known - 1].volume_id : 0;
        result = bounded_call(call, ANSWER_MS, err);
        if (result != PLATTER_OK)
            goto fail;
        got = call->output.head.count;
        /* A driver that says more than it gave, or does not get on, is not followed. */
        if (got > VOLUMES_A_PAGE ||
            call->returned < sizeof(call->output.head) + got * sizeof(struct platter_volume_info) ||
            (got > 0 && call->output.volumes[0].volume_id <= call->input.list.after_id) ||
            known + got > PLATTER_MAX_VOLUMES) {
            result = platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                       "the Platter driver's list of volumes makes no sense");
            goto fail;
        }
        if (got == 0)
            break;
        grown = realloc(all, (known + got) * sizeof(*all));
        if (!grown)
            goto no_memory;
        all = grown;
        memcpy(all + known, call->output.volumes, got * sizeof(*all));
        known += got;
        more = call->output.head.more != 0;
    }
    free(call);
    *volumes = all;
    *count = known;
    return PLATTER_OK;

no_memory:
    result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
fail:
    free(all);
    free(call);
    return result;
}

enum platter_result platter_control_remove(struct platter_transport *transport, uint64_t id, uint32_t flags,
                                           struct platter_error *err)
{
    struct call *call = calloc(1, sizeof(*call));
    enum platter_result result;

    if (!call)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    call->transport = transport;
    call->code = PLATTER_IOCTL_VOLUME_REMOVE;
    call->input.remove.volume_id = id;
    call->input.remove.flags = flags;
    call->input_length = sizeof(call->input.remove);
    result = bounded_call(call, REMOVE_MS, err);
    free(call);
    return result;
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

const char *platter_route_name(uint32_t route)
{
    static const char *const names[] = {"none", "pnp", "explicit", "link"};

    return route < sizeof(names) / sizeof(names[0]) ? names[route] : "unknown";
}

const char *platter_route_text(uint32_t route)
{
    static const char *const texts[] = {"none", "Mount Manager", "Mount Manager, told by the driver",
                                        "global link made by the driver"};

    return route < sizeof(texts) / sizeof(texts[0]) ? texts[route] : "unknown";
}

const char *platter_state_name(uint32_t state)
{
    static const char *const names[] = {"created", "probing", "starting", "running", "removing"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

char *platter_letter_text(uint32_t letter, char buffer[4])
{
    if (letter >= 'A' && letter <= 'Z')
        (void)snprintf(buffer, 4, "%c:", (char)letter);
    else
        buffer[0] = '\0';
    return buffer;
}

/* 100 ns units since 1601 as 2026-11-22T08:30:00Z; false when there is no such date. */
static bool time_text(uint64_t time, char *buffer, size_t size)
{
    FILETIME file = {(DWORD)time, (DWORD)(time >> 32)};
    SYSTEMTIME date;

    if (!FileTimeToSystemTime(&file, &date))
        return false;
    (void)snprintf(buffer, size, "%04u-%02u-%02uT%02u:%02u:%02uZ", date.wYear, date.wMonth, date.wDay, date.wHour,
                   date.wMinute, date.wSecond);
    return true;
}

#define TEMPORARY "*" /* is no path */

static size_t field_length(const uint16_t *field)
{
    size_t length = 0;

    while (length < PLATTER_IMAGE_NAME_CHARS && field[length])
        length++;
    return length;
}

void platter_image_name_put(const char *image, const char *overlay, uint16_t field[PLATTER_IMAGE_NAME_CHARS])
{
    size_t length;

    memset(field, 0, PLATTER_IMAGE_NAME_CHARS * sizeof(*field));
    platter_wide_field(image, field, PLATTER_IMAGE_NAME_CHARS);
    length = field_length(field) + 1;
    if (overlay && length + 1 < PLATTER_IMAGE_NAME_CHARS)
        platter_wide_field(overlay[0] ? overlay : TEMPORARY, field + length, PLATTER_IMAGE_NAME_CHARS - length);
}

const char *platter_image_name_overlay(const uint16_t field[PLATTER_IMAGE_NAME_CHARS], char *buffer, size_t size)
{
    size_t length = field_length(field) + 1;

    if (length >= PLATTER_IMAGE_NAME_CHARS || !field[length])
        return NULL;
    platter_narrow_field(field + length, PLATTER_IMAGE_NAME_CHARS - length, buffer, size);
    return strcmp(buffer, TEMPORARY) == 0 ? "" : buffer;
}

void platter_volume_json(json_t *object, const struct platter_volume_info *info)
{
    char text[PLATTER_IMAGE_NAME_CHARS * 3 + 1], letter[4], sid[PLATTER_SID_TEXT];
    struct platter_account owner;

    platter_json_number(object, "id", info->volume_id);
    platter_json_text(object, "letter", info->letter ? platter_letter_text(info->letter, letter) : NULL);
    platter_json_number(object, "size", info->length_bytes);
    platter_json_number(object, "sector_size", info->sector_size);
    platter_json_number(object, "partition", info->partition_number);
    platter_json_number(object, "partition_offset", info->partition_offset);
    platter_json_bool(object, "read_only", (info->flags & PLATTER_VOLUME_READ_ONLY) != 0);
    platter_json_bool(object, "private", (info->flags & PLATTER_VOLUME_PRIVATE) != 0);
    platter_json_bool(object, "remembered", (info->flags & PLATTER_VOLUME_STABLE_ID) != 0);
    platter_json_text(object, "route", platter_route_name(info->route));
    platter_json_text(object, "state", platter_state_name(info->state));
    platter_json_text(object, "device",
                      platter_narrow_field(info->device_name, PLATTER_DEVICE_NAME_CHARS, text, sizeof(text)));
    platter_json_text(object, "label", platter_narrow_field(info->label, PLATTER_LABEL_CHARS, text, sizeof(text)));
    platter_narrow_field(info->image_name, PLATTER_IMAGE_NAME_CHARS, text, sizeof(text));
    platter_json_text(object, "image", text[0] ? text : NULL);
    platter_overlay_json(object, platter_image_name_overlay(info->image_name, text, sizeof(text)));
    platter_json_number(object, "process_id", info->owner_process_id);
    platter_account_of(info->owner_sid, info->owner_sid_length, &owner);
    platter_json_text(object, "owner", owner.name[0] ? owner.name : NULL);
    platter_json_text(object, "owner_sid",
                      platter_sid_text(info->owner_sid, info->owner_sid_length, sid)[0] ? sid : NULL);
    platter_json_text(object, "served_by", info->flags & PLATTER_VOLUME_HOSTED ? "service" : "user");
    platter_json_bool(object, "may_unmount", info->may_remove != 0);
    platter_json_text(object, "mounted_at", time_text(info->mounted_at, text, sizeof(text)) ? text : NULL);
    platter_json_number(object, "read_bytes", info->read_bytes);
    platter_json_number(object, "written_bytes", info->written_bytes);
    platter_json_number(object, "read_requests", info->read_requests);
    platter_json_number(object, "write_requests", info->write_requests);
    platter_json_number(object, "failed_requests", info->failed_requests);
    platter_json_number(object, "late_answers", info->late_answers);
    platter_json_number(object, "open_handles", info->open_handles);
    platter_json_number(object, "in_flight", info->in_flight);
    platter_json_bool(object, "busy", info->in_flight > 0);
    platter_json_number(object, "idle_ms", info->idle_ms);
}
