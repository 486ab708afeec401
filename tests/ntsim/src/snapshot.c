/* SPDX-License-Identifier: MIT */
/* The machine as text, so that a test can hold two moments against each other. */
#include "mount.h"
#include "cm.h"
#include <ntsim/observe.h>

typedef struct _TEXT {
    char *Buffer;
    size_t Used, Room;
} TEXT;

static VOID __attribute__((format(printf, 2, 3))) Add(TEXT *text, const char *format, ...)
{
    va_list list;
    int need;

    for (;;) {
        va_start(list, format);
        need = vsnprintf(text->Buffer + text->Used, text->Room - text->Used, format, list);
        va_end(list);
        if ((size_t)need < text->Room - text->Used)
            break;
        text->Room = text->Room * 2 + (size_t)need;
        text->Buffer = realloc(text->Buffer, text->Room);
    }
    text->Used += (size_t)need;
}

static VOID AddNames(TEXT *text, PSIM_OBJECT directory, const char *path)
{
    for (PSIM_OBJECT c = directory->Children; c; c = c->Next) {
        char name[1024];
        snprintf(name, sizeof(name), "%.800s\\%.200s", path, c->Name);
        Add(text, "name %s%s%s\n", name, c->Target ? " -> " : "", c->Target ? c->Target : "");
        AddNames(text, c, name);
    }
}

char *SimSnapshot(VOID)
{
    TEXT text = {malloc(4096), 0, 4096};
    const SIM_VALUE *value;
    PSIM_OBJECT root;

    if (!NT_SUCCESS(SimObLookup(NULL, "\\", FALSE, &root, NULL, 0)))
        SimBug("there is no root directory");
    AddNames(&text, root, "");
    for (ULONG i = 0; (value = SimCmAt(NULL, i)); i++) {
        Add(&text, "value %s\\%s:", value->Key, value->Name);
        for (ULONG k = 0; k < value->Bytes; k++)
            Add(&text, " %02x", value->Data[k]);
        Add(&text, "\n");
    }
    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        Add(&text, "mounted %s\n", v->Device);
    for (PSIM_DEVNODE n = SimPnpFirst(); n; n = n->Next)
        if (n->Present || (n->Pdo && !n->Gone))
            Add(&text, "node %s\n", n->Path);
    Add(&text, "pool %u\n", SimPoolBlocks());
    return text.Buffer;
}
