/* SPDX-License-Identifier: MIT */
#include "mount_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/source/source.h"
#include "control_win32.h"
#include "dismount_win32.h"
#include "image.h"
#include "text.h"
#include "wide_win32.h"

#define DISC_SECTOR 2048u /* bytes; what CDFS and UDFS want of a CD-ROM device */

/* ---- Options ------------------------------------------------------------------------------------------------------- */

static enum platter_result check_letter(char letter, struct platter_error *err)
{
    const wchar_t name[] = {(wchar_t)letter, L':', L'\0'};
    wchar_t target[512];
    char *holder;

    /* Returns several texts; the first is the one in force. */
    if (QueryDosDeviceW(name, target, sizeof(target) / sizeof(target[0])) == 0)
        return PLATTER_OK;
    holder = cli_narrow(target);
    (void)platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "drive letter %c: is taken by %s", letter,
                            holder ? holder : "another drive");
    free(holder);
    return PLATTER_E_BUSY;
}

static void whole_path(const char *path, char *buffer, size_t size)
{
    /* A URI is whole as it is. */
    wchar_t *wide = platter_source_is_remote(path) ? NULL : cli_wide(path), whole[32768 / sizeof(wchar_t)];
    DWORD length = wide ? GetFullPathNameW(wide, sizeof(whole) / sizeof(whole[0]), whole, NULL) : 0;
    char *narrow = length > 0 && length < sizeof(whole) / sizeof(whole[0]) ? cli_narrow(whole) : NULL;

    (void)snprintf(buffer, size, "%s", narrow ? narrow : path);
    free(narrow);
    free(wide);
}

enum platter_result cli_mount_options_read(const struct cli_arguments *arguments, struct cli_mount *mount,
                                           struct platter_error *err)
{
    const char *letters = cli_option_value(arguments, "letter");
    enum platter_result result = cli_choice_parse(cli_option_value(arguments, "partition"), &mount->choice, err);

    mount->arguments = arguments;
    mount->read_only = cli_option_given(arguments, "read-only");
    if (result == PLATTER_OK && letters)
        result = cli_letters_parse(letters, mount->letters, &mount->letter_count, err);
    if (result != PLATTER_OK)
        return result;
    if (letters && cli_option_given(arguments, "no-letter"))
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--letter' and '--no-letter' exclude each other");
    for (size_t i = 0; i < mount->letter_count && result == PLATTER_OK; i++)
        result = check_letter(mount->letters[i], err);
    whole_path(arguments->operands[0], mount->image_path, sizeof(mount->image_path));
    return result;
}

/* ---- The image ----------------------------------------------------------------------------------------------------- */

static bool is_disc(const struct platter_partition *partition)
{
    return partition->length % DISC_SECTOR == 0 && partition->offset % DISC_SECTOR == 0 &&
           (strcmp(partition->filesystem, "iso9660") == 0 || strcmp(partition->filesystem, "udf") == 0);
}

static enum platter_result read_table(struct cli_mount *mount, size_t chosen[CLI_MAX_CHOSEN], struct platter_error *err)
{
    enum platter_result result = platter_partitions_read(platter_image_block(mount->image), &mount->table, err);

    if (result == PLATTER_OK)
        result =
            cli_choice_apply(&mount->choice, mount->table, mount->arguments->operands[0], chosen, &mount->count, err);
    return result;
}

static bool all_discs(const struct cli_mount *mount, const size_t chosen[CLI_MAX_CHOSEN])
{
    size_t discs = 0;

    for (size_t i = 0; i < mount->count; i++)
        discs += is_disc(&mount->table->partitions[chosen[i]]);
    /* A disc with a partition table as well (bootable both ways) has each of them in one sector size only. */
    return discs == mount->count;
}

/* What is wrong is to be told before an overlay's file is made. */
static enum platter_result check_overlay(struct cli_mount *mount, struct platter_error *err)
{
    size_t chosen[CLI_MAX_CHOSEN];
    enum platter_result result = cli_image_open(mount->arguments, 0, &mount->image, err);

    if (result == PLATTER_OK)
        result = read_table(mount, chosen, err);
    if (result == PLATTER_OK && all_discs(mount, chosen))
        result = platter_error_set(err, PLATTER_E_USAGE, mount->arguments->operands[0], PLATTER_NO_OFFSET,
                                   "holds a disc's file system, which is never written to: '--overlay' is of no use");
    platter_partitions_free(mount->table);
    mount->table = NULL;
    platter_image_close(mount->image);
    mount->image = NULL;
    return result;
}

static enum platter_result open_image(struct cli_mount *mount, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    if (cli_option_given(mount->arguments, "overlay") && !mount->read_only)
        result = check_overlay(mount, err);
    if (result != PLATTER_OK)
        return result;
    /* Out of the system's cache: the drive has one of its own, and two that wait for each other hang the machine. */
    result = cli_open_for_writing(mount->arguments, mount->read_only, PLATTER_OPEN_UNBUFFERED, &mount->image,
                                  &mount->writing, err);
    if (mount->writing.why[0])
        mount->read_only = true;
    return result;
}

/* ISO 9660 and UDF are mounted by Windows on CD-ROM devices only, and those have sectors of their own size. */
static enum platter_result open_disc(struct cli_mount *mount, struct platter_error *err)
{
    const struct platter_open_options options = {.sector_size = DISC_SECTOR,
                                                 .format = cli_option_value(mount->arguments, "format")};

    platter_image_close(mount->image);
    mount->image = NULL;
    if (!mount->read_only)
        (void)snprintf(mount->writing.why, sizeof(mount->writing.why), "it holds a disc's file system");
    mount->writing.notice[0] = '\0';
    mount->read_only = true;
    return platter_image_open(mount->arguments->operands[0], &options, &mount->image, err);
}

static enum platter_result open_volumes(struct cli_mount *mount, struct platter_error *err)
{
    size_t chosen[CLI_MAX_CHOSEN];
    enum platter_result result = open_image(mount, err);

    if (result == PLATTER_OK)
        result = read_table(mount, chosen, err);
    if (result != PLATTER_OK)
        return result;
    if (mount->letter_count > mount->count)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--letter' names %u letters for %u drive%s", (unsigned)mount->letter_count,
                                 (unsigned)mount->count, mount->count == 1 ? "" : "s");
    for (size_t i = 0; i < mount->count; i++)
        mount->volumes[i].partition = &mount->table->partitions[chosen[i]];
    if (all_discs(mount, chosen))
        result = open_disc(mount, err);
    for (size_t i = 0; i < mount->count && result == PLATTER_OK; i++)
        result = platter_partition_open(platter_image_block(mount->image), mount->volumes[i].partition,
                                        &mount->volumes[i].block, err);
    return result;
}

/* ---- Volumes ------------------------------------------------------------------------------------------------------- */

static void describe(const struct cli_mount *mount, size_t index, struct platter_volume_create_in *create)
{
    const struct platter_partition *partition = mount->volumes[index].partition;
    char label[256];

    create->flags = (mount->read_only ? PLATTER_VOLUME_READ_ONLY : 0u) |
                    (cli_option_given(mount->arguments, "no-letter") ? PLATTER_VOLUME_NO_LETTER : 0u) |
                    (mount->table->style == PLATTER_TABLE_NONE ? PLATTER_VOLUME_WHOLE_DISK : 0u);
    if (is_disc(partition) && platter_block_sector_size(mount->volumes[index].block) == DISC_SECTOR)
        create->flags |= PLATTER_VOLUME_CDROM;
    create->letter = index < mount->letter_count ? (uint32_t)mount->letters[index] : 0;
    create->partition_offset = partition->offset;
    create->partition_number = partition->number;
    if (mount->table->style == PLATTER_TABLE_MBR) {
        create->partition_style = PLATTER_STYLE_MBR;
        create->mbr_type = partition->mbr_type;
        create->mbr_boot_indicator = partition->bootable;
        create->mbr_signature = mount->table->mbr_signature;
    } else if (mount->table->style == PLATTER_TABLE_GPT) {
        create->partition_style = PLATTER_STYLE_GPT;
        memcpy(create->gpt_type, partition->gpt_type, sizeof(create->gpt_type));
        memcpy(create->gpt_partition_id, partition->gpt_id, sizeof(create->gpt_partition_id));
        memcpy(create->gpt_disk_id, mount->table->gpt_disk_id, sizeof(create->gpt_disk_id));
        create->gpt_attributes = partition->gpt_attributes;
        memcpy(create->gpt_name, partition->gpt_name, sizeof(create->gpt_name));
    }
    if (partition->label[0])
        (void)snprintf(label, sizeof(label), "%s", partition->label);
    else if (partition->number > 0)
        (void)snprintf(label, sizeof(label), "%.200s partition %u", cli_base_name(mount->image_path),
                       (unsigned)partition->number);
    else
        (void)snprintf(label, sizeof(label), "%.200s", cli_base_name(mount->image_path));
    cli_wide_field(label, create->label, PLATTER_LABEL_CHARS);
    cli_image_name_put(mount->image_path, platter_image_info(mount->image)->overlay, create->image_name);
    /* unique_id stays zero: the provider makes a fresh one. */
}

static enum platter_result create_provider(struct cli_mount *mount, struct platter_error *err)
{
    struct platter_provider_volume *volumes = calloc(mount->count, sizeof(*volumes));
    struct platter_transport *transport = NULL;
    struct platter_hello_out hello = {0};
    enum platter_result result;

    if (!volumes)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    for (size_t i = 0; i < mount->count; i++) {
        volumes[i].block = mount->volumes[i].block;
        describe(mount, i, &volumes[i].create);
    }
    result = platter_transport_driver_open(&transport, &hello, err);
    mount->policy = hello.policy;
    if (result == PLATTER_OK) {
        result = platter_provider_create(transport, volumes, mount->count, NULL, &mount->provider, err);
        if (result != PLATTER_OK)
            platter_transport_close(transport);
    }
    free(volumes);
    return result;
}

enum platter_result cli_mount_start(struct cli_mount *mount, struct cli_reporter *reporter, struct platter_error *err)
{
    enum platter_result result = open_volumes(mount, err);

    if (result == PLATTER_OK)
        result = create_provider(mount, err);
    for (size_t i = 0; i < mount->count && result == PLATTER_OK; i++) {
        result = platter_provider_announce(mount->provider, i, &mount->volumes[i].info, err);
        mount->volumes[i].announced = result == PLATTER_OK;
        if (result == PLATTER_E_EXISTS) /* the letter was taken since we looked */
            result = err->result = PLATTER_E_BUSY;
        if (result == PLATTER_OK && !cli_reporter_alive(reporter))
            result =
                platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "nobody waits for the drives");
    }
    if (result != PLATTER_OK) {
        cli_mount_dismount(mount);
        (void)cli_mount_end(mount, NULL);
    }
    return result;
}

void cli_mount_json(json_t *root, const struct cli_mount *mount)
{
    json_t *array;

    cli_json_text(root, "image", mount->image_path);
    cli_json_text(root, "format", platter_image_info(mount->image)->format);
    cli_json_bool(root, "read_only", mount->read_only);
    cli_json_text(root, "read_only_reason", mount->writing.why[0] ? mount->writing.why : NULL);
    cli_json_text(root, "notice", mount->writing.notice[0] ? mount->writing.notice : NULL);
    cli_overlay_json(root, platter_image_info(mount->image)->overlay);
    cli_json_number(root, "process_id", GetCurrentProcessId());
    array = cli_json_array(root, "volumes");
    for (size_t i = 0; i < mount->count; i++) {
        const struct cli_mount_volume *volume = &mount->volumes[i];
        json_t *object = cli_json_element(array);
        char text[PLATTER_DEVICE_NAME_CHARS * 3 + 1], letter[4];

        cli_json_number(object, "id", volume->info.volume_id);
        cli_json_text(object, "letter", volume->info.letter ? cli_letter_text(volume->info.letter, letter) : NULL);
        cli_json_number(object, "partition", volume->partition->number);
        cli_json_number(object, "size", volume->info.length_bytes);
        cli_json_number(object, "sector_size", volume->info.sector_size);
        cli_json_text(object, "filesystem", volume->partition->filesystem[0] ? volume->partition->filesystem : NULL);
        cli_json_text(object, "label", volume->partition->label);
        cli_json_bool(object, "read_only", (volume->info.flags & PLATTER_VOLUME_READ_ONLY) != 0);
        cli_json_text(object, "route", cli_route_name(volume->info.route));
        cli_json_text(object, "device",
                      cli_narrow_field(volume->info.device_name, PLATTER_DEVICE_NAME_CHARS, text, sizeof(text)));
    }
}

void cli_mount_dismount(struct cli_mount *mount)
{
    struct platter_transport *transport = NULL;

    AcquireSRWLockExclusive(&mount->ending);
    if (!mount->provider)
        goto done;
    if (cli_control_open(&transport, NULL, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < mount->count; i++) {
            if (mount->volumes[i].announced)
                (void)cli_dismount(transport, &mount->volumes[i].info, true, NULL);
        }
    }
    cli_control_close(transport);
    /* What could not be taken away in order goes with the provider's handle. */
    platter_provider_stop(mount->provider);
done:
    ReleaseSRWLockExclusive(&mount->ending);
}

enum platter_result cli_mount_end(struct cli_mount *mount, struct platter_error *err)
{
    enum platter_result result;

    AcquireSRWLockExclusive(&mount->ending);
    result = platter_provider_free(mount->provider, err);
    mount->provider = NULL;
    ReleaseSRWLockExclusive(&mount->ending);
    for (size_t i = 0; i < mount->count; i++) {
        platter_block_unref(mount->volumes[i].block);
        mount->volumes[i].block = NULL;
    }
    platter_partitions_free(mount->table);
    mount->table = NULL;
    platter_image_close(mount->image);
    mount->image = NULL;
    return result;
}
