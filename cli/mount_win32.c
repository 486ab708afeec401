/* SPDX-License-Identifier: MIT */
#include "mount_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/source/source.h"
#include "control_win32.h"
#include "dismount_win32.h"
#include "folder_win32.h"
#include "image.h"
#include "names_win32.h"
#include "policy_win32.h"
#include "provide_win32.h"
#include "text.h"
#include "wide_win32.h"

/* ---- Options ------------------------------------------------------------------------------------------------------- */

static enum platter_result check_letter(char letter, struct platter_error *err)
{
    char *holder = cli_letter_holder(letter);

    if (!holder)
        return PLATTER_OK;
    (void)platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "drive letter %c: is taken by %.400s", letter,
                            holder);
    free(holder);
    return PLATTER_E_BUSY;
}

enum platter_result cli_mount_options_read(const struct cli_arguments *arguments, struct cli_mount *mount,
                                           struct platter_error *err)
{
    const char *letters = cli_option_value(arguments, "letter"), *folder = cli_option_value(arguments, "folder");
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
    if (folder && (letters || cli_option_given(arguments, "no-letter")))
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a drive in a folder has no letter: '--folder' and '--%s' exclude each other",
                                 letters ? "letter" : "no-letter");
    mount->remember = cli_option_given(arguments, "remember");
    if (folder) {
        cli_whole_path(folder, mount->folder, sizeof(mount->folder));
        result = cli_folder_check(mount->folder, err);
    }
    for (size_t i = 0; i < mount->letter_count && result == PLATTER_OK; i++)
        result = check_letter(mount->letters[i], err);
    /* A URI is whole as it is. */
    if (platter_source_is_remote(arguments->operands[0]))
        (void)snprintf(mount->image_path, sizeof(mount->image_path), "%s", arguments->operands[0]);
    else
        cli_whole_path(arguments->operands[0], mount->image_path, sizeof(mount->image_path));
    return result;
}

/* ---- The image ----------------------------------------------------------------------------------------------------- */

bool cli_is_disc(const struct platter_partition *partition)
{
    return partition->length % CLI_DISC_SECTOR == 0 && partition->offset % CLI_DISC_SECTOR == 0 &&
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
        discs += cli_is_disc(&mount->table->partitions[chosen[i]]);
    /* A disc with a partition table as well (bootable both ways) has each of them in one sector size only. */
    return discs == mount->count;
}

/* What is wrong, or forbidden, is to be told before an overlay's file is made. */
static enum platter_result check_image(struct cli_mount *mount, bool overlay, struct platter_error *err)
{
    size_t chosen[CLI_MAX_CHOSEN];
    enum platter_result result = cli_image_open(mount->arguments, 0, &mount->image, err);

    if (result == PLATTER_OK)
        result = cli_policy_format(platter_image_info(mount->image)->format, mount->arguments->operands[0], err);
    if (result == PLATTER_OK && overlay)
        result = read_table(mount, chosen, err);
    if (result == PLATTER_OK && overlay && all_discs(mount, chosen))
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
    bool overlay = cli_option_given(mount->arguments, "overlay") && !mount->read_only;
    enum platter_result result = PLATTER_OK;

    if (mount->forbidden[0] && cli_option_given(mount->arguments, "overlay"))
        return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, "%s", mount->forbidden);
    if (overlay || cli_policy_has_formats())
        result = check_image(mount, overlay, err);
    if (result != PLATTER_OK)
        return result;
    /* Out of the system's cache: the drive has one of its own, and two that wait for each other hang the machine. */
    result = cli_open_for_writing(mount->arguments, mount->read_only, PLATTER_OPEN_UNBUFFERED, &mount->image,
                                  &mount->writing, err);
    if (mount->writing.why[0])
        mount->read_only = true;
    else
        memcpy(mount->writing.why, mount->forbidden, sizeof(mount->forbidden));
    return result;
}

/* ISO 9660 and UDF are mounted by Windows on CD-ROM devices only, and those have sectors of their own size. */
static enum platter_result open_disc(struct cli_mount *mount, struct platter_error *err)
{
    const struct platter_open_options options = {.sector_size = CLI_DISC_SECTOR,
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

/* ---- Drives -------------------------------------------------------------------------------------------------------- */

static enum platter_result announce_all(struct cli_mount *mount, struct cli_reporter *reporter,
                                        struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    for (size_t i = 0; i < mount->count && result == PLATTER_OK; i++) {
        result = cli_provide_announce(mount, i, err);
        if (result == PLATTER_OK && !cli_reporter_alive(reporter))
            result =
                platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "nobody waits for the drives");
    }
    return result;
}

enum platter_result cli_mount_start(struct cli_mount *mount, struct cli_reporter *reporter, struct platter_error *err)
{
    enum platter_result result = cli_provide_ask(mount, err);

    if (result == PLATTER_OK)
        result = open_volumes(mount, err);
    if (result == PLATTER_OK && mount->folder[0] && mount->count != 1)
        result = platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                   "'--folder' is for one drive, and there are %u; '--partition' says which",
                                   (unsigned)mount->count);
    if (result == PLATTER_OK)
        result = cli_provide_create(mount, err);
    if (result == PLATTER_OK)
        result = announce_all(mount, reporter, err);
    if (result == PLATTER_OK && mount->folder[0])
        result = cli_folder_mount(mount->folder, &mount->volumes[0].info, err);
    /* Where a call is still inside the driver, all is left to the end of the process. */
    if (result != PLATTER_OK && !mount->stuck) {
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
    cli_json_bool(root, "remembered", mount->remember);
    cli_json_text(root, "not_remembered_reason", mount->forgetful[0] ? mount->forgetful : NULL);
    cli_json_text(root, "folder", mount->folder[0] ? mount->folder : NULL);
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
                (void)cli_dismount(transport, &mount->volumes[i].info, true, NULL, NULL);
        }
    }
    cli_control_close(transport);
    /* What could not be taken away in order goes with the provider's handle. */
    platter_provider_stop(mount->provider);
    if (mount->folder[0])
        cli_folder_unmount(mount->folder);
done:
    ReleaseSRWLockExclusive(&mount->ending);
}

enum platter_result cli_mount_end(struct cli_mount *mount, struct platter_error *err)
{
    enum platter_result result;

    AcquireSRWLockExclusive(&mount->ending);
    /* Also when the drive went by itself, ejected elsewhere. */
    if (mount->folder[0] && mount->provider)
        cli_folder_unmount(mount->folder);
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
