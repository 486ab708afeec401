/* SPDX-License-Identifier: MIT */
#include "channel_win32.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/os/system.h"

static enum platter_result broken(DWORD error, struct platter_error *err)
{
    return platter_error_set_os(err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET, (int)error, "%s",
                                error == WAIT_TIMEOUT ? "no message within the time there is for one"
                                                      : "the connection has ended");
}

/* Waits for what was begun; what is not done in time is taken back before its buffer goes. */
static enum platter_result finish(const struct service_channel *channel, OVERLAPPED *overlapped, BOOL begun,
                                  uint64_t until, DWORD *moved, struct platter_error *err)
{
    HANDLE events[] = {overlapped->hEvent, channel->stop};
    DWORD error = begun ? ERROR_SUCCESS : GetLastError(), waited = WAIT_OBJECT_0;

    if (error != ERROR_SUCCESS && error != ERROR_IO_PENDING)
        return broken(error, err);
    if (error == ERROR_IO_PENDING) {
        uint64_t now = platter_os_monotonic_ms();

        waited = WaitForMultipleObjects(channel->stop ? 2 : 1, events, FALSE, now < until ? (DWORD)(until - now) : 0);
        if (waited != WAIT_OBJECT_0)
            CancelIoEx(channel->pipe, overlapped);
    }
    if (GetOverlappedResult(channel->pipe, overlapped, moved, TRUE))
        return PLATTER_OK;
    error = GetLastError();
    if (waited == WAIT_OBJECT_0 + 1)
        return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "stopped");
    return broken(waited == WAIT_TIMEOUT ? WAIT_TIMEOUT : error, err);
}

static enum platter_result move(const struct service_channel *channel, bool sending, void *buffer, uint32_t length,
                                uint64_t until, struct platter_error *err)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    enum platter_result result = PLATTER_OK;

    if (!event)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "cannot create an event");
    while (length > 0 && result == PLATTER_OK) {
        OVERLAPPED overlapped = {.hEvent = event};
        DWORD moved = 0;
        BOOL begun = sending ? WriteFile(channel->pipe, buffer, length, NULL, &overlapped)
                             : ReadFile(channel->pipe, buffer, length, NULL, &overlapped);

        result = finish(channel, &overlapped, begun, until, &moved, err);
        if (result == PLATTER_OK && moved == 0)
            result = broken(ERROR_BROKEN_PIPE, err);
        buffer = (char *)buffer + moved;
        length -= moved;
    }
    CloseHandle(event);
    return result;
}

enum platter_result service_channel_send(const struct service_channel *channel, const json_t *object,
                                         uint32_t timeout_ms, struct platter_error *err)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0;
    char *frame = text && length <= SERVICE_REPLY_MOST ? malloc(SERVICE_HEAD_BYTES + length) : NULL;
    enum platter_result result;

    if (!frame) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto done;
    }
    service_head_write((uint32_t)length, (uint8_t *)frame);
    memcpy(frame + SERVICE_HEAD_BYTES, text, length);
    result = move(channel, true, frame, (uint32_t)(SERVICE_HEAD_BYTES + length), platter_os_monotonic_ms() + timeout_ms,
                  err);
done:
    free(frame);
    free(text);
    return result;
}

enum platter_result service_channel_receive(const struct service_channel *channel, uint32_t most, uint32_t timeout_ms,
                                            char **text, uint32_t *length, struct platter_error *err)
{
    uint64_t until = platter_os_monotonic_ms() + timeout_ms;
    uint8_t head[SERVICE_HEAD_BYTES];
    char *buffer = NULL;
    enum platter_result result = move(channel, false, head, sizeof(head), until, err);

    if (result == PLATTER_OK)
        result = service_head_read(head, most, length, err);
    if (result)
        return result;
    buffer = malloc(*length);
    if (!buffer)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    result = move(channel, false, buffer, *length, until, err);
    if (result)
        free(buffer);
    else
        *text = buffer;
    return result;
}

enum platter_result service_channel_hear(const struct service_channel *channel, uint32_t timeout_ms, json_t **message,
                                         struct platter_error *err)
{
    char *text = NULL;
    uint32_t length = 0;
    enum platter_result result =
        service_channel_receive(channel, SERVICE_REQUEST_MOST, timeout_ms, &text, &length, err);

    if (result)
        return result;
    result = service_object_parse(text, length, message, err);
    free(text);
    return result;
}
