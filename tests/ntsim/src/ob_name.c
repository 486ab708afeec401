/* SPDX-License-Identifier: MIT */
/*
 * Objects and the name space. \?? is looked up in the caller's logon session's directory first and in \GLOBAL?? second;
 * names made there go to the caller's directory, whoever asks (a driver in a user's thread included): "Local and Global
 * MS-DOS Device Names" (WDK).
 */
#include "internal.h"
#include <ctype.h>
#include <strings.h>

static SIM_MAP Objects;
static PSIM_OBJECT Root;

PSIM_OBJECT SimObFind(const void *Body)
{
    return SimMapGet(&Objects, Body);
}

PSIM_OBJECT SimObInsert(SIM_TYPE Type, PVOID Body, void (*Destroy)(PVOID))
{
    PSIM_OBJECT object = calloc(1, sizeof(*object));

    object->Type = Type;
    object->Body = Body ? Body : object;
    object->References = 1;
    object->Destroy = Destroy;
    object->Foreign = Sim.Current && !Sim.Current->Depth;
    SimMapSet(&Objects, object->Body, object);
    return object;
}

VOID SimObReference(PVOID Body)
{
    PSIM_OBJECT object = SimObFind(Body);

    if (!object || object->References <= 0)
        SimBug("reference to %p, which is no object or is gone", Body);
    object->References++;
}

VOID SimObDereference(PVOID Body)
{
    PSIM_OBJECT object = SimObFind(Body);

    if (!object)
        SimBug("dereference of %p, which is no object or is gone", Body);
    SIM_RELEASE(object);
    if (--object->References)
        return;
    SIM_ACQUIRE(object);
    SimObUnname(object);
    SimMapSet(&Objects, Body, NULL);
    if (object->Destroy)
        object->Destroy(Body);
    free(object->Target);
    free(object->Security);
    free(object);
}

char *SimNarrow(const UNICODE_STRING *String)
{
    size_t units = String->Length / sizeof(WCHAR);
    char *text = malloc(units + 1);

    for (size_t i = 0; i < units; i++)
        text[i] = String->Buffer[i] < 0x7f && String->Buffer[i] ? (char)String->Buffer[i] : '?';
    text[units] = 0;
    return text;
}

VOID SimWiden(const char *Text, UNICODE_STRING *String)
{
    size_t units = strlen(Text);

    String->Buffer = SimGuarded((units + 1) * sizeof(WCHAR));
    for (size_t i = 0; i <= units; i++)
        String->Buffer[i] = (WCHAR)(UCHAR)Text[i];
    String->Length = (USHORT)(units * sizeof(WCHAR));
    String->MaximumLength = (USHORT)(String->Length + sizeof(WCHAR));
}

static PSIM_OBJECT Child(PSIM_OBJECT directory, const char *name, size_t length)
{
    for (PSIM_OBJECT c = directory->Children; c; c = c->Next)
        if (strlen(c->Name) == length && !strncasecmp(c->Name, name, length))
            return c;
    return NULL;
}

/* A session's own directory comes into being with the first name in it; until then there is none to look into. */
static void LocalPath(PSIM_PROCESS process, char *out, size_t bytes)
{
    if (!process || process->Token->LogonId.LowPart == 0x3e7)
        snprintf(out, bytes, "\\GLOBAL??");
    else
        snprintf(out, bytes, "\\Sessions\\%u\\DosDevices\\%08x-%08x", process->Token->Session, 0u,
                 process->Token->LogonId.LowPart);
}

NTSTATUS SimObLookup(PSIM_PROCESS Process, const char *Path, BOOLEAN OpenLink, PSIM_OBJECT *Object, char *Rest,
                     size_t RestBytes)
{
    char path[1024], next[1024];
    size_t at;

    if (Path[0] != '\\' || strlen(Path) >= sizeof(path))
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    strcpy(path, Path);
    for (int hops = 0; hops < 32; hops++) {
        PSIM_OBJECT here = Root;
        at = 1;
        for (;;) {
            size_t length = strcspn(path + at, "\\");
            PSIM_OBJECT found;
            if (!length) {
                if (path[at])
                    return STATUS_OBJECT_NAME_INVALID;
                *Object = here;
                return STATUS_SUCCESS;
            }
            if (here == Root && length == 2 && !strncmp(path + at, "??", 2)) {
                char local[128];
                size_t after = at + length + (path[at + length] == '\\');
                PSIM_OBJECT session;
                LocalPath(Process, local, sizeof(local));
                here = Child(Root, "GLOBAL??", 8);
                if (strcmp(local, "\\GLOBAL??") && path[after] &&
                    NT_SUCCESS(SimObLookup(NULL, local, FALSE, &session, NULL, 0)) &&
                    Child(session, path + after, strcspn(path + after, "\\")))
                    here = session;
                at = after;
                continue;
            }
            found = Child(here, path + at, length);
            at += length;
            if (!found)
                return path[at] ? STATUS_OBJECT_PATH_NOT_FOUND : STATUS_OBJECT_NAME_NOT_FOUND;
            if (found->Type == SimTypeLink && (path[at] || !OpenLink)) {
                if (snprintf(next, sizeof(next), "%s%s", found->Target, path + at) >= (int)sizeof(next))
                    return STATUS_NAME_TOO_LONG;
                strcpy(path, next);
                break;
            }
            if (found->Type != SimTypeDirectory) {
                if (Rest)
                    snprintf(Rest, RestBytes, "%s", path + at);
                else if (path[at])
                    return STATUS_OBJECT_PATH_NOT_FOUND;
                *Object = found;
                return STATUS_SUCCESS;
            }
            here = found;
            at += path[at] == '\\';
        }
    }
    return STATUS_OBJECT_NAME_INVALID;
}

/* Directory and last component that a new name means. */
static NTSTATUS Place(PSIM_PROCESS process, const char *path, PSIM_OBJECT *directory, const char **name)
{
    char parent[1024];
    const char *last = strrchr(path, '\\');
    NTSTATUS status;

    if (!last || !last[1] || strlen(path) >= sizeof(parent))
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    *name = last + 1;
    snprintf(parent, sizeof(parent), "%.*s", (int)(last - path), path);
    if (!strcasecmp(parent, "\\DosDevices"))
        strcpy(parent, "\\??");
    if (!strcmp(parent, "\\??")) {
        LocalPath(process, parent, sizeof(parent));
        SimObMakeDirectory(parent);
    }
    if (!parent[0]) {
        *directory = Root;
        return STATUS_SUCCESS;
    }
    status = SimObLookup(process, parent, FALSE, directory, NULL, 0);
    if (!NT_SUCCESS(status))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    return (*directory)->Type == SimTypeDirectory ? STATUS_SUCCESS : STATUS_OBJECT_TYPE_MISMATCH;
}

static NTSTATUS Insert(PSIM_OBJECT object, PSIM_OBJECT directory, const char *name)
{
    if (Child(directory, name, strlen(name)))
        return STATUS_OBJECT_NAME_COLLISION;
    object->Name = strdup(name);
    object->Parent = directory;
    object->Next = directory->Children;
    directory->Children = object;
    return STATUS_SUCCESS;
}

NTSTATUS SimObName(PSIM_OBJECT Object, const char *Path)
{
    PSIM_OBJECT directory;
    const char *name;
    NTSTATUS status = Place(Sim.Current->Process, Path, &directory, &name);

    return NT_SUCCESS(status) ? Insert(Object, directory, name) : status;
}

VOID SimObUnname(PSIM_OBJECT Object)
{
    PSIM_OBJECT *link;

    if (!Object->Name)
        return;
    for (link = &Object->Parent->Children; *link != Object; link = &(*link)->Next)
        ;
    *link = Object->Next;
    free(Object->Name);
    Object->Name = NULL;
    Object->Parent = NULL;
}

NTSTATUS SimObMakeDirectory(const char *Path)
{
    char path[256];
    PSIM_OBJECT here = Root;

    snprintf(path, sizeof(path), "%s", Path);
    for (char *save, *name = strtok_r(path, "\\", &save); name; name = strtok_r(NULL, "\\", &save)) {
        PSIM_OBJECT next = Child(here, name, strlen(name));
        if (!next) {
            next = SimObInsert(SimTypeDirectory, NULL, NULL);
            next->Foreign = FALSE;
            Insert(next, here, name);
        }
        here = next;
    }
    return STATUS_SUCCESS;
}

NTSTATUS SimObMakeLink(PSIM_PROCESS Process, const char *Path, const char *Target, BOOLEAN Foreign)
{
    PSIM_OBJECT directory, link;
    const char *name;
    NTSTATUS status = Place(Process, Path, &directory, &name);

    if (!NT_SUCCESS(status))
        return status;
    if (Child(directory, name, strlen(name)))
        return STATUS_OBJECT_NAME_COLLISION;
    link = SimObInsert(SimTypeLink, NULL, NULL);
    link->Foreign = Foreign;
    link->Target = strdup(Target);
    return Insert(link, directory, name);
}

NTSTATUS SimObDeleteLink(PSIM_PROCESS Process, const char *Path)
{
    PSIM_OBJECT directory, link;
    const char *name;
    NTSTATUS status = Place(Process, Path, &directory, &name);

    if (!NT_SUCCESS(status))
        return status;
    link = Child(directory, name, strlen(name));
    if (!link)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (link->Type != SimTypeLink)
        return STATUS_OBJECT_TYPE_MISMATCH;
    SimObDereference(link);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    char *link, *target;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    link = SimNarrow(SymbolicLinkName);
    target = SimNarrow(DeviceName);
    status = SimObMakeLink(Sim.Current->Process, link, target, TRUE);
    free(link);
    free(target);
    return status;
}

NTSTATUS NTAPI IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    char *link;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    link = SimNarrow(SymbolicLinkName);
    status = SimObDeleteLink(Sim.Current->Process, link);
    free(link);
    return status;
}

BOOLEAN SimLinkTarget(PSIM_PROCESS Process, const char *Link, char *Target, ULONG Bytes)
{
    PSIM_OBJECT link;

    if (Bytes)
        Target[0] = 0;
    if (!NT_SUCCESS(SimObLookup(Process, Link, TRUE, &link, NULL, 0)) || link->Type != SimTypeLink)
        return FALSE;
    snprintf(Target, Bytes, "%s", link->Target);
    return TRUE;
}

NTSTATUS SimDefineDosDevice(PSIM_PROCESS Process, const char *Name, const char *Target)
{
    char path[256];

    snprintf(path, sizeof(path), "\\??\\%s", Name);
    return Target ? SimObMakeLink(Process, path, Target, FALSE) : SimObDeleteLink(Process, path);
}

VOID SimObStart(VOID)
{
    memset(&Objects, 0, sizeof(Objects));
    Root = SimObInsert(SimTypeDirectory, NULL, NULL);
    SimObMakeDirectory("\\Device");
    SimObMakeDirectory("\\Driver");
    SimObMakeDirectory("\\GLOBAL??");
    SimObMakeLink(NULL, "\\DosDevices", "\\??", FALSE);
    SimObMakeLink(NULL, "\\GLOBAL??\\Global", "\\GLOBAL??", FALSE);
    SimObMakeLink(NULL, "\\GLOBAL??\\GLOBALROOT", "", FALSE);
}

static void FreeTree(PSIM_OBJECT directory)
{
    while (directory->Children) {
        PSIM_OBJECT child = directory->Children;
        if (child->Type == SimTypeDirectory)
            FreeTree(child);
        if (child->References != 1)
            SimBug("object %s is still referenced (%d) at the end", child->Name, child->References);
        SimObDereference(child->Body);
    }
}

VOID SimObReport(VOID)
{
    static const char *const names[] = {"?",       "directory", "link",  "device", "driver", "file",
                                        "process", "thread",    "token", "event",  "key"};
    size_t cursor = 0;
    const void *key;
    PVOID value;
    ULONG count = 0;

    while (SimMapNext(&Objects, &cursor, &key, &value)) {
        PSIM_OBJECT object = value;
        if (!object->Foreign || object->Type == SimTypeDriver)
            continue;
        fprintf(stderr, "# left: %s %s, %d references, %d handles\n", names[object->Type],
                object->Name ? object->Name : "(no name)", object->References, object->Handles);
        count++;
    }
    if (count)
        SimBug("%u objects left by the driver", count);
}

VOID SimObCount(ULONG *Count, ULONG *Handles)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;

    *Count = *Handles = 0;
    while (SimMapNext(&Objects, &cursor, &key, &value)) {
        PSIM_OBJECT object = value;
        if (object->Type == SimTypeProcess || object->Type == SimTypeToken)
            continue;
        (*Count)++;
        *Handles += (ULONG)object->Handles;
    }
}

VOID SimObStop(VOID)
{
    FreeTree(Root);
    SimObDereference(Root);
    SimMapClear(&Objects);
}
