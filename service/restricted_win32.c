/* SPDX-License-Identifier: MIT */
#include "restricted_win32.h"

#include <sddl.h>
#include <stdint.h>
#include <stdio.h>

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

/* What the worker makes, events and threads of its own, it must be able to open under its own restrictions. */
static bool set_default_list(HANDLE token)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    TOKEN_DEFAULT_DACL list = {NULL};
    BOOL present = FALSE, defaulted = FALSE;
    char user[PLATTER_SID_TEXT], text[PLATTER_SID_TEXT + 64];
    bool set;

    (void)snprintf(text, sizeof(text), "D:(A;;GA;;;SY)(A;;GA;;;%s)(A;;GA;;;RC)", service_token_sid(token, user));
    set = ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL) &&
          GetSecurityDescriptorDacl(descriptor, &present, &list.DefaultDacl, &defaulted) && present &&
          SetTokenInformation(token, TokenDefaultDacl, &list, sizeof(list));
    if (descriptor)
        LocalFree(descriptor);
    return set;
}

bool service_restricted_token(HANDLE owner, HANDLE *token)
{
    struct sid administrators, operators, power, everyone, users, restricted;
    SID_AND_ATTRIBUTES denied[] = {{administrators.bytes, 0}, {operators.bytes, 0}, {power.bytes, 0}};
    SID_AND_ATTRIBUTES allowed[] = {{everyone.bytes, 0}, {users.bytes, 0}, {restricted.bytes, 0}};

    if (!well_known(WinBuiltinAdministratorsSid, &administrators) ||
        !well_known(WinBuiltinBackupOperatorsSid, &operators) || !well_known(WinBuiltinPowerUsersSid, &power) ||
        !well_known(WinWorldSid, &everyone) || !well_known(WinBuiltinUsersSid, &users) ||
        !well_known(WinRestrictedCodeSid, &restricted))
        return false;
    if (!CreateRestrictedToken(owner, DISABLE_MAX_PRIVILEGE, sizeof(denied) / sizeof(denied[0]), denied, 0, NULL,
                               sizeof(allowed) / sizeof(allowed[0]), allowed, token))
        return false;
    if (set_default_list(*token) && lower_integrity(*token))
        return true;
    CloseHandle(*token);
    *token = NULL;
    return false;
}
