/* SPDX-License-Identifier: MIT */
/* Registry: values by full key path. A key is there while a value is below it, and these always. */
#include "cm.h"
#include <strings.h>

static const char *const Standing[] = {"\\Registry\\Machine\\SYSTEM\\MountedDevices"};

typedef struct _VALUE {
    SIM_VALUE V; /* first */
    struct _VALUE *Next;
} VALUE;

static VALUE *Values;

static VALUE *Find(const char *key, const char *name)
{
    for (VALUE *v = Values; v; v = v->Next)
        if (!strcasecmp(v->V.Key, key) && !strcasecmp(v->V.Name, name))
            return v;
    return NULL;
}

const SIM_VALUE *SimCmAt(const char *Key, ULONG Index)
{
    for (VALUE *v = Values; v; v = v->Next)
        if ((!Key || !strcasecmp(v->V.Key, Key)) && !Index--)
            return &v->V;
    return NULL;
}

VOID SimCmSet(const char *key, const char *name, ULONG type, const void *data, ULONG bytes)
{
    VALUE *v = Find(key, name);

    if (!v) {
        v = calloc(1, sizeof(*v));
        snprintf(v->V.Key, sizeof(v->V.Key), "%s", key);
        snprintf(v->V.Name, sizeof(v->V.Name), "%s", name);
        v->Next = Values;
        Values = v;
    }
    v->V.Type = type;
    v->V.Bytes = bytes < sizeof(v->V.Data) ? bytes : (ULONG)sizeof(v->V.Data);
    memcpy(v->V.Data, data, v->V.Bytes);
}

VOID SimRegistrySetDword(const char *Key, const char *Value, ULONG Data)
{
    SimCmSet(Key, Value, REG_DWORD, &Data, sizeof(Data));
}

VOID SimRegistrySetString(const char *Key, const char *Value, const char *Data)
{
    UNICODE_STRING wide;

    SimWiden(Data, &wide);
    SimCmSet(Key, Value, REG_SZ, wide.Buffer, wide.MaximumLength);
    free(wide.Buffer);
}

VOID SimRegistrySetBinary(const char *Key, const char *Value, const void *Data, ULONG Bytes)
{
    SimCmSet(Key, Value, REG_BINARY, Data, Bytes);
}

VOID SimRegistryDelete(const char *Key, const char *Value)
{
    for (VALUE **link = &Values; *link; link = &(*link)->Next)
        if (!strcasecmp((*link)->V.Key, Key) && !strcasecmp((*link)->V.Name, Value)) {
            VALUE *gone = *link;
            *link = gone->Next;
            free(gone);
            return;
        }
}

static BOOLEAN Exists(const char *path)
{
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(Standing) / sizeof(Standing[0]); i++)
        if (!strcasecmp(Standing[i], path))
            return TRUE;
    for (VALUE *v = Values; v; v = v->Next)
        if (!strncasecmp(v->V.Key, path, length) && (!v->V.Key[length] || v->V.Key[length] == '\\'))
            return TRUE;
    return FALSE;
}

/* The handle's object is the path itself. */
NTSTATUS NTAPI ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    char *path;

    SIM_ENTER(PASSIVE_LEVEL);
    if (ObjectAttributes->RootDirectory)
        SimBug("ZwOpenKey below a handle is not modelled");
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    path = SimNarrow(ObjectAttributes->ObjectName);
    if (!Exists(path)) {
        free(path);
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    SimObInsert(SimTypeKey, path, free);
    *KeyHandle =
        SimHandleCreate(ObjectAttributes->Attributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process,
                        path, DesiredAccess, TRUE);
    SimObDereference(path);
    return STATUS_SUCCESS;
}

/* The path of a key's handle that has this access. */
static NTSTATUS KeyPath(HANDLE handle, ACCESS_MASK access, const char **path)
{
    SIM_HANDLE *slot = SimHandleGet(SimHandleProcess(handle), handle);

    if (!slot || SimObFind(slot->Body)->Type != SimTypeKey)
        return STATUS_INVALID_HANDLE;
    if ((slot->Access & access) != access)
        return STATUS_ACCESS_DENIED;
    *path = slot->Body;
    return STATUS_SUCCESS;
}

/* What each of these routines begins with. */
static NTSTATUS Begin(const char *routine, HANDLE key, ACCESS_MASK access, const char **path)
{
    NTSTATUS status;

    SimEnter(routine, PASSIVE_LEVEL);
    status = KeyPath(key, access, path);
    return NT_SUCCESS(status) && SimFault(routine) ? STATUS_INSUFFICIENT_RESOURCES : status;
}

NTSTATUS NTAPI ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS Class,
                               PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    KEY_VALUE_PARTIAL_INFORMATION *out = KeyValueInformation;
    ULONG header = (ULONG)offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data);
    const char *path;
    char *name;
    VALUE *v;
    NTSTATUS status;

    if (Class != KeyValuePartialInformation)
        SimBug("%s class %d is not modelled", __func__, (int)Class);
    status = Begin(__func__, KeyHandle, KEY_QUERY_VALUE, &path);
    if (!NT_SUCCESS(status))
        return status;
    name = SimNarrow(ValueName);
    v = Find(path, name);
    free(name);
    if (!v)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    *ResultLength = header + v->V.Bytes;
    if (Length < header)
        return STATUS_BUFFER_TOO_SMALL;
    out->TitleIndex = 0;
    out->Type = v->V.Type;
    out->DataLength = v->V.Bytes;
    memcpy(out->Data, v->V.Data, Length - header < v->V.Bytes ? Length - header : v->V.Bytes);
    return Length < header + v->V.Bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index, KEY_VALUE_INFORMATION_CLASS Class,
                                   PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    KEY_VALUE_FULL_INFORMATION *out = KeyValueInformation;
    ULONG header = (ULONG)offsetof(KEY_VALUE_FULL_INFORMATION, Name), name, need;
    const SIM_VALUE *v;
    const char *path;
    NTSTATUS status;

    if (Class != KeyValueFullInformation)
        SimBug("%s class %d is not modelled", __func__, (int)Class);
    status = Begin(__func__, KeyHandle, KEY_QUERY_VALUE, &path);
    if (!NT_SUCCESS(status))
        return status;
    v = SimCmAt(path, Index);
    if (!v)
        return STATUS_NO_MORE_ENTRIES;
    name = (ULONG)strlen(v->Name) * sizeof(WCHAR);
    need = header + name + v->Bytes;
    *ResultLength = need;
    if (Length < header)
        return STATUS_BUFFER_TOO_SMALL;
    out->TitleIndex = 0;
    out->Type = v->Type;
    out->DataOffset = header + name;
    out->DataLength = v->Bytes;
    out->NameLength = name;
    if (Length < need)
        return STATUS_BUFFER_OVERFLOW;
    for (ULONG i = 0; v->Name[i]; i++)
        out->Name[i] = (WCHAR)(UCHAR)v->Name[i];
    memcpy((UCHAR *)out + out->DataOffset, v->Data, v->Bytes);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    const char *path;
    char *name;
    NTSTATUS status;

    status = Begin(__func__, KeyHandle, KEY_SET_VALUE, &path);
    if (!NT_SUCCESS(status))
        return status;
    name = SimNarrow(ValueName);
    status = Find(path, name) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
    SimRegistryDelete(path, name);
    free(name);
    return status;
}

NTSTATUS NTAPI ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
                             ULONG DataSize)
{
    const char *path;
    char *name;
    NTSTATUS status;

    (void)TitleIndex;
    status = Begin(__func__, KeyHandle, KEY_SET_VALUE, &path);
    if (!NT_SUCCESS(status))
        return status;
    name = SimNarrow(ValueName);
    SimCmSet(path, name, Type, Data, DataSize);
    free(name);
    return STATUS_SUCCESS;
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
