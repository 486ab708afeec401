/* SPDX-License-Identifier: MIT */
/* What the parts of the simulated Mount Manager share. */
#ifndef NTSIM_MOUNT_H
#define NTSIM_MOUNT_H

#include "internal.h"
#include "cm.h"
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddvol.h>
#include <mountmgr.h>
#include <mountdev.h>

typedef struct _MOUNT_LINK {
    char Name[64]; /* \DosDevices\X: or \??\Volume{...} */
    struct _MOUNT_LINK *Next;
} MOUNT_LINK;

typedef struct _MOUNT_VOLUME {
    char Symbolic[260]; /* the name it arrived by: interface link, or device name */
    char Device[128];
    UCHAR Id[256];
    USHORT IdBytes;
    BOOLEAN Manual, Removable, HasGuid;
    GUID Guid; /* its stable name, if it has one */
    char Suggested;
    MOUNT_LINK *Links;
    struct _MOUNT_VOLUME *Next;
} MOUNT_VOLUME;

#define MOUNT_STORE "\\Registry\\Machine\\SYSTEM\\MountedDevices"
extern MOUNT_VOLUME *MountVolumes;
extern BOOLEAN MountNoAutoMount;

VOID MountLock(VOID);
VOID MountUnlock(VOID);
BOOLEAN MountIsLetter(const char *name); /* \DosDevices\X: */
char MountVolumeLetter(const MOUNT_VOLUME *volume);
MOUNT_VOLUME *MountFind(const char *device);
NTSTATUS MountQueryName(const char *name, char *device, size_t bytes); /* asks the device itself */
NTSTATUS MountLinkAdd(MOUNT_VOLUME *volume, const char *name);         /* link, store, LINK_CREATED; lock held */
VOID MountLinkRemove(MOUNT_VOLUME *volume, const char *name);          /* all three undone; lock held */
VOID MountStoreNoLetter(const MOUNT_VOLUME *volume, BOOLEAN set);
BOOLEAN MountStoreHasNoLetter(const MOUNT_VOLUME *volume);
VOID MountStoreDelete(const char *name);
VOID MountStoreSet(const char *name, const UCHAR *id, USHORT bytes);
BOOLEAN MountStoreIsOf(const SIM_VALUE *value, const UCHAR *id, USHORT bytes);
VOID MountNewGuid(char *out, size_t bytes, const char *prefix); /* prefix{guid} */
NTSTATUS MountArrive(const char *symbolic, BOOLEAN manual);
char MountNewLetter(MOUNT_VOLUME *volume); /* suggested first, then C to Z; 0: none free */

#endif
