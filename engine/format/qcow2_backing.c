/* SPDX-License-Identifier: MIT */
/*
 * QCOW2: the backing file's name as QEMU understands it: a path, "file:" and a path, or "json:" and an object of
 * options ("Disk Images" of its manual), and the name of its format in QEMU's words.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../os/file.h"
#include "qcow2.h"

static const struct {
    const char *qemu, *ours; /* of several words for one of ours the first is the one to write */
} formats[] = {{"vpc", "vhd"},     {"vhdx", "vhdx"}, {"vmdk", "vmdk"}, {"vdi", "vdi"},
               {"qcow2", "qcow2"}, {"raw", "raw"},   {"file", "raw"},  {"host_device", "raw"}};

static enum platter_result our_format(const char *file, const char *qemu, const char **ours, struct platter_error *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i].qemu, qemu) == 0) {
            *ours = formats[i].ours;
            return PLATTER_OK;
        }
    }
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, file, PLATTER_NO_OFFSET,
                             "its backing file is said to be of format \"%.40s\", which is not known here", qemu);
}

const char *platter_qcow2_qemu_format(const char *ours)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i].ours, ours) == 0)
            return formats[i].qemu;
    }
    return NULL;
}

/* "scheme:" that QEMU would take for the name of a protocol: a colon before any slash. */
static size_t protocol_length(const char *name)
{
    size_t length = strcspn(name, ":/\\");

    /* One letter is a drive. */
    return name[length] == ':' && length > 1 ? length + 1 : 0;
}

static const char *member_text(const json_t *object, const char *flat, const char *key)
{
    const json_t *file = json_object_get(object, "file");

    return json_string_value(json_is_object(file) ? json_object_get(file, key) : json_object_get(object, flat));
}

static enum platter_result copy_name(const char *file, const char *name, char **copy, struct platter_error *err)
{
    size_t length = strlen(name) + 1;

    *copy = malloc(length);
    if (!*copy)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file, PLATTER_NO_OFFSET, "out of memory");
    memcpy(*copy, name, length);
    return PLATTER_OK;
}

/* Of all that can be said in JSON, a file of this machine under a format's driver or none. */
static enum platter_result read_json(const char *file, const char *text, char **name, const char **format,
                                     struct platter_error *err)
{
    json_t *object = json_loads(text, 0, NULL);
    const char *driver = json_string_value(json_object_get(object, "driver"));
    const char *protocol = member_text(object, "file.driver", "driver");
    const char *path = member_text(object, "file.filename", "filename");
    enum platter_result result = PLATTER_OK;

    if (!path || (protocol && strcmp(protocol, "file") != 0) || !platter_os_is_absolute(path))
        result = platter_error_set(err, PLATTER_E_UNSUPPORTED, file, PLATTER_NO_OFFSET,
                                   "names its backing file by JSON that means more than a file with a whole path");
    if (result == PLATTER_OK && driver)
        result = our_format(file, driver, format, err);
    if (result == PLATTER_OK)
        result = copy_name(file, path, name, err);
    json_decref(object);
    return result;
}

enum platter_result platter_qcow2_backing(const char *file, const struct qcow2_header *header, char **name,
                                          const char **format, struct platter_error *err)
{
    const char *stored = header->backing_name;
    size_t protocol = protocol_length(stored);
    enum platter_result result = PLATTER_OK;

    *format = NULL;
    if (strncmp(stored, "json:", 5) == 0)
        return read_json(file, stored + 5, name, format, err);
    if (header->backing_format)
        result = our_format(file, header->backing_format, format, err);
    if (result)
        return result;
    if (strncmp(stored, "file:", 5) == 0)
        stored += 5;
    else if (protocol && stored[protocol] != '/') /* a URL is for platter_chain_follow to judge */
        return platter_error_set(err, PLATTER_E_ACCESS, file, PLATTER_NO_OFFSET,
                                 "names \"%.200s\", which is not a file: such names in images are not followed",
                                 stored);
    return copy_name(file, stored, name, err);
}
