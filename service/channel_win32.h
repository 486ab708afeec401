/* SPDX-License-Identifier: MIT */
/* One end of a pipe that carries messages (message.h), with a deadline for each. The handle is asynchronous. */
#ifndef PLATTER_SERVICE_CHANNEL_H
#define PLATTER_SERVICE_CHANNEL_H

#include "message.h"

#include <windows.h>

struct service_channel {
    HANDLE pipe;
    HANDLE stop; /* an event that ends waiting: PLATTER_E_CANCELLED; NULL: none */
};

/*
 * The whole message within timeout_ms. PLATTER_E_IO: the other end is gone (os_error says how), or did not take it in time
 * (os_error WAIT_TIMEOUT). One thread at a time sends, and one receives.
 */
enum platter_result service_channel_send(const struct service_channel *channel, const json_t *object,
                                         uint32_t timeout_ms, struct platter_error *err);
/* *text, `*length` bytes, is to be freed. PLATTER_E_USAGE: a length that cannot be. */
enum platter_result service_channel_receive(const struct service_channel *channel, uint32_t most, uint32_t timeout_ms,
                                            char **text, uint32_t *length, struct platter_error *err);

/* The same of at most SERVICE_REQUEST_MOST, as the object it is. *message is the caller's. */
enum platter_result service_channel_hear(const struct service_channel *channel, uint32_t timeout_ms, json_t **message,
                                         struct platter_error *err);

#endif
