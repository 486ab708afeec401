/* SPDX-License-Identifier: MIT */
/* The token of a worker. */
#ifndef PLATTER_SERVICE_RESTRICTED_H
#define PLATTER_SERVICE_RESTRICTED_H

#include <stdbool.h>
#include <windows.h>

/*
 * A primary token of the same user as `owner` that opens only what both the user and one of Everyone, Users and RESTRICTED
 * may open; administrators' groups deny only; all privileges but SeChangeNotify gone; low integrity. False: GetLastError().
 */
bool service_restricted_token(HANDLE owner, HANDLE *token);

#endif
