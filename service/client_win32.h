/* SPDX-License-Identifier: MIT */
/* Asking the service, for programs of users. */
#ifndef PLATTER_SERVICE_CLIENT_H
#define PLATTER_SERVICE_CLIENT_H

#include "message.h"

/*
 * Sends one request (an object whose "request" is set; the protocol's number is added) and gives the answer, which is the
 * caller's; an "error" in it has become the result. Before a word is said, or the service allowed to act for the caller,
 * it is made sure that who has the pipe is the process that the service manager runs as platterd, as SYSTEM.
 * PLATTER_E_NOT_FOUND: the service is not installed or not running, and the message says which.
 */
enum platter_result service_ask(json_t *request, uint32_t timeout_ms, json_t **answer, struct platter_error *err);

#endif
