/* SPDX-License-Identifier: MIT */
#include "error_log.h"
#include "announce.h"
#include "clock.h"
#include "text.h"
#include "trace.h"
#include "volume.h"

#define MINUTE_MS 60000u
#define STRINGS_CHARS 24u /* "no letter" and a process id, each with its end */
#define ENTRY_BYTES (sizeof(IO_ERROR_LOG_PACKET) + STRINGS_CHARS * sizeof(WCHAR))

/* PORT_MAXIMUM_MESSAGE_LENGTH of 32-bit systems leaves least room: ERROR_LOG_MAXIMUM_SIZE, wdm.h. */
_Static_assert(ENTRY_BYTES <= 0x80, "an entry fits everywhere");

static BOOLEAN
MayWrite(void)
{
    ULONGLONG now = ClockUptime();
    BOOLEAN may;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (now >= Platter.LogWindow)
    {
        Platter.LogWindow = now + MINUTE_MS;
        Platter.LogEntries = 0;
    }
    may = (BOOLEAN)(Platter.LogEntries < ERROR_LOG_A_MINUTE);
    if (may)
        Platter.LogEntries++;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return may;
}

/* Letter 0: no word of a letter. The I/O manager puts the device's name in front, as the message's %1. */
static void
Write(PDEVICE_OBJECT Device, NTSTATUS Code, BOOLEAN WithLetter, WCHAR Letter, ULONG ProcessId)
{
    PIO_ERROR_LOG_PACKET entry;
    TEXT text;

    TRACE_INFO("to be logged: %08x, process %u\n", (ULONG)Code, ProcessId);
    if (!MayWrite())
        return;
    entry = IoAllocateErrorLogEntry(Device, (UCHAR)ENTRY_BYTES);
    if (entry == NULL)
        return;
    RtlZeroMemory(entry, ENTRY_BYTES);
    entry->ErrorCode = Code;
    entry->NumberOfStrings = WithLetter ? 2 : 1;
    entry->StringOffset = (USHORT)sizeof(*entry);
    TextInitialize(&text, (PWCHAR)(entry + 1), STRINGS_CHARS);
    if (WithLetter && Letter != 0)
    {
        TextAppendChar(&text, Letter);
        TextAppendChar(&text, ':');
    }
    else if (WithLetter)
    {
        TextAppendAscii(&text, "no letter");
    }
    if (WithLetter)
        TextAppendChar(&text, 0); /* the next string */
    TextAppendNumber(&text, ProcessId);
    IoWriteErrorLogEntry(entry);
}

void
ErrorLogProviderGone(PVOLUME Volume)
{
    Write(Volume->Device, ERROR_LOG_PROVIDER_GONE, TRUE, VolumeLetter(Volume), Volume->Owner.ProcessId);
}

void
ErrorLogProviderLate(PVOLUME Volume)
{
    if (InterlockedExchange(&Volume->LateLogged, 1) == 0)
        Write(Volume->Device, ERROR_LOG_PROVIDER_LATE, TRUE, VolumeLetter(Volume), Volume->Owner.ProcessId);
}

void
ErrorLogMountRefused(PDEVICE_OBJECT Device, ULONG ProcessId)
{
    Write(Device, ERROR_LOG_MOUNT_REFUSED, FALSE, 0, ProcessId);
}
