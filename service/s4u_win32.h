/* SPDX-License-Identifier: MIT */
/* A logon without a password, for who runs as SYSTEM. */
#ifndef PLATTER_SERVICE_S4U_H
#define PLATTER_SERVICE_S4U_H

#include <windows.h>

/*
 * A primary token of the user, made by the authentication package of local or of domain accounts ("MSV1_0_S4U_LOGON",
 * "KERB_S4U_LOGON", SDK). It has his groups, so it opens what he may open on this machine, and no credentials for others.
 * NULL: there is no such account, or the system does not do it (Wine).
 */
HANDLE service_s4u_token(const char *sid);

#endif
