/* SPDX-License-Identifier: MIT */
/* Who asks, and the rights of who asked when he is not there. */
#ifndef PLATTER_SERVICE_IDENTITY_H
#define PLATTER_SERVICE_IDENTITY_H

#include "entry.h"

#include <platter/engine.h>

#include <windows.h>

struct service_client {
    struct service_asker who;
    HANDLE token; /* a primary token of his; NULL: taken over */
};

/* Who is at the other end, once he has sent something. What only identifies, or is anonymous, is refused. */
enum platter_result service_client_identify(HANDLE pipe, struct service_client *client, struct platter_error *err);
void service_client_close(struct service_client *client);

/*
 * A primary token of this user: of a session that he is logged on to; with `alone` also by a logon without his password
 * (S4U), which has no rights on the network; this process' own where it runs as that user. `elevated`: with his rights as
 * an administrator, if he has such. PLATTER_E_NOT_FOUND: he is not there, and the message says what would help.
 */
enum platter_result service_owner_token(const char *sid, bool alone, bool elevated, HANDLE *token,
                                        struct platter_error *err);

/* "S-1-5-..." of the token's user; "" when it cannot be told. */
char *service_token_sid(HANDLE token, char text[PLATTER_SID_TEXT]);

/* This thread acts for the token's user until service_revert(), which ends the process rather than fail. */
bool service_impersonate(HANDLE token);
void service_revert(void);

#endif
