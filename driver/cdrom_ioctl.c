/* SPDX-License-Identifier: MIT */
/*
 * The family IOCTL_CDROM_*: without these CDFS does not mount an ISO 9660 image. The disc has one session with one data
 * track. Source of each answer's form: ntddcdrm.h and its pages, WDK; MMC-6 "READ TOC/PMA/ATIP".
 */
#include "ioctl.h"
#include "volume.h"

#define FRAMES_PER_SECOND 75u
#define SECONDS_PER_MINUTE 60u
#define FIRST_FRAME 150u      /* two seconds of lead-in come before logical block 0 */
#define CONTROL_DATA_TRACK 4u /* control bits of a data track */
#define TRACK_ADDRESS 1u
#define TRACK_LEAD_OUT 0xaau
#define TOC_BYTES ((ULONG)FIELD_OFFSET(CDROM_TOC, TrackData) + 2u * (ULONG)sizeof(TRACK_DATA))

/* The form of IOCTL_STORAGE_EJECT_MEDIA that CD drives took before there was that one; not in every ntddcdrm.h. */
#define CODE_CDROM_EJECT_MEDIA CTL_CODE(IOCTL_CDROM_BASE, 0x0202, METHOD_BUFFERED, FILE_READ_ACCESS)

static void
DescribeTrack(PTRACK_DATA Track, UCHAR Number, ULONGLONG Block)
{
    ULONGLONG frame = Block + FIRST_FRAME;
    ULONGLONG minutes = frame / FRAMES_PER_SECOND / SECONDS_PER_MINUTE;

    Track->Control = CONTROL_DATA_TRACK;
    Track->Adr = TRACK_ADDRESS;
    Track->TrackNumber = Number;
    /* An image may be longer than any disc: minutes stop where their byte does. */
    Track->Address[1] = (UCHAR)(minutes > 255u ? 255u : minutes);
    Track->Address[2] = (UCHAR)(frame / FRAMES_PER_SECOND % SECONDS_PER_MINUTE);
    Track->Address[3] = (UCHAR)(frame % FRAMES_PER_SECOND);
}

static void
DescribeBlock(PTRACK_DATA Track, ULONGLONG Block)
{
    ULONG block = Block > 0xffffffffu ? 0xffffffffu : (ULONG)Block;
    ULONG i;

    for (i = 0; i < sizeof(Track->Address); i++)
        Track->Address[i] = (UCHAR)(block >> (24u - 8u * i)); /* big-endian */
}

static void
DescribeLength(UCHAR Length[2], ULONG Bytes)
{
    /* Big-endian, not counting itself. */
    Length[0] = (UCHAR)((Bytes - 2u) >> 8);
    Length[1] = (UCHAR)(Bytes - 2u);
}

/* The track and what comes behind it; addresses as minutes, seconds and frames, or as blocks. */
static void
DescribeToc(PVOLUME Volume, BOOLEAN Msf, PCDROM_TOC Toc)
{
    ULONGLONG end = Volume->Shape.length_bytes / Volume->Shape.sector_size;

    RtlZeroMemory(Toc, TOC_BYTES);
    DescribeLength(Toc->Length, TOC_BYTES);
    Toc->FirstTrack = 1;
    Toc->LastTrack = 1;
    DescribeTrack(&Toc->TrackData[0], 1, 0);
    DescribeTrack(&Toc->TrackData[1], TRACK_LEAD_OUT, end);
    if (!Msf)
    {
        DescribeBlock(&Toc->TrackData[0], 0);
        DescribeBlock(&Toc->TrackData[1], end);
    }
}

static NTSTATUS
AnswerToc(PVOLUME Volume, PIOCTL_CALL Call)
{
    DescribeToc(Volume, TRUE, Call->Buffer);
    Call->Information = TOC_BYTES;
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerLastSession(PVOLUME Volume, PIOCTL_CALL Call)
{
    PCDROM_TOC_SESSION_DATA session = Call->Buffer;

    UNREFERENCED_PARAMETER(Volume);
    DescribeLength(session->Length, sizeof(*session));
    session->FirstCompleteSession = 1;
    session->LastCompleteSession = 1;
    session->TrackData[0].Control = CONTROL_DATA_TRACK;
    session->TrackData[0].Adr = TRACK_ADDRESS;
    session->TrackData[0].TrackNumber = 1; /* its address is logical block 0 */
    Call->Information = sizeof(*session);
    return STATUS_SUCCESS;
}

/* CDFS asks this one first, for the table in blocks from the first track on. */
static NTSTATUS
AnswerTocEx(PVOLUME Volume, PIOCTL_CALL Call)
{
    const CDROM_READ_TOC_EX in = *(const CDROM_READ_TOC_EX *)Call->Buffer;

    if (in.Format == CDROM_READ_TOC_EX_FORMAT_SESSION)
    {
        RtlZeroMemory(Call->Buffer, sizeof(CDROM_TOC_SESSION_DATA));
        return AnswerLastSession(Volume, Call);
    }
    if (in.Format != CDROM_READ_TOC_EX_FORMAT_TOC)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (in.SessionTrack > 1)
        return STATUS_INVALID_PARAMETER;
    DescribeToc(Volume, (BOOLEAN)(in.Msf != 0), Call->Buffer);
    Call->Information = TOC_BYTES;
    return STATUS_SUCCESS;
}

static const IOCTL_ENTRY Entries[] = {
    {IOCTL_CDROM_CHECK_VERIFY, IOCTL_FOR_CDROM, 0, 0, IoctlAnswerCheckVerify},
    {IOCTL_CDROM_GET_DRIVE_GEOMETRY, IOCTL_FOR_CDROM, 0, sizeof(DISK_GEOMETRY), IoctlAnswerGeometry},
    {IOCTL_CDROM_GET_DRIVE_GEOMETRY_EX, IOCTL_FOR_CDROM, 0, FIELD_OFFSET(DISK_GEOMETRY_EX, Data),
     IoctlAnswerGeometryEx},
    {IOCTL_CDROM_READ_TOC, IOCTL_FOR_CDROM, 0, TOC_BYTES, AnswerToc},
    {IOCTL_CDROM_READ_TOC_EX, IOCTL_FOR_CDROM, sizeof(CDROM_READ_TOC_EX), TOC_BYTES, AnswerTocEx},
    {CODE_CDROM_EJECT_MEDIA, IOCTL_FOR_CDROM, 0, 0, IoctlAnswerEject},
    {IOCTL_CDROM_GET_LAST_SESSION, IOCTL_FOR_CDROM, 0, sizeof(CDROM_TOC_SESSION_DATA), AnswerLastSession},
};

const IOCTL_TABLE IoctlCdrom = {Entries, RTL_NUMBER_OF(Entries)};
