/* SPDX-License-Identifier: MIT */
#include "image.h"

#include "../engine/os/file.h"
#include "../mount/choose.h"
#include "console.h"

#include <stdio.h>
#include <string.h>

/* A pipe, which is what a shell's <(COMMAND) names. False: it is none, or nothing comes out of it. */
static bool read_pipe(const char *path, uint8_t *line, size_t size, size_t *length)
{
    FILE *pipe = fopen(path, "r");
    bool got = pipe && fgets((char *)line, (int)size, pipe);

    if (pipe)
        (void)fclose(pipe);
    *length = got ? strlen((char *)line) : 0;
    return got;
}

static enum platter_result read_file(const char *path, uint8_t *line, size_t size, size_t *length,
                                     struct platter_error *err)
{
    struct platter_os_file *file;
    enum platter_result result = platter_os_file_open(path, PLATTER_OS_FILE_SHARE_WRITERS, &file, err);

    if (result == PLATTER_E_FORMAT && read_pipe(path, line, size, length))
        return PLATTER_OK;
    if (result != PLATTER_OK)
        return result;
    result = platter_os_file_read(file, line, size, 0, length, err);
    platter_os_file_close(file);
    return result;
}

/* Who typed it at a terminal would see it there. */
static enum platter_result read_input(uint8_t *line, size_t size, size_t *length, struct platter_error *err)
{
    if (cli_input_is_terminal())
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--password-file -' reads the password from another program or a file, and standard "
                                 "input is a terminal");
    *length = fgets((char *)line, (int)size, stdin) ? strlen((char *)line) : 0;
    return PLATTER_OK;
}

/* The first line of a file, so that a password stands neither in the list of processes nor in a shell's history. */
static enum platter_result read_password(const char *path, char *password, struct platter_error *err)
{
    uint8_t line[CLI_PASSWORD_MOST + 3];
    size_t length = 0, at = 0;
    enum platter_result result = strcmp(path, CLI_PASSWORD_INPUT) == 0
                                     ? read_input(line, sizeof(line), &length, err)
                                     : read_file(path, line, sizeof(line), &length, err);

    if (result != PLATTER_OK)
        return result;
    while (at < length && line[at] != '\n' && line[at] != '\r' && line[at] != '\0')
        at++;
    if (at == 0 || at > CLI_PASSWORD_MOST)
        result = platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                   at ? "its first line is longer than a password can be" : "its first line is empty");
    else
        memcpy(password, line, at);
    password[result == PLATTER_OK ? at : 0] = '\0';
    return result;
}

static enum platter_result check_format(const char *option, const char *wanted, struct platter_error *err)
{
    const char *const *name = platter_format_names();
    char names[256];
    size_t used = 0;

    for (; *name; name++) {
        if (strcmp(*name, wanted) == 0)
            return PLATTER_OK;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", *name);
        if (used >= sizeof(names))
            break;
    }
    return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "'--%s %.64s': want one of %s", option,
                             wanted, names);
}

/* `format_option`: which one names the image's format. */
static enum platter_result read_options(const struct cli_arguments *arguments, const char *format_option,
                                        struct cli_image_options *options, struct platter_error *err)
{
    const char *password_file = cli_option_value(arguments, "password-file");
    uint64_t sector_size = 0, disk = 0;
    enum platter_result result = cli_option_number(arguments, "sector-size", 512, 4096, &sector_size, err);

    memset(options, 0, sizeof(*options));
    if (result == PLATTER_OK)
        result = cli_option_number(arguments, "disk", 1, 1024, &disk, err);
    if (result == PLATTER_OK && password_file)
        result = read_password(password_file, options->password, err);
    if (result != PLATTER_OK)
        return result;
    if (sector_size & (sector_size - 1))
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--sector-size %llu': want 512, 1024, 2048 or 4096", (unsigned long long)sector_size);
    options->open.sector_size = (uint32_t)sector_size;
    options->open.snapshot = cli_option_value(arguments, "snapshot");
    options->open.disk = (uint32_t)disk;
    options->open.password = password_file ? options->password : NULL;
    options->open.format = cli_option_value(arguments, format_option);
    return options->open.format ? check_format(format_option, options->open.format, err) : PLATTER_OK;
}

enum platter_result cli_image_options_read(const struct cli_arguments *arguments, struct cli_image_options *options,
                                           struct platter_error *err)
{
    return read_options(arguments, "format", options, err);
}

enum platter_result cli_source_options_read(const struct cli_arguments *arguments, struct cli_image_options *options,
                                            struct platter_error *err)
{
    return read_options(arguments, "source-format", options, err);
}

static enum platter_result open_image(const struct cli_arguments *arguments, const char *path,
                                      const char *format_option, uint32_t flags, struct platter_image **image,
                                      struct platter_error *err)
{
    struct cli_image_options options;
    enum platter_result result = read_options(arguments, format_option, &options, err);

    if (result != PLATTER_OK)
        return result;
    options.open.flags = flags;
    return platter_image_open(path, &options.open, image, err);
}

enum platter_result cli_image_open(const struct cli_arguments *arguments, uint32_t flags, struct platter_image **image,
                                   struct platter_error *err)
{
    return open_image(arguments, arguments->operands[0], "format", flags, image, err);
}

enum platter_result cli_source_open(const struct cli_arguments *arguments, const char *path,
                                    struct platter_image **image, struct platter_error *err)
{
    return open_image(arguments, path, "source-format", 0, image, err);
}

enum platter_result cli_image_block(const struct cli_arguments *arguments, struct platter_image *image,
                                    struct platter_block **block, struct platter_error *err)
{
    struct platter_block *disk = platter_image_block(image);
    struct platter_partition_table *table = NULL;
    const char *text = cli_option_value(arguments, "partition");
    struct platter_choice choice;
    size_t chosen[PLATTER_MAX_CHOSEN], count;
    enum platter_result result;

    if (!text) {
        *block = platter_block_ref(disk);
        return PLATTER_OK;
    }
    result = platter_choice_parse(text, &choice, err);
    if (result != PLATTER_OK)
        return result;
    if (choice.count != 1)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--partition %.64s': want the number of one partition", text);
    result = platter_partitions_read(disk, &table, err);
    if (result != PLATTER_OK)
        return result;
    result = platter_choice_apply(&choice, table, arguments->operands[0], chosen, &count, err);
    if (result == PLATTER_OK)
        result = platter_partition_open(disk, &table->partitions[chosen[0]], block, err);
    platter_partitions_free(table);
    return result;
}
