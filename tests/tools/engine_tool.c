/* SPDX-License-Identifier: MIT */
/*
 * What the interop suites ask the engine, one line an answer:
 *
 *   engine_tool [-s SECTOR] [-w] [-u] [-f FORMAT] [-p PASSWORD] [-d DISK] [-t THREADS] [-o] [-c BYTES] COMMAND IMAGE ...
 *     info IMAGE               key=value lines
 *     table IMAGE              style, then one line a partition
 *     map IMAGE                "data|hole OFFSET LENGTH" lines
 *     copy IMAGE OUT           the whole disk as a raw image; -o replaces, -c cancels when that much is done
 *     part IMAGE NUMBER OUT    one partition
 *     verify IMAGE             findings, then a summary
 *     read IMAGE OFFSET LENGTH those bytes, as they are
 *     write IMAGE OFFSET TEXT  writes and flushes (with -w)
 *     hold IMAGE               opens it, says "held", waits for the end of its input
 *
 * -w opens for writing, -u unbuffered. The exit status is the enum platter_result.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <platter/engine.h>

static struct platter_open_options options;
static struct platter_convert_options convert_options;
static uint64_t cancel_at;

static int show_info(struct platter_image *image)
{
    const struct platter_image_info *info = platter_image_info(image);

    printf("format=%s\nvariant=%s\nvirtual_size=%" PRIu64 "\nfile_size=%" PRIu64 "\nallocated_size=%" PRIu64
           "\nsector_size=%" PRIu32 "\nwritable=%s\n",
           info->format, info->variant, info->virtual_size, info->file_size, info->allocated_size, info->sector_size,
           info->writable ? "yes" : "no");
    for (size_t i = 0; i < info->detail_count; i++)
        printf("%s=%s\n", info->details[i].key, info->details[i].value);
    return PLATTER_OK;
}

static void print_guid(const uint8_t *guid)
{
    printf("%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", guid[3], guid[2], guid[1], guid[0],
           guid[5], guid[4], guid[7], guid[6], guid[8], guid[9], guid[10], guid[11], guid[12], guid[13], guid[14],
           guid[15]);
}

static int show_table(struct platter_image *image, struct platter_error *err)
{
    static const char *const styles[] = {"none", "mbr", "gpt"};
    struct platter_partition_table *table;
    enum platter_result result = platter_partitions_read(platter_image_block(image), &table, err);

    if (result)
        return result;
    printf("style %s", styles[table->style]);
    if (table->style == PLATTER_TABLE_MBR)
        printf(" id 0x%08x", table->mbr_signature);
    if (table->style == PLATTER_TABLE_GPT) {
        printf(" id ");
        print_guid(table->gpt_disk_id);
    }
    printf("%s\n", table->gpt_backup_used ? " backup" : "");
    if (table->warning[0])
        printf("warning %s\n", table->warning);
    for (size_t i = 0; i < table->count; i++) {
        const struct platter_partition *partition = &table->partitions[i];

        printf("%u offset %" PRIu64 " length %" PRIu64 " type ", partition->number, partition->offset,
               partition->length);
        if (table->style == PLATTER_TABLE_GPT)
            print_guid(partition->gpt_type);
        else
            printf("%x", partition->mbr_type);
        if (table->style == PLATTER_TABLE_GPT) {
            printf(" id ");
            print_guid(partition->gpt_id);
            printf(" name '%s'", partition->name);
        }
        printf("%s%s fs '%s' label '%s' (%s)\n", partition->logical ? " logical" : "",
               partition->bootable ? " bootable" : "", partition->filesystem, partition->label,
               platter_partition_type_name(table->style, partition));
    }
    platter_partitions_free(table);
    return PLATTER_OK;
}

static int show_map(struct platter_image *image, struct platter_error *err)
{
    struct platter_block *block = platter_image_block(image);
    uint64_t at = 0, size = platter_block_size(block);

    while (at < size) {
        struct platter_extent extent;
        enum platter_result result = platter_block_map(block, at, size - at, &extent, err);

        if (result)
            return result;
        printf("%s %" PRIu64 " %" PRIu64 "\n", extent.flags & PLATTER_EXTENT_DATA ? "data" : "hole", extent.offset,
               extent.length);
        at += extent.length;
    }
    return PLATTER_OK;
}

static bool progress(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    (void)total;
    return !cancel_at || done < cancel_at;
}

static int copy_partition(struct platter_image *image, uint32_t number, const char *out, struct platter_error *err)
{
    struct platter_block *block = platter_image_block(image), *view = NULL;
    struct platter_partition_table *table;
    enum platter_result result = platter_partitions_read(block, &table, err);

    if (result)
        return result;
    result = platter_error_set(err, PLATTER_E_NOT_FOUND, platter_block_name(block), PLATTER_NO_OFFSET,
                               "has no partition %u", number);
    for (size_t i = 0; i < table->count; i++) {
        if (table->partitions[i].number == number)
            result = platter_partition_open(block, &table->partitions[i], &view, err);
    }
    if (view)
        result = platter_convert(view, out, &convert_options, err);
    platter_block_unref(view);
    platter_partitions_free(table);
    return result;
}

static void print_finding(void *context, bool fatal, const struct platter_error *finding)
{
    char text[2048];

    (void)context;
    printf("%s %s\n", fatal ? "error" : "warning", platter_error_text(finding, text, sizeof(text)));
}

static int verify(struct platter_image *image, struct platter_error *err)
{
    struct platter_verify_report report;
    enum platter_result result = platter_image_verify(image, print_finding, NULL, NULL, &report, err);

    if (result == PLATTER_OK)
        printf("checked %" PRIu64 " errors %" PRIu64 " warnings %" PRIu64 "\n", report.bytes_checked, report.errors,
               report.warnings);
    return result;
}

static int write_text(struct platter_image *image, const char *offset, const char *text, struct platter_error *err)
{
    struct platter_block *block = platter_image_block(image);
    enum platter_result result = platter_block_write(block, text, strlen(text), strtoull(offset, NULL, 0), err);

    return result ? result : platter_block_flush(block, err);
}

static int read_bytes(struct platter_image *image, const char *offset, const char *bytes, struct platter_error *err)
{
    size_t length = strtoull(bytes, NULL, 0);
    uint8_t *data = malloc(length);
    int result = platter_block_read(platter_image_block(image), data, length, strtoull(offset, NULL, 0), err);

    if (result == PLATTER_OK && fwrite(data, 1, length, stdout) != length)
        result = PLATTER_E_IO;
    free(data);
    return result;
}

static int hold(void)
{
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return PLATTER_OK;
}

static int usage(void)
{
    fputs("engine_tool: see the head of tests/tools/engine_tool.c\n", stderr);
    return PLATTER_E_USAGE;
}

static int run(char **arguments, int count, struct platter_error *err)
{
    const char *command = arguments[0];
    struct platter_image *image;
    int result = platter_image_open(arguments[1], &options, &image, err);

    if (result)
        return result;
    if (strcmp(command, "info") == 0 && count == 2)
        result = show_info(image);
    else if (strcmp(command, "table") == 0 && count == 2)
        result = show_table(image, err);
    else if (strcmp(command, "map") == 0 && count == 2)
        result = show_map(image, err);
    else if (strcmp(command, "copy") == 0 && count == 3)
        result = platter_convert(platter_image_block(image), arguments[2], &convert_options, err);
    else if (strcmp(command, "part") == 0 && count == 4)
        result = copy_partition(image, (uint32_t)strtoul(arguments[2], NULL, 0), arguments[3], err);
    else if (strcmp(command, "verify") == 0 && count == 2)
        result = verify(image, err);
    else if (strcmp(command, "read") == 0 && count == 4)
        result = read_bytes(image, arguments[2], arguments[3], err);
    else if (strcmp(command, "write") == 0 && count == 4)
        result = write_text(image, arguments[2], arguments[3], err);
    else if (strcmp(command, "hold") == 0 && count == 2)
        result = hold();
    else
        (void)platter_error_set(err, result = usage(), NULL, PLATTER_NO_OFFSET, "%s: no such command", command);
    platter_image_close(image);
    return result;
}

int main(int argc, char **argv)
{
    struct platter_error err;
    char text[2048];
    int option, result;

    /* A limit on the size of files is to come back as an error, as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    convert_options.progress.function = progress;
    while ((option = getopt(argc, argv, "s:wuf:p:d:t:oc:")) != -1) {
        switch (option) {
        case 's':
            options.sector_size = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'w':
            options.flags |= PLATTER_OPEN_WRITABLE;
            break;
        case 'u':
            options.flags |= PLATTER_OPEN_UNBUFFERED;
            break;
        case 'f':
            options.format = optarg;
            break;
        case 'p':
            options.password = optarg;
            break;
        case 'd':
            options.disk = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 't':
            convert_options.threads = (unsigned)strtoul(optarg, NULL, 0);
            break;
        case 'o':
            convert_options.overwrite = true;
            break;
        case 'c':
            cancel_at = strtoull(optarg, NULL, 0);
            break;
        default:
            return usage();
        }
    }
    if (argc - optind < 2)
        return usage();
    result = run(argv + optind, argc - optind, &err);
    if (result)
        fprintf(stderr, "%s\n", platter_error_text(&err, text, sizeof(text)));
    return result;
}
