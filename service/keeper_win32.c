/* SPDX-License-Identifier: MIT */
#include "keeper_win32.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/os/system.h"
#include "../mount/control_win32.h"
#include "../mount/dismount_win32.h"
#include "../mount/event_win32.h"
#include "broker_win32.h"
#include "sandbox_win32.h"
#include "store_win32.h"

#define SILENCE_MS 15000u /* of a worker, which says every two seconds that it is there */
#define SEND_MS 10000u
#define END_MS 30000u /* for what is written back when the drives are gone */
#define LATE_MS                                                                                                        \
    60000u /* how long a stored mount is tried when the machine comes up: driver, disk or share may be late */
#define AGAIN_MS 1000u

struct keeping {
    struct service_mount *mount;
    struct service_worker worker;
    struct service_broker broker;
    struct platter_account account;
    bool mounted;
    bool failed;    /* the worker has said why */
    bool unmounted; /* it has said that its drives are gone, and all is in the image */
    struct platter_error err;
};

/* ---- Events ---------------------------------------------------------------------------------------------------------- */

static void name_account(struct keeping *keeping)
{
    PSID sid = NULL;

    if (!ConvertStringSidToSidA(keeping->mount->owner, &sid))
        return;
    platter_account_of(sid, GetLengthSid(sid), &keeping->account);
    LocalFree(sid);
}

static void tell(const struct keeping *keeping, enum platter_event event, const struct platter_error *why)
{
    char reason[PLATTER_EVENT_TEXT], process[16];
    const char *lost[] = {keeping->account.name, "its drives", process, reason};
    const char *other[] = {keeping->account.name, reason};

    platter_event_reason(why, reason);
    (void)snprintf(process, sizeof(process), "%u", (unsigned)keeping->worker.process_id);
    if (event == PLATTER_EVENT_PROVIDER_LOST)
        platter_event_write(event, &keeping->account, lost, 4);
    else
        platter_event_write(event, &keeping->account, other, 2);
}

static void tell_drive(const struct keeping *keeping, enum platter_event event, const struct platter_volume_info *info)
{
    char letter[4], number[24];
    const char *strings[] = {keeping->account.name, platter_letter_text(info->letter, letter), number,
                             info->flags & PLATTER_VOLUME_READ_ONLY ? "read-only" : "read-write"};

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)info->volume_id);
    platter_event_write(event, &keeping->account, strings, event == PLATTER_EVENT_MOUNTED ? 4 : 3);
}

/* ---- Drives ---------------------------------------------------------------------------------------------------------- */

/* What the driver says of the worker's volumes; not what the worker says. */
typedef void volume_fn(struct keeping *keeping, struct platter_transport *transport,
                       const struct platter_volume_info *info, void *context);

static void each_volume(struct keeping *keeping, volume_fn *function, void *context)
{
    struct platter_transport *transport = NULL;
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;

    if (platter_control_open(&transport, NULL, NULL) != PLATTER_OK)
        return;
    if (platter_control_list(transport, &volumes, &count, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < count; i++) {
            if (volumes[i].owner_process_id == keeping->worker.process_id)
                function(keeping, transport, &volumes[i], context);
        }
    }
    free(volumes);
    platter_control_close(transport);
}

static void dismount(struct keeping *keeping, struct platter_transport *transport,
                     const struct platter_volume_info *info, void *context)
{
    (void)keeping;
    (void)context;
    (void)platter_dismount(transport, info, true, NULL, NULL);
}

struct letters {
    char text[2 * 26];
    bool all;
};

static void add_letter(struct keeping *keeping, struct platter_transport *transport,
                       const struct platter_volume_info *info, void *context)
{
    struct letters *letters = context;
    size_t length = strlen(letters->text);

    (void)transport;
    tell_drive(keeping, PLATTER_EVENT_MOUNTED, info);
    if (info->letter < 'A' || info->letter > 'Z' || length + 3 > sizeof(letters->text))
        letters->all = false;
    else
        (void)snprintf(letters->text + length, sizeof(letters->text) - length, "%s%c", length ? "," : "",
                       (char)info->letter);
}

/* The letters it got are those it comes back with. */
static enum platter_result store(struct keeping *keeping)
{
    struct service_mount *mount = keeping->mount;
    json_t *options = json_copy(mount->options.json);
    struct letters letters = {.all = true};
    enum platter_result result;

    each_volume(keeping, add_letter, &letters);
    if (options && letters.all && letters.text[0])
        (void)json_object_set_new(options, "letter", json_string(letters.text));
    result = mount->forgotten ? PLATTER_OK : service_store_put(mount, options, &keeping->err);
    json_decref(options);
    if (result == PLATTER_OK)
        mount->kept = true;
    return result;
}

/* ---- What the worker says -------------------------------------------------------------------------------------------- */

static enum platter_result answer_open(struct keeping *keeping, const json_t *message)
{
    const json_t *path = json_object_get(message, "path"), *flags = json_object_get(message, "flags");
    struct platter_error why = {.offset = PLATTER_NO_OFFSET};
    json_t *answer = json_object();
    enum platter_result result = PLATTER_E_USAGE;
    uint64_t handle = 0;

    if (json_is_string(path) && json_string_length(path) <= SERVICE_TEXT_MOST && json_is_integer(flags) &&
        json_integer_value(flags) >= 0 && json_integer_value(flags) <= UINT32_MAX)
        result = service_broker_open(&keeping->broker, json_string_value(path), (uint32_t)json_integer_value(flags),
                                     &handle, &why);
    else
        (void)platter_error_set(&why, result, NULL, PLATTER_NO_OFFSET, "malformed message");
    if (result == PLATTER_OK)
        platter_json_number(answer, "handle", handle);
    else
        platter_error_json(answer, &why, NULL);
    result = service_channel_send(&keeping->worker.channel, answer, SEND_MS, &keeping->err);
    json_decref(answer);
    return result;
}

static enum platter_result take_report(struct keeping *keeping, json_t *report)
{
    enum platter_result result;

    if (keeping->mounted || !json_is_object(report))
        return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                 "its worker says what makes no sense");
    result = store(keeping);
    if (result)
        return result;
    keeping->mounted = true;
    service_mount_set(keeping->mount, SERVICE_STATE_MOUNTED, report, keeping->worker.process_id, NULL);
    return PLATTER_OK;
}

static enum platter_result take_message(struct keeping *keeping, json_t *message)
{
    const char *say = platter_json_text_of(message, "say");

    if (strcmp(say, "alive") == 0)
        return PLATTER_OK;
    if (strcmp(say, "open") == 0)
        return answer_open(keeping, message);
    if (strcmp(say, "mounted") == 0)
        return take_report(keeping, json_object_get(message, "report"));
    if (strcmp(say, "unmounted") == 0 && keeping->mounted) {
        keeping->unmounted = true;
        return PLATTER_OK;
    }
    if (strcmp(say, "failed") == 0) {
        keeping->failed = true;
        return platter_error_take(json_object_get(message, "error"), &keeping->err);
    }
    return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                             "its worker says what makes no sense");
}

static enum platter_result receive(struct keeping *keeping)
{
    json_t *message = NULL;
    char *text = NULL;
    uint32_t length = 0;
    enum platter_result result = service_channel_receive(&keeping->worker.channel, SERVICE_REQUEST_MOST, SILENCE_MS,
                                                         &text, &length, &keeping->err);

    if (result)
        return result;
    result = service_object_parse(text, length, &message, &keeping->err);
    free(text);
    if (result == PLATTER_OK)
        result = take_message(keeping, message);
    json_decref(message);
    return result;
}

/* ---- Its end --------------------------------------------------------------------------------------------------------- */

/* The worker's own end tells how it went: 0, all is in the image. True: it ended by itself. */
static bool wait_for_end(struct keeping *keeping, uint32_t timeout_ms, DWORD *status)
{
    return WaitForSingleObject(keeping->worker.process, timeout_ms) == WAIT_OBJECT_0 &&
           GetExitCodeProcess(keeping->worker.process, status);
}

/* No more is heard of it: why, in keeping->err. PLATTER_OK: its drives were unmounted, and all is well. */
static enum platter_result explain(struct keeping *keeping)
{
    DWORD status = 0;

    if (keeping->failed)
        return keeping->err.result;
    if (keeping->err.os_error == WAIT_TIMEOUT)
        return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                 "its worker has not been heard of for %u seconds, and was ended", SILENCE_MS / 1000);
    if (keeping->err.result != PLATTER_E_IO) /* what it said made no sense */
        return keeping->err.result;
    if (!wait_for_end(keeping, END_MS, &status))
        return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                 "its worker closed its connection, did not end, and was ended");
    if (status == 0 && keeping->unmounted)
        return PLATTER_OK;
    return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                             "its worker ended, exit code 0x%lx", (unsigned long)status);
}

/* Stopped: the drives go in order, then the worker. */
static enum platter_result take_away(struct keeping *keeping)
{
    DWORD status = 0;

    each_volume(keeping, dismount, NULL);
    if (!keeping->mounted || (wait_for_end(keeping, END_MS, &status) && status == 0))
        return PLATTER_E_CANCELLED;
    (void)platter_error_set(&keeping->err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET, "its worker did not end well (0x%lx)",
                            (unsigned long)status);
    tell(keeping, PLATTER_EVENT_UNWRITTEN, &keeping->err);
    return PLATTER_E_CANCELLED;
}

/* From the worker's start to its end. PLATTER_OK: unmounted; PLATTER_E_CANCELLED: stopped; else lost, keeping->err. */
static enum platter_result serve(struct keeping *keeping, HANDLE owner)
{
    json_t *order = json_object();
    enum platter_result result = service_worker_start(owner, &keeping->worker, &keeping->err);

    if (result)
        goto done;
    keeping->worker.channel.stop = keeping->mount->stop;
    keeping->broker = (struct service_broker){
        .mount = &keeping->mount->options.mount, .owner = owner, .process = keeping->worker.process};
    service_mount_set(keeping->mount, SERVICE_STATE_STARTING, NULL, keeping->worker.process_id, NULL);
    if (!order || json_object_set(order, "options", keeping->mount->options.json) != 0)
        result = platter_error_set(&keeping->err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    else
        result = service_channel_send(&keeping->worker.channel, order, SEND_MS, &keeping->err);
    while (result == PLATTER_OK)
        result = receive(keeping);
    result = result == PLATTER_E_CANCELLED ? take_away(keeping) : explain(keeping);
done:
    json_decref(order);
    return result;
}

/* ---- The thread ------------------------------------------------------------------------------------------------------ */

static bool may_come_later(enum platter_result result)
{
    return result == PLATTER_E_DRIVER || result == PLATTER_E_NOT_FOUND || result == PLATTER_E_BUSY ||
           result == PLATTER_E_EXISTS;
}

/* One attempt. */
static enum platter_result attempt(struct keeping *keeping)
{
    struct service_mount *mount = keeping->mount;
    HANDLE owner = mount->token;
    enum platter_result result;

    if (!owner &&
        service_owner_token(mount->owner, mount->options.at_boot, mount->options.elevated, &owner, &keeping->err)) {
        service_mount_set(mount, SERVICE_STATE_WAITING, NULL, 0, &keeping->err);
        return PLATTER_E_CANCELLED;
    }
    mount->token = owner; /* kept: a worker of the next attempt has the same rights */
    result = serve(keeping, owner);
    return result;
}

static void conclude(struct keeping *keeping, enum platter_result result)
{
    struct service_mount *mount = keeping->mount;

    if (result == PLATTER_OK) {
        static const struct platter_volume_info nothing;

        tell_drive(keeping, PLATTER_EVENT_UNMOUNTED, &nothing);
        service_mount_remove(mount);
    } else if (result != PLATTER_E_CANCELLED) {
        if (keeping->mounted)
            tell(keeping, PLATTER_EVENT_PROVIDER_LOST, &keeping->err);
        else if (mount->restored)
            tell(keeping, PLATTER_EVENT_MOUNT_LOST, &keeping->err);
        else
            tell(keeping, keeping->err.result == PLATTER_E_ACCESS ? PLATTER_EVENT_REFUSED : PLATTER_EVENT_DAMAGED,
                 &keeping->err);
        service_mount_set(mount, SERVICE_STATE_LOST, NULL, 0, &keeping->err);
        if (mount->forgotten)
            service_mount_remove(mount);
    } else if (mount->state != SERVICE_STATE_WAITING) {
        (void)platter_error_set(&keeping->err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET,
                                "the Platter service is stopping");
        service_mount_set(mount, SERVICE_STATE_LOST, NULL, 0, &keeping->err);
    }
}

DWORD WINAPI service_keep(void *context)
{
    struct keeping *keeping = calloc(1, sizeof(*keeping));
    struct service_mount *mount = context;
    uint64_t until = platter_os_monotonic_ms() + LATE_MS;
    enum platter_result result = PLATTER_E_NO_MEMORY;

    if (!keeping) {
        service_mount_set(mount, SERVICE_STATE_LOST, NULL, 0, NULL);
        goto done;
    }
    keeping->mount = mount;
    name_account(keeping);
    for (;;) {
        result = attempt(keeping);
        service_worker_close(&keeping->worker);
        if (keeping->mounted || !mount->restored || !may_come_later(result) || platter_os_monotonic_ms() >= until ||
            WaitForSingleObject(mount->stop, AGAIN_MS) == WAIT_OBJECT_0)
            break;
        keeping->failed = false;
    }
    conclude(keeping, result);
done:
    free(keeping);
    mount->keeper_runs = false;
    service_mount_release(mount);
    return 0;
}
