/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "../mount/choose.h"

static enum platter_result malformed(struct platter_error *err, const char *what, const char *which)
{
    return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "malformed message: %s%s%.64s%s", what,
                             which ? " '" : "", which ? which : "", which ? "'" : "");
}

/* ---- Frames ---------------------------------------------------------------------------------------------------------- */

enum platter_result service_head_read(const uint8_t head[SERVICE_HEAD_BYTES], uint32_t most, uint32_t *length,
                                      struct platter_error *err)
{
    uint32_t number = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;

    if (number == 0)
        return malformed(err, "it is empty", NULL);
    if (number > most)
        return malformed(err, "it is longer than messages may be", NULL);
    *length = number;
    return PLATTER_OK;
}

void service_head_write(uint32_t length, uint8_t head[SERVICE_HEAD_BYTES])
{
    for (unsigned i = 0; i < SERVICE_HEAD_BYTES; i++)
        head[i] = (uint8_t)(length >> (8 * i));
}

/* The parser recurses; how deep is settled here, before it sees the text. */
static bool too_deep(const char *text, size_t length)
{
    bool quoted = false;
    size_t depth = 0;

    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!quoted && (text[i] == '}' || text[i] == ']') && depth > 0)
            depth--;
        if (depth > SERVICE_DEPTH_MOST)
            return true;
    }
    return false;
}

enum platter_result service_object_parse(const char *text, size_t length, json_t **object, struct platter_error *err)
{
    json_t *parsed;

    if (too_deep(text, length))
        return malformed(err, "it is nested too deep", NULL);
    parsed = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        return malformed(err, "it is no JSON object", NULL);
    }
    *object = parsed;
    return PLATTER_OK;
}

/* ---- Members --------------------------------------------------------------------------------------------------------- */

enum member_type { TEXT, SWITCH, NUMBER };

struct member {
    const char *name;
    enum member_type type;
    size_t offset; /* in the structure that is filled: const char *, bool or uint32_t */
    uint32_t most; /* of a number */
};

static const struct member *member_of(const struct member *members, const char *name)
{
    for (; members->name; members++) {
        if (strcmp(members->name, name) == 0)
            return members;
    }
    return NULL;
}

static enum platter_result take(const struct member *member, const json_t *value, void *structure,
                                struct platter_error *err)
{
    char *field = (char *)structure + member->offset;

    switch (member->type) {
    case TEXT:
        if (!json_is_string(value))
            return malformed(err, "no text as", member->name);
        if (json_string_length(value) > SERVICE_TEXT_MOST)
            return malformed(err, "too long a text as", member->name);
        *(const char **)(void *)field = json_string_value(value);
        break;
    case SWITCH:
        if (!json_is_boolean(value))
            return malformed(err, "neither true nor false as", member->name);
        *(bool *)(void *)field = json_is_true(value);
        break;
    case NUMBER:
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            (uint64_t)json_integer_value(value) > member->most)
            return malformed(err, "no number in range as", member->name);
        *(uint32_t *)(void *)field = (uint32_t)json_integer_value(value);
        break;
    }
    return PLATTER_OK;
}

/* Every member must be known; those that are absent leave the structure as it is. */
static enum platter_result take_all(json_t *object, const struct member *members, void *structure,
                                    struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct member *member = member_of(members, name);

        result = member ? take(member, value, structure, err) : malformed(err, "it has an unknown", name);
        if (result)
            break;
    }
    return result;
}

/* ---- Options --------------------------------------------------------------------------------------------------------- */

static const struct member option_members[] = {
    {"image", TEXT, offsetof(struct service_options, mount.image), 0},
    {"format", TEXT, offsetof(struct service_options, mount.open.format), 0},
    {"snapshot", TEXT, offsetof(struct service_options, mount.open.snapshot), 0},
    {"disk", NUMBER, offsetof(struct service_options, mount.open.disk), 1024},
    {"sector_size", NUMBER, offsetof(struct service_options, mount.open.sector_size), 4096},
    {"partition", TEXT, offsetof(struct service_options, mount.partition), 0},
    {"letter", TEXT, offsetof(struct service_options, mount.letters), 0},
    {"overlay", TEXT, offsetof(struct service_options, mount.overlay), 0},
    {"folder", TEXT, offsetof(struct service_options, mount.folder), 0},
    {"remember", SWITCH, offsetof(struct service_options, mount.remember), 0},
    {"no_letter", SWITCH, offsetof(struct service_options, mount.no_letter), 0},
    {"read_only", SWITCH, offsetof(struct service_options, mount.read_only), 0},
    {"shared", SWITCH, offsetof(struct service_options, mount.shared), 0},
    {"at_boot", SWITCH, offsetof(struct service_options, at_boot), 0},
    {"elevated", SWITCH, offsetof(struct service_options, elevated), 0}, /* the last one: only what is stored has it */
    {NULL, TEXT, 0, 0}};

static enum platter_result check_options(const struct platter_mount_options *mount, struct platter_error *err)
{
    struct platter_choice choice;
    char letters[26];
    size_t count;
    enum platter_result result = platter_choice_parse(mount->partition, &choice, err);

    if (result == PLATTER_OK && mount->letters)
        result = platter_letters_parse(mount->letters, letters, &count, err);
    if (result)
        return result;
    if (!mount->image || !mount->image[0])
        return malformed(err, "it names no image", NULL);
    if (mount->overlay && !mount->overlay[0])
        return malformed(err, "an overlay without a file cannot be kept", NULL);
    if (mount->overlay && mount->read_only)
        return malformed(err, "'overlay' and 'read_only' exclude each other", NULL);
    if (mount->folder && (mount->letters || mount->no_letter))
        return malformed(err, "a drive in a folder has no letter, so 'folder' excludes the others", NULL);
    if (mount->letters && mount->no_letter)
        return malformed(err, "'letter' and 'no_letter' exclude each other", NULL);
    if (mount->open.sector_size &&
        (mount->open.sector_size < 512 || (mount->open.sector_size & (mount->open.sector_size - 1))))
        return malformed(err, "no number in range as", "sector_size");
    return PLATTER_OK;
}

enum platter_result service_options_parse(json_t *object, bool stored, struct service_options *options,
                                          struct platter_error *err)
{
    enum platter_result result;

    memset(options, 0, sizeof(*options));
    if (!json_is_object(object))
        return malformed(err, "its options are no object", NULL);
    if (!stored && json_object_get(object, "elevated"))
        return malformed(err, "it has an unknown", "elevated");
    result = take_all(object, option_members, options, err);
    if (result == PLATTER_OK)
        result = check_options(&options->mount, err);
    if (result == PLATTER_OK)
        options->json = json_incref(object);
    else
        memset(options, 0, sizeof(*options));
    options->mount.hosted = true;
    return result;
}

void service_options_free(struct service_options *options)
{
    json_decref(options->json);
    memset(options, 0, sizeof(*options));
}

json_t *service_options_json(const struct platter_mount_options *mount, bool at_boot)
{
    struct service_options options = {.mount = *mount, .at_boot = at_boot};
    json_t *object = json_object();
    bool failed = !object;

    for (const struct member *member = option_members; member->name; member++) {
        const char *field = (const char *)&options + member->offset;
        json_t *value = NULL;

        if (member->type == TEXT && *(const char *const *)(const void *)field)
            value = json_string(*(const char *const *)(const void *)field);
        else if (member->type == SWITCH && *(const bool *)(const void *)field)
            value = json_true();
        else if (member->type == NUMBER && *(const uint32_t *)(const void *)field)
            value = json_integer(*(const uint32_t *)(const void *)field);
        else
            continue;
        failed |= json_object_set_new(object, member->name, value) != 0;
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- Requests -------------------------------------------------------------------------------------------------------- */

struct raw {
    const char *request, *id, *image;
    uint32_t protocol, process_id;
    bool all;
};

static const struct member request_members[] = {{"request", TEXT, offsetof(struct raw, request), 0},
                                                {"protocol", NUMBER, offsetof(struct raw, protocol), UINT32_MAX},
                                                {"id", TEXT, offsetof(struct raw, id), 0},
                                                {"image", TEXT, offsetof(struct raw, image), 0},
                                                {"all", SWITCH, offsetof(struct raw, all), 0},
                                                {"process_id", NUMBER, offsetof(struct raw, process_id), UINT32_MAX},
                                                {NULL, TEXT, 0, 0}};

static const char *const kinds[] = {
    [SERVICE_ASK_MOUNT] = "mount",   [SERVICE_ASK_LIST] = "list",           [SERVICE_ASK_STATUS] = "status",
    [SERVICE_ASK_FORGET] = "forget", [SERVICE_ASK_UNMOUNTED] = "unmounted",
};

bool service_is_id(const char *text)
{
    size_t i = 0;

    for (; text[i]; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (i >= SERVICE_ID_CHARS - 1 || (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i])))
            return false;
    }
    return i == SERVICE_ID_CHARS - 1;
}

static enum platter_result check_request(const struct raw *raw, struct service_request *request,
                                         struct platter_error *err)
{
    unsigned kind = 0, named = (raw->id != NULL) + (raw->image != NULL) + raw->all;

    if (raw->protocol != SERVICE_PROTOCOL)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "the service speaks protocol %u; platter.exe and platterd.exe must be of one version",
                                 SERVICE_PROTOCOL);
    while (kind < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[kind], raw->request ? raw->request : "") != 0)
        kind++;
    if (kind == sizeof(kinds) / sizeof(kinds[0]))
        return malformed(err, "an unknown request", raw->request);
    if (named != (kind == SERVICE_ASK_FORGET))
        return malformed(err, kind == SERVICE_ASK_FORGET ? "want one of 'id', 'image' and 'all'" : "a mount is named",
                         NULL);
    if ((raw->process_id != 0) != (kind == SERVICE_ASK_UNMOUNTED))
        return malformed(err, "a process is, or is not, named", NULL);
    if (raw->id && !service_is_id(raw->id))
        return malformed(err, "no id of a mount is", raw->id);
    request->kind = (enum service_request_kind)kind;
    request->id = raw->id;
    request->image = raw->image;
    request->all = raw->all;
    request->process_id = raw->process_id;
    return PLATTER_OK;
}

enum platter_result service_request_parse(const char *text, size_t length, struct service_request *request,
                                          struct platter_error *err)
{
    struct raw raw = {.request = NULL};
    json_t *options = NULL;
    enum platter_result result;

    memset(request, 0, sizeof(*request));
    if (length > SERVICE_REQUEST_MOST)
        return malformed(err, "it is longer than messages may be", NULL);
    result = service_object_parse(text, length, &request->json, err);
    if (result)
        return result;
    options = json_incref(json_object_get(request->json, "options"));
    (void)json_object_del(request->json, "options");
    result = take_all(request->json, request_members, &raw, err);
    if (result == PLATTER_OK)
        result = check_request(&raw, request, err);
    if (result == PLATTER_OK && (options != NULL) != (request->kind == SERVICE_ASK_MOUNT))
        result = malformed(err, options ? "options, which this request has none of" : "it has no options", NULL);
    if (result == PLATTER_OK && options)
        result = service_options_parse(options, false, &request->options, err);
    json_decref(options);
    if (result)
        service_request_free(request);
    return result;
}

void service_request_free(struct service_request *request)
{
    service_options_free(&request->options);
    json_decref(request->json);
    memset(request, 0, sizeof(*request));
}
