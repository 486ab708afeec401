/* SPDX-License-Identifier: MIT */
/*
 * The Mount Manager: volumes that arrive and go.
 * Sources: [T] the trace of a real NT kernel in nt-guest.md; [P n] peers.md 5.2 step n; [M] the mountmgr and mountdev
 * pages of the WDK documentation.
 */
#include "mount.h"
#include "cm.h"
#include <ntsim/observe.h>
#include <strings.h>

MOUNT_VOLUME *MountVolumes;
BOOLEAN MountNoAutoMount;
/* Attribute bits of a GPT basic data partition, "PARTITION_INFORMATION_GPT" (WDK). */
#define NO_DRIVE_LETTER 0x8000000000000000ull
static PSIM_THREAD Owner;
static KEVENT LockFree;
static char Trace[8192], Transcript[16384];

VOID MountLock(VOID)
{
    if (Owner == Sim.Current)
        SimBug("the Mount Manager is called back while it holds its lock: every mount of the machine would hang");
    while (Owner)
        SimEventWait(&LockFree, "the Mount Manager's lock");
    Owner = Sim.Current;
}

VOID MountUnlock(VOID)
{
    Owner = NULL;
    SimEventSet(&LockFree);
}

BOOLEAN MountIsLetter(const char *name)
{
    return strlen(name) == 14 && !strncmp(name, "\\DosDevices\\", 12) && name[12] >= 'A' && name[12] <= 'Z' &&
           name[13] == ':';
}

char MountVolumeLetter(const MOUNT_VOLUME *volume)
{
    for (MOUNT_LINK *link = volume->Links; link; link = link->Next)
        if (MountIsLetter(link->Name))
            return link->Name[12];
    return 0;
}

MOUNT_VOLUME *MountFind(const char *device)
{
    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        if (!strcasecmp(v->Device, device))
            return v;
    return NULL;
}

static VOID GuidText(const GUID *guid, char *out, size_t bytes, const char *prefix)
{
    snprintf(out, bytes, "%s{%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}", prefix, guid->Data1, guid->Data2,
             guid->Data3, guid->Data4[0], guid->Data4[1], guid->Data4[2], guid->Data4[3], guid->Data4[4],
             guid->Data4[5], guid->Data4[6], guid->Data4[7]);
}

/* ---- Asking a volume -------------------------------------------------------------------------------------------------------- */

static NTSTATUS Ask(PFILE_OBJECT file, ULONG code, const void *in, ULONG inbytes, void *out, ULONG outbytes,
                    ULONG_PTR *information)
{
    PDEVICE_OBJECT device = file->DeviceObject;
    size_t used = strlen(Trace);
    ULONG_PTR got = 0;
    NTSTATUS status = SimSendIoctl(device, file, code, in, inbytes, out, outbytes, &got);

    if (used + 10 < sizeof(Trace))
        snprintf(Trace + used, sizeof(Trace) - used, "%s%x", used ? " " : "", code);
    used = strlen(Transcript);
    snprintf(Transcript + used, sizeof(Transcript) - used, "%06x %u -> %x %u\n", code, outbytes, (ULONG)status,
             (ULONG)got);
    if (information)
        *information = got;
    return status;
}

/* Length first, then all of it: STATUS_BUFFER_OVERFLOW with the header filled is what the first is to give [T] [P 4]. */
static NTSTATUS AskTwice(PFILE_OBJECT file, ULONG code, void *out, ULONG bytes, ULONG header, ULONG lengthat,
                         const char *what)
{
    ULONG_PTR information;
    ULONG need;
    NTSTATUS status = Ask(file, code, NULL, 0, out, header, &information);

    if (status != STATUS_BUFFER_OVERFLOW)
        return NT_SUCCESS(status) ? STATUS_UNSUCCESSFUL : status;
    if (information < lengthat + sizeof(USHORT))
        SimBug("%s: STATUS_BUFFER_OVERFLOW with Information %zu, which leaves the length out", what,
               (size_t)information);
    need = *(USHORT *)((UCHAR *)out + lengthat) + lengthat + 2;
    if (need + header > bytes || need <= lengthat + 2)
        SimBug("%s: a length of %u", what, need);
    /* With room for the whole header again, where the first character already lies [T]. */
    status = Ask(file, code, NULL, 0, out, need - lengthat - 2 + header, &information);
    if (NT_SUCCESS(status) && information != need)
        SimBug("%s: %zu bytes answered, %u said before", what, (size_t)information, need);
    return status;
}

static VOID Narrow(const WCHAR *text, USHORT bytes, char *out, size_t room)
{
    UNICODE_STRING string = {bytes, bytes, (WCHAR *)(ULONG_PTR)text};
    char *narrow = SimNarrow(&string);

    snprintf(out, room, "%s", narrow);
    free(narrow);
}

static NTSTATUS OpenVolume(const char *name, PFILE_OBJECT *file)
{
    NTSTATUS status =
        SimFileOpen(Sim.SystemProcess, name, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, 0, TRUE, file);

    if (NT_SUCCESS(status))
        SimFileCleanup(*file);
    return status;
}

static NTSTATUS QueryDeviceName(PFILE_OBJECT file, char *device, size_t bytes)
{
    ULONG buffer[130];
    MOUNTDEV_NAME *name = (MOUNTDEV_NAME *)buffer;
    NTSTATUS status = AskTwice(file, IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, buffer, sizeof(buffer), sizeof(*name),
                               offsetof(MOUNTDEV_NAME, NameLength), "QUERY_DEVICE_NAME");

    if (NT_SUCCESS(status))
        Narrow(name->Name, name->NameLength, device, bytes);
    return status;
}

NTSTATUS MountQueryName(const char *name, char *device, size_t bytes)
{
    PFILE_OBJECT file;
    NTSTATUS status = OpenVolume(name, &file);

    if (!NT_SUCCESS(status))
        return status;
    status = QueryDeviceName(file, device, bytes);
    SimObDereference(file);
    return status;
}

/* LINK_CREATED and LINK_DELETED, Vista's code first, then the old one [T]; sent with the lock held [P 6]. */
static VOID TellLink(MOUNT_VOLUME *volume, const char *link, ULONG code)
{
    PFILE_OBJECT file;
    UCHAR buffer[200];
    MOUNTDEV_NAME *name = (MOUNTDEV_NAME *)buffer;
    ULONG bytes = (ULONG)offsetof(MOUNTDEV_NAME, Name) + (ULONG)strlen(link) * 2;

    if (!NT_SUCCESS(OpenVolume(volume->Device, &file)))
        return; /* it went in the meantime */
    name->NameLength = (USHORT)(strlen(link) * 2);
    for (size_t i = 0; link[i]; i++)
        name->Name[i] = (WCHAR)(UCHAR)link[i];
    /* [M]: no thread synchronisation, no blocking, no IPC in the handlers. */
    Sim.Current->NoWait = "LINK_CREATED and LINK_DELETED come under the Mount Manager's lock";
    if (!NT_SUCCESS(Ask(file, code | (FILE_READ_ACCESS | FILE_WRITE_ACCESS) << 14, name, bytes, NULL, 0, NULL)))
        Ask(file, code, name, bytes, NULL, 0, NULL);
    Sim.Current->NoWait = NULL;
    SimObDereference(file);
}

static VOID GlobalPath(const char *name, char *out, size_t bytes)
{
    snprintf(out, bytes, "\\GLOBAL??\\%s", strrchr(name, '\\') + 1);
}

NTSTATUS MountLinkAdd(MOUNT_VOLUME *volume, const char *name)
{
    MOUNT_LINK *link;
    char path[100];
    NTSTATUS status;

    GlobalPath(name, path, sizeof(path));
    status = SimObMakeLink(NULL, path, volume->Device, FALSE);
    if (!NT_SUCCESS(status))
        return status;
    MountStoreSet(name, volume->Id, volume->IdBytes);
    link = calloc(1, sizeof(*link));
    snprintf(link->Name, sizeof(link->Name), "%s", name);
    link->Next = volume->Links;
    volume->Links = link;
    TellLink(volume, name, IOCTL_MOUNTDEV_LINK_CREATED);
    return STATUS_SUCCESS;
}

VOID MountLinkRemove(MOUNT_VOLUME *volume, const char *name)
{
    char path[100];

    for (MOUNT_LINK **at = &volume->Links; *at; at = &(*at)->Next)
        if (!strcasecmp((*at)->Name, name)) {
            MOUNT_LINK *gone = *at;
            *at = gone->Next;
            GlobalPath(gone->Name, path, sizeof(path));
            SimObDeleteLink(NULL, path);
            MountStoreDelete(gone->Name);
            TellLink(volume, gone->Name, IOCTL_MOUNTDEV_LINK_DELETED);
            free(gone);
            return;
        }
}

char MountNewLetter(MOUNT_VOLUME *volume)
{
    char name[] = "\\DosDevices\\X:";

    for (int i = -1; i < 24; i++) {
        if (i < 0 && !volume->Suggested)
            continue;
        name[12] = i < 0 ? volume->Suggested : (char)('C' + i);
        if (NT_SUCCESS(MountLinkAdd(volume, name)))
            return name[12];
    }
    return 0;
}

/* ---- Arrival ------------------------------------------------------------------------------------------------------------------ */

static NTSTATUS Question(MOUNT_VOLUME *volume, PFILE_OBJECT file, BOOLEAN *gptletter)
{
    ULONG buffer[130];
    ULONG64 attributes = 0;
    NTSTATUS status;

    volume->Removable = (file->DeviceObject->Characteristics & FILE_REMOVABLE_MEDIA) != 0;
    *gptletter = TRUE;
    if (!volume->Removable) { /* [P 2] [P 3] */
        ULONG_PTR got;
        if (NT_SUCCESS(Ask(file, IOCTL_VOLUME_GET_GPT_ATTRIBUTES, NULL, 0, &attributes, 8, &got)) && got == 8 &&
            (attributes & NO_DRIVE_LETTER))
            *gptletter = FALSE;
        Ask(file, IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0, buffer, sizeof(PARTITION_INFORMATION_EX), NULL);
    }
    status = QueryDeviceName(file, volume->Device, sizeof(volume->Device));
    if (!NT_SUCCESS(status))
        return status;
    status = AskTwice(file, IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, buffer, sizeof(buffer), sizeof(MOUNTDEV_UNIQUE_ID),
                      offsetof(MOUNTDEV_UNIQUE_ID, UniqueIdLength), "QUERY_UNIQUE_ID");
    if (!NT_SUCCESS(status))
        return status;
    volume->IdBytes = ((MOUNTDEV_UNIQUE_ID *)buffer)->UniqueIdLength;
    memcpy(volume->Id, ((MOUNTDEV_UNIQUE_ID *)buffer)->UniqueId, volume->IdBytes);
    if (NT_SUCCESS(Ask(file, IOCTL_MOUNTDEV_QUERY_STABLE_GUID, NULL, 0, buffer, sizeof(MOUNTDEV_STABLE_GUID), NULL))) {
        volume->HasGuid = TRUE;
        memcpy(&volume->Guid, buffer, sizeof(GUID));
    }
    status = AskTwice(file, IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, buffer, sizeof(buffer),
                      sizeof(MOUNTDEV_SUGGESTED_LINK_NAME), offsetof(MOUNTDEV_SUGGESTED_LINK_NAME, NameLength),
                      "QUERY_SUGGESTED_LINK_NAME");
    if (NT_SUCCESS(status)) {
        char name[80];
        Narrow(((MOUNTDEV_SUGGESTED_LINK_NAME *)buffer)->Name, ((MOUNTDEV_SUGGESTED_LINK_NAME *)buffer)->NameLength,
               name, sizeof(name));
        if (MountIsLetter(name)) /* [P 5]: upper case, this form and no other */
            volume->Suggested = name[12];
    }
    return STATUS_SUCCESS;
}

/* Names the store has for this id: its letter beats the suggested one [P, "Letter rule"]. */
static VOID FromStore(MOUNT_VOLUME *volume, BOOLEAN *haveletter, BOOLEAN *havename)
{
    const SIM_VALUE *value;
    char names[32][64];
    ULONG count = 0;

    for (ULONG i = 0; (value = SimCmAt(MOUNT_STORE, i)) && count < 32; i++)
        if (value->Name[0] != '#' && MountStoreIsOf(value, volume->Id, volume->IdBytes))
            snprintf(names[count++], sizeof(names[0]), "%.63s", value->Name);
    for (ULONG i = 0; i < count; i++) {
        BOOLEAN letter = MountIsLetter(names[i]);
        if (letter && *haveletter)
            continue;
        if (!NT_SUCCESS(MountLinkAdd(volume, names[i]))) {
            if (letter)
                MountStoreDelete(names[i]); /* somebody else has it now */
            continue;
        }
        *haveletter |= letter;
        *havename |= !letter;
    }
}

NTSTATUS MountArrive(const char *symbolic, BOOLEAN manual)
{
    MOUNT_VOLUME *volume = calloc(1, sizeof(*volume));
    BOOLEAN gptletter, haveletter = FALSE, havename = FALSE;
    PFILE_OBJECT file;
    UCHAR id[256];
    USHORT idbytes;
    char name[64];
    NTSTATUS status;

    snprintf(volume->Symbolic, sizeof(volume->Symbolic), "%s", symbolic);
    volume->Manual = manual;
    status = OpenVolume(symbolic, &file);
    if (!NT_SUCCESS(status)) {
        SimNote("ntsim: Mount Manager: %s cannot be opened: %08x\n", symbolic, status);
        free(volume);
        return status;
    }
    status = Question(volume, file, &gptletter);
    if (!NT_SUCCESS(status)) {
        SimNote("ntsim: Mount Manager: %s does not answer: %08x\n", symbolic, status);
        goto done;
    }
    MountLock();
    if (MountFind(volume->Device)) {
        MountUnlock();
        goto done; /* known already: success */
    }
    volume->Next = MountVolumes;
    MountVolumes = volume;
    FromStore(volume, &haveletter, &havename);
    if (!havename) {
        if (volume->HasGuid)
            GuidText(&volume->Guid, name, sizeof(name), "\\??\\Volume");
        else
            MountNewGuid(name, sizeof(name), "\\??\\Volume");
        MountLinkAdd(volume, name);
    }
    /* [P, "Letter rule"] */
    if (!haveletter && (!MountNoAutoMount || volume->Removable) && (gptletter || volume->Suggested) &&
        !MountStoreHasNoLetter(volume) && !MountNewLetter(volume))
        MountStoreNoLetter(volume, TRUE);
    haveletter = MountVolumeLetter(volume) != 0;
    idbytes = volume->IdBytes;
    memcpy(id, volume->Id, idbytes);
    MountUnlock();                    /* from here it may go */
    SimPnpTarget(file->DeviceObject); /* [T]; announced by hand too, to tell of its names */
    if (!MountNoAutoMount || haveletter)
        Ask(file, IOCTL_VOLUME_ONLINE, NULL, 0, NULL, 0, NULL);
    {
        UCHAR change[1036];
        Ask(file, IOCTL_MOUNTDEV_UNIQUE_ID_CHANGE_NOTIFY | (FILE_READ_ACCESS | FILE_WRITE_ACCESS) << 14, id, idbytes,
            change, sizeof(change), NULL);
    }
    SimObDereference(file);
    return STATUS_SUCCESS;
done:
    SimObDereference(file);
    free(volume);
    return status;
}

VOID SimMountArrival(const char *Link)
{
    if (Sim.Options.MountManager == SimMountManagerNormal)
        MountArrive(Link, FALSE);
}

static VOID FreeVolume(MOUNT_VOLUME *volume)
{
    while (volume->Links) {
        MOUNT_LINK *link = volume->Links;
        char path[100];
        GlobalPath(link->Name, path, sizeof(path));
        SimObDeleteLink(NULL, path);
        volume->Links = link->Next;
        free(link);
    }
    free(volume);
}

/* The links go, the store's values stay: that is how a letter is remembered. */
VOID SimMountDeparture(const char *Link)
{
    if (Sim.Options.MountManager != SimMountManagerNormal)
        return;
    MountLock();
    for (MOUNT_VOLUME **at = &MountVolumes; *at; at = &(*at)->Next)
        if (!strcasecmp((*at)->Symbolic, Link)) {
            MOUNT_VOLUME *gone = *at;
            *at = gone->Next;
            FreeVolume(gone);
            break;
        }
    MountUnlock();
}

/* ---- What the tests ask -------------------------------------------------------------------------------------------------------- */

char SimMountLetterOf(const char *Device)
{
    MOUNT_VOLUME *volume = MountFind(Device);

    return volume ? MountVolumeLetter(volume) : 0;
}

BOOLEAN SimMountKnows(const char *Device)
{
    return MountFind(Device) != NULL;
}

ULONG SimMountVolumes(VOID)
{
    ULONG count = 0;

    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        count++;
    return count;
}

VOID SimMountSetAutoMount(BOOLEAN Enabled)
{
    MountNoAutoMount = !Enabled;
}

const char *SimMountTrace(VOID)
{
    static char copy[sizeof(Trace)];

    strcpy(copy, Trace);
    Trace[0] = 0;
    return copy;
}

const char *SimMountTranscript(VOID)
{
    static char copy[sizeof(Transcript)];

    strcpy(copy, Transcript);
    Transcript[0] = 0;
    return copy;
}

VOID SimMountStoreStart(VOID)
{
    MountVolumes = NULL;
    Owner = NULL;
    MountNoAutoMount = Sim.Options.NoAutoMount;
    Trace[0] = Transcript[0] = 0;
    SimEventInit(&LockFree, SynchronizationEvent);
}

VOID SimMountStoreStop(VOID)
{
    if (Owner)
        SimBug("the Mount Manager's lock is held at the end");
    /* Volumes that arrived by ioctl stay until somebody deletes their points [M]; the machine is switched off now. */
    while (MountVolumes) {
        MOUNT_VOLUME *volume = MountVolumes;
        MountVolumes = volume->Next;
        FreeVolume(volume);
    }
}
