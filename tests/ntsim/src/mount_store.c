/* SPDX-License-Identifier: MIT */
/*
 * The Mount Manager's MountedDevices: one value a name, its data the unique id; "#{...}" says "no letter" for an id.
 * Sources as in mount.c.
 */
#include "mount.h"

BOOLEAN MountStoreIsOf(const SIM_VALUE *value, const UCHAR *id, USHORT bytes)
{
    return value->Bytes == bytes && !memcmp(value->Data, id, bytes);
}

VOID MountStoreSet(const char *name, const UCHAR *id, USHORT bytes)
{
    SimCmSet(MOUNT_STORE, name, REG_BINARY, id, bytes);
}

VOID MountStoreDelete(const char *name)
{
    SimRegistryDelete(MOUNT_STORE, name);
}

static const SIM_VALUE *NoLetter(const UCHAR *id, USHORT bytes)
{
    const SIM_VALUE *value;

    for (ULONG i = 0; (value = SimCmAt(MOUNT_STORE, i)); i++)
        if (value->Name[0] == '#' && MountStoreIsOf(value, id, bytes))
            return value;
    return NULL;
}

VOID MountNewGuid(char *out, size_t bytes, const char *prefix)
{
    snprintf(out, bytes, "%s{%08x-%04x-%04x-%04x-%04x%08x}", prefix, SimRandom(~0u), SimRandom(0xffff),
             SimRandom(0xffff), SimRandom(0xffff), SimRandom(0xffff), SimRandom(~0u));
}

VOID MountStoreNoLetter(const MOUNT_VOLUME *volume, BOOLEAN set)
{
    const SIM_VALUE *held = NoLetter(volume->Id, volume->IdBytes);
    char name[80];

    if (set && !held) {
        MountNewGuid(name, sizeof(name), "#");
        MountStoreSet(name, volume->Id, volume->IdBytes);
    } else if (!set && held) {
        MountStoreDelete(held->Name);
    }
}

BOOLEAN MountStoreHasNoLetter(const MOUNT_VOLUME *volume)
{
    return NoLetter(volume->Id, volume->IdBytes) != NULL;
}

ULONG SimMountStoreValues(VOID)
{
    ULONG count = 0;

    while (SimCmAt(MOUNT_STORE, count))
        count++;
    return count;
}

VOID SimMountRemember(char Letter, const void *UniqueId, USHORT Bytes)
{
    char name[] = "\\DosDevices\\X:";
    MOUNT_VOLUME volume = {.IdBytes = Bytes};

    memcpy(volume.Id, UniqueId, Bytes);
    name[12] = Letter;
    if (Letter)
        MountStoreSet(name, UniqueId, Bytes);
    else
        MountStoreNoLetter(&volume, TRUE);
}

BOOLEAN SimMountRemembers(char Letter)
{
    const SIM_VALUE *value;

    for (ULONG i = 0; (value = SimCmAt(MOUNT_STORE, i)); i++)
        if (MountIsLetter(value->Name) && value->Name[12] == Letter)
            return TRUE;
    return FALSE;
}
