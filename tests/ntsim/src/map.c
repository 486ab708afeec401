/* SPDX-License-Identifier: MIT */
/* Open-addressed map from an address to a fact about it. */
#include "internal.h"

struct _SIM_MAP_SLOT {
    const void *Key; /* NULL: never used */
    PVOID Value;     /* NULL with a key: removed */
};

static size_t Hash(const void *key, size_t room)
{
    return (size_t)(((uintptr_t)key >> 4) * 0x9E3779B97F4A7C15ULL >> 20) & (room - 1);
}

static struct _SIM_MAP_SLOT *Find(const SIM_MAP *Map, const void *key)
{
    size_t i;

    if (!Map->Room)
        return NULL;
    for (i = Hash(key, Map->Room); Map->Slots[i].Key; i = (i + 1) & (Map->Room - 1))
        if (Map->Slots[i].Key == key)
            return &Map->Slots[i];
    return &Map->Slots[i];
}

PVOID SimMapGet(const SIM_MAP *Map, const void *Key)
{
    struct _SIM_MAP_SLOT *slot = Find(Map, Key);

    return slot && slot->Key ? slot->Value : NULL;
}

static void Rehash(SIM_MAP *Map)
{
    SIM_MAP wider = {.Room = 256};

    while (wider.Room < (Map->Used - Map->Dead) * 4)
        wider.Room *= 2;
    wider.Slots = calloc(wider.Room, sizeof(*wider.Slots));
    for (size_t i = 0; i < Map->Room; i++)
        if (Map->Slots[i].Key && Map->Slots[i].Value) {
            *Find(&wider, Map->Slots[i].Key) = Map->Slots[i];
            wider.Used++;
        }
    free(Map->Slots);
    *Map = wider;
}

VOID SimMapSet(SIM_MAP *Map, const void *Key, PVOID Value)
{
    struct _SIM_MAP_SLOT *slot;

    if ((Map->Used + 1) * 2 > Map->Room)
        Rehash(Map);
    slot = Find(Map, Key);
    if (!slot->Key) {
        if (!Value)
            return;
        slot->Key = Key;
        Map->Used++;
    } else if (slot->Value && !Value) {
        Map->Dead++;
    } else if (!slot->Value && Value) {
        Map->Dead--;
    }
    slot->Value = Value;
}

BOOLEAN SimMapNext(const SIM_MAP *Map, size_t *Cursor, const void **Key, PVOID *Value)
{
    for (; *Cursor < Map->Room; (*Cursor)++)
        if (Map->Slots[*Cursor].Key && Map->Slots[*Cursor].Value) {
            *Key = Map->Slots[*Cursor].Key;
            *Value = Map->Slots[*Cursor].Value;
            (*Cursor)++;
            return TRUE;
        }
    return FALSE;
}

ULONG SimMapCount(const SIM_MAP *Map)
{
    return (ULONG)(Map->Used - Map->Dead);
}

VOID SimMapClear(SIM_MAP *Map)
{
    free(Map->Slots);
    memset(Map, 0, sizeof(*Map));
}
