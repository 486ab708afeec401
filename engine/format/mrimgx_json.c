/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: what the JSON of a file says of it, its disks and their partitions. The layout's schema/. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../ascii.h"
#include "mrimgx.h"

/* A text of brackets grows a hundredfold in memory; the largest real one is far from this. */
#define VALUES_MOST 262144u
#define DISKS_MOST 256u
#define PARTITIONS_MOST 1024u
#define BLOCK_LEAST 512u

struct reader {
    const char *path;
    struct platter_error *err;
    enum platter_result result; /* the first error; what follows is not looked at any more */
};

static void refuse(struct reader *reader, const char *what, const char *why)
{
    if (reader->result == PLATTER_OK)
        reader->result = platter_error_set(reader->err, PLATTER_E_FORMAT, reader->path, PLATTER_NO_OFFSET,
                                           "the backup's description: \"%s\" %s", what, why);
}

static void no_memory(struct reader *reader)
{
    if (reader->result == PLATTER_OK)
        reader->result =
            platter_error_set(reader->err, PLATTER_E_NO_MEMORY, reader->path, PLATTER_NO_OFFSET, "out of memory");
}

static json_t *object(struct reader *reader, json_t *parent, const char *name)
{
    json_t *value = json_object_get(parent, name);

    if (!json_is_object(value))
        refuse(reader, name, "is missing");
    return value;
}

/* An integer from 0 to `most`; one that is not there is `missing`, or refused if that is UINT64_MAX. */
static uint64_t number(struct reader *reader, json_t *parent, const char *name, uint64_t most, uint64_t missing)
{
    json_t *value = json_object_get(parent, name);
    json_int_t integer;

    if (!value && missing != UINT64_MAX)
        return missing;
    if (!json_is_integer(value)) {
        refuse(reader, name, value ? "is no whole number" : "is missing");
        return 0;
    }
    integer = json_integer_value(value);
    if (integer < 0 || (uint64_t)integer > most) {
        refuse(reader, name, integer < 0 ? "is negative" : "is too large");
        return 0;
    }
    return (uint64_t)integer;
}

/* Copies as much as fits; "" when it is not there. */
static void text(json_t *parent, const char *name, char *out, size_t size)
{
    const char *value = json_string_value(json_object_get(parent, name));
    size_t length = value ? strlen(value) : 0;

    if (length >= size)
        length = size - 1;
    if (length)
        memcpy(out, value, length);
    out[length] = 0;
}

static void hex(struct reader *reader, json_t *parent, const char *name, uint8_t *out, size_t bytes)
{
    const char *value = json_string_value(json_object_get(parent, name));

    if (!value || strlen(value) != bytes * 2) {
        refuse(reader, name, "is not the hexadecimal number it should be");
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        int high = platter_hex_digit(value[2 * i]), low = platter_hex_digit(value[2 * i + 1]);

        if (high < 0 || low < 0) {
            refuse(reader, name, "is not the hexadecimal number it should be");
            return;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
}

/* The elements of an array that is to be there, and zeroed memory for each. */
static void *list(struct reader *reader, json_t *array, const char *name, size_t most, size_t element, size_t *count)
{
    void *made;

    *count = 0;
    if (!json_is_array(array) || json_array_size(array) > most) {
        refuse(reader, name, json_is_array(array) ? "has too many entries" : "is missing");
        return NULL;
    }
    if (json_array_size(array) == 0)
        return NULL;
    made = calloc(json_array_size(array), element);
    if (!made)
        no_memory(reader);
    else
        *count = json_array_size(array);
    return made;
}

static void read_history(struct reader *reader, json_t *header, struct mrimgx_partition *partition)
{
    json_t *array = json_object_get(header, "file_history");

    if (!array)
        return;
    partition->history =
        list(reader, array, "file_history", MRIMGX_MAX_FILES, sizeof(*partition->history), &partition->history_count);
    for (size_t i = 0; i < partition->history_count && reader->result == PLATTER_OK; i++) {
        json_t *entry = json_array_get(array, i);
        const char *name = json_string_value(json_object_get(entry, "file_name"));
        struct mrimgx_history *history = &partition->history[i];

        history->number = (uint16_t)number(reader, entry, "file_number", UINT16_MAX, UINT64_MAX);
        history->name = malloc(strlen(name ? name : "") + 1);
        if (!history->name)
            no_memory(reader);
        else
            strcpy(history->name, name ? name : "");
    }
}

static void read_partition(struct reader *reader, json_t *object_of, struct mrimgx_partition *partition)
{
    json_t *system = object(reader, object_of, "_file_system"), *geometry = object(reader, object_of, "_geometry");
    json_t *header = object(reader, object_of, "_header");
    uint64_t lcn0, volume_start;

    partition->number = (uint16_t)number(reader, header, "partition_number", UINT16_MAX, UINT64_MAX);
    partition->block_size = (uint32_t)number(reader, header, "block_size", MRIMGX_MAX_BLOCK, UINT64_MAX);
    partition->start = number(reader, geometry, "start", INT64_MAX / 4, UINT64_MAX);
    partition->length = number(reader, geometry, "length", INT64_MAX / 4, 0);
    partition->boot_offset = number(reader, geometry, "boot_sector_offset", INT64_MAX / 4, 0);
    partition->reserved = number(reader, system, "reserved_sectors_byte_length", UINT32_MAX, 0);
    lcn0 = number(reader, system, "lcn0_offset", INT64_MAX / 4, UINT64_MAX);
    volume_start = number(reader, system, "start", INT64_MAX / 4, 0);
    /* Where the volume was imaged; backups of files have it somewhere else than the partition they make. */
    if (volume_start > lcn0)
        volume_start = partition->start;
    if (volume_start > lcn0)
        refuse(reader, "lcn0_offset", "lies before its partition");
    if (reader->result == PLATTER_OK && (partition->block_size < BLOCK_LEAST || partition->block_size % BLOCK_LEAST))
        refuse(reader, "block_size", "is no multiple of 512");
    partition->data_start = partition->start + lcn0 - volume_start;
    read_history(reader, header, partition);
}

static void read_disk(struct reader *reader, json_t *object_of, struct mrimgx_disk *disk)
{
    json_t *geometry = object(reader, object_of, "_geometry"), *header = object(reader, object_of, "_header");
    json_t *array = json_object_get(object_of, "partitions");

    disk->size = number(reader, geometry, "disk_size", INT64_MAX, UINT64_MAX);
    disk->sector_size = (uint32_t)number(reader, geometry, "bytes_per_sector", 4096, UINT64_MAX);
    disk->number = (uint16_t)number(reader, header, "disk_number", UINT16_MAX, UINT64_MAX);
    text(header, "disk_format", disk->format, sizeof(disk->format));
    text(header, "disk_signature", disk->signature, sizeof(disk->signature));
    if (disk->size == 0)
        refuse(reader, "disk_size", "is 0");
    if (disk->sector_size != 512 && disk->sector_size != 1024 && disk->sector_size != 2048 && disk->sector_size != 4096)
        refuse(reader, "bytes_per_sector", "is no size of a sector");
    disk->partitions =
        list(reader, array, "partitions", PARTITIONS_MOST, sizeof(*disk->partitions), &disk->partition_count);
    for (size_t i = 0; i < disk->partition_count && reader->result == PLATTER_OK; i++)
        read_partition(reader, json_array_get(array, i), &disk->partitions[i]);
}

static void read_encryption(struct reader *reader, json_t *root, struct mrimgx_layout *layout)
{
    json_t *encryption = json_object_get(root, "_encryption");
    const char *type = json_string_value(json_object_get(encryption, "aes_type"));
    bool wanted = json_is_true(json_object_get(encryption, "enable")), named = type && strcmp(type, "none") != 0;
    char derivation[16];

    if (!wanted && !named)
        return;
    if (named && strcmp(type, "aes-128") == 0)
        layout->key_bytes = 16;
    else if (named && strcmp(type, "aes-192") == 0)
        layout->key_bytes = 24;
    else if (named && strcmp(type, "aes-256") == 0)
        layout->key_bytes = 32;
    else
        refuse(reader, "aes_type", "is no encryption known here");
    text(encryption, "key_derivation", derivation, sizeof(derivation));
    if (derivation[0] && strcmp(derivation, "pbkdf2") != 0)
        refuse(reader, "key_derivation", "is none known here");
    layout->key_iterations = (uint32_t)number(reader, encryption, "key_iterations", UINT32_MAX, UINT64_MAX);
    hex(reader, encryption, "hmac", layout->hmac, sizeof(layout->hmac));
}

static void read_compression(struct reader *reader, json_t *root, struct mrimgx_layout *layout)
{
    json_t *compression = object(reader, root, "_compression");
    const char *level = json_string_value(json_object_get(compression, "compression_level"));
    const char *method = json_string_value(json_object_get(compression, "compression_method"));

    if (!level)
        refuse(reader, "compression_level", "is missing");
    layout->packed = level && strcmp(level, "none") != 0;
    if (layout->packed && method && strcmp(method, "zstd") != 0)
        refuse(reader, "compression_method", "is none known here");
}

static void read_root(struct reader *reader, json_t *root, struct mrimgx_layout *layout)
{
    json_t *header = object(reader, root, "_header"), *merged = json_object_get(header, "merged_files");
    json_t *disks = json_object_get(root, "disks");

    read_encryption(reader, root, layout);
    read_compression(reader, root, layout);
    hex(reader, header, "imageid", layout->image_id, sizeof(layout->image_id));
    text(header, "backup_type", layout->kind, sizeof(layout->kind));
    layout->file_number = (uint16_t)number(reader, header, "file_number", UINT16_MAX, UINT64_MAX);
    layout->increment = (uint16_t)number(reader, header, "increment_number", UINT16_MAX, UINT64_MAX);
    layout->index_position = number(reader, header, "index_file_position", INT64_MAX, UINT64_MAX);
    layout->delta = json_is_true(json_object_get(header, "delta_index"));
    layout->split = json_is_true(json_object_get(header, "split_file"));
    if (merged && !json_is_null(merged))
        layout->merged =
            list(reader, merged, "merged_files", UINT16_MAX, sizeof(*layout->merged), &layout->merged_count);
    for (size_t i = 0; i < layout->merged_count; i++) {
        json_int_t value = json_integer_value(json_array_get(merged, i));

        if (!json_is_integer(json_array_get(merged, i)) || value < 0 || value > UINT16_MAX)
            refuse(reader, "merged_files", "holds what is no number of a file");
        layout->merged[i] = (uint16_t)value;
    }
    layout->disks = list(reader, disks, "disks", DISKS_MOST, sizeof(*layout->disks), &layout->disk_count);
    for (size_t i = 0; i < layout->disk_count && reader->result == PLATTER_OK; i++)
        read_disk(reader, json_array_get(disks, i), &layout->disks[i]);
    if (layout->disk_count == 0)
        refuse(reader, "disks", "names none");
}

static bool too_many_values(const char *at, size_t length)
{
    uint32_t values = 0;

    for (size_t i = 0; i < length; i++)
        values += at[i] == ',' || at[i] == '[' || at[i] == '{';
    return values > VALUES_MOST;
}

enum platter_result platter_mrimgx_layout_parse(const char *at, size_t length, const char *path,
                                                struct mrimgx_layout *layout, struct platter_error *err)
{
    struct reader reader = {.path = path, .err = err};
    json_error_t what;
    json_t *root;

    if (too_many_values(at, length))
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET,
                                 "the backup's description has more than %u values", VALUES_MOST);
    root = json_loadb(at, length, 0, &what);
    if (!root)
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET,
                                 "the backup's description is no JSON: line %d: %s", what.line, what.text);
    read_root(&reader, root, layout);
    json_decref(root);
    return reader.result;
}

void platter_mrimgx_layout_free(struct mrimgx_layout *layout)
{
    for (size_t d = 0; d < layout->disk_count; d++) {
        struct mrimgx_disk *disk = &layout->disks[d];

        for (size_t p = 0; p < disk->partition_count; p++) {
            for (size_t h = 0; h < disk->partitions[p].history_count; h++)
                free(disk->partitions[p].history[h].name);
            free(disk->partitions[p].history);
        }
        free(disk->partitions);
    }
    free(layout->disks);
    free(layout->merged);
    memset(layout, 0, sizeof(*layout));
}
