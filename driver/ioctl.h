/* SPDX-License-Identifier: MIT */
/*
 * What a volume answers to device controls: tables, one for each family of codes. A code in none of them is refused
 * with STATUS_INVALID_DEVICE_REQUEST, which is what callers take for "no such thing here"; nothing is made up.
 * All codes are METHOD_BUFFERED.
 */
#ifndef PLATTER_IOCTL_H
#define PLATTER_IOCTL_H

#include "driver.h"

typedef struct _IOCTL_CALL
{
    PIRP Irp;
    PVOID Buffer; /* in and out */
    ULONG InLength;
    ULONG OutLength;
    ULONG_PTR Information; /* bytes answered; 0 unless the answer sets it */
} IOCTL_CALL, *PIOCTL_CALL;

#define IOCTL_FOR_DISK 0x1u
#define IOCTL_FOR_CDROM 0x2u
#define IOCTL_FOR_ALL (IOCTL_FOR_DISK | IOCTL_FOR_CDROM)

typedef struct _IOCTL_ENTRY
{
    ULONG Code;
    ULONG For;      /* IOCTL_FOR_* */
    ULONG InLength; /* at least, or STATUS_INFO_LENGTH_MISMATCH */
    ULONG
    OutLength; /* at least, or STATUS_BUFFER_TOO_SMALL; the answer finds that many bytes zeroed if InLength is 0 */
    /* STATUS_PENDING: the IRP has become a request (RequestQueue). NULL: success with nothing to say. */
    NTSTATUS (*Answer)(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);
} IOCTL_ENTRY;

typedef struct _IOCTL_TABLE
{
    const IOCTL_ENTRY *Entries;
    ULONG Count;
} IOCTL_TABLE;

extern const IOCTL_TABLE IoctlDisk;
extern const IOCTL_TABLE IoctlStorage;
extern const IOCTL_TABLE IoctlVolume;
extern const IOCTL_TABLE IoctlCdrom;
extern const IOCTL_TABLE IoctlMountdev;

/* Dispatch of DEVICE_CONTROL; the volume's remove lock is held and passes to the request or is released. */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS IoctlDispatch(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/* Shared by the families. */
void IoctlGeometry(_In_ PVOLUME Volume, _Out_ PDISK_GEOMETRY Geometry);
NTSTATUS IoctlAnswerGeometry(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);
NTSTATUS IoctlAnswerGeometryEx(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);
NTSTATUS IoctlAnswerCheckVerify(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);
NTSTATUS IoctlAnswerMediaRemoval(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);
NTSTATUS IoctlAnswerEject(_Inout_ PVOLUME Volume, _Inout_ PIOCTL_CALL Call);

#endif
