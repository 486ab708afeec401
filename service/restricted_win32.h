/* SPDX-License-Identifier: MIT */
/* The token of a worker. */
#ifndef PLATTER_SERVICE_RESTRICTED_H
#define PLATTER_SERVICE_RESTRICTED_H

#include <stdbool.h>
#include <windows.h>

/*
 * A primary token of the same user as `owner` that opens only what both the user and one of Everyone, Users, RESTRICTED and
 * a SID of its own may open; administrators' groups deny only; all privileges but SeChangeNotify gone; low integrity; of this process' session. With
 * `app_container` it is besides that of an AppContainer of its own without any capability: the system's firewall lets it
 * have no connection, and it opens only what is open to all applications of that kind, too. False: GetLastError().
 */
bool service_restricted_token(HANDLE owner, bool app_container, HANDLE *token);

/* Whether this system has a function that makes tokens of AppContainers; that it does is another matter. */
bool service_has_app_containers(void);
/* Of a token, or what the system says of one that is in use. */
bool service_is_app_container(HANDLE token);

#endif
