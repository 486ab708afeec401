/* SPDX-License-Identifier: MIT */
#include "identity_win32.h"

#include <string.h>
#include <wtsapi32.h>

#include "s4u_win32.h"

typedef BOOL WINAPI enumerate_fn(HANDLE server, DWORD reserved, DWORD version, WTS_SESSION_INFOW **sessions,
                                 DWORD *count);
typedef BOOL WINAPI query_token_fn(ULONG session, HANDLE *token);
typedef void WINAPI free_memory_fn(void *memory);

/* ---- Tokens ---------------------------------------------------------------------------------------------------------- */

char *service_token_sid(HANDLE token, char text[PLATTER_SID_TEXT])
{
    union {
        TOKEN_USER user;
        uint8_t bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } answer;
    DWORD length = sizeof(answer);

    text[0] = '\0';
    if (GetTokenInformation(token, TokenUser, &answer, sizeof(answer), &length))
        (void)platter_sid_text(answer.user.User.Sid, GetLengthSid(answer.user.User.Sid), text);
    return text;
}

static bool is_administrator(HANDLE impersonation)
{
    uint8_t administrators[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(administrators);
    BOOL member = FALSE;

    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &size) &&
           CheckTokenMembership(impersonation, administrators, &member) && member;
}

static bool is_impersonation(HANDLE token)
{
    SECURITY_IMPERSONATION_LEVEL level = SecurityAnonymous;
    DWORD length = sizeof(level);

    return GetTokenInformation(token, TokenImpersonationLevel, &level, sizeof(level), &length) &&
           level >= SecurityImpersonation;
}

bool service_impersonate(HANDLE token)
{
    return ImpersonateLoggedOnUser(token) != FALSE;
}

void service_revert(void)
{
    /* To go on as somebody else would be worse than not to go on; the service manager starts us again. */
    if (!RevertToSelf())
        TerminateProcess(GetCurrentProcess(), PLATTER_E_FAILED);
}

/* ---- Clients --------------------------------------------------------------------------------------------------------- */

enum platter_result service_client_identify(HANDLE pipe, struct service_client *client, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    HANDLE token = NULL;
    DWORD error;

    memset(client, 0, sizeof(*client));
    if (!ImpersonateNamedPipeClient(pipe))
        return platter_error_set_os(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "the service cannot tell who asks");
    error = OpenThreadToken(GetCurrentThread(), TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_IMPERSONATE, TRUE, &token)
                ? ERROR_SUCCESS
                : GetLastError();
    service_revert();
    if (error)
        return platter_error_set_os(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, (int)error,
                                    "the service cannot tell who asks");
    client->who.administrator = is_administrator(token);
    if (!is_impersonation(token) || !service_token_sid(token, client->who.sid)[0] ||
        !DuplicateTokenEx(token, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, &client->token))
        result = platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                                   "the service may not act for who asks, as he has not allowed it");
    CloseHandle(token);
    return result;
}

void service_client_close(struct service_client *client)
{
    if (client->token)
        CloseHandle(client->token);
    client->token = NULL;
}

/* ---- Owners ---------------------------------------------------------------------------------------------------------- */

/* An administrator's ordinary token leads to the one with his rights; the system hands that out to SYSTEM alone. */
static HANDLE with_rights(HANDLE token)
{
    TOKEN_LINKED_TOKEN linked = {NULL};
    DWORD length = sizeof(linked);

    if (!GetTokenInformation(token, TokenLinkedToken, &linked, sizeof(linked), &length) || !linked.LinkedToken)
        return token;
    CloseHandle(token);
    return linked.LinkedToken;
}

static HANDLE token_of_session(const char *sid)
{
    HMODULE wtsapi = LoadLibraryW(L"wtsapi32.dll"); /* stays to the end */
    enumerate_fn *enumerate = wtsapi ? (enumerate_fn *)(void *)GetProcAddress(wtsapi, "WTSEnumerateSessionsW") : NULL;
    query_token_fn *query = wtsapi ? (query_token_fn *)(void *)GetProcAddress(wtsapi, "WTSQueryUserToken") : NULL;
    free_memory_fn *free_memory = wtsapi ? (free_memory_fn *)(void *)GetProcAddress(wtsapi, "WTSFreeMemory") : NULL;
    WTS_SESSION_INFOW *sessions = NULL;
    HANDLE found = NULL;
    DWORD count = 0;

    if (!enumerate || !query || !free_memory || !enumerate(WTS_CURRENT_SERVER_HANDLE, 0, 1, &sessions, &count))
        return NULL;
    for (DWORD i = 0; i < count && !found; i++) {
        char text[PLATTER_SID_TEXT];
        HANDLE token = NULL;

        if (!query(sessions[i].SessionId, &token))
            continue; /* nobody is logged on there */
        if (strcmp(service_token_sid(token, text), sid) == 0)
            found = token;
        else
            CloseHandle(token);
    }
    free_memory(sessions);
    return found;
}

static HANDLE own_token(const char *sid)
{
    char text[PLATTER_SID_TEXT];
    HANDLE own = NULL, token = NULL;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &own))
        return NULL;
    if (strcmp(service_token_sid(own, text), sid) == 0)
        (void)DuplicateTokenEx(own, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, &token);
    CloseHandle(own);
    return token;
}

enum platter_result service_owner_token(const char *sid, bool alone, bool elevated, HANDLE *token,
                                        struct platter_error *err)
{
    *token = own_token(sid);
    if (*token)
        return PLATTER_OK;
    *token = token_of_session(sid);
    if (*token && elevated)
        *token = with_rights(*token);
    if (*token)
        return PLATTER_OK;
    if (alone)
        *token = service_s4u_token(sid);
    if (*token)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "%s",
                             alone ? "its owner is not logged on, and Windows gives no rights of his without him"
                                   : "its owner is not logged on; it comes back when he is");
}
