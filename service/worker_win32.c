/* SPDX-License-Identifier: MIT */
#include "worker_win32.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/os/file.h"
#include "../engine/os/system.h"
#include "../mount/mount_win32.h"
#include "../mount/policy_win32.h"
#include "channel_win32.h"
#include "hello_win32.h"

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
        result = service_channel_hear(&channel, ANSWER_MS, &answer, err);
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

/*
 * What serving takes of the system, tried before the first byte of an image: a worker that cannot do it is started again with
 * less confinement. What the service itself cannot open now is not the confinement's fault, and told when it is wanted.
 */
static enum platter_result rehearse(struct platter_error *err)
{
    DWORD error = ERROR_SUCCESS;
    uint8_t number[16];
    intptr_t device;
    enum platter_result result = platter_os_random(number, sizeof(number), err);

    if (result == PLATTER_OK && platter_os_handle_open(PLATTER_CONTROL_WIN32_NAME, 0, &device, NULL) == PLATTER_OK) {
        if (!service_hello((HANDLE)device, &error))
            result = platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error,
                                          "the Platter driver does not answer a worker");
        CloseHandle((HANDLE)device);
    }
    return result;
}

/* ---- Serving --------------------------------------------------------------------------------------------------------- */

static bool still_wanted(void *context)
{
    (void)context; /* who does not want us any more ends us */
    return true;
}

/* Keys that hold policies, opened by the service: this process may not be able to, and is not to take them for absent. */
static enum platter_result take_policy(const json_t *order, struct platter_error *err)
{
    const json_t *array = json_object_get(order, "policy");
    void *keys[PLATTER_POLICY_KEYS];

    for (size_t i = 0; i < PLATTER_POLICY_KEYS; i++) {
        const json_t *key = json_array_get(array, i);

        if (!json_is_integer(key))
            return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                     "the service has not told the policies of this machine");
        keys[i] = (void *)(uintptr_t)json_integer_value(key);
    }
    platter_policy_keys_use(keys);
    return PLATTER_OK;
}

/* The order stays: the options' texts are its. */
static enum platter_result read_order(struct service_options *options, struct platter_error *err)
{
    json_t *order = NULL;
    enum platter_result result = service_channel_hear(&channel, SEND_MS, &order, err);

    if (result == PLATTER_OK)
        result = take_policy(order, err);
    if (result == PLATTER_OK)
        result = service_options_parse(json_object_get(order, "options"), true, options, err);
    /* That is the service's: it takes rights that this process has not. */
    options->mount.no_letter |= options->mount.folder != NULL;
    options->mount.folder = NULL;
    if (result == PLATTER_OK && json_is_string(json_object_get(order, "remember_path")))
        options->mount.remember_path = json_string_value(json_object_get(order, "remember_path"));
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
    platter_os_file_set_opener(open_by_service, NULL);
    result = rehearse(&err);
    if (result == PLATTER_OK)
        result = say(message_of("ready"), &err);
    if (result)
        goto done;
    thread = CreateThread(NULL, 0, beat, NULL, 0, NULL); /* ends with the process */
    if (!thread)
        return PLATTER_E_NO_MEMORY;
    CloseHandle(thread);
    result = read_order(&options, &err);
    if (result == PLATTER_OK) {
        mounted.options = &options.mount;
        result = mount(&mounted, &err);
    }
    if (result == PLATTER_OK) {
        (void)platter_provider_wait(mounted.provider, 0);
        result = platter_mount_end(&mounted, &err);
    }
done:
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
