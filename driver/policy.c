/* SPDX-License-Identifier: MIT */
#include "policy.h"
#include "registry.h"
#include "trace.h"

/* Of ntstatus.h, which cannot be included beside the DDK; its Win32 form is ERROR_ACCESS_DISABLED_BY_POLICY. */
#ifndef STATUS_ACCESS_DISABLED_BY_POLICY_OTHER
#define STATUS_ACCESS_DISABLED_BY_POLICY_OTHER ((NTSTATUS)0xC0000364)
#endif

/* The first key that has the value decides. */
static UNICODE_STRING Keys[] = {
    RTL_CONSTANT_STRING(L"\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"),
    RTL_CONSTANT_STRING(L"\\Registry\\Machine\\SYSTEM\\CurrentControlSet\\Services\\platter\\Parameters"),
};
static UNICODE_STRING WhoMayMount = RTL_CONSTANT_STRING(L"WhoMayMount");
static UNICODE_STRING UsersMayWrite = RTL_CONSTANT_STRING(L"UsersMayWrite");
static UNICODE_STRING UnmountOnShutdown = RTL_CONSTANT_STRING(L"UnmountOnShutdown");

static NTSTATUS
ReadFrom(PUNICODE_STRING Key, PUNICODE_STRING Value, PULONG Data)
{
    HANDLE key;
    NTSTATUS status = RegistryOpen(Key, KEY_QUERY_VALUE, &key);

    if (!NT_SUCCESS(status))
        return status;
    status = RegistryReadDword(key, Value, Data);
    ZwClose(key);
    return status;
}

/* 0 or 1. All values mean something when they are absent, and something safe when they are not understood. */
static BOOLEAN
ReadSwitch(PUNICODE_STRING Value, BOOLEAN Absent, BOOLEAN Safe)
{
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Keys); i++)
    {
        ULONG data;
        NTSTATUS status = ReadFrom(&Keys[i], Value, &data);

        if (status == STATUS_OBJECT_NAME_NOT_FOUND)
            continue;
        if (NT_SUCCESS(status) && data <= 1)
            return (BOOLEAN)(data != 0);
        /* The first letters tell the values apart; no strings in traces (trace.h). */
        TRACE_ERROR("policy %c%c... in key %u is not understood (%08x), taken as %u\n", (char)Value->Buffer[0],
                    (char)Value->Buffer[1], i, (ULONG)status, Safe);
        return Safe;
    }
    return Absent;
}

void
PolicyRead(PPOLICY Policy)
{
    Policy->UsersMayMount = ReadSwitch(&WhoMayMount, TRUE, FALSE);
    Policy->UsersMayWrite = ReadSwitch(&UsersMayWrite, TRUE, FALSE);
    Policy->UnmountOnShutdown = ReadSwitch(&UnmountOnShutdown, TRUE, TRUE);
}

ULONG
PolicyBits(const POLICY *Policy, const CALLER *Caller)
{
    ULONG bits = Policy->UnmountOnShutdown ? PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN : 0;

    if (Caller->Administrator) /* SYSTEM included */
        return bits;
    if (!Policy->UsersMayMount)
        bits |= PLATTER_POLICY_NO_MOUNT;
    if (!Policy->UsersMayWrite)
        bits |= PLATTER_POLICY_READ_ONLY;
    return bits;
}

NTSTATUS
PolicyCheckMount(const CALLER *Caller, BOOLEAN ReadOnly)
{
    POLICY policy;
    ULONG bits;

    PolicyRead(&policy);
    bits = PolicyBits(&policy, Caller);
    if ((bits & PLATTER_POLICY_NO_MOUNT) == 0 && (ReadOnly || (bits & PLATTER_POLICY_READ_ONLY) == 0))
        return STATUS_SUCCESS;
    TRACE_INFO("mount by process %u refused by policy %x\n", Caller->ProcessId, bits);
    return STATUS_ACCESS_DISABLED_BY_POLICY_OTHER;
}
