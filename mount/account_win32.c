/* SPDX-License-Identifier: MIT */
#include "account_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounded_win32.h"
#include "sid.h"
#include "wide_win32.h"

#define LOOKUP_MS 3000u
#define NAME_UNITS 257u

struct lookup {
    uint8_t sid[PLATTER_SID_BYTES];
    wchar_t domain[NAME_UNITS], name[NAME_UNITS];
};

static enum platter_result look_up(void *context, struct platter_error *err)
{
    struct lookup *lookup = context;
    DWORD domain = NAME_UNITS, name = NAME_UNITS;
    SID_NAME_USE use;

    if (LookupAccountSidW(NULL, lookup->sid, lookup->name, &name, lookup->domain, &domain, &use))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "the user has no name");
}

static void name_of(const struct lookup *lookup, char *buffer, size_t size)
{
    char *domain = platter_narrow(lookup->domain), *name = platter_narrow(lookup->name);

    if (domain && name && name[0])
        (void)snprintf(buffer, size, "%s%s%s", domain, domain[0] ? "\\" : "", name);
    free(domain);
    free(name);
}

void platter_account_of(const uint8_t *sid, uint32_t length, struct platter_account *account)
{
    struct lookup lookup = {0};
    char text[PLATTER_SID_TEXT];

    memset(account, 0, sizeof(*account));
    if (length == 0 || length > sizeof(account->sid) || !platter_sid_text(sid, length, text)[0])
        return;
    account->sid_length = length;
    memcpy(account->sid, sid, length);
    (void)snprintf(account->name, sizeof(account->name), "%s", text);
    memcpy(lookup.sid, sid, length);
    if (platter_bounded(look_up, &lookup, sizeof(lookup), LOOKUP_MS, "the name of a user", NULL) == PLATTER_OK)
        name_of(&lookup, account->name, sizeof(account->name));
}

void platter_account_current(struct platter_account *account)
{
    union {
        TOKEN_USER user;
        uint8_t bytes[sizeof(TOKEN_USER) + PLATTER_SID_BYTES];
    } answer;
    HANDLE token = NULL;
    DWORD size = sizeof(answer);

    memset(account, 0, sizeof(*account));
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token) &&
        (GetLastError() != ERROR_NO_TOKEN || !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)))
        return;
    if (GetTokenInformation(token, TokenUser, &answer, size, &size))
        platter_account_of(answer.user.User.Sid, GetLengthSid(answer.user.User.Sid), account);
    CloseHandle(token);
}
