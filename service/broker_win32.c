/* SPDX-License-Identifier: MIT */
#include "broker_win32.h"

#include <platter/protocol.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/os/file.h"
#include "../mount/policy_win32.h"
#include "../mount/remember_win32.h"
#include "access.h"
#include "hello_win32.h"
#include "identity_win32.h"

#define SEND_MS 10000u
#define OPENED_MOST 4096u /* a backup's set and a chain of parents are some hundreds, each opened a few times */

static enum platter_result cannot_act(const char *path, struct platter_error *err)
{
    return platter_error_set_os(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET, (int)GetLastError(),
                                "the service cannot act for the owner of the mount");
}

static enum platter_result open_as_owner(const struct service_broker *broker, const char *path, uint32_t flags,
                                         bool device, HANDLE *opened, struct platter_error *err)
{
    enum platter_result result;
    DWORD error = ERROR_SUCCESS;
    intptr_t handle = 0;

    if (!service_impersonate(broker->owner))
        return cannot_act(path, err);
    result = platter_os_handle_open(path, flags, &handle, err);
    if (result == PLATTER_OK && device && !service_hello((HANDLE)handle, &error))
        result = platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error,
                                      "the Platter driver does not answer");
    service_revert();
    *opened = (HANDLE)handle;
    if (result && handle && (HANDLE)handle != INVALID_HANDLE_VALUE)
        CloseHandle((HANDLE)handle);
    return result;
}

/*
 * *handle is one of the worker's process. The driver's control device is opened, too: HELLO is said as the owner, so that
 * the driver has him for the volumes' owner and tells his policy, whoever uses the handle.
 */
static enum platter_result open_tidy(struct service_broker *broker, const char *path, uint32_t flags, uint64_t *handle,
                                     struct platter_error *err)
{
    bool device = strcmp(path, PLATTER_CONTROL_WIN32_NAME) == 0;
    enum platter_result result = PLATTER_OK;
    HANDLE opened = NULL, theirs = NULL;

    if (broker->opened++ >= OPENED_MOST)
        return platter_error_set(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET,
                                 "the image refers to more files than the Platter service opens for one");
    if (!device)
        result = service_access_check(broker->mount, path, flags, err);
    if (result == PLATTER_OK)
        result = open_as_owner(broker, path, device ? PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_SHARE_WRITERS : flags,
                               device, &opened, err);
    if (result)
        return result;
    /* A pipe could be had by a file's name; reading it would be talking to somebody. */
    if (!device && GetFileType(opened) != FILE_TYPE_DISK) {
        CloseHandle(opened);
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is not a file, so not an image");
    }
    if (!DuplicateHandle(GetCurrentProcess(), opened, broker->process, &theirs, 0, FALSE,
                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE))
        return platter_error_set_os(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "cannot be handed to the worker");
    *handle = (uint64_t)(uintptr_t)theirs;
    return PLATTER_OK;
}

static enum platter_result open_for(struct service_broker *broker, const char *asked, uint32_t flags, uint64_t *handle,
                                    struct platter_error *err)
{
    char *path = service_path_tidy(asked);
    enum platter_result result =
        path ? open_tidy(broker, path, flags, handle, err)
             : platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");

    free(path);
    return result;
}

enum platter_result service_broker_answer(struct service_broker *broker, const struct service_channel *channel,
                                          const json_t *question, struct platter_error *err)
{
    const json_t *path = json_object_get(question, "path"), *flags = json_object_get(question, "flags");
    struct platter_error why = {.offset = PLATTER_NO_OFFSET};
    json_t *answer = json_object();
    enum platter_result result = PLATTER_E_USAGE;
    uint64_t handle = 0;

    if (json_is_string(path) && json_string_length(path) <= SERVICE_TEXT_MOST && json_is_integer(flags) &&
        json_integer_value(flags) >= 0 && json_integer_value(flags) <= UINT32_MAX)
        result = open_for(broker, json_string_value(path), (uint32_t)json_integer_value(flags), &handle, &why);
    else
        (void)platter_error_set(&why, result, NULL, PLATTER_NO_OFFSET, "malformed message");
    if (result == PLATTER_OK)
        platter_json_number(answer, "handle", handle);
    else
        platter_error_json(answer, &why, NULL);
    result = service_channel_send(channel, answer, SEND_MS, err);
    json_decref(answer);
    return result;
}

/* ---- Its order ------------------------------------------------------------------------------------------------------- */

static enum platter_result hand_policy(const struct service_broker *broker, json_t *order, struct platter_error *err)
{
    json_t *array = platter_json_array(order, "policy");
    void *keys[PLATTER_POLICY_KEYS];
    bool handed = platter_policy_keys_open(keys);

    for (size_t i = 0; i < PLATTER_POLICY_KEYS; i++) {
        HANDLE theirs = NULL;

        if (keys[i]) {
            handed =
                DuplicateHandle(GetCurrentProcess(), keys[i], broker->process, &theirs, KEY_QUERY_VALUE, FALSE, 0) &&
                handed;
            RegCloseKey(keys[i]);
        }
        handed = json_array_append_new(array, json_integer((json_int_t)(uintptr_t)theirs)) == 0 && handed;
    }
    return handed ? PLATTER_OK
                  : platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                      "the policies of this machine cannot be handed to the worker");
}

enum platter_result service_broker_prepare(const struct service_broker *broker, json_t *order,
                                           struct platter_error *err)
{
    char *path;

    if (broker->mount->remember) {
        if (!service_impersonate(broker->owner))
            return cannot_act(broker->mount->image, err);
        path = platter_remember_path(broker->mount->image);
        service_revert();
        platter_json_text(order, "remember_path", path);
        free(path);
    }
    return hand_policy(broker, order, err);
}
