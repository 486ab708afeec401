/* SPDX-License-Identifier: MIT */
/* Registry: values by full key path, as much as a driver reads at start. */
#include "internal.h"
#include <strings.h>

typedef struct _VALUE {
    char Key[300], Name[128];
    ULONG Type, Bytes;
    UCHAR Data[512];
    struct _VALUE *Next;
} VALUE;

static VALUE *Values;

static VALUE *Find(const char *key, const char *name)
{
    for (VALUE *v = Values; v; v = v->Next)
        if (!strcasecmp(v->Key, key) && !strcasecmp(v->Name, name))
            return v;
    return NULL;
}

static VOID Set(const char *key, const char *name, ULONG type, const void *data, ULONG bytes)
{
    VALUE *v = Find(key, name);

    if (!v) {
        v = calloc(1, sizeof(*v));
        snprintf(v->Key, sizeof(v->Key), "%s", key);
        snprintf(v->Name, sizeof(v->Name), "%s", name);
        v->Next = Values;
        Values = v;
    }
    v->Type = type;
    v->Bytes = bytes < sizeof(v->Data) ? bytes : (ULONG)sizeof(v->Data);
    memcpy(v->Data, data, v->Bytes);
}

VOID SimRegistrySetDword(const char *Key, const char *Value, ULONG Data)
{
    Set(Key, Value, REG_DWORD, &Data, sizeof(Data));
}

VOID SimRegistrySetString(const char *Key, const char *Value, const char *Data)
{
    UNICODE_STRING wide;

    SimWiden(Data, &wide);
    Set(Key, Value, REG_SZ, wide.Buffer, wide.MaximumLength);
    free(wide.Buffer);
}

VOID SimRegistrySetBinary(const char *Key, const char *Value, const void *Data, ULONG Bytes)
{
    Set(Key, Value, REG_BINARY, Data, Bytes);
}

VOID SimRegistryDelete(const char *Key, const char *Value)
{
    for (VALUE **link = &Values; *link; link = &(*link)->Next)
        if (!strcasecmp((*link)->Key, Key) && !strcasecmp((*link)->Name, Value)) {
            VALUE *gone = *link;
            *link = gone->Next;
            free(gone);
            return;
        }
}

/* The handle's object is the path itself. */
NTSTATUS NTAPI ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    char *path;
    PVOID body;

    SIM_ENTER(PASSIVE_LEVEL);
    if (ObjectAttributes->RootDirectory)
        SimBug("ZwOpenKey below a handle is not modelled");
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    path = SimNarrow(ObjectAttributes->ObjectName);
    for (VALUE *v = Values; v; v = v->Next)
        if (!strncasecmp(v->Key, path, strlen(path)) && (!v->Key[strlen(path)] || v->Key[strlen(path)] == '\\')) {
            body = path;
            SimObInsert(SimTypeKey, body, free);
            *KeyHandle = SimHandleCreate(ObjectAttributes->Attributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess
                                                                                          : Sim.Current->Process,
                                         body, DesiredAccess, TRUE);
            SimObDereference(body);
            return STATUS_SUCCESS;
        }
    free(path);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS NTAPI ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS Class,
                               PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    KEY_VALUE_PARTIAL_INFORMATION *out = KeyValueInformation;
    ULONG header = (ULONG)offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data);
    SIM_HANDLE *slot;
    char *name;
    VALUE *v;

    SIM_ENTER(PASSIVE_LEVEL);
    slot = SimHandleGet(SimHandleProcess(KeyHandle), KeyHandle);
    if (!slot || SimObFind(slot->Body)->Type != SimTypeKey)
        return STATUS_INVALID_HANDLE;
    if (Class != KeyValuePartialInformation)
        SimBug("ZwQueryValueKey class %d is not modelled", (int)Class);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    name = SimNarrow(ValueName);
    v = Find(slot->Body, name);
    free(name);
    if (!v)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    *ResultLength = header + v->Bytes;
    if (Length < header)
        return STATUS_BUFFER_TOO_SMALL;
    out->TitleIndex = 0;
    out->Type = v->Type;
    out->DataLength = v->Bytes;
    memcpy(out->Data, v->Data, Length - header < v->Bytes ? Length - header : v->Bytes);
    return Length < header + v->Bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

VOID SimCmStart(VOID)
{
    SimRegistrySetDword("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\platter", "Start", 3);
}

VOID SimCmStop(VOID)
{
    while (Values) {
        VALUE *v = Values;
        Values = v->Next;
        free(v);
    }
}
