/* SPDX-License-Identifier: MIT */
/* What `platter info` says of an image, for people and for programs. */
#include "image.h"

#include "console.h"
#include "table.h"
#include "../mount/text.h"

#include <stdio.h>
#include <string.h>

void cli_image_json(json_t *root, struct platter_image *image)
{
    const struct platter_image_info *info = platter_image_info(image);
    json_t *object = platter_json_object(root, "image"), *details;

    platter_json_text(object, "path", info->path);
    platter_json_text(object, "format", info->format);
    platter_json_text(object, "variant", info->variant);
    platter_json_number(object, "virtual_size", info->virtual_size);
    platter_json_number(object, "file_size", info->file_size);
    platter_json_number(object, "allocated_size", info->allocated_size);
    platter_json_number(object, "sector_size", info->sector_size);
    platter_json_number(object, "physical_sector_size", info->physical_sector_size);
    platter_json_bool(object, "writable", info->writable);
    details = platter_json_object(object, "details");
    for (size_t i = 0; i < info->detail_count; i++)
        platter_json_text(details, info->details[i].key, info->details[i].value);
}

static void print_line(const char *key, const char *value)
{
    char copy[1024];

    (void)snprintf(copy, sizeof(copy), "%s", value);
    cli_print(CLI_OUT, "%-18s%s\n", key, platter_printable(copy));
}

static void print_size(const char *key, uint64_t size)
{
    char human[PLATTER_SIZE_TEXT], exact[PLATTER_SIZE_TEXT];

    if (size < 1024)
        cli_print(CLI_OUT, "%-18s%s\n", key, platter_size_text(size, human));
    else
        cli_print(CLI_OUT, "%-18s%s (%s bytes)\n", key, platter_size_text(size, human), platter_grouped(size, exact));
}

void cli_image_print(struct platter_image *image)
{
    const struct platter_image_info *info = platter_image_info(image);
    char text[96];

    print_line("file:", info->path);
    (void)snprintf(text, sizeof(text), "%s%s%s", info->format, info->variant[0] ? ", " : "", info->variant);
    print_line("format:", text);
    print_size("disk size:", info->virtual_size);
    print_size("file size:", info->file_size);
    print_size("takes on medium:", info->allocated_size);
    if (info->physical_sector_size == info->sector_size)
        (void)snprintf(text, sizeof(text), "%u bytes", (unsigned)info->sector_size);
    else
        (void)snprintf(text, sizeof(text), "%u bytes, %u on the medium", (unsigned)info->sector_size,
                       (unsigned)info->physical_sector_size);
    print_line("sectors:", text);
    print_line("can be written:", info->writable ? "yes" : "no");
    for (size_t i = 0; i < info->detail_count; i++) {
        /* "creator_host_os" reads "creator host os:". */
        (void)snprintf(text, sizeof(text), "%.60s:", info->details[i].key);
        for (char *at = text; *at; at++) {
            if (*at == '_')
                *at = ' ';
        }
        print_line(text, info->details[i].value);
    }
}

static const char *style_name(enum platter_table_style style)
{
    return style == PLATTER_TABLE_MBR ? "mbr" : style == PLATTER_TABLE_GPT ? "gpt" : "none";
}

static void partition_json(json_t *object, enum platter_table_style style, const struct platter_partition *partition)
{
    char text[PLATTER_GUID_TEXT];

    platter_json_number(object, "number", partition->number);
    platter_json_number(object, "offset", partition->offset);
    platter_json_number(object, "length", partition->length);
    if (style == PLATTER_TABLE_MBR) {
        (void)snprintf(text, sizeof(text), "0x%02x", partition->mbr_type);
        platter_json_text(object, "type", text);
    } else {
        platter_json_text(object, "type",
                          style == PLATTER_TABLE_GPT ? platter_guid_text(partition->gpt_type, text) : NULL);
    }
    platter_json_text(object, "type_name",
                      style == PLATTER_TABLE_NONE ? NULL : platter_partition_type_name(style, partition));
    platter_json_text(object, "id", style == PLATTER_TABLE_GPT ? platter_guid_text(partition->gpt_id, text) : NULL);
    platter_json_text(object, "name", partition->name);
    if (style == PLATTER_TABLE_GPT) {
        (void)snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)partition->gpt_attributes);
        platter_json_text(object, "attributes", text);
    } else {
        platter_json_null(object, "attributes");
    }
    platter_json_bool(object, "bootable", partition->bootable);
    platter_json_bool(object, "logical", partition->logical);
    platter_json_text(object, "filesystem", partition->filesystem[0] ? partition->filesystem : NULL);
    platter_json_text(object, "label", partition->label);
}

void cli_partitions_json(json_t *root, const struct platter_partition_table *table)
{
    json_t *object = platter_json_object(root, "partition_table"), *array;
    char text[PLATTER_GUID_TEXT];

    platter_json_text(object, "style", style_name(table->style));
    if (table->style == PLATTER_TABLE_GPT) {
        platter_json_text(object, "id", platter_guid_text(table->gpt_disk_id, text));
    } else if (table->style == PLATTER_TABLE_MBR) {
        (void)snprintf(text, sizeof(text), "0x%08x", (unsigned)table->mbr_signature);
        platter_json_text(object, "id", text);
    } else {
        platter_json_null(object, "id");
    }
    platter_json_bool(object, "backup_used", table->gpt_backup_used);
    platter_json_text(object, "warning", table->warning[0] ? table->warning : NULL);
    array = platter_json_array(object, "partitions");
    for (size_t i = 0; i < table->count; i++)
        partition_json(platter_json_element(array), table->style, &table->partitions[i]);
}

static void print_heading(const struct platter_partition_table *table)
{
    char guid[PLATTER_GUID_TEXT];

    switch (table->style) {
    case PLATTER_TABLE_GPT:
        cli_print(CLI_OUT, "%-18sgpt, disk id %s%s\n", "partition table:", platter_guid_text(table->gpt_disk_id, guid),
                  table->gpt_backup_used ? " (read from its backup)" : "");
        break;
    case PLATTER_TABLE_MBR:
        cli_print(CLI_OUT, "%-18smbr, signature 0x%08x\n", "partition table:", (unsigned)table->mbr_signature);
        break;
    case PLATTER_TABLE_NONE:
        print_line("partition table:", "none, the image is one volume");
        break;
    }
    if (table->warning[0])
        print_line("warning:", table->warning);
}

bool cli_partitions_print(const struct platter_partition_table *table)
{
    static const char *const heading[] = {"no", "offset", "bytes", "size", "type", "file system", "label", "notes"};
    struct cli_table shown = {.columns = sizeof(heading) / sizeof(heading[0]), .right = 0xf};

    print_heading(table);
    if (table->count == 0) {
        cli_print(CLI_OUT, "it has no partitions\n");
        return true;
    }
    cli_print(CLI_OUT, "\n");
    cli_table_row(&shown, heading);
    for (size_t i = 0; i < table->count; i++) {
        const struct platter_partition *partition = &table->partitions[i];
        char number[16], offset[PLATTER_SIZE_TEXT], bytes[PLATTER_SIZE_TEXT], size[PLATTER_SIZE_TEXT], notes[192];
        const char *type =
            table->style == PLATTER_TABLE_NONE ? "whole image" : platter_partition_type_name(table->style, partition);

        (void)snprintf(number, sizeof(number), "%u", (unsigned)partition->number);
        (void)snprintf(notes, sizeof(notes), "%s%s%s%s%s", partition->logical ? "logical" : "",
                       partition->logical && partition->bootable ? ", " : "", partition->bootable ? "active" : "",
                       partition->name[0] && (partition->logical || partition->bootable) ? ", " : "", partition->name);
        cli_table_row(&shown, (const char *const[]){number, platter_grouped(partition->offset, offset),
                                                    platter_grouped(partition->length, bytes),
                                                    platter_size_text(partition->length, size), type,
                                                    partition->filesystem[0] ? partition->filesystem : "-",
                                                    partition->label[0] ? partition->label : "-", notes});
    }
    return cli_table_print(&shown, 2);
}
