/* SPDX-License-Identifier: MIT */
/* VMDK: the descriptor, a text of lines KEY=VALUE and, one a line, extents: ACCESS SECTORS TYPE "NAME" START. */
#include <stdlib.h>
#include <string.h>

#include "../ascii.h"
#include "vmdk.h"

#define EXTENTS_MOST 8192u
#define SECTORS_MOST (1ull << 53) /* of the disk: offsets stay inside 63 bits */

/* The first line begins so, in letters of any case; some writers leave the first blank out, or have one in the last word. */
#define FIRST_LINE "#diskdescriptorfile"

bool platter_vmdk_is_descriptor(struct platter_block *file)
{
    char line[sizeof(FIRST_LINE) + 3] = "", word[sizeof(FIRST_LINE)] = "";
    uint64_t size = platter_block_size(file);
    size_t length = size < sizeof(line) ? (size_t)size : sizeof(line), used = 0;

    if (platter_block_read(file, line, length, 0, NULL))
        return false;
    for (size_t i = 0; i < length && used < sizeof(word) - 1; i++) {
        if (line[i] != ' ')
            word[used++] = line[i];
    }
    return platter_same_word(word, FIRST_LINE);
}

static char *skip_blank(char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* Cuts a word off the line. */
static char *take_word(char **line)
{
    char *word = skip_blank(*line), *end = word;

    while (*end && *end != ' ' && *end != '\t')
        end++;
    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* Cuts a text in quotes off the line; NULL: there is none, or it does not end. */
static char *take_quoted(char **line)
{
    char *text = skip_blank(*line), *end = *text == '"' ? strchr(text + 1, '"') : NULL;

    if (!end)
        return NULL;
    *end = '\0';
    *line = end + 1;
    return text + 1;
}

static bool take_number(const char *word, int base, uint64_t most, uint64_t *value)
{
    char *end;

    if (!((*word >= '0' && *word <= '9') ||
          (base == 16 && platter_ascii_lower(*word) >= 'a' && platter_ascii_lower(*word) <= 'f')))
        return false;
    *value = strtoull(word, &end, base);
    return *end == '\0' && end - word < 20 && *value <= most;
}

static enum vmdk_extent_kind kind_of(const char *type)
{
    static const struct {
        const char *type;
        enum vmdk_extent_kind kind;
    } kinds[] = {
        {"FLAT", VMDK_FLAT}, {"VMFS", VMDK_FLAT}, {"SPARSE", VMDK_SPARSE}, {"VMFSSPARSE", VMDK_ESX_SPARSE},
        {"ZERO", VMDK_ZERO},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (platter_same_word(type, kinds[i].type))
            return kinds[i].kind;
    }
    return VMDK_OTHER;
}

struct parser {
    struct platter_block *file;
    struct vmdk_descriptor *descriptor;
    size_t room;
    uint64_t sectors; /* of all extents so far */
};

static enum platter_result bad_line(struct parser *parser, const char *line, const char *why, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, parser->file->name,
                             parser->descriptor->offset + (size_t)(line - parser->descriptor->text),
                             "the descriptor's line here %s", why);
}

static enum platter_result parse_extent(struct parser *parser, const char *access, char *line,
                                        struct platter_error *err)
{
    struct vmdk_descriptor *descriptor = parser->descriptor;
    struct vmdk_extent extent = {.read_only = platter_same_word(access, "RDONLY"),
                                 .no_access = platter_same_word(access, "NOACCESS")};
    const char *type, *start;

    extent.line = (size_t)(access - descriptor->text);
    if (!take_number(take_word(&line), 10, SECTORS_MOST, &extent.sectors) || extent.sectors == 0 ||
        extent.sectors > SECTORS_MOST - parser->sectors)
        return bad_line(parser, access, "has an extent of an impossible size", err);
    type = take_word(&line);
    extent.kind = kind_of(type);
    for (size_t i = 0; type[i] && i + 1 < sizeof(extent.type); i++)
        extent.type[i] = type[i];
    extent.name = take_quoted(&line);
    if (extent.kind != VMDK_ZERO && (!extent.name || !extent.name[0]))
        return bad_line(parser, access, "has an extent with no name", err);
    start = take_word(&line);
    if (extent.kind == VMDK_FLAT && *start && !take_number(start, 10, SECTORS_MOST, &extent.start))
        return bad_line(parser, access, "has an extent that starts at no number", err);
    if (descriptor->extent_count == EXTENTS_MOST)
        return bad_line(parser, access, "has one extent more than is supported", err);
    if (descriptor->extent_count == parser->room) {
        size_t room = parser->room ? parser->room * 2 : 16;
        struct vmdk_extent *grown = realloc(descriptor->extents, room * sizeof(*grown));

        if (!grown)
            return platter_error_set(err, PLATTER_E_NO_MEMORY, parser->file->name, PLATTER_NO_OFFSET, "out of memory");
        descriptor->extents = grown;
        parser->room = room;
    }
    parser->sectors += extent.sectors;
    descriptor->extents[descriptor->extent_count++] = extent;
    return PLATTER_OK;
}

static enum platter_result parse_key(struct parser *parser, char *key, char *value, struct platter_error *err)
{
    struct vmdk_descriptor *descriptor = parser->descriptor;
    char *end = key + strlen(key), *rest = value;
    const char *text;
    uint64_t number;

    while (end > key && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    value = skip_blank(value);
    text = *value == '"' ? take_quoted(&rest) : take_word(&rest);
    if (!text)
        return bad_line(parser, key, "has a text that does not end", err);
    if (platter_same_word(key, "CID") || platter_same_word(key, "parentCID")) {
        if (!take_number(text, 16, UINT32_MAX, &number))
            return bad_line(parser, key, "has a CID that is no number", err);
        if (platter_same_word(key, "parentCID")) {
            descriptor->parent_cid = (uint32_t)number;
            return PLATTER_OK;
        }
        descriptor->cid = (uint32_t)number;
        descriptor->cid_at = descriptor->offset + (size_t)(text - descriptor->text);
        descriptor->cid_digits = strlen(text);
    } else if (platter_same_word(key, "createType")) {
        descriptor->create_type = text;
    } else if (platter_same_word(key, "parentFileNameHint")) {
        descriptor->parent_hint = text;
    } else if (platter_same_word(key, "version") &&
               (!take_number(text, 10, UINT32_MAX, &number) || number < 1 || number > 3)) {
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, parser->file->name, descriptor->offset,
                                 "a descriptor of version \"%.20s\" is not supported", text);
    }
    return PLATTER_OK;
}

static enum platter_result parse_line(struct parser *parser, char *line, struct platter_error *err)
{
    char *equals, *word;

    line = skip_blank(line);
    if (*line == '#' || *line == '\0')
        return PLATTER_OK;
    word = line;
    if ((platter_ascii_lower(*line) == 'r' || platter_ascii_lower(*line) == 'n') && strpbrk(line, " \t")) {
        char *rest = line, kept;
        size_t length = strcspn(line, " \t");

        kept = line[length];
        line[length] = '\0';
        if (platter_same_word(line, "RW") || platter_same_word(line, "RDONLY") || platter_same_word(line, "NOACCESS"))
            return parse_extent(parser, word, rest + length + 1, err);
        line[length] = kept;
    }
    equals = strchr(line, '=');
    if (!equals)
        return PLATTER_OK; /* nothing that we know, and nothing that describes data */
    *equals = '\0';
    return parse_key(parser, line, equals + 1, err);
}

enum platter_result platter_vmdk_descriptor_read(struct platter_block *file, uint64_t offset, uint64_t length,
                                                 struct vmdk_descriptor *descriptor, struct platter_error *err)
{
    struct parser parser = {.file = file, .descriptor = descriptor};
    enum platter_result result;
    char *line;

    *descriptor = (struct vmdk_descriptor){.offset = offset, .parent_cid = VMDK_NO_PARENT, .create_type = ""};
    if (length > VMDK_DESCRIPTOR_MOST || !platter_inside(offset, length, platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, offset, "a descriptor of %llu bytes cannot be here",
                                 (unsigned long long)length);
    descriptor->text = malloc((size_t)length + 1);
    if (!descriptor->text)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_block_read(file, descriptor->text, (size_t)length, offset, err);
    descriptor->text[length] = '\0'; /* an embedded one is filled up with zeros, at the first of which it ends */
    line = descriptor->text;
    while (result == PLATTER_OK && *line) {
        size_t end = strcspn(line, "\r\n");
        char *next = line[end] ? line + end + 1 : line + end;

        line[end] = '\0';
        result = parse_line(&parser, line, err);
        line = next;
    }
    if (result == PLATTER_OK && descriptor->extent_count == 0)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, offset, "the descriptor names no extents");
    return result;
}

void platter_vmdk_descriptor_free(struct vmdk_descriptor *descriptor)
{
    free(descriptor->extents);
    free(descriptor->text);
}

enum platter_result platter_vmdk_descriptor_find(struct platter_block *file, struct vmdk_descriptor *descriptor,
                                                 struct vmdk_header *header, bool *embedded, struct platter_error *err)
{
    enum platter_result result;

    *descriptor = (struct vmdk_descriptor){.text = NULL};
    *embedded = !platter_vmdk_is_descriptor(file);
    if (!*embedded)
        return platter_vmdk_descriptor_read(file, 0, platter_block_size(file), descriptor, err);
    result = platter_vmdk_header_read(file, header, err);
    if (result)
        return result;
    if (header->descriptor_offset)
        result =
            platter_vmdk_descriptor_read(file, header->descriptor_offset, header->descriptor_length, descriptor, err);
    /* Some leave room for one that was never written. */
    if (header->descriptor_offset == 0 || (result == PLATTER_E_FORMAT && descriptor->text && !descriptor->text[0]))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "is one extent of a disk; open the descriptor that names it, a small .vmdk");
    if (result == PLATTER_OK && descriptor->extent_count != 1)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, descriptor->offset,
                                   "the descriptor names %zu extents, but lies in the only one it can have",
                                   descriptor->extent_count);
    return result;
}
