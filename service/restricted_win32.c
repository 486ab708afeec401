/* SPDX-License-Identifier: MIT */
#include "restricted_win32.h"

#include <sddl.h>
#include <stdint.h>
#include <stdio.h>

#include "../engine/os/system.h"
#include "identity_win32.h"

struct sid {
    uint8_t bytes[SECURITY_MAX_SID_SIZE];
};

static bool well_known(WELL_KNOWN_SID_TYPE type, struct sid *sid)
{
    DWORD size = sizeof(sid->bytes);

    return CreateWellKnownSid(type, NULL, sid->bytes, &size) != FALSE;
}

static bool lower_integrity(HANDLE token)
{
    struct sid low;
    TOKEN_MANDATORY_LABEL label = {.Label = {low.bytes, SE_GROUP_INTEGRITY}};

    return well_known(WinLowLabelSid, &low) &&
           SetTokenInformation(token, TokenIntegrityLevel, &label, sizeof(label) + GetLengthSid(low.bytes));
}

/*
 * Into the session of this process: one that inherits handles must be there ("CreateProcessAsUser", SDK), and so is the window
 * station that it is given. A token of a user's is of his own session.
 */
static bool move_here(HANDLE token)
{
    DWORD here = 0, there = 0, length = sizeof(there);

    return ProcessIdToSessionId(GetCurrentProcessId(), &here) &&
           GetTokenInformation(token, TokenSessionId, &there, sizeof(there), &length) &&
           (there == here || SetTokenInformation(token, TokenSessionId, &here, sizeof(here)));
}

/* ---- Nobody else's --------------------------------------------------------------------------------------------------- */

#define OWN_NUMBERS 4u     /* of S-1-5-117-..., which stands for nobody */
#define PACKAGE_NUMBERS 7u /* of S-1-15-2-..., as the SIDs of AppContainers have */

/* What only this worker's token holds, as text. */
struct unique {
    char own[96], package[128];
};

static bool make_unique(struct unique *unique)
{
    uint32_t n[OWN_NUMBERS + PACKAGE_NUMBERS];

    if (platter_os_random(n, sizeof(n), NULL) != PLATTER_OK)
        return false;
    (void)snprintf(unique->own, sizeof(unique->own), "S-1-5-117-%u-%u-%u-%u", n[0], n[1], n[2], n[3]);
    (void)snprintf(unique->package, sizeof(unique->package), "S-1-15-2-%u-%u-%u-%u-%u-%u-%u", n[4], n[5], n[6], n[7],
                   n[8], n[9], n[10]);
    return true;
}

/*
 * Of what the worker makes, its process and threads first: it must be able to open it under its own restrictions, and no
 * other worker of the same owner may, who else could be taken over by one that was broken into.
 */
static bool set_default_list(HANDLE token, const struct unique *unique)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    TOKEN_DEFAULT_DACL list = {NULL};
    BOOL present = FALSE, defaulted = FALSE;
    char user[PLATTER_SID_TEXT], text[PLATTER_SID_TEXT + sizeof(*unique) + 64];
    bool set;

    (void)snprintf(text, sizeof(text), "D:(A;;GA;;;SY)(A;;GA;;;%s)(A;;GA;;;%s)(A;;GA;;;%s)",
                   service_token_sid(token, user), unique->own, unique->package);
    set = ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL) &&
          GetSecurityDescriptorDacl(descriptor, &present, &list.DefaultDacl, &defaulted) && present &&
          SetTokenInformation(token, TokenDefaultDacl, &list, sizeof(list));
    if (descriptor)
        LocalFree(descriptor);
    return set;
}

/* ---- AppContainer ---------------------------------------------------------------------------------------------------- */

/* Of newer headers. */
struct capabilities { /* SECURITY_CAPABILITIES */
    PSID package;
    SID_AND_ATTRIBUTES *list;
    DWORD count, reserved;
};
typedef BOOL WINAPI create_fn(HANDLE token, struct capabilities *capabilities, HANDLE *contained); /* Windows 10 */
typedef LONG NTAPI lowbox_fn(HANDLE *contained, HANDLE token, ACCESS_MASK access, void *attributes, PSID package,
                             ULONG capability_count, SID_AND_ATTRIBUTES *capabilities, ULONG handle_count,
                             HANDLE *handles); /* Windows 8 */
typedef ULONG NTAPI error_fn(LONG status);
#define TOKEN_IS_APP_CONTAINER ((TOKEN_INFORMATION_CLASS)29)

static FARPROC function_of(const wchar_t *library, const char *name)
{
    HMODULE module = GetModuleHandleW(library);

    return module ? GetProcAddress(module, name) : NULL;
}

static create_fn *creator(void)
{
    return (create_fn *)(void *)function_of(L"kernelbase.dll", "CreateAppContainerToken");
}

static lowbox_fn *boxer(void)
{
    return (lowbox_fn *)(void *)function_of(L"ntdll.dll", "NtCreateLowBoxToken");
}

bool service_has_app_containers(void)
{
    return creator() || boxer();
}

bool service_is_app_container(HANDLE token)
{
    DWORD is = 0, length = sizeof(is);

    return GetTokenInformation(token, TOKEN_IS_APP_CONTAINER, &is, sizeof(is), &length) && is;
}

/* The one without the other: the first also makes the folders of names that such a process has; not all systems have it. */
static HANDLE contain_by(HANDLE token, PSID package)
{
    struct capabilities none = {.package = package};
    error_fn *dos_error = (error_fn *)(void *)function_of(L"ntdll.dll", "RtlNtStatusToDosError");
    HANDLE contained = NULL;
    LONG status;

    if (creator() && creator()(token, &none, &contained) && contained)
        return contained;
    if (!boxer())
        return NULL;
    status = boxer()(&contained, token, TOKEN_ALL_ACCESS, NULL, package, 0, NULL, 0, NULL);
    if (status >= 0 && contained)
        return contained;
    /* Wine says that it went well, and gives nothing. */
    SetLastError(status < 0 && dos_error ? dos_error(status) : ERROR_NOT_SUPPORTED);
    return NULL;
}

/* In the place of *token. */
static bool contain(HANDLE *token, const struct unique *unique)
{
    PSID package = NULL;
    HANDLE contained;

    if (!ConvertStringSidToSidA(unique->package, &package))
        return false;
    contained = contain_by(*token, package);
    LocalFree(package);
    if (!contained)
        return false;
    CloseHandle(*token);
    *token = contained;
    if (service_is_app_container(contained))
        return true;
    SetLastError(ERROR_NOT_SUPPORTED);
    return false;
}

/* ---- The token ------------------------------------------------------------------------------------------------------- */

static bool restrict_token(HANDLE owner, PSID own, HANDLE *token)
{
    struct sid administrators, operators, power, everyone, users, restricted;
    SID_AND_ATTRIBUTES denied[] = {{administrators.bytes, 0}, {operators.bytes, 0}, {power.bytes, 0}};
    SID_AND_ATTRIBUTES allowed[] = {{everyone.bytes, 0}, {users.bytes, 0}, {restricted.bytes, 0}, {own, 0}};

    return well_known(WinBuiltinAdministratorsSid, &administrators) &&
           well_known(WinBuiltinBackupOperatorsSid, &operators) && well_known(WinBuiltinPowerUsersSid, &power) &&
           well_known(WinWorldSid, &everyone) && well_known(WinBuiltinUsersSid, &users) &&
           well_known(WinRestrictedCodeSid, &restricted) &&
           CreateRestrictedToken(owner, DISABLE_MAX_PRIVILEGE, sizeof(denied) / sizeof(denied[0]), denied, 0, NULL,
                                 sizeof(allowed) / sizeof(allowed[0]), allowed, token);
}

bool service_restricted_token(HANDLE owner, bool app_container, HANDLE *token)
{
    struct unique unique;
    PSID own = NULL;
    DWORD error;
    bool made;

    *token = NULL;
    if (!make_unique(&unique) || !ConvertStringSidToSidA(unique.own, &own))
        return false;
    made = restrict_token(owner, own, token) && set_default_list(*token, &unique) && lower_integrity(*token) &&
           move_here(*token) && (!app_container || contain(token, &unique));
    error = GetLastError();
    LocalFree(own);
    if (made)
        return true;
    if (*token)
        CloseHandle(*token);
    *token = NULL;
    SetLastError(error);
    return false;
}
