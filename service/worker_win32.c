/* SPDX-License-Identifier: MIT */
#include "worker_win32.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/os/file.h"
#include "../mount/mount_win32.h"
#include "channel_win32.h"

#define BEAT_MS 2000u
#define SEND_MS 30000u
#define ANSWER_MS 120000u /* a file on a share that is slow to answer */

static struct service_channel channel;
static SRWLOCK sending = SRWLOCK_INIT; /* one message at a time */
static SRWLOCK asking = SRWLOCK_INIT;  /* a question and its answer */

/* ---- Talking --------------------------------------------------------------------------------------------------------- */

static enum platter_result say(json_t *message, struct platter_error *err)
{
    enum platter_result result;

    AcquireSRWLockExclusive(&sending);
    result = service_channel_send(&channel, message, SEND_MS, err);
    ReleaseSRWLockExclusive(&sending);
    json_decref(message);
    return result;
}

static json_t *message_of(const char *what)
{
    json_t *message = json_object();

    platter_json_text(message, "say", what);
    return message;
}

static enum platter_result hear(uint32_t timeout_ms, json_t **message, struct platter_error *err)
{
    char *text = NULL;
    uint32_t length = 0;
    enum platter_result result =
        service_channel_receive(&channel, SERVICE_REQUEST_MOST, timeout_ms, &text, &length, err);

    if (result)
        return result;
    result = service_object_parse(text, length, message, err);
    free(text);
    return result;
}

/* A platter_os_open_fn. */
static enum platter_result open_by_service(void *context, const char *path, uint32_t flags, intptr_t *handle,
                                           struct platter_error *err)
{
    json_t *question = message_of("open"), *answer = NULL;
    struct platter_error local;
    enum platter_result result;

    (void)context;
    platter_json_text(question, "path", path);
    platter_json_number(question, "flags", flags);
    if (!err)
        err = &local;
    AcquireSRWLockExclusive(&asking);
    result = say(question, err);
    if (result == PLATTER_OK)
        result = hear(ANSWER_MS, &answer, err);
    ReleaseSRWLockExclusive(&asking);
    if (result)
        return result;
    if (json_is_integer(json_object_get(answer, "handle")))
        *handle = (intptr_t)json_integer_value(json_object_get(answer, "handle"));
    else
        result = platter_error_take(json_object_get(answer, "error"), err);
    json_decref(answer);
    return result;
}

/* Who does not hear us ends us; who is not there any more leaves us nobody to serve for. */
static DWORD WINAPI beat(void *unused)
{
    (void)unused;
    while (say(message_of("alive"), NULL) == PLATTER_OK)
        Sleep(BEAT_MS);
    TerminateProcess(GetCurrentProcess(), PLATTER_E_CANCELLED);
    return 0;
}

/* ---- Confining ------------------------------------------------------------------------------------------------------- */

/* What newer systems offer, by numbers of PROCESS_MITIGATION_POLICY (winnt.h); what is missing is not there to be had. */
static void confine(void)
{
    typedef BOOL WINAPI set_fn(int policy, void *buffer, SIZE_T length);
    static const struct {
        int policy;
        DWORD flags;
    } wanted[] = {
        {2, 1},  /* no code that is made at run time */
        {4, 1},  /* no calls of the window system's kernel part */
        {6, 1},  /* no extension points */
        {9, 1},  /* no fonts but the system's */
        {10, 3}, /* no programs from the network, or of low integrity */
    };
    set_fn *set = (set_fn *)(void *)GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "SetProcessMitigationPolicy");

    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    for (size_t i = 0; set && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        DWORD flags = wanted[i].flags;

        (void)set(wanted[i].policy, &flags, sizeof(flags));
    }
}

/* ---- Serving --------------------------------------------------------------------------------------------------------- */

static bool still_wanted(void *context)
{
    (void)context; /* who does not want us any more ends us */
    return true;
}

static enum platter_result read_order(struct service_options *options, struct platter_error *err)
{
    json_t *order = NULL;
    enum platter_result result = hear(SEND_MS, &order, err);

    if (result)
        return result;
    result = service_options_parse(json_object_get(order, "options"), true, options, err);
    json_decref(order);
    return result;
}

static enum platter_result mount(struct platter_mount *mounted, struct platter_error *err)
{
    enum platter_result result = platter_mount_prepare(mounted, err);
    json_t *message, *report;

    mounted->alive = still_wanted;
    if (result == PLATTER_OK)
        result = platter_mount_start(mounted, err);
    if (result)
        return result;
    message = message_of("mounted");
    report = platter_json_object(message, "report");
    platter_mount_json(report, mounted);
    return say(message, err);
}

int service_work(const wchar_t *number)
{
    static struct platter_mount mounted; /* too large for a stack */
    static struct service_options options;
    struct platter_error err = {.offset = PLATTER_NO_OFFSET};
    enum platter_result result;
    wchar_t *end;
    HANDLE thread;

    channel.pipe = (HANDLE)(uintptr_t)wcstoull(number, &end, 10);
    if (*end || GetFileType(channel.pipe) != FILE_TYPE_PIPE)
        return PLATTER_E_USAGE;
    SetHandleInformation(channel.pipe, HANDLE_FLAG_INHERIT, 0);
    confine();
    thread = CreateThread(NULL, 0, beat, NULL, 0, NULL); /* ends with the process */
    if (!thread)
        return PLATTER_E_NO_MEMORY;
    CloseHandle(thread);
    result = read_order(&options, &err);
    if (result == PLATTER_OK) {
        platter_os_file_set_opener(open_by_service, NULL);
        mounted.options = &options.mount;
        result = mount(&mounted, &err);
    }
    if (result == PLATTER_OK) {
        (void)platter_provider_wait(mounted.provider, 0);
        result = platter_mount_end(&mounted, &err);
    }
    /* Said, not left to the exit code: how a process ends that is killed is for the system to say, and Wine says 0. */
    if (result == PLATTER_OK) {
        (void)say(message_of("unmounted"), NULL);
    } else {
        json_t *message = message_of("failed");

        platter_error_json(message, &err, NULL);
        (void)say(message, NULL);
    }
    return (int)result;
}
