/* SPDX-License-Identifier: MIT */
/* What the service does for a client: one request, already read, and its answer. */
#ifndef PLATTER_SERVICE_REQUESTS_H
#define PLATTER_SERVICE_REQUESTS_H

#include "identity_win32.h"
#include "message.h"

/* Fills `answer`, an empty object; "error" in it says why it was not done. */
void service_answer(const char *text, uint32_t length, struct service_client *client, json_t *answer);

#endif
