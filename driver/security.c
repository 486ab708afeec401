/* SPDX-License-Identifier: MIT */
#include "security.h"
#include "pool.h"

/* In winnt.h, which the kernel's headers do without. */
#ifndef SE_GROUP_ENABLED
#define SE_GROUP_ENABLED 0x00000004u
#endif
#ifndef PROCESS_QUERY_INFORMATION
#define PROCESS_QUERY_INFORMATION 0x0400u
#endif

#define GROUPS_BYTES_MAX (256u * 1024u) /* a token has at most 1024 groups of at most 68 + 16 bytes */

static const UCHAR SystemSid[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
static const UCHAR AdministratorsSid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};

static BOOLEAN
SidIs(PSID Sid, const UCHAR *Known, ULONG Length)
{
    return (BOOLEAN)(RtlLengthSid(Sid) == Length && RtlCompareMemory(Sid, Known, Length) == Length);
}

/*
 * The token that counts: the thread's if it impersonates, else the process'. IoGetRequestorProcess and not
 * NtCurrentProcess(): on Wine every IRP is dispatched by a thread of the driver's own process.
 */
static NTSTATUS
OpenToken(PIRP Irp, PHANDLE Token)
{
    PEPROCESS process = IoGetRequestorProcess(Irp);
    HANDLE handle;
    NTSTATUS status;

    status = ZwOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, Token);
    if (status != STATUS_NO_TOKEN)
        return status;
    if (process == NULL)
        return STATUS_ACCESS_DENIED;
    status =
        ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_QUERY_INFORMATION, NULL, KernelMode, &handle);
    if (!NT_SUCCESS(status))
        return status;
    status = ZwOpenProcessTokenEx(handle, TOKEN_QUERY, OBJ_KERNEL_HANDLE, Token);
    ZwClose(handle);
    return status;
}

/* An impersonation token of a level that only identifies must not act; a primary token has no level. */
static NTSTATUS
CheckLevel(HANDLE Token)
{
    TOKEN_TYPE type = TokenPrimary;
    SECURITY_IMPERSONATION_LEVEL level = SecurityAnonymous;
    ULONG length;
    NTSTATUS status;

    status = ZwQueryInformationToken(Token, TokenType, &type, sizeof(type), &length);
    if (!NT_SUCCESS(status) || type == TokenPrimary)
        return status;
    status = ZwQueryInformationToken(Token, TokenImpersonationLevel, &level, sizeof(level), &length);
    if (NT_SUCCESS(status) && level < SecurityImpersonation)
        status = STATUS_BAD_IMPERSONATION_LEVEL;
    return status;
}

static NTSTATUS
ReadUser(HANDLE Token, PCALLER Caller)
{
    union
    {
        TOKEN_USER User;
        UCHAR Bytes[sizeof(TOKEN_USER) + SID_BYTES_MAX];
    } answer;
    ULONG length;
    NTSTATUS status = ZwQueryInformationToken(Token, TokenUser, &answer, sizeof(answer), &length);

    if (!NT_SUCCESS(status))
        return status;
    length = RtlLengthSid(answer.User.User.Sid);
    if (length > SID_BYTES_MAX)
        return STATUS_INVALID_SID;
    RtlCopyMemory(Caller->SidBytes, answer.User.User.Sid, length);
    return STATUS_SUCCESS;
}

/* Deny-only does not count: an administrator whose token was filtered by UAC is an ordinary user until elevated. */
static NTSTATUS
ReadAdministrator(HANDLE Token, PCALLER Caller)
{
    PTOKEN_GROUPS groups;
    ULONG length = 0;
    ULONG i;
    NTSTATUS status = ZwQueryInformationToken(Token, TokenGroups, NULL, 0, &length);

    if (status != STATUS_BUFFER_TOO_SMALL)
        return NT_SUCCESS(status) ? STATUS_INTERNAL_ERROR : status;
    if (length > GROUPS_BYTES_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    groups = PoolAllocate(length, POOL_SECURITY);
    if (groups == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = ZwQueryInformationToken(Token, TokenGroups, groups, length, &length);
    if (NT_SUCCESS(status))
    {
        for (i = 0; i < groups->GroupCount; i++)
        {
            if ((groups->Groups[i].Attributes & SE_GROUP_ENABLED) != 0 &&
                SidIs(groups->Groups[i].Sid, AdministratorsSid, sizeof(AdministratorsSid)))
                Caller->Administrator = TRUE;
        }
    }
    PoolFree(groups, POOL_SECURITY);
    return status;
}

NTSTATUS
SecurityCaller(PIRP Irp, PCALLER Caller)
{
    PEPROCESS process = IoGetRequestorProcess(Irp);
    HANDLE token;
    NTSTATUS status;

    RtlZeroMemory(Caller, sizeof(*Caller));
    status = OpenToken(Irp, &token);
    if (!NT_SUCCESS(status))
        return status;
    status = CheckLevel(token);
    if (NT_SUCCESS(status))
        status = ReadUser(token, Caller);
    if (NT_SUCCESS(status))
        status = ReadAdministrator(token, Caller);
    ZwClose(token);
    if (!NT_SUCCESS(status))
        return status;
    if (process != NULL)
        Caller->ProcessId = (ULONG)(ULONG_PTR)PsGetProcessId(process);
    if (SidIs(&Caller->Sid, SystemSid, sizeof(SystemSid)))
        Caller->Administrator = TRUE;
    Caller->Valid = TRUE;
    return STATUS_SUCCESS;
}

BOOLEAN
SecurityIsSameUser(const CALLER *One, const CALLER *Other)
{
    ULONG length = 8u + 4u * Other->Sid.SubAuthorityCount;

    /* Revision, count and authority are in the first bytes, so SIDs of different lengths differ there. */
    return (BOOLEAN)(One->Valid && Other->Valid && length <= SID_BYTES_MAX &&
                     RtlCompareMemory(One->SidBytes, Other->SidBytes, length) == length);
}

BOOLEAN
SecurityMayRemove(const CALLER *Caller, const CALLER *Owner)
{
    return (BOOLEAN)((Caller->Valid && Caller->Administrator) || SecurityIsSameUser(Caller, Owner));
}
