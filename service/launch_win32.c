/* SPDX-License-Identifier: MIT */
#include "launch_win32.h"

#include <stdio.h>
#include <string.h>

#include "../engine/os/system.h"
#include "../engine/source/source.h"
#include "../mount/event_win32.h"
#include "restricted_win32.h"

#define READY_MS 20000u
#define LEARNED_MS 600000u /* what one user may bring about, by want of memory say, does not last for the others */

/* ---- What this system has -------------------------------------------------------------------------------------------- */

static struct service_system system_now(void)
{
    typedef LONG NTAPI version_fn(RTL_OSVERSIONINFOW *
                                  info); /* which tells the truth to programs without a manifest, too */
    version_fn *version = (version_fn *)(void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion");
    RTL_OSVERSIONINFOW info = {.dwOSVersionInfoSize = sizeof(info)};

    if (version)
        (void)version(&info);
    return (struct service_system){.major = info.dwMajorVersion,
                                   .minor = info.dwMinorVersion,
                                   .build = info.dwBuildNumber,
                                   .app_containers = service_has_app_containers()};
}

/* ---- What was learned ------------------------------------------------------------------------------------------------ */

static SRWLOCK lock = SRWLOCK_INIT;
static struct learned {
    unsigned rung;
    uint64_t since;     /* ms; 0: nothing was learned */
    char why[200];      /* what did not start */
} learned[2];           /* of images here, and on servers */
static bool started[2]; /* one at least, whatever with */

static struct learned recall(bool remote)
{
    uint64_t now = platter_os_monotonic_ms();
    struct learned found;

    AcquireSRWLockExclusive(&lock);
    if (learned[remote].since && now - learned[remote].since >= LEARNED_MS)
        memset(&learned[remote], 0, sizeof(learned[remote]));
    found = learned[remote];
    ReleaseSRWLockExclusive(&lock);
    return found;
}

/* Of a worker that was started. `late`: of a busy machine nothing is learned. True: it is news. */
static bool learn(bool remote, bool late, const struct learned *what)
{
    bool news;

    AcquireSRWLockExclusive(&lock);
    started[remote] = true;
    news = !late && learned[remote].rung < what->rung;
    if (news)
        learned[remote] = *what;
    ReleaseSRWLockExclusive(&lock);
    return news;
}

static void describe(const struct service_system *system, bool remote, const struct learned *known,
                     char text[SERVICE_CONFINED_TEXT])
{
    const char *why_not = service_confinement_why_not(system, remote);
    struct service_confinement plan = {.app_container = false}, most = {.app_container = false};
    bool mitigated;

    (void)service_confinement_plan(system, remote, 0, &most);
    (void)service_confinement_plan(system, remote, known->rung, &plan);
    mitigated = plan.mitigations == most.mitigations;
    if (plan.app_container && mitigated)
        (void)snprintf(text, SERVICE_CONFINED_TEXT, "AppContainer");
    else if (plan.app_container)
        (void)snprintf(text, SERVICE_CONFINED_TEXT, "AppContainer without mitigations, because with them: %s",
                       known->why);
    else if (why_not && mitigated)
        (void)snprintf(text, SERVICE_CONFINED_TEXT, "restricted token only, because %s", why_not);
    else
        (void)snprintf(text, SERVICE_CONFINED_TEXT, "restricted token only%s, because with more: %s",
                       mitigated ? "" : " and no mitigations", known->why);
}

void service_launch_tell(char confined[SERVICE_CONFINED_TEXT])
{
    const struct service_system system = system_now();
    const struct learned known = recall(false);
    size_t length;

    describe(&system, false, &known, confined);
    length = strlen(confined);
    if (!started[0])
        (void)snprintf(confined + length, SERVICE_CONFINED_TEXT - length, " (none has been started yet)");
}

/* ---- One attempt ----------------------------------------------------------------------------------------------------- */

static enum platter_result take(struct service_broker *broker, struct service_worker *worker, const json_t *message,
                                bool *ready, struct platter_error *err)
{
    const char *say = platter_json_text_of(message, "say");

    if (strcmp(say, "open") == 0)
        return service_broker_answer(broker, &worker->channel, message, err);
    if (strcmp(say, "failed") == 0)
        return platter_error_take(json_object_get(message, "error"), err);
    *ready = strcmp(say, "ready") == 0;
    return *ready ? PLATTER_OK
                  : platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                      "its worker says what makes no sense");
}

/* It has gone without a word; so a worker ends whose libraries the system did not load. */
static enum platter_result ended(const struct service_worker *worker, struct platter_error *err)
{
    DWORD status = 0;

    (void)WaitForSingleObject(worker->process, READY_MS);
    (void)GetExitCodeProcess(worker->process, &status);
    return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, "its worker ended, exit code 0x%lx",
                             (unsigned long)status);
}

static enum platter_result attempt(struct service_broker *broker, bool remote, const struct service_confinement *plan,
                                   HANDLE stop, struct service_worker *worker, struct platter_error *err)
{
    enum platter_result result = service_worker_start(broker->owner, remote, plan, worker, err);
    bool ready = false;

    if (result)
        return result;
    worker->channel.stop = stop;
    broker->process = worker->process;
    while (result == PLATTER_OK && !ready) {
        json_t *message = NULL;

        result = service_channel_hear(&worker->channel, READY_MS, &message, err);
        if (result == PLATTER_OK)
            result = take(broker, worker, message, &ready, err);
        json_decref(message);
    }
    return result == PLATTER_E_IO && err->os_error != WAIT_TIMEOUT ? ended(worker, err) : result;
}

/* ---- One after the other --------------------------------------------------------------------------------------------- */

static void tell_less(const char *confined)
{
    const char *strings[] = {confined};

    platter_event_write(PLATTER_EVENT_WORKER_LESS, NULL, strings, 1);
}

/* What is told of it where everybody reads it: no name of a file, and no more than fits. */
static void put_why(struct learned *known, const struct platter_error *err)
{
    if (err->os_error)
        (void)snprintf(known->why, sizeof(known->why), "%.150s (Windows error %d)", err->message, err->os_error);
    else
        (void)snprintf(known->why, sizeof(known->why), "%.180s", err->message);
}

enum platter_result service_launch(struct service_broker *broker, HANDLE stop, struct service_worker *worker,
                                   char confined[SERVICE_CONFINED_TEXT], struct platter_error *err)
{
    const struct service_system system = system_now();
    bool remote = platter_source_is_remote(broker->mount->image), late = false;
    struct learned known = recall(remote);
    struct service_confinement plan;
    enum platter_result result = PLATTER_E_FAILED;

    for (; service_confinement_plan(&system, remote, known.rung, &plan); known.rung++) {
        result = attempt(broker, remote, &plan, stop, worker, err);
        if (result == PLATTER_OK || result == PLATTER_E_CANCELLED)
            break;
        service_worker_close(worker);
        late |= err->os_error == WAIT_TIMEOUT;
        put_why(&known, err);
    }
    if (result)
        return result;
    describe(&system, remote, &known, confined);
    known.since = platter_os_monotonic_ms();
    if (learn(remote, late, &known))
        tell_less(confined);
    return PLATTER_OK;
}
