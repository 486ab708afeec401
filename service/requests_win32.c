/* SPDX-License-Identifier: MIT */
#include "requests_win32.h"

#include <sddl.h>
#include <string.h>

#include "../engine/os/system.h"
#include "../engine/source/source.h"
#include "../mount/event_win32.h"
#include "access.h"
#include "launch_win32.h"
#include "mounts_win32.h"

#define EVENTS_APART_MS 1000u /* nobody fills the log by asking nonsense */

static enum platter_result check_mount(const struct service_options *options, const struct service_client *client,
                                       struct platter_error *err)
{
    const struct platter_mount_options *mount = &options->mount;

    if (options->at_boot && !client->who.administrator)
        return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                                 "only an administrator may have a drive made when nobody is logged on");
    /* A server's URI is whole as it is; what is wrong with it the worker says. */
    if (!platter_source_is_remote(mount->image) && !service_path_is_whole(mount->image))
        return platter_error_set(err, PLATTER_E_USAGE, mount->image, PLATTER_NO_OFFSET,
                                 "is not the whole path of a file");
    if (mount->folder && !client->who.administrator)
        return platter_error_set(err, PLATTER_E_ACCESS, mount->folder, PLATTER_NO_OFFSET,
                                 "only an administrator may put a drive into a folder; a drive letter needs none");
    if (mount->folder && (!service_path_is_whole(mount->folder) || strlen(mount->folder) >= PLATTER_FOLDER_TEXT))
        return platter_error_set(err, PLATTER_E_USAGE, mount->folder, PLATTER_NO_OFFSET,
                                 "is not the whole path of a folder");
    if (mount->overlay && !service_path_is_whole(mount->overlay))
        return platter_error_set(err, PLATTER_E_USAGE, mount->overlay, PLATTER_NO_OFFSET,
                                 "is not the whole path of a file");
    return PLATTER_OK;
}

static enum platter_result do_mount(struct service_request *request, struct service_client *client, json_t *answer,
                                    struct platter_error *err)
{
    json_t *report = NULL;
    enum platter_result result = check_mount(&request->options, client, err);

    if (result == PLATTER_OK)
        result = service_mounts_add(client, &request->options, &report, err);
    if (report && json_object_update(answer, report) != 0)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    json_decref(report);
    return result;
}

static void do_status(json_t *answer)
{
    char confined[SERVICE_CONFINED_TEXT];

    platter_json_text(answer, "version", PLATTER_VERSION);
    platter_json_number(answer, "protocol", SERVICE_PROTOCOL);
    platter_json_number(answer, "process_id", GetCurrentProcessId());
    platter_json_number(answer, "mounts", service_mounts_count());
    service_launch_tell(confined);
    platter_json_text(answer, "confinement", confined);
}

static void tell_refused(const struct service_client *client, const struct platter_error *why)
{
    static volatile LONG64 last;
    LONG64 now = (LONG64)platter_os_monotonic_ms(), before = InterlockedCompareExchange64(&last, 0, 0);
    char reason[PLATTER_EVENT_TEXT];
    struct platter_account account;
    const char *strings[] = {account.name, platter_event_reason(why, reason)};
    PSID sid = NULL;

    if ((before && now - before < EVENTS_APART_MS) || InterlockedCompareExchange64(&last, now, before) != before)
        return;
    if (!ConvertStringSidToSidA(client->who.sid, &sid))
        return;
    platter_account_of(sid, GetLengthSid(sid), &account);
    platter_event_write(PLATTER_EVENT_REQUEST_REFUSED, &account, strings, 2);
    LocalFree(sid);
}

void service_answer(const char *text, uint32_t length, struct service_client *client, json_t *answer)
{
    struct platter_error err = {.offset = PLATTER_NO_OFFSET};
    struct service_request request;
    enum platter_result result = service_request_parse(text, length, &request, &err);

    if (result == PLATTER_OK && service_mounts_stopping())
        result = platter_error_set(&err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, "the Platter service is stopping");
    else if (result == PLATTER_OK) {
        switch (request.kind) {
        case SERVICE_ASK_MOUNT:
            result = do_mount(&request, client, answer, &err);
            break;
        case SERVICE_ASK_LIST:
            service_mounts_json(answer, &client->who);
            break;
        case SERVICE_ASK_STATUS:
            do_status(answer);
            break;
        case SERVICE_ASK_FORGET:
            result = service_mounts_forget(&request, &client->who, answer, &err);
            break;
        case SERVICE_ASK_UNMOUNTED:
            service_mounts_unmounted(request.process_id, &client->who, answer);
            break;
        }
    }
    service_request_free(&request);
    if (result == PLATTER_E_ACCESS || result == PLATTER_E_USAGE)
        tell_refused(client, &err);
    if (result)
        platter_error_json(answer, &err, NULL);
}
