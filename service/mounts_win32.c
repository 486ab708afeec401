/* SPDX-License-Identifier: MIT */
#include "mounts_win32.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../engine/os/system.h"
#include "../mount/text.h"
#include "keeper_win32.h"
#include "store_win32.h"

#define SETTLE_MS 150000u   /* above what opening, probing and announcing may take, each with a bound of its own */
#define UNMOUNTED_MS 10000u /* for a worker to write back and end */

static SRWLOCK lock = SRWLOCK_INIT; /* the list and what mounts_win32.h says is under it */
static struct service_mount *mounts;
static volatile LONG stopping;

/* ---- One ------------------------------------------------------------------------------------------------------------- */

void service_mount_release(struct service_mount *mount)
{
    if (InterlockedDecrement(&mount->references) != 0)
        return;
    service_options_free(&mount->entry.options);
    json_decref(mount->entry.report);
    if (mount->token)
        CloseHandle(mount->token);
    if (mount->stop)
        CloseHandle(mount->stop);
    if (mount->settled)
        CloseHandle(mount->settled);
    free(mount);
}

/* Takes *options over. One reference, the caller's. */
static struct service_mount *make(const char *id, const char *owner, int64_t since, struct service_options *options)
{
    struct service_mount *mount = calloc(1, sizeof(*mount));

    if (!mount)
        return NULL;
    mount->references = 1;
    (void)snprintf(mount->entry.id, sizeof(mount->entry.id), "%s", id);
    (void)snprintf(mount->entry.owner, sizeof(mount->entry.owner), "%s", owner);
    mount->entry.since = since;
    mount->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    mount->settled = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!mount->stop || !mount->settled) {
        service_mount_release(mount);
        return NULL;
    }
    mount->entry.options = *options;
    memset(options, 0, sizeof(*options));
    return mount;
}

/* Under the lock. False: no thread; the mount is then as it was. */
static bool start_keeper(struct service_mount *mount)
{
    enum service_state before = mount->entry.state;
    HANDLE thread;

    InterlockedIncrement(&mount->references);
    mount->entry.state = SERVICE_STATE_STARTING;
    mount->keeper_runs = true;
    mount->logged_on = false;
    thread = CreateThread(NULL, 0, service_keep, mount, 0, NULL);
    if (thread) {
        CloseHandle(thread);
        return true;
    }
    mount->keeper_runs = false;
    mount->entry.state = before;
    InterlockedDecrement(&mount->references);
    return false;
}

/* Under the lock. What has gone stays so, whatever its keeper is about to say. */
static void set_state(struct service_mount *mount, enum service_state state)
{
    if (mount->entry.state != SERVICE_STATE_GONE)
        mount->entry.state = state;
    if (state != SERVICE_STATE_STARTING)
        SetEvent(mount->settled);
}

void service_mount_set(struct service_mount *mount, enum service_state state, json_t *report, uint32_t process_id,
                       const struct platter_error *err)
{
    AcquireSRWLockExclusive(&lock);
    set_state(mount, state);
    mount->entry.process_id = process_id;
    if (state != SERVICE_STATE_STARTING && mount->entry.report != report) {
        json_decref(mount->entry.report);
        mount->entry.report = json_incref(report);
    }
    if (err)
        mount->entry.error = *err;
    ReleaseSRWLockExclusive(&lock);
}

void service_mount_confined(struct service_mount *mount, const char *confined)
{
    AcquireSRWLockExclusive(&lock);
    (void)snprintf(mount->entry.confined, sizeof(mount->entry.confined), "%s", confined);
    ReleaseSRWLockExclusive(&lock);
}

bool service_mount_again(struct service_mount *mount)
{
    bool wanted;

    AcquireSRWLockExclusive(&lock);
    wanted = !mount->entry.forgotten && mount->entry.state == SERVICE_STATE_RETRYING &&
             WaitForSingleObject(mount->stop, 0) == WAIT_TIMEOUT;
    if (wanted)
        set_state(mount, SERVICE_STATE_STARTING);
    ReleaseSRWLockExclusive(&lock);
    return wanted;
}

/* The store is changed under the lock: else what is forgotten meanwhile would be written after it was taken out. */
enum platter_result service_mount_keep(struct service_mount *mount, const json_t *options, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    AcquireSRWLockExclusive(&lock);
    if (!mount->entry.forgotten && mount->entry.state != SERVICE_STATE_GONE) {
        result = service_store_put(&mount->entry, options, err);
        mount->entry.kept |= result == PLATTER_OK;
    }
    ReleaseSRWLockExclusive(&lock);
    return result;
}

bool service_mount_is_forgotten(struct service_mount *mount)
{
    bool forgotten;

    AcquireSRWLockShared(&lock);
    forgotten = mount->entry.forgotten;
    ReleaseSRWLockShared(&lock);
    return forgotten;
}

void service_mount_remove(struct service_mount *mount)
{
    struct service_mount **at = &mounts;

    AcquireSRWLockExclusive(&lock);
    while (*at && *at != mount)
        at = &(*at)->next;
    if (*at) {
        *at = mount->next;
        SetEvent(mount->stop); /* a keeper that has begun to try again meanwhile would serve what nobody can name */
        if (mount->entry.kept && !mount->entry.forgotten)
            service_store_remove(mount->entry.id);
        set_state(mount, SERVICE_STATE_GONE);
    } else {
        mount = NULL; /* somebody was first */
    }
    ReleaseSRWLockExclusive(&lock);
    if (mount)
        service_mount_release(mount);
}

void service_mount_end(struct service_mount *mount)
{
    AcquireSRWLockExclusive(&lock);
    mount->keeper_runs = false;
    /* Who has logged on between its look for him and now has not been seen, and may not log on again for days. */
    if (mount->entry.state == SERVICE_STATE_WAITING && mount->logged_on && !stopping)
        (void)start_keeper(mount);
    ReleaseSRWLockExclusive(&lock);
    service_mount_release(mount);
}

/* ---- All ------------------------------------------------------------------------------------------------------------- */

static void restore_one(const char *id, const char *owner, int64_t since, struct service_options *options)
{
    struct service_mount *mount = make(id, owner, since, options);

    if (!mount)
        return;
    mount->entry.kept = mount->restored = true;
    AcquireSRWLockExclusive(&lock);
    mount->next = mounts;
    mounts = mount;
    if (!start_keeper(mount))
        mount->entry.state = SERVICE_STATE_WAITING;
    ReleaseSRWLockExclusive(&lock);
}

void service_mounts_restore(void)
{
    service_store_read(restore_one);
}

void service_mounts_retry(void)
{
    AcquireSRWLockExclusive(&lock);
    for (struct service_mount *mount = mounts; mount && !stopping; mount = mount->next) {
        mount->logged_on = true;
        if (mount->entry.state == SERVICE_STATE_WAITING && !mount->keeper_runs)
            (void)start_keeper(mount);
    }
    ReleaseSRWLockExclusive(&lock);
}

static unsigned running(void)
{
    unsigned count = 0;

    AcquireSRWLockShared(&lock);
    for (const struct service_mount *mount = mounts; mount; mount = mount->next)
        count += mount->keeper_runs;
    ReleaseSRWLockShared(&lock);
    return count;
}

void service_mounts_stop(uint32_t timeout_ms)
{
    uint64_t until = platter_os_monotonic_ms() + timeout_ms;

    InterlockedExchange(&stopping, 1);
    AcquireSRWLockExclusive(&lock);
    for (struct service_mount *mount = mounts; mount; mount = mount->next)
        SetEvent(mount->stop);
    ReleaseSRWLockExclusive(&lock);
    while (running() > 0 && platter_os_monotonic_ms() < until)
        Sleep(50);
}

bool service_mounts_stopping(void)
{
    return stopping != 0;
}

unsigned service_mounts_count(void)
{
    unsigned count = 0;

    AcquireSRWLockShared(&lock);
    for (const struct service_mount *mount = mounts; mount; mount = mount->next)
        count++;
    ReleaseSRWLockShared(&lock);
    return count;
}

/* ---- Adding ---------------------------------------------------------------------------------------------------------- */

static bool new_id(char id[SERVICE_ID_CHARS])
{
    uint8_t bytes[16];

    if (platter_os_random(bytes, sizeof(bytes), NULL) != PLATTER_OK)
        return false;
    bytes[7] = (uint8_t)((bytes[7] & 0x0f) | 0x40); /* of random numbers, RFC 4122; first fields little-endian */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    (void)platter_guid_text(bytes, id);
    for (char *at = id; *at; at++)
        *at = *at >= 'A' && *at <= 'F' ? (char)(*at | 0x20) : *at;
    return true;
}

static bool is_same_image(const struct service_mount *a, const struct service_mount *b)
{
    return strcmp(a->entry.owner, b->entry.owner) == 0 &&
           _stricmp(a->entry.options.mount.image, b->entry.options.mount.image) == 0;
}

/* Under the lock. */
static enum platter_result take_in(struct service_mount *wanted, struct platter_error *err)
{
    unsigned all = 0, own = 0;

    for (const struct service_mount *mount = mounts; mount; mount = mount->next) {
        all++;
        own += strcmp(mount->entry.owner, wanted->entry.owner) == 0;
        if (is_same_image(mount, wanted) &&
            (mount->entry.state == SERVICE_STATE_MOUNTED || mount->entry.state == SERVICE_STATE_STARTING))
            return platter_error_set(err, PLATTER_E_EXISTS, mount->entry.options.mount.image, PLATTER_NO_OFFSET,
                                     "is a persistent mount already");
    }
    if (service_mounts_check(all, own, wanted->entry.options.elevated, err) != PLATTER_OK)
        return err->result;
    if (stopping)
        return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, "the Platter service is stopping");
    if (!start_keeper(wanted))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "cannot start a thread");
    /* Two would want the image for themselves: who asks now comes first. */
    for (struct service_mount *mount = mounts; mount; mount = mount->next) {
        if (is_same_image(mount, wanted) && mount->entry.state == SERVICE_STATE_RETRYING)
            SetEvent(mount->stop);
    }
    return PLATTER_OK;
}

/* What was lost, is retried no more or waits, and is now mounted anew. */
static struct service_mount *find_superseded(const struct service_mount *by)
{
    struct service_mount *mount;

    AcquireSRWLockExclusive(&lock);
    for (mount = mounts; mount; mount = mount->next) {
        if (mount != by && is_same_image(mount, by) &&
            (!mount->keeper_runs || mount->entry.state == SERVICE_STATE_RETRYING))
            break;
    }
    if (mount)
        InterlockedIncrement(&mount->references);
    ReleaseSRWLockExclusive(&lock);
    return mount;
}

static void settle(struct service_mount *mount, json_t **report, struct platter_error *err)
{
    struct service_mount *old;

    if (WaitForSingleObject(mount->settled, SETTLE_MS) != WAIT_OBJECT_0) {
        SetEvent(mount->stop);
        (void)platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                "the drives were not there within %u seconds", SETTLE_MS / 1000);
        return;
    }
    AcquireSRWLockShared(&lock);
    if (mount->entry.state == SERVICE_STATE_MOUNTED)
        *report = json_deep_copy(mount->entry.report);
    if (mount->entry.state != SERVICE_STATE_MOUNTED)
        *err = mount->entry.error;
    else if (!*report)
        (void)platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    ReleaseSRWLockShared(&lock);
    while (*report && (old = find_superseded(mount)) != NULL) {
        service_mount_remove(old);
        service_mount_release(old);
    }
}

enum platter_result service_mounts_add(struct service_client *client, struct service_options *options, json_t **report,
                                       struct platter_error *err)
{
    char id[SERVICE_ID_CHARS];
    struct service_mount *mount;
    enum platter_result result;

    options->elevated = client->who.administrator;
    if (client->who.administrator)
        (void)json_object_set_new(options->json, "elevated", json_true());
    mount = new_id(id) ? make(id, client->who.sid, (int64_t)time(NULL), options) : NULL;
    if (!mount)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    mount->token = client->token;
    client->token = NULL;
    /* Until its keeper says another: nobody but who forgets it ends it before. */
    (void)platter_error_set(&mount->entry.error, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET,
                            "was forgotten before its drives were there");
    AcquireSRWLockExclusive(&lock);
    result = take_in(mount, err);
    if (result == PLATTER_OK) {
        InterlockedIncrement(&mount->references);
        mount->next = mounts;
        mounts = mount;
    }
    ReleaseSRWLockExclusive(&lock);
    if (result == PLATTER_OK) {
        settle(mount, report, err);
        if (*report)
            platter_json_text(*report, "persistent_id", mount->entry.id);
        else
            service_mount_remove(mount);
        result = *report ? PLATTER_OK : err->result;
    }
    service_mount_release(mount);
    return result;
}

/* ---- Telling --------------------------------------------------------------------------------------------------------- */

void service_mounts_json(json_t *root, const struct service_asker *asker)
{
    json_t *array = platter_json_array(root, "mounts");

    AcquireSRWLockShared(&lock);
    for (const struct service_mount *mount = mounts; mount; mount = mount->next)
        service_entry_json(array, &mount->entry, asker);
    ReleaseSRWLockShared(&lock);
}

/* ---- Forgetting ------------------------------------------------------------------------------------------------------ */

enum platter_result service_mounts_forget(const struct service_request *request, const struct service_asker *asker,
                                          json_t *root, struct platter_error *err)
{
    struct service_mount *ended[SERVICE_MOUNTS_MOST];
    json_t *array = platter_json_array(root, "forgotten");
    unsigned count = 0, ends = 0;

    AcquireSRWLockExclusive(&lock);
    for (struct service_mount *mount = mounts; mount; mount = mount->next) {
        if (!service_entry_is_meant(&mount->entry, request, asker))
            continue;
        platter_json_append(array, mount->entry.id);
        count++;
        if (mount->entry.kept && !mount->entry.forgotten)
            service_store_remove(mount->entry.id);
        mount->entry.forgotten = true;
        /* Nothing of it is there, or it is about to come: then it does not. */
        if (mount->entry.state != SERVICE_STATE_MOUNTED && ends < SERVICE_MOUNTS_MOST) {
            SetEvent(mount->stop);
            InterlockedIncrement(&mount->references);
            ended[ends++] = mount;
        }
    }
    ReleaseSRWLockExclusive(&lock);
    for (unsigned i = 0; i < ends; i++) {
        service_mount_remove(ended[i]);
        service_mount_release(ended[i]);
    }
    if (count == 0 && !request->all)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET,
                                 "there is no such persistent mount, or none that you may change");
    return PLATTER_OK;
}

void service_mounts_unmounted(uint32_t process_id, const struct service_asker *asker, json_t *root)
{
    uint64_t until = platter_os_monotonic_ms() + UNMOUNTED_MS;
    bool there = true, known = false;

    while (there && platter_os_monotonic_ms() < until) {
        there = false;
        AcquireSRWLockShared(&lock);
        for (const struct service_mount *mount = mounts; mount; mount = mount->next)
            there |= mount->entry.process_id == process_id && service_entry_is_for(&mount->entry, asker);
        ReleaseSRWLockShared(&lock);
        known |= there;
        if (there)
            Sleep(20);
    }
    platter_json_bool(root, "known", known);
    platter_json_bool(root, "forgotten", !there);
}
