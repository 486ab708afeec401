/* SPDX-License-Identifier: MIT */
/*
 * Routines whose names are taken in the host's convention: imports are bound to Pe<name>. The compiler's own calls by the
 * C library; the fast calls by the DDK's headers, where FASTCALL is empty for 64 bits.
 */
#include "../src/internal.h"

void *NTSIM_ABI Pememcpy(void *to, const void *from, size_t bytes);
void *NTSIM_ABI Pememset(void *to, int value, size_t bytes);
NTSTATUS NTSIM_ABI PeIofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID NTSIM_ABI PeIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
LONG_PTR NTSIM_ABI PeObfReferenceObject(PVOID Object);
LONG_PTR NTSIM_ABI PeObfDereferenceObject(PVOID Object);

void *NTSIM_ABI Pememcpy(void *to, const void *from, size_t bytes)
{
    return memcpy(to, from, bytes);
}

void *NTSIM_ABI Pememset(void *to, int value, size_t bytes)
{
    return memset(to, value, bytes);
}

NTSTATUS NTSIM_ABI PeIofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IofCallDriver(DeviceObject, Irp);
}

VOID NTSIM_ABI PeIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    IofCompleteRequest(Irp, PriorityBoost);
}

LONG_PTR NTSIM_ABI PeObfReferenceObject(PVOID Object)
{
    return ObfReferenceObject(Object);
}

LONG_PTR NTSIM_ABI PeObfDereferenceObject(PVOID Object)
{
    return ObfDereferenceObject(Object);
}
