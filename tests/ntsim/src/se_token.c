/* SPDX-License-Identifier: MIT */
/* Tokens of the users that the tests know, and what a driver may ask of them. */
#include "internal.h"

static VOID MakeSid(UCHAR *sid, UCHAR authority, ULONG count, const ULONG *sub)
{
    SID *out = (SID *)sid;

    out->Revision = SID_REVISION;
    out->SubAuthorityCount = (UCHAR)count;
    memset(&out->IdentifierAuthority, 0, sizeof(out->IdentifierAuthority));
    out->IdentifierAuthority.Value[5] = authority;
    memcpy(out->SubAuthority, sub, count * sizeof(ULONG));
}

static VOID AddGroup(PSIM_TOKEN token, ULONG attributes, UCHAR authority, ULONG count, const ULONG *sub)
{
    SIM_GROUP *group = &token->Groups[token->GroupCount++];

    MakeSid(group->Sid, authority, count, sub);
    group->Attributes = attributes;
}

#define GROUP(token, attributes, authority, ...)                                                                       \
    AddGroup(token, attributes, authority, sizeof((ULONG[]){__VA_ARGS__}) / sizeof(ULONG), (ULONG[]){__VA_ARGS__})
#define ENABLED (SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED)

PSIM_TOKEN SimTokenCreate(SIM_USER Kind)
{
    static const ULONG system[] = {18}, anonymous[] = {7};
    static const ULONG users[][5] = {
        [SimUserAdmin] = {21, 100, 200, 300, 1001},
        [SimUserAdminFiltered] = {21, 100, 200, 300, 1001},
        [SimUserPlain] = {21, 100, 200, 300, 1002},
        [SimUserOther] = {21, 100, 200, 300, 1003},
    };
    /* UAC gives an administrator's two tokens a logon session each, hence a \?? each ("How UAC works", Microsoft). */
    static const ULONG logons[] = {0x3e7, 0x1000a, 0x1000b, 0x2000c, 0x3000d, 0x3e6};
    PSIM_TOKEN token = calloc(1, sizeof(*token));

    token->Kind = Kind;
    token->LogonId.LowPart = logons[Kind];
    token->Session = Kind == SimUserSystem || Kind == SimUserAnonymous ? 0 : Kind == SimUserOther ? 2 : 1;
    token->Elevation = SimElevationDefault;
    if (Kind != SimUserAnonymous)
        GROUP(token, ENABLED, 1, 0); /* Everyone: Windows leaves it out of the anonymous token */
    switch (Kind) {
    case SimUserSystem:
        MakeSid(token->User, 5, 1, system);
        GROUP(token, SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED | SE_GROUP_OWNER, 5, 32, 544);
        GROUP(token, ENABLED, 5, 11);
        token->Integrity = 0x4000;
        break;
    case SimUserAnonymous:
        MakeSid(token->User, 5, 1, anonymous);
        GROUP(token, ENABLED, 5, 2); /* Network */
        token->Integrity = 0;
        break;
    default:
        MakeSid(token->User, 5, 5, users[Kind]);
        GROUP(token, ENABLED, 5, 11);      /* Authenticated Users */
        GROUP(token, ENABLED, 5, 4);       /* Interactive */
        GROUP(token, ENABLED, 5, 32, 545); /* Users */
        GROUP(token, ENABLED | SE_GROUP_LOGON_ID, 5, 5, 0, logons[Kind]);
        token->Integrity = 0x2000;
        if (Kind == SimUserAdmin) {
            GROUP(token, ENABLED | SE_GROUP_OWNER, 5, 32, 544);
            token->Integrity = 0x3000;
            token->Elevation = SimElevationFull;
        } else if (Kind == SimUserAdminFiltered) {
            GROUP(token, SE_GROUP_USE_FOR_DENY_ONLY, 5, 32, 544);
            token->Elevation = SimElevationLimited;
        }
        break;
    }
    GROUP(token, SE_GROUP_INTEGRITY | SE_GROUP_INTEGRITY_ENABLED, 16, token->Integrity);
    return token;
}

static ULONG SidBytes(const void *sid)
{
    return 8u + 4u * ((const SID *)sid)->SubAuthorityCount;
}

static NTSTATUS Put(const void *data, ULONG bytes, PVOID out, ULONG room, PULONG needed)
{
    if (needed)
        *needed = bytes;
    if (room < bytes)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(out, data, bytes);
    return STATUS_SUCCESS;
}

/* The answer's layout: the structure, then what it points to, with pointers into the caller's own buffer. */
static NTSTATUS Query(PSIM_TOKEN token, TOKEN_INFORMATION_CLASS which, PVOID out, ULONG room, PULONG needed)
{
    UCHAR answer[2048];
    ULONG used;

    switch (which) {
    case TokenUser: {
        TOKEN_USER *user = (TOKEN_USER *)answer;
        used = sizeof(*user);
        user->User.Sid = (PSID)((ULONG_PTR)out + used);
        user->User.Attributes = 0;
        memcpy(answer + used, token->User, SidBytes(token->User));
        return Put(answer, used + SidBytes(token->User), out, room, needed);
    }
    case TokenOwner: {
        TOKEN_OWNER *owner = (TOKEN_OWNER *)answer;
        used = sizeof(*owner);
        owner->Owner = (PSID)((ULONG_PTR)out + used);
        memcpy(answer + used, token->User, SidBytes(token->User));
        return Put(answer, used + SidBytes(token->User), out, room, needed);
    }
    case TokenGroups: {
        TOKEN_GROUPS *groups = (TOKEN_GROUPS *)answer;
        used = (ULONG)offsetof(TOKEN_GROUPS, Groups) + token->GroupCount * (ULONG)sizeof(SID_AND_ATTRIBUTES);
        groups->GroupCount = token->GroupCount;
        for (ULONG i = 0; i < token->GroupCount; i++) {
            groups->Groups[i].Sid = (PSID)((ULONG_PTR)out + used);
            groups->Groups[i].Attributes = token->Groups[i].Attributes;
            memcpy(answer + used, token->Groups[i].Sid, SidBytes(token->Groups[i].Sid));
            used += SidBytes(token->Groups[i].Sid);
        }
        return Put(answer, used, out, room, needed);
    }
    case TokenSessionId:
        return Put(&token->Session, sizeof(ULONG), out, room, needed);
    case TokenElevationType:
        return Put(&token->Elevation, sizeof(ULONG), out, room, needed);
    case TokenElevation: {
        ULONG elevated = token->Kind == SimUserAdmin || token->Kind == SimUserSystem;
        return Put(&elevated, sizeof(elevated), out, room, needed);
    }
    case TokenIntegrityLevel: {
        TOKEN_MANDATORY_LABEL *label = (TOKEN_MANDATORY_LABEL *)answer;
        used = sizeof(*label);
        label->Label.Sid = (PSID)((ULONG_PTR)out + used);
        label->Label.Attributes = SE_GROUP_INTEGRITY;
        MakeSid(answer + used, 16, 1, &token->Integrity);
        return Put(answer, used + 12, out, room, needed);
    }
    case TokenType: {
        ULONG type = token->Impersonates ? TokenImpersonation : TokenPrimary;
        return Put(&type, sizeof(type), out, room, needed);
    }
    case TokenImpersonationLevel:
        if (!token->Impersonates)
            return STATUS_INVALID_INFO_CLASS;
        return Put(&token->Level, sizeof(ULONG), out, room, needed);
    case TokenStatistics: {
        TOKEN_STATISTICS statistics;
        memset(&statistics, 0, sizeof(statistics));
        statistics.AuthenticationId = token->LogonId;
        statistics.TokenType = TokenPrimary;
        return Put(&statistics, sizeof(statistics), out, room, needed);
    }
    default:
        SimBug("token information class %d is not modelled", (int)which);
    }
}

NTSTATUS NTAPI ZwQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                                       PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    SIM_HANDLE *handle;
    PSIM_OBJECT object;

    SIM_ENTER(PASSIVE_LEVEL);
    handle = SimHandleGet(SimHandleProcess(TokenHandle), TokenHandle);
    if (!handle)
        return STATUS_INVALID_HANDLE;
    object = SimObFind(handle->Body);
    if (object->Type != SimTypeToken)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (!(handle->Access & TOKEN_QUERY))
        return STATUS_ACCESS_DENIED;
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    return Query(handle->Body, TokenInformationClass, TokenInformation, TokenInformationLength, ReturnLength);
}

NTSTATUS NTAPI ZwOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                                    PHANDLE TokenHandle)
{
    PSIM_PROCESS process = Sim.Current->Process;

    SIM_ENTER(PASSIVE_LEVEL);
    if (ProcessHandle != NtCurrentProcess()) {
        SIM_HANDLE *handle = SimHandleGet(SimHandleProcess(ProcessHandle), ProcessHandle);
        if (!handle)
            return STATUS_INVALID_HANDLE;
        if (SimObFind(handle->Body)->Type != SimTypeProcess)
            return STATUS_OBJECT_TYPE_MISMATCH;
        process = handle->Body;
    }
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    *TokenHandle = SimHandleCreate(HandleAttributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process,
                                   process->Token, DesiredAccess, TRUE);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                                   ULONG HandleAttributes, PHANDLE TokenHandle)
{
    PSIM_TOKEN token = Sim.Current->Impersonation;

    (void)OpenAsSelf;
    SIM_ENTER(PASSIVE_LEVEL);
    if (ThreadHandle != NtCurrentThread())
        SimBug("%s of another thread is not modelled", __func__);
    if (!token)
        return STATUS_NO_TOKEN;
    if (token->Level == SecurityAnonymous)
        return STATUS_CANT_OPEN_ANONYMOUS;
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    *TokenHandle = SimHandleCreate(HandleAttributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process,
                                   token, DesiredAccess, TRUE);
    return STATUS_SUCCESS;
}

VOID SimImpersonate(SIM_USER User, SECURITY_IMPERSONATION_LEVEL Level)
{
    PSIM_TOKEN token = SimTokenCreate(User);

    token->Impersonates = TRUE;
    token->Level = (ULONG)Level;
    SimObInsert(SimTypeToken, token, free)->Foreign = FALSE;
    Sim.Current->Impersonation = token;
}

VOID SimRevert(VOID)
{
    SimObDereference(Sim.Current->Impersonation);
    Sim.Current->Impersonation = NULL;
}

/* Whom an access by the current thread, for this process, is checked against; NULL: the level does not allow any. */
PSIM_TOKEN SimEffectiveToken(PSIM_PROCESS Process)
{
    PSIM_TOKEN token = Sim.Current->Impersonation;

    if (!token)
        return Process->Token;
    return token->Level >= SecurityImpersonation ? token : NULL;
}

/* Subject contexts carry the process's token; the structure is the caller's, opaque to it. */
VOID NTAPI SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    SIM_ENTER(PASSIVE_LEVEL);
    memset(SubjectContext, 0, sizeof(*SubjectContext));
    SubjectContext->PrimaryToken = Sim.Current->Process->Token;
    SimObReference(SubjectContext->PrimaryToken);
}

VOID NTAPI SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    SIM_ENTER(PASSIVE_LEVEL);
    SimObDereference(SubjectContext->PrimaryToken);
    SubjectContext->PrimaryToken = NULL;
}

VOID NTAPI SeLockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    (void)SubjectContext;
    SIM_ENTER(PASSIVE_LEVEL);
}

VOID NTAPI SeUnlockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    (void)SubjectContext;
    SIM_ENTER(PASSIVE_LEVEL);
}

BOOLEAN NTAPI SeTokenIsAdmin(PACCESS_TOKEN Token)
{
    SIM_TOKEN *token = Token;

    return token->Kind == SimUserAdmin || token->Kind == SimUserSystem;
}

PACCESS_TOKEN NTAPI PsReferencePrimaryToken(PEPROCESS Process)
{
    SIM_ENTER(PASSIVE_LEVEL);
    SimObReference(((PSIM_PROCESS)Process)->Token);
    return ((PSIM_PROCESS)Process)->Token;
}

VOID NTAPI PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken)
{
    SimObDereference(PrimaryToken);
}

/* The answer is a pool block that the caller frees (SeQueryInformationToken, WDK). */
NTSTATUS NTAPI SeQueryInformationToken(PACCESS_TOKEN Token, TOKEN_INFORMATION_CLASS Class, PVOID *Information)
{
    ULONG bytes = 0;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Class == TokenSessionId || Class == TokenElevationType || Class == TokenIntegrityLevel)
        SimBug("SeQueryInformationToken class %d answers in place: not modelled", (int)Class);
    Query(Token, Class, NULL, 0, &bytes);
    *Information = SimPoolAllocate(bytes, 'ekoT');
    status = Query(Token, Class, *Information, bytes, &bytes);
    return status;
}
