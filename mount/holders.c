/* SPDX-License-Identifier: MIT */
#include "holders.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

void platter_holders_add(struct platter_holders *holders, uint32_t process_id, const char *name, const char *file)
{
    struct platter_holder *holder = NULL;

    for (size_t i = 0; i < holders->count && !holder; i++) {
        if (holders->list[i].process_id == process_id)
            holder = &holders->list[i];
    }
    if (!holder) {
        if (holders->count == PLATTER_HOLDERS_MAX) {
            holders->more = true;
            return;
        }
        holder = &holders->list[holders->count++];
        holder->process_id = process_id;
    }
    if (!holder->name[0])
        (void)snprintf(holder->name, sizeof(holder->name), "%s", name);
    if (!holder->file[0])
        (void)snprintf(holder->file, sizeof(holder->file), "%s", file);
}

/* Appends what fits whole; false when it did not. */
static bool append(char *buffer, size_t size, const char *text)
{
    size_t length = strlen(buffer);

    if (strlen(text) >= size - length)
        return false;
    memcpy(buffer + length, text, strlen(text) + 1);
    return true;
}

char *platter_holders_text(const struct platter_holders *holders, char buffer[PLATTER_HOLDERS_TEXT])
{
    bool cut = false;
    const size_t room = PLATTER_HOLDERS_TEXT - 16; /* for the last words */

    buffer[0] = '\0';
    for (size_t i = 0; i < holders->count && !cut; i++) {
        const struct platter_holder *holder = &holders->list[i];
        char text[sizeof(holder->name) + sizeof(holder->file) + 64];

        (void)snprintf(text, sizeof(text), "%s%s (process %u) has %s open", i > 0 ? ", " : "",
                       holder->name[0] ? holder->name : "a program", (unsigned)holder->process_id,
                       holder->file[0] ? holder->file : "it");
        cut = !append(buffer, room, text);
    }
    if ((cut || holders->more) && buffer[0])
        (void)append(buffer, PLATTER_HOLDERS_TEXT, ", and others");
    if (holders->veto[0] && append(buffer, room, buffer[0] ? "; " : ""))
        (void)append(buffer, room, holders->veto);
    if (!buffer[0])
        (void)snprintf(buffer, PLATTER_HOLDERS_TEXT, "cannot find out by whom: %s",
                       holders->unknown[0] ? holders->unknown : "no program that you may look at has it open");
    return platter_printable(buffer);
}

void platter_holders_json(json_t *object, const struct platter_holders *holders)
{
    json_t *array = platter_json_array(object, "holders");

    for (size_t i = 0; i < holders->count; i++) {
        const struct platter_holder *holder = &holders->list[i];
        json_t *element = platter_json_element(array);

        platter_json_number(element, "process_id", holder->process_id);
        platter_json_text(element, "name", holder->name[0] ? holder->name : NULL);
        platter_json_text(element, "file", holder->file[0] ? holder->file : NULL);
    }
    platter_json_text(object, "veto", holders->veto[0] ? holders->veto : NULL);
    platter_json_text(object, "holders_unknown", holders->unknown[0] ? holders->unknown : NULL);
}

char *platter_veto_text(unsigned type, const char *name, char *buffer, size_t size)
{
    /* By number, since the header is of Windows. With %s where the name says who. */
    static const char *const texts[] = {
        "Windows does not say why it must stay",               /* PNP_VetoTypeUnknown */
        "the device is not to be removed (legacy device %s)",  /* LegacyDevice */
        "it is being closed already (%s)",                     /* PendingClose */
        "the program %s objects",                              /* WindowsApp */
        "the service %s objects",                              /* WindowsService */
        "a file, a folder or the device itself is open (%s)",  /* OutstandingOpen */
        "the device %s objects",                               /* Device */
        "the driver %s objects",                               /* Driver */
        "Windows does not take such a request (%s)",           /* IllegalDeviceRequest */
        "there is not enough power for it (%s)",               /* InsufficientPower */
        "the device cannot be disabled (%s)",                  /* NonDisableable */
        "a driver of the old kind does not know removal (%s)", /* LegacyDriver */
        "your account may not remove it (%s)",                 /* InsufficientRights */
        "it was removed already (%s)",                         /* AlreadyRemoved */
    };
    const char *text = type < sizeof(texts) / sizeof(texts[0]) ? texts[type] : "for a reason of a newer Windows (%s)";
    const char *mark = strstr(text, "%s");

    if (!mark)
        (void)snprintf(buffer, size, "%s", text);
    else
        (void)snprintf(buffer, size, "%.*s%s%s", (int)(mark - text), text, name[0] ? name : "it does not say which",
                       mark + 2);
    return buffer;
}
