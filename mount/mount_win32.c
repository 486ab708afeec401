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
#include "names_win32.h"
#include "policy_win32.h"
#include "provide_win32.h"
#include "text.h"
#include "wide_win32.h"

/* ---- Options ------------------------------------------------------------------------------------------------------- */

static enum platter_result check_letter(char letter, struct platter_error *err)
{
    char *holder = platter_letter_holder(letter);

    if (!holder)
        return PLATTER_OK;
    (void)platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "drive letter %c: is taken by %.400s", letter,
                            holder);
    free(holder);
    return PLATTER_E_BUSY;
}

enum platter_result platter_mount_prepare(struct platter_mount *mount, struct platter_error *err)
{
    const struct platter_mount_options *options = mount->options;
    const char *letters = options->letters, *folder = options->folder;
    enum platter_result result = platter_choice_parse(options->partition, &mount->choice, err);

    mount->read_only = options->read_only;
    if (result == PLATTER_OK && letters)
        result = platter_letters_parse(letters, mount->letters, &mount->letter_count, err);
    if (result != PLATTER_OK)
        return result;
    if (letters && options->no_letter)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--letter' and '--no-letter' exclude each other");
    if (folder && (letters || options->no_letter))
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a drive in a folder has no letter: '--folder' and '--%s' exclude each other",
                                 letters ? "letter" : "no-letter");
    mount->remember = options->remember;
    if (folder) {
        platter_whole_path(folder, mount->folder, sizeof(mount->folder));
        result = platter_folder_check(mount->folder, err);
    }
    for (size_t i = 0; i < mount->letter_count && result == PLATTER_OK; i++)
        result = check_letter(mount->letters[i], err);
    /* A URI is whole as it is. */
    if (platter_source_is_remote(options->image))
        (void)snprintf(mount->image_path, sizeof(mount->image_path), "%s", options->image);
    else
        platter_whole_path(options->image, mount->image_path, sizeof(mount->image_path));
    return result;
}

/* ---- The image ----------------------------------------------------------------------------------------------------- */

bool platter_is_disc(const struct platter_partition *partition)
{
    return partition->length % PLATTER_DISC_SECTOR == 0 && partition->offset % PLATTER_DISC_SECTOR == 0 &&
           (strcmp(partition->filesystem, "iso9660") == 0 || strcmp(partition->filesystem, "udf") == 0);
}

static enum platter_result read_table(struct platter_mount *mount, size_t chosen[PLATTER_MAX_CHOSEN],
                                      struct platter_error *err)
{
    enum platter_result result = platter_partitions_read(platter_image_block(mount->image), &mount->table, err);

    if (result == PLATTER_OK)
        result = platter_choice_apply(&mount->choice, mount->table, mount->options->image, chosen, &mount->count, err);
    return result;
}

static bool all_discs(const struct platter_mount *mount, const size_t chosen[PLATTER_MAX_CHOSEN])
{
    size_t discs = 0;

    for (size_t i = 0; i < mount->count; i++)
        discs += platter_is_disc(&mount->table->partitions[chosen[i]]);
    /* A disc with a partition table as well (bootable both ways) has each of them in one sector size only. */
    return discs == mount->count;
}

static enum platter_result check_format(struct platter_mount *mount, struct platter_error *err)
{
    enum platter_result result =
        platter_policy_format(platter_image_info(mount->image)->format, mount->options->image, err);

    mount->refused = result != PLATTER_OK;
    return result;
}

/* What is wrong, or forbidden, is to be told before an overlay's file is made. */
static enum platter_result check_image(struct platter_mount *mount, bool overlay, struct platter_error *err)
{
    size_t chosen[PLATTER_MAX_CHOSEN];
    enum platter_result result = platter_image_open(mount->options->image, &mount->options->open, &mount->image, err);

    if (result == PLATTER_OK)
        result = check_format(mount, err);
    if (result == PLATTER_OK && overlay)
        result = read_table(mount, chosen, err);
    if (result == PLATTER_OK && overlay && all_discs(mount, chosen))
        result = platter_error_set(err, PLATTER_E_USAGE, mount->options->image, PLATTER_NO_OFFSET,
                                   "holds a disc's file system, which is never written to: '--overlay' is of no use");
    platter_partitions_free(mount->table);
    mount->table = NULL;
    platter_image_close(mount->image);
    mount->image = NULL;
    return result;
}

static enum platter_result open_image(struct platter_mount *mount, struct platter_error *err)
{
    struct platter_open_options open = mount->options->open;
    bool overlay = mount->options->overlay && !mount->read_only;
    enum platter_result result = PLATTER_OK;

    if (mount->forbidden[0] && mount->options->overlay)
        return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, "%s", mount->forbidden);
    if (overlay || platter_policy_has_formats())
        result = check_image(mount, overlay, err);
    if (result != PLATTER_OK)
        return result;
    /* Out of the system's cache: the drive has one of its own, and two that wait for each other hang the machine. */
    open.flags = PLATTER_OPEN_UNBUFFERED;
    result = platter_open_for_writing(mount->options->image, &open, mount->options->overlay, mount->read_only,
                                      mount->options->hosted, &mount->image, &mount->writing, err);
    if (mount->writing.why[0])
        mount->read_only = true;
    else
        memcpy(mount->writing.why, mount->forbidden, sizeof(mount->forbidden));
    return result;
}

/* ISO 9660 and UDF are mounted by Windows on CD-ROM devices only, and those have sectors of their own size. */
static enum platter_result open_disc(struct platter_mount *mount, struct platter_error *err)
{
    struct platter_open_options options = mount->options->open; /* the same snapshot, disk and password */

    options.sector_size = PLATTER_DISC_SECTOR;
    platter_image_close(mount->image);
    mount->image = NULL;
    if (!mount->read_only)
        (void)snprintf(mount->writing.why, sizeof(mount->writing.why), "it holds a disc's file system");
    mount->writing.notice[0] = '\0';
    mount->read_only = true;
    options.flags = PLATTER_OPEN_READ_AHEAD;
    return platter_image_open(mount->options->image, &options, &mount->image, err);
}

static enum platter_result open_volumes(struct platter_mount *mount, struct platter_error *err)
{
    size_t chosen[PLATTER_MAX_CHOSEN];
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

static enum platter_result announce_all(struct platter_mount *mount, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    for (size_t i = 0; i < mount->count && result == PLATTER_OK; i++) {
        result = platter_provide_announce(mount, i, err);
        if (result == PLATTER_OK && mount->alive && !mount->alive(mount->alive_context))
            result =
                platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "nobody waits for the drives");
    }
    return result;
}

enum platter_result platter_mount_start(struct platter_mount *mount, struct platter_error *err)
{
    enum platter_result result = platter_provide_ask(mount, err);

    if (result == PLATTER_OK)
        result = open_volumes(mount, err);
    if (result == PLATTER_OK && mount->folder[0] && mount->count != 1)
        result = platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                   "'--folder' is for one drive, and there are %u; '--partition' says which",
                                   (unsigned)mount->count);
    if (result == PLATTER_OK)
        result = platter_provide_create(mount, err);
    if (result == PLATTER_OK)
        result = announce_all(mount, err);
    if (result == PLATTER_OK && mount->folder[0]) {
        result = platter_folder_mount(mount->folder, &mount->volumes[0].info, err);
        mount->in_folder = result == PLATTER_OK;
    }
    /* Where a call is still inside the driver, all is left to the end of the process. */
    if (result != PLATTER_OK && !mount->stuck) {
        platter_mount_dismount(mount);
        (void)platter_mount_end(mount, NULL);
    }
    return result;
}

void platter_mount_json(json_t *root, const struct platter_mount *mount)
{
    json_t *array;

    platter_json_text(root, "image", mount->image_path);
    platter_json_text(root, "format", platter_image_info(mount->image)->format);
    platter_json_bool(root, "read_only", mount->read_only);
    platter_json_text(root, "read_only_reason", mount->writing.why[0] ? mount->writing.why : NULL);
    platter_json_text(root, "notice", mount->writing.notice[0] ? mount->writing.notice : NULL);
    platter_overlay_json(root, platter_image_info(mount->image)->overlay);
    platter_json_bool(root, "remembered", mount->remember);
    platter_json_text(root, "not_remembered_reason", mount->forgetful[0] ? mount->forgetful : NULL);
    platter_json_text(root, "folder", mount->folder[0] ? mount->folder : NULL);
    platter_json_number(root, "process_id", GetCurrentProcessId());
    array = platter_json_array(root, "volumes");
    for (size_t i = 0; i < mount->count; i++) {
        const struct platter_mount_volume *volume = &mount->volumes[i];
        json_t *object = platter_json_element(array);
        char text[PLATTER_DEVICE_NAME_CHARS * 3 + 1], letter[4];

        platter_json_number(object, "id", volume->info.volume_id);
        platter_json_text(object, "letter",
                          volume->info.letter ? platter_letter_text(volume->info.letter, letter) : NULL);
        platter_json_number(object, "partition", volume->partition->number);
        platter_json_number(object, "size", volume->info.length_bytes);
        platter_json_number(object, "sector_size", volume->info.sector_size);
        platter_json_text(object, "filesystem",
                          volume->partition->filesystem[0] ? volume->partition->filesystem : NULL);
        platter_json_text(object, "label", volume->partition->label);
        platter_json_bool(object, "read_only", (volume->info.flags & PLATTER_VOLUME_READ_ONLY) != 0);
        platter_json_bool(object, "private", (volume->info.flags & PLATTER_VOLUME_PRIVATE) != 0);
        platter_json_text(object, "route", platter_route_name(volume->info.route));
        platter_json_text(
            object, "device",
            platter_narrow_field(volume->info.device_name, PLATTER_DEVICE_NAME_CHARS, text, sizeof(text)));
    }
}

void platter_mount_dismount(struct platter_mount *mount)
{
    struct platter_transport *transport = NULL;

    AcquireSRWLockExclusive(&mount->ending);
    if (!mount->provider)
        goto done;
    if (platter_control_open(&transport, NULL, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < mount->count; i++) {
            if (mount->volumes[i].announced)
                (void)platter_dismount(transport, &mount->volumes[i].info, true, NULL, NULL);
        }
    }
    platter_control_close(transport);
    /* What could not be taken away in order goes with the provider's handle. */
    platter_provider_stop(mount->provider);
    if (mount->in_folder)
        platter_folder_unmount(mount->folder);
done:
    ReleaseSRWLockExclusive(&mount->ending);
}

enum platter_result platter_mount_end(struct platter_mount *mount, struct platter_error *err)
{
    enum platter_result result;

    AcquireSRWLockExclusive(&mount->ending);
    /* Also when the drive went by itself, ejected elsewhere. */
    if (mount->in_folder && mount->provider)
        platter_folder_unmount(mount->folder);
    if (mount->provider) {
        struct platter_provider_stats stats;

        platter_provider_get_stats(mount->provider, &stats);
        mount->damaged = stats.last_error.result == PLATTER_E_DAMAGED;
    }
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
