/* SPDX-License-Identifier: MIT */
#include "s4u_win32.h"

#include <ntsecapi.h>
#include <sddl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_UNITS 256u

typedef NTSTATUS NTAPI register_fn(LSA_STRING *name, HANDLE *lsa, LSA_OPERATIONAL_MODE *mode);
typedef NTSTATUS NTAPI lookup_fn(HANDLE lsa, LSA_STRING *name, ULONG *package);
typedef NTSTATUS NTAPI logon_fn(HANDLE lsa, LSA_STRING *origin, SECURITY_LOGON_TYPE type, ULONG package, void *info,
                                ULONG length, TOKEN_GROUPS *groups, TOKEN_SOURCE *source, void **profile,
                                ULONG *profile_length, LUID *id, HANDLE *token, QUOTA_LIMITS *quotas, NTSTATUS *why);
typedef NTSTATUS NTAPI deregister_fn(HANDLE lsa);
typedef NTSTATUS NTAPI free_fn(void *buffer);

/* MSV1_0_S4U_LOGON and KERB_S4U_LOGON are laid out alike (ntsecapi.h); the first message type is 12 in both. */
struct s4u {
    ULONG type, flags;
    LSA_UNICODE_STRING user, domain;
    WCHAR names[2 * NAME_UNITS];
};
#define S4U_LOGON 12u

struct lsa {
    register_fn *enlist;
    lookup_fn *lookup;
    logon_fn *logon;
    deregister_fn *deregister;
    free_fn *free_buffer;
    HANDLE handle;
};

static bool load(struct lsa *lsa)
{
    HMODULE secur32 = LoadLibraryW(L"secur32.dll"); /* stays to the end */

    if (!secur32)
        return false;
    lsa->enlist = (register_fn *)(void *)GetProcAddress(secur32, "LsaRegisterLogonProcess");
    lsa->lookup = (lookup_fn *)(void *)GetProcAddress(secur32, "LsaLookupAuthenticationPackage");
    lsa->logon = (logon_fn *)(void *)GetProcAddress(secur32, "LsaLogonUser");
    lsa->deregister = (deregister_fn *)(void *)GetProcAddress(secur32, "LsaDeregisterLogonProcess");
    lsa->free_buffer = (free_fn *)(void *)GetProcAddress(secur32, "LsaFreeReturnBuffer");
    return lsa->enlist && lsa->lookup && lsa->logon && lsa->deregister && lsa->free_buffer;
}

static LSA_STRING ansi(char *text)
{
    return (LSA_STRING){(USHORT)strlen(text), (USHORT)(strlen(text) + 1), text};
}

/* The name of an account lies behind the structure, as the packages want it. */
static bool name_account(const char *sid, struct s4u *s4u)
{
    WCHAR *domain = s4u->names + NAME_UNITS;
    DWORD units = NAME_UNITS, domain_units = NAME_UNITS;
    SID_NAME_USE use;
    PSID binary = NULL;
    bool named;

    if (!ConvertStringSidToSidA(sid, &binary))
        return false;
    named = LookupAccountSidW(NULL, binary, s4u->names, &units, domain, &domain_units, &use) && use == SidTypeUser;
    LocalFree(binary);
    s4u->type = S4U_LOGON;
    s4u->user = (LSA_UNICODE_STRING){(USHORT)(units * 2), (USHORT)(units * 2 + 2), s4u->names};
    s4u->domain = (LSA_UNICODE_STRING){(USHORT)(domain_units * 2), (USHORT)(domain_units * 2 + 2), domain};
    return named;
}

static HANDLE log_on(const struct lsa *lsa, char *package_name, struct s4u *s4u)
{
    static char origin_text[] = "Platter";
    LSA_STRING origin = ansi(origin_text), name = ansi(package_name);
    TOKEN_SOURCE source = {.SourceName = "Platter"};
    QUOTA_LIMITS quotas;
    NTSTATUS why = 0;
    HANDLE token = NULL;
    void *profile = NULL;
    ULONG package, length = 0;
    LUID id;

    if (lsa->lookup(lsa->handle, &name, &package) < 0 || !AllocateLocallyUniqueId(&source.SourceIdentifier))
        return NULL;
    if (lsa->logon(lsa->handle, &origin, Batch, package, s4u, sizeof(*s4u), NULL, &source, &profile, &length, &id,
                   &token, &quotas, &why) < 0)
        token = NULL;
    if (profile)
        lsa->free_buffer(profile);
    return token;
}

HANDLE service_s4u_token(const char *sid)
{
    static char local[] = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0", domain[] = "Kerberos", self[] = "Platter";
    LSA_STRING name = ansi(self);
    LSA_OPERATIONAL_MODE mode;
    struct lsa lsa = {.handle = NULL};
    struct s4u *s4u = calloc(1, sizeof(*s4u));
    HANDLE token = NULL;

    if (!s4u || !load(&lsa) || !name_account(sid, s4u) || lsa.enlist(&name, &lsa.handle, &mode) < 0)
        goto done;
    token = log_on(&lsa, local, s4u);
    if (!token)
        token = log_on(&lsa, domain, s4u);
    lsa.deregister(lsa.handle);
done:
    free(s4u);
    return token;
}
