/* SPDX-License-Identifier: MIT */
#include "keeper_win32.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/os/system.h"
#include "../engine/source/source.h"
#include "../mount/control_win32.h"
#include "../mount/dismount_win32.h"
#include "../mount/event_win32.h"
#include "launch_win32.h"
#include "point_win32.h"
#include "retry.h"

#define SILENCE_MS 15000u /* of a worker, which says every two seconds that it is there */
#define SEND_MS 10000u
#define END_MS 30000u /* for what is written back when the drives are gone */
#define LATE_MS                                                                                                        \
    60000u /* how long a stored mount is tried when the machine comes up: driver, disk or share may be late */
#define AGAIN_MS 1000u

struct keeping {
    struct service_mount *mount;
    struct platter_account account;
    struct service_retry retry;
    bool returning; /* it has been there before, so it is tried again */
    uint64_t late;  /* until then what may come later is waited for, ms; 0: no more */

    /* Of one attempt. */
    struct service_worker worker;
    struct service_broker broker;
    struct platter_volume_info *volumes; /* the worker's, when they were there */
    size_t count;
    bool mounted;
    bool placed;    /* its folder leads to its drive */
    bool waiting;   /* there is no token of its owner */
    bool failed;    /* the worker has said why */
    bool unmounted; /* it has said that its drives are gone, and all is in the image */
    struct platter_error err;
};

struct letters {
    char text[4 * 26]; /* "P:, Q:" or "P,Q" */
    bool all;          /* each drive has one */
};

static void letters_of(const struct keeping *keeping, const char *colon, const char *separator, struct letters *letters)
{
    size_t used = 0;

    letters->all = true;
    letters->text[0] = '\0';
    for (size_t i = 0; i < keeping->count; i++) {
        uint32_t letter = keeping->volumes[i].letter;

        if (letter < 'A' || letter > 'Z' || used + 4 >= sizeof(letters->text))
            letters->all = false;
        else
            used += (size_t)snprintf(letters->text + used, sizeof(letters->text) - used, "%s%c%s",
                                     used ? separator : "", (char)letter, colon);
    }
}

/* ---- Events ---------------------------------------------------------------------------------------------------------- */

static void name_account(struct keeping *keeping)
{
    PSID sid = NULL;

    if (!ConvertStringSidToSidA(keeping->mount->entry.owner, &sid))
        return;
    platter_account_of(sid, GetLengthSid(sid), &keeping->account);
    LocalFree(sid);
}

static void tell(const struct keeping *keeping, enum platter_event event)
{
    char reason[PLATTER_EVENT_TEXT];
    const char *strings[] = {keeping->account.name, platter_event_reason(&keeping->err, reason)};

    platter_event_write(event, &keeping->account, strings, 2);
}

static void tell_lost(const struct keeping *keeping)
{
    char reason[PLATTER_EVENT_TEXT], process[16];
    struct letters letters;
    const char *strings[] = {keeping->account.name, letters.text, process, platter_event_reason(&keeping->err, reason)};

    letters_of(keeping, ":", ", ", &letters);
    if (!letters.text[0])
        strings[1] = "drives without letters";
    (void)snprintf(process, sizeof(process), "%u", (unsigned)keeping->worker.process_id);
    platter_event_write(PLATTER_EVENT_PROVIDER_LOST, &keeping->account, strings, 4);
}

static void tell_drives(const struct keeping *keeping, enum platter_event event)
{
    for (size_t i = 0; i < keeping->count; i++)
        platter_event_drive(event, &keeping->account, &keeping->volumes[i]);
}

/* ---- Drives ---------------------------------------------------------------------------------------------------------- */

/* What the driver says of the worker's volumes now; not what the worker says. *volumes is to be freed. */
static size_t list_volumes(const struct keeping *keeping, struct platter_transport *transport,
                           struct platter_volume_info **volumes)
{
    size_t count = 0, own = 0;

    if (platter_control_list(transport, volumes, &count, NULL) != PLATTER_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if ((*volumes)[i].owner_process_id == keeping->worker.process_id)
            (*volumes)[own++] = (*volumes)[i];
    }
    return own;
}

static void dismount_all(const struct keeping *keeping)
{
    struct platter_transport *transport = NULL;
    struct platter_volume_info *volumes = NULL;
    size_t count;

    if (platter_control_open(&transport, NULL, NULL) != PLATTER_OK)
        return;
    count = list_volumes(keeping, transport, &volumes);
    for (size_t i = 0; i < count; i++)
        (void)platter_dismount(transport, &volumes[i], true, NULL, NULL);
    free(volumes);
    platter_control_close(transport);
}

static const char *folder_of(const struct keeping *keeping)
{
    return keeping->mount->entry.options.mount.folder;
}

/* Puts them into their folder and into the store. The letters they got are those they come back with. */
static enum platter_result store(struct keeping *keeping)
{
    json_t *options = json_copy(keeping->mount->entry.options.json);
    struct platter_transport *transport = NULL;
    struct letters letters;
    enum platter_result result;

    if (platter_control_open(&transport, NULL, NULL) == PLATTER_OK) {
        keeping->count = list_volumes(keeping, transport, &keeping->volumes);
        platter_control_close(transport);
    }
    result =
        service_point_make(keeping->mount->token, folder_of(keeping), keeping->volumes, keeping->count, &keeping->err);
    if (result)
        goto done;
    keeping->placed = true;
    tell_drives(keeping, PLATTER_EVENT_MOUNTED);
    letters_of(keeping, "", ",", &letters);
    if (options && letters.all && letters.text[0])
        (void)json_object_set_new(options, "letter", json_string(letters.text));
    result = service_mount_keep(keeping->mount, options, &keeping->err);
done:
    json_decref(options);
    return result;
}

/* ---- What the worker says -------------------------------------------------------------------------------------------- */

static enum platter_result take_report(struct keeping *keeping, json_t *report)
{
    enum platter_result result;

    if (keeping->mounted || !json_is_object(report))
        return platter_error_set(&keeping->err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                 "its worker says what makes no sense");
    result = store(keeping);
    if (result)
        return result;
    if (folder_of(keeping))
        platter_json_text(report, "folder", folder_of(keeping));
    keeping->mounted = keeping->returning = true;
    keeping->late = 0;
    service_mount_set(keeping->mount, SERVICE_STATE_MOUNTED, report, keeping->worker.process_id, NULL);
    return PLATTER_OK;
}

static enum platter_result take_message(struct keeping *keeping, json_t *message)
{
    const char *say = platter_json_text_of(message, "say");

    if (strcmp(say, "alive") == 0)
        return PLATTER_OK;
    if (strcmp(say, "open") == 0)
        return service_broker_answer(&keeping->broker, &keeping->worker.channel, message, &keeping->err);
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
    enum platter_result result = service_channel_hear(&keeping->worker.channel, SILENCE_MS, &message, &keeping->err);

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

    dismount_all(keeping);
    if (!keeping->mounted || (wait_for_end(keeping, END_MS, &status) && status == 0))
        return PLATTER_E_CANCELLED;
    (void)platter_error_set(&keeping->err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET, "its worker did not end well (0x%lx)",
                            (unsigned long)status);
    tell(keeping, PLATTER_EVENT_UNWRITTEN);
    return PLATTER_E_CANCELLED;
}

static bool is_remote(const struct keeping *keeping)
{
    return platter_source_is_remote(keeping->mount->entry.options.mount.image);
}

/* What the worker is to do, with what it could not find out by itself. */
static enum platter_result send_order(struct keeping *keeping)
{
    json_t *order = json_object();
    enum platter_result result = service_broker_prepare(&keeping->broker, order, &keeping->err);

    if (result == PLATTER_OK && json_object_set(order, "options", keeping->mount->entry.options.json) != 0)
        result = platter_error_set(&keeping->err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (result == PLATTER_OK)
        result = service_channel_send(&keeping->worker.channel, order, SEND_MS, &keeping->err);
    json_decref(order);
    return result;
}

/* From the worker's start to its end. PLATTER_OK: unmounted; PLATTER_E_CANCELLED: stopped; else lost, keeping->err. */
static enum platter_result serve(struct keeping *keeping, HANDLE owner)
{
    char confined[SERVICE_CONFINED_TEXT];
    enum platter_result result;

    keeping->broker = (struct service_broker){.mount = &keeping->mount->entry.options.mount, .owner = owner};
    result = service_point_check(owner, folder_of(keeping), &keeping->err);
    if (result)
        return result;
    result = service_launch(&keeping->broker, keeping->mount->stop, &keeping->worker, confined, &keeping->err);
    if (result)
        return result;
    service_mount_confined(keeping->mount, confined);
    service_mount_set(keeping->mount, SERVICE_STATE_STARTING, NULL, keeping->worker.process_id, NULL);
    result = send_order(keeping);
    while (result == PLATTER_OK)
        result = receive(keeping);
    return result == PLATTER_E_CANCELLED ? take_away(keeping) : explain(keeping);
}

/* ---- The thread ------------------------------------------------------------------------------------------------------ */

/* What ends by itself soon after the machine has come up. */
static bool may_come_later(const struct keeping *keeping, enum platter_result result)
{
    return result == PLATTER_E_DRIVER || result == PLATTER_E_NOT_FOUND || result == PLATTER_E_BUSY ||
           result == PLATTER_E_EXISTS || (result == PLATTER_E_IO && is_remote(keeping));
}

/* One attempt; `result` as of serve(). */
static enum platter_result attempt(struct keeping *keeping)
{
    struct service_mount *mount = keeping->mount;
    const struct service_entry *entry = &mount->entry;

    keeping->mounted = keeping->placed = keeping->waiting = keeping->failed = keeping->unmounted = false;
    keeping->err = (struct platter_error){.offset = PLATTER_NO_OFFSET};
    free(keeping->volumes);
    keeping->volumes = NULL;
    keeping->count = 0;
    /* Kept: the worker of the next attempt has the same rights. */
    if (!mount->token && service_owner_token(entry->owner, entry->options.at_boot, entry->options.elevated,
                                             &mount->token, &keeping->err) != PLATTER_OK) {
        keeping->waiting = true;
        return PLATTER_E_CANCELLED;
    }
    return serve(keeping, mount->token);
}

/* It is lost. True: it is time to try again; false: it stays lost, or is not wanted any more. */
static bool wait_to_retry(struct keeping *keeping, enum platter_result result)
{
    struct service_mount *mount = keeping->mount;
    uint64_t now = platter_os_monotonic_ms();
    uint32_t delay = AGAIN_MS;

    if (!keeping->returning || service_mount_is_forgotten(mount))
        return false;
    if ((now >= keeping->late || !may_come_later(keeping, result)) && !service_retry_next(&keeping->retry, now, &delay))
        return false;
    service_mount_set(mount, SERVICE_STATE_RETRYING, NULL, 0, &keeping->err);
    return WaitForSingleObject(mount->stop, delay) == WAIT_TIMEOUT && service_mount_again(mount);
}

static void conclude(struct keeping *keeping, enum platter_result result)
{
    struct service_mount *mount = keeping->mount;

    if (result == PLATTER_OK) {
        tell_drives(keeping, PLATTER_EVENT_UNMOUNTED);
        service_mount_remove(mount);
        return;
    }
    if (keeping->waiting) {
        service_mount_set(mount, SERVICE_STATE_WAITING, NULL, 0, &keeping->err);
        return;
    }
    if (result == PLATTER_E_CANCELLED)
        (void)platter_error_set(&keeping->err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET,
                                "the Platter service is stopping");
    else if (WaitForSingleObject(mount->stop, 0) == WAIT_OBJECT_0 || keeping->mounted)
        ; /* nobody gave it up; or that was told when it was lost */
    else if (keeping->returning)
        tell(keeping, PLATTER_EVENT_MOUNT_LOST);
    else
        tell(keeping, keeping->err.result == PLATTER_E_ACCESS ? PLATTER_EVENT_REFUSED : PLATTER_EVENT_DAMAGED);
    service_mount_set(mount, SERVICE_STATE_LOST, NULL, 0, &keeping->err);
    if (result != PLATTER_E_CANCELLED && service_mount_is_forgotten(mount))
        service_mount_remove(mount);
}

DWORD WINAPI service_keep(void *context)
{
    struct keeping *keeping = calloc(1, sizeof(*keeping));
    struct service_mount *mount = context;
    enum platter_result result;
    bool lost;

    if (!keeping) {
        service_mount_set(mount, SERVICE_STATE_LOST, NULL, 0, NULL);
        goto done;
    }
    keeping->mount = mount;
    keeping->returning = mount->restored;
    keeping->late = mount->restored ? platter_os_monotonic_ms() + LATE_MS : 0;
    name_account(keeping);
    do {
        result = attempt(keeping);
        lost = result != PLATTER_OK && result != PLATTER_E_CANCELLED;
        if (lost && keeping->mounted)
            tell_lost(keeping);
        service_worker_close(&keeping->worker);
        /* Else it is as it was: another mount's, if that was the refusal. */
        if (keeping->placed)
            service_point_end(mount->token, folder_of(keeping));
    } while (lost && wait_to_retry(keeping, result));
    conclude(keeping, result);
    free(keeping->volumes);
    free(keeping);
done:
    service_mount_end(mount);
    return 0;
}
