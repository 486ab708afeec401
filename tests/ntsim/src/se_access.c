/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors and the access check. Sources: [MS-DTYP] 2.4.6 (layout), 2.5.3.2 (the algorithm), 2.5.3.3
 * (mandatory integrity); "SeAccessCheck" (WDK).
 */
#include "internal.h"

GENERIC_MAPPING SimFileMapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};

typedef struct _PARTS {
    PSID Owner, Group;
    PACL Sacl, Dacl;
    BOOLEAN DaclPresent, SaclPresent;
    SECURITY_DESCRIPTOR_CONTROL Control;
} PARTS;

static ULONG SidBytes(PSID sid)
{
    return 8u + 4u * ((SID *)sid)->SubAuthorityCount;
}

static PARTS Split(PSECURITY_DESCRIPTOR sd)
{
    SECURITY_DESCRIPTOR *a = sd;
    PARTS p = {.Control = a->Control};

    if (a->Control & SE_SELF_RELATIVE) {
        SECURITY_DESCRIPTOR_RELATIVE *r = sd;
        UCHAR *base = sd;
        p.Owner = r->Owner ? base + r->Owner : NULL;
        p.Group = r->Group ? base + r->Group : NULL;
        p.Sacl = r->Sacl ? (PACL)(base + r->Sacl) : NULL;
        p.Dacl = r->Dacl ? (PACL)(base + r->Dacl) : NULL;
    } else {
        p.Owner = a->Owner;
        p.Group = a->Group;
        p.Sacl = a->Sacl;
        p.Dacl = a->Dacl;
    }
    p.DaclPresent = (a->Control & SE_DACL_PRESENT) != 0;
    p.SaclPresent = (a->Control & SE_SACL_PRESENT) != 0;
    if (!p.DaclPresent)
        p.Dacl = NULL;
    if (!p.SaclPresent)
        p.Sacl = NULL;
    return p;
}

static BOOLEAN SidValid(PSID sid)
{
    return ((SID *)sid)->Revision == SID_REVISION && ((SID *)sid)->SubAuthorityCount <= SID_MAX_SUB_AUTHORITIES;
}

static BOOLEAN AclValid(PACL acl)
{
    UCHAR *at = (UCHAR *)(acl + 1), *end = (UCHAR *)acl + acl->AclSize;

    if (acl->AclRevision < 2 || acl->AclRevision > 4 || acl->AclSize < sizeof(ACL) || acl->AclSize % 4)
        return FALSE;
    for (ULONG i = 0; i < acl->AceCount; i++) {
        ACE_HEADER *ace = (ACE_HEADER *)at;
        PSID sid = &((ACCESS_ALLOWED_ACE *)at)->SidStart;
        if ((size_t)(end - at) < sizeof(ACE_HEADER) || ace->AceSize < 16 || ace->AceSize % 4 ||
            ace->AceSize > (size_t)(end - at))
            return FALSE;
        if (!SidValid(sid) || 8 + SidBytes(sid) > ace->AceSize)
            return FALSE;
        at += ace->AceSize;
    }
    return TRUE;
}

BOOLEAN SimSdValid(PSECURITY_DESCRIPTOR Sd)
{
    PARTS p;

    if (((SECURITY_DESCRIPTOR *)Sd)->Revision != SECURITY_DESCRIPTOR_REVISION)
        return FALSE;
    p = Split(Sd);
    return (!p.Owner || SidValid(p.Owner)) && (!p.Group || SidValid(p.Group)) && (!p.Dacl || AclValid(p.Dacl)) &&
           (!p.Sacl || AclValid(p.Sacl));
}

static BOOLEAN SameSid(PSID a, PSID b)
{
    return SidBytes(a) == SidBytes(b) && !memcmp(a, b, SidBytes(a));
}

/* Deny ACEs also look at groups that are for denying only. */
static BOOLEAN Holds(PSIM_TOKEN token, PSID sid, BOOLEAN deny)
{
    if (SameSid(token->User, sid))
        return TRUE;
    for (ULONG i = 0; i < token->GroupCount; i++)
        if (SameSid(token->Groups[i].Sid, sid) &&
            (token->Groups[i].Attributes & (SE_GROUP_ENABLED | (deny ? SE_GROUP_USE_FOR_DENY_ONLY : 0))))
            return TRUE;
    return FALSE;
}

static ACCESS_MASK Map(ACCESS_MASK mask, PGENERIC_MAPPING mapping)
{
    ACCESS_MASK out = mask & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);

    out |= mask & GENERIC_READ ? mapping->GenericRead : 0;
    out |= mask & GENERIC_WRITE ? mapping->GenericWrite : 0;
    out |= mask & GENERIC_EXECUTE ? mapping->GenericExecute : 0;
    out |= mask & GENERIC_ALL ? mapping->GenericAll : 0;
    return out;
}

/* What the mandatory label leaves possible; without one: medium, no write up. */
static ACCESS_MASK LabelAllows(const PARTS *p, PSIM_TOKEN token, PGENERIC_MAPPING mapping)
{
    ULONG level = 0x2000, policy = SYSTEM_MANDATORY_LABEL_NO_WRITE_UP;
    ACCESS_MASK allowed = 0;

    if (p->Sacl) {
        UCHAR *at = (UCHAR *)(p->Sacl + 1);
        for (ULONG i = 0; i < p->Sacl->AceCount; i++, at += ((ACE_HEADER *)at)->AceSize)
            if (((ACE_HEADER *)at)->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE) {
                policy = ((SYSTEM_MANDATORY_LABEL_ACE *)at)->Mask;
                level = ((SID *)&((SYSTEM_MANDATORY_LABEL_ACE *)at)->SidStart)->SubAuthority[0];
                break;
            }
    }
    if (token->Integrity >= level)
        return ~0u;
    allowed |= policy & SYSTEM_MANDATORY_LABEL_NO_READ_UP ? 0 : mapping->GenericRead;
    allowed |= policy & SYSTEM_MANDATORY_LABEL_NO_WRITE_UP ? 0 : mapping->GenericWrite;
    allowed |= policy & SYSTEM_MANDATORY_LABEL_NO_EXECUTE_UP ? 0 : mapping->GenericExecute;
    return allowed;
}

NTSTATUS SimAccessCheck(PSECURITY_DESCRIPTOR Sd, PSIM_TOKEN Token, ACCESS_MASK Desired, PGENERIC_MAPPING Mapping,
                        ACCESS_MASK *Granted)
{
    ACCESS_MASK wanted = Map(Desired & ~MAXIMUM_ALLOWED, Mapping), got = 0, denied = 0, label;
    PARTS p;

    if (!Sd) {
        *Granted = Desired & MAXIMUM_ALLOWED ? Mapping->GenericAll : wanted;
        return STATUS_SUCCESS;
    }
    p = Split(Sd);
    label = LabelAllows(&p, Token, Mapping);
    if (!p.Dacl) {
        got =
            p.DaclPresent || !p.DaclPresent ? Mapping->GenericAll | READ_CONTROL | WRITE_DAC | WRITE_OWNER | DELETE : 0;
    } else {
        UCHAR *at = (UCHAR *)(p.Dacl + 1);
        if (p.Owner && Holds(Token, p.Owner, FALSE))
            got |= READ_CONTROL | WRITE_DAC;
        for (ULONG i = 0; i < p.Dacl->AceCount; i++, at += ((ACE_HEADER *)at)->AceSize) {
            ACCESS_ALLOWED_ACE *ace = (ACCESS_ALLOWED_ACE *)at;
            ACCESS_MASK mask = Map(ace->Mask, Mapping);
            if (ace->Header.AceFlags & INHERIT_ONLY_ACE)
                continue;
            if (ace->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && Holds(Token, &ace->SidStart, FALSE))
                got |= mask & ~denied;
            else if (ace->Header.AceType == ACCESS_DENIED_ACE_TYPE && Holds(Token, &ace->SidStart, TRUE))
                denied |= mask & ~got;
        }
    }
    got &= label;
    if (Desired & MAXIMUM_ALLOWED) {
        if ((wanted & ~got) || !got)
            return STATUS_ACCESS_DENIED;
        *Granted = got;
        return STATUS_SUCCESS;
    }
    if (wanted & ~got)
        return STATUS_ACCESS_DENIED;
    *Granted = wanted;
    return STATUS_SUCCESS;
}

static PSECURITY_DESCRIPTOR Join(const PARTS *p, ULONG *bytes)
{
    ULONG at = sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    ULONG owner = p->Owner ? SidBytes(p->Owner) : 0, group = p->Group ? SidBytes(p->Group) : 0;
    ULONG sacl = p->Sacl ? p->Sacl->AclSize : 0, dacl = p->Dacl ? p->Dacl->AclSize : 0;
    UCHAR *out = SimGuarded(at + owner + group + sacl + dacl);
    SECURITY_DESCRIPTOR_RELATIVE *r = (SECURITY_DESCRIPTOR_RELATIVE *)out;

    r->Revision = SECURITY_DESCRIPTOR_REVISION;
    r->Control = p->Control | SE_SELF_RELATIVE;
#define PART(field, size)                                                                                              \
    if (size) {                                                                                                        \
        memcpy(out + at, p->field, size);                                                                              \
        r->field = at;                                                                                                 \
        at += size;                                                                                                    \
    }
    PART(Sacl, sacl)
    PART(Dacl, dacl)
    PART(Owner, owner)
    PART(Group, group)
#undef PART
    if (bytes)
        *bytes = at;
    return out;
}

PSECURITY_DESCRIPTOR SimSdCopy(PSECURITY_DESCRIPTOR Sd, ULONG *Bytes)
{
    PARTS p = Split(Sd);

    return Join(&p, Bytes);
}

NTSTATUS SimSdMerge(PSECURITY_DESCRIPTOR *Held, PSECURITY_DESCRIPTOR New, SECURITY_INFORMATION Which)
{
    PARTS old = {0}, add;
    PSECURITY_DESCRIPTOR joined;

    if (!SimSdValid(New))
        return STATUS_INVALID_SECURITY_DESCR;
    add = Split(New);
    if (*Held)
        old = Split(*Held);
    if (Which & OWNER_SECURITY_INFORMATION) {
        if (!add.Owner)
            return STATUS_INVALID_OWNER;
        old.Owner = add.Owner;
    }
    if (Which & GROUP_SECURITY_INFORMATION)
        old.Group = add.Group;
    if (Which & DACL_SECURITY_INFORMATION) {
        old.Dacl = add.Dacl;
        old.Control = (old.Control & ~(SE_DACL_PRESENT | SE_DACL_PROTECTED)) |
                      (add.Control & (SE_DACL_PRESENT | SE_DACL_PROTECTED));
    }
    if (Which & (SACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION)) {
        old.Sacl = add.Sacl;
        old.Control = (old.Control & ~SE_SACL_PRESENT) | (add.Control & SE_SACL_PRESENT);
    }
    joined = Join(&old, NULL);
    free(*Held);
    *Held = joined;
    return STATUS_SUCCESS;
}

BOOLEAN SimDeviceGrants(PDEVICE_OBJECT Device, SIM_USER User, ACCESS_MASK Access)
{
    PSIM_TOKEN token = SimTokenCreate(User);
    ACCESS_MASK granted;
    NTSTATUS status = SimAccessCheck(SimObFind(Device)->Security, token, Access, &SimFileMapping, &granted);

    free(token);
    return NT_SUCCESS(status);
}

BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor, PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext,
                            BOOLEAN SubjectContextLocked, ACCESS_MASK DesiredAccess,
                            ACCESS_MASK PreviouslyGrantedAccess, PPRIVILEGE_SET *Privileges,
                            PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess,
                            PNTSTATUS AccessStatus)
{
    (void)SubjectContextLocked;
    (void)PreviouslyGrantedAccess;
    SIM_ENTER(PASSIVE_LEVEL);
    if (Privileges)
        *Privileges = NULL;
    *AccessStatus = AccessMode == KernelMode ? SimAccessCheck(NULL, NULL, DesiredAccess, GenericMapping, GrantedAccess)
                                             : SimAccessCheck(SecurityDescriptor, SubjectSecurityContext->PrimaryToken,
                                                              DesiredAccess, GenericMapping, GrantedAccess);
    return NT_SUCCESS(*AccessStatus);
}

/* ---- Rtl* of SIDs and descriptors --------------------------------------------------------------------------------------- */

BOOLEAN NTAPI RtlValidSid(PSID Sid)
{
    return Sid && SidValid(Sid);
}

ULONG NTAPI RtlLengthSid(PSID Sid)
{
    return SidBytes(Sid);
}

ULONG NTAPI RtlLengthRequiredSid(ULONG SubAuthorityCount)
{
    return 8 + 4 * SubAuthorityCount;
}

BOOLEAN NTAPI RtlEqualSid(PSID Sid1, PSID Sid2)
{
    return SameSid(Sid1, Sid2);
}

NTSTATUS NTAPI RtlCopySid(ULONG Length, PSID Destination, PSID Source)
{
    if (Length < SidBytes(Source))
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(Destination, Source, SidBytes(Source));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlInitializeSid(PSID Sid, PSID_IDENTIFIER_AUTHORITY IdentifierAuthority, UCHAR SubAuthorityCount)
{
    SID *sid = Sid;

    if (SubAuthorityCount > SID_MAX_SUB_AUTHORITIES)
        return STATUS_INVALID_PARAMETER;
    sid->Revision = SID_REVISION;
    sid->SubAuthorityCount = SubAuthorityCount;
    sid->IdentifierAuthority = *IdentifierAuthority;
    return STATUS_SUCCESS;
}

PULONG NTAPI RtlSubAuthoritySid(PSID Sid, ULONG SubAuthority)
{
    return (PULONG) & ((SID *)Sid)->SubAuthority[SubAuthority];
}

BOOLEAN NTAPI RtlValidSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    return SimSdValid(SecurityDescriptor);
}

ULONG NTAPI RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    ULONG bytes;

    free(SimSdCopy(SecurityDescriptor, &bytes));
    return bytes;
}
