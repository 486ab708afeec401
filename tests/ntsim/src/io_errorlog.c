/* SPDX-License-Identifier: MIT */
/*
 * The error log as drivers write it: an entry is allocated, filled, given away, and processed later by a thread of the
 * system, which holds the device until then. Sources: "IoAllocateErrorLogEntry", "Filling in an Error Log Entry" (WDK).
 */
#include "internal.h"
#include <ntsim/observe.h>

enum { KEPT = 64, MAXIMUM = 0x98 }; /* ERROR_LOG_MAXIMUM_SIZE where it is smallest, on 32-bit systems */

typedef struct _ENTRY {
    PDEVICE_OBJECT Device;
    ULONG Bytes;
    BOOLEAN Written;
    IO_ERROR_LOG_PACKET *Packet;
} ENTRY;

static SIM_MAP Entries; /* allocated and not written, by packet */
static struct {
    NTSTATUS Code;
    char Text[200];
} Kept[KEPT];
static ULONG Count;

PVOID NTAPI IoAllocateErrorLogEntry(PVOID IoObject, UCHAR EntrySize)
{
    ENTRY *entry;

    SIM_ENTER(DISPATCH_LEVEL);
    SimDevice(IoObject); /* the other kind, a driver object, is not used */
    if (EntrySize < sizeof(IO_ERROR_LOG_PACKET) || EntrySize > MAXIMUM)
        SimBug("%s: %u bytes", __func__, EntrySize);
    if (SIM_FAULT())
        return NULL;
    entry = calloc(1, sizeof(*entry));
    entry->Device = IoObject;
    entry->Bytes = EntrySize;
    entry->Packet = SimVisibleAllocate(EntrySize, 8);
    SimObReference(IoObject);
    SimMapSet(&Entries, entry->Packet, entry);
    return entry->Packet;
}

/* "device|string|string", as the message's %1, %2, %3. */
static VOID Describe(const ENTRY *entry, char *text, size_t bytes)
{
    const IO_ERROR_LOG_PACKET *packet = entry->Packet;
    const WCHAR *at = (const WCHAR *)((const UCHAR *)packet + packet->StringOffset);
    const WCHAR *end = (const WCHAR *)((const UCHAR *)packet + entry->Bytes);
    PSIM_OBJECT object = SimObFind(entry->Device);
    size_t used = (size_t)snprintf(text, bytes, "%s", object && object->Name ? object->Name : "");

    for (ULONG i = 0; i < packet->NumberOfStrings; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "|");
        while (at < end && *at)
            used += (size_t)snprintf(text + used, bytes - used, "%c", *at < 0x7f ? (char)*at : '?'), at++;
        if (at >= end)
            SimBug("string %u of an error log entry has no end", i);
        at++;
    }
}

static VOID Process(PVOID context)
{
    ENTRY *entry = context;

    if (Count < KEPT) {
        Kept[Count].Code = entry->Packet->ErrorCode;
        Describe(entry, Kept[Count].Text, sizeof(Kept[Count].Text));
    }
    Count++;
    SimObDereference(entry->Device);
    SimVisibleFree(entry->Packet);
    free(entry);
}

VOID NTAPI IoWriteErrorLogEntry(PVOID ElEntry)
{
    ENTRY *entry = SimMapGet(&Entries, ElEntry);

    SIM_ENTER(DISPATCH_LEVEL);
    if (!entry)
        SimBug("%s of %p, which is no entry, or was written already", __func__, ElEntry);
    SimMapSet(&Entries, ElEntry, NULL);
    if (entry->Packet->NumberOfStrings &&
        (entry->Packet->StringOffset % sizeof(WCHAR) || entry->Packet->StringOffset < sizeof(IO_ERROR_LOG_PACKET) ||
         entry->Packet->StringOffset >= entry->Bytes))
        SimBug("strings of an error log entry at %u of %u bytes", entry->Packet->StringOffset, entry->Bytes);
    SimWorkQueue(Process, entry);
}

ULONG SimErrorLog(ULONG Index, NTSTATUS *Code, char *Text, size_t Bytes)
{
    if (Index < Count && Index < KEPT) {
        *Code = Kept[Index].Code;
        snprintf(Text, Bytes, "%s", Kept[Index].Text);
    }
    return Count;
}

VOID SimErrorLogStart(VOID)
{
    Count = 0;
}

VOID SimErrorLogStop(VOID)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;

    if (SimMapNext(&Entries, &cursor, &key, &value))
        SimBug("an error log entry was allocated and not written");
    SimMapClear(&Entries);
}
