/* SPDX-License-Identifier: MIT */
/* Users by name. A domain may have to be asked for it, so each answer is waited for a few seconds only. */
#ifndef PLATTER_MOUNT_ACCOUNT_H
#define PLATTER_MOUNT_ACCOUNT_H

#include <platter/protocol.h>

#define PLATTER_ACCOUNT_TEXT 1024 /* bytes: a domain's and a user's name of 256 units each, in UTF-8 */

struct platter_account {
    uint32_t sid_length; /* bytes; 0: nobody is known */
    uint8_t sid[PLATTER_SID_BYTES];
    char name[PLATTER_ACCOUNT_TEXT]; /* "MACHINE\user"; the SID where it has no name; "" without a SID */
};

/* Fills *account from a SID as the driver tells it; `length` 0: nobody. */
void platter_account_of(const uint8_t *sid, uint32_t length, struct platter_account *account);
/* Whom the calling thread acts for: whom it impersonates, else the process' user. */
void platter_account_current(struct platter_account *account);

#endif
