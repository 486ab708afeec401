/* SPDX-License-Identifier: MIT */
#include "provide_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounded_win32.h"
#include "control_win32.h"
#include "policy_win32.h"
#include "remember_win32.h"
#include "text.h"
#include "wide_win32.h"

/* The probe read and the PnP manager have 30 seconds each. */
#define STEP_MS 60000u

/* ---- What the volumes are -------------------------------------------------------------------------------------------- */

static void remembered_id(const struct platter_mount *mount, size_t index, uint8_t id[16])
{
    const struct platter_partition *partition = mount->volumes[index].partition;
    const char *known = mount->options->remember_path;
    char *path = known ? NULL : platter_remember_path(mount->image_path);

    platter_remembered_id(known ? known : path ? path : mount->image_path, partition->number, partition->offset, id);
    free(path);
}

/* No Mount Manager is there to remember letters, so that is left to us. */
static bool by_links_only(const struct platter_mount *mount)
{
    return mount->routes == PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK);
}

static void describe(const struct platter_mount *mount, size_t index, struct platter_volume_create_in *create)
{
    const struct platter_partition *partition = mount->volumes[index].partition;
    bool no_letter = mount->options->no_letter || mount->folder[0];
    char label[256];

    create->flags = (mount->read_only ? PLATTER_VOLUME_READ_ONLY : 0u) | (no_letter ? PLATTER_VOLUME_NO_LETTER : 0u) |
                    (mount->remember ? PLATTER_VOLUME_STABLE_ID : 0u) |
                    (mount->table->style == PLATTER_TABLE_NONE ? PLATTER_VOLUME_WHOLE_DISK : 0u);
    if (!mount->read_only && !mount->options->shared && !platter_filesystem_has_lists(partition->filesystem))
        create->flags |= PLATTER_VOLUME_PRIVATE;
    if (mount->options->hosted)
        create->flags |= PLATTER_VOLUME_HOSTED;
    if (platter_is_disc(partition) && platter_block_sector_size(mount->volumes[index].block) == PLATTER_DISC_SECTOR)
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
        (void)snprintf(label, sizeof(label), "%.200s partition %u", platter_base_name(mount->image_path),
                       (unsigned)partition->number);
    else
        (void)snprintf(label, sizeof(label), "%.200s", platter_base_name(mount->image_path));
    platter_wide_field(label, create->label, PLATTER_LABEL_CHARS);
    platter_image_name_put(mount->image_path, platter_image_info(mount->image)->overlay, create->image_name);
    /* Else unique_id stays zero: the provider makes a fresh one. */
    if (mount->remember) {
        remembered_id(mount, index, create->unique_id);
        if (!create->letter && by_links_only(mount) && !(create->flags & PLATTER_VOLUME_NO_LETTER))
            create->letter = (uint32_t)platter_remembered_letter(create->unique_id);
    }
}

/* ---- Asking the driver ------------------------------------------------------------------------------------------------ */

/* Two volumes of one id would have one letter; the second mount of an image has an id of its own. */
static void check_ids(struct platter_mount *mount)
{
    struct platter_transport *transport = NULL;
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;
    uint8_t id[16];

    if (platter_control_open(&transport, NULL, NULL) != PLATTER_OK)
        return; /* what is wrong with it will be told by the next who asks */
    if (platter_control_list(transport, &volumes, &count, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < mount->count && mount->remember; i++) {
            remembered_id(mount, i, id);
            for (size_t j = 0; j < count; j++) {
                if (memcmp(volumes[j].unique_id, id, sizeof(id)) == 0)
                    mount->remember = false;
            }
        }
    }
    if (!mount->remember)
        (void)snprintf(
            mount->forgetful, sizeof(mount->forgetful),
            "this image is mounted already with '--remember', so the letter of this mount is not remembered");
    free(volumes);
    platter_control_close(transport);
}

enum platter_result platter_provide_ask(struct platter_mount *mount, struct platter_error *err)
{
    struct platter_transport *transport = NULL;
    struct platter_hello_out hello = {0};
    enum platter_result result = platter_control_open(&transport, &hello, err);

    if (result != PLATTER_OK)
        return result;
    platter_control_close(transport);
    mount->policy = hello.policy;
    mount->routes = hello.routes;
    result = platter_policy_mount(mount->policy, &mount->read_only, mount->forbidden, sizeof(mount->forbidden), err);
    mount->refused = result != PLATTER_OK;
    return result;
}

/* ---- Making them ------------------------------------------------------------------------------------------------------- */

/* Everything that a call may still touch when it has not come back lies on the heap or in struct platter_mount. */
struct creating {
    struct platter_provider_volume *volumes;
    size_t count;
    struct platter_provider *provider;
};

static enum platter_result create(void *context, struct platter_error *err)
{
    struct creating *creating = context;
    struct platter_transport *transport = NULL;
    enum platter_result result = platter_transport_driver_open(&transport, NULL, err);

    if (result != PLATTER_OK)
        return result;
    result = platter_provider_create(transport, creating->volumes, creating->count, NULL, &creating->provider, err);
    if (result != PLATTER_OK)
        platter_transport_close(transport);
    return result;
}

/* One step of a mount. What takes too long is given up, and so is everything that it may still use. */
static enum platter_result step(struct platter_mount *mount, platter_bounded_fn *function, void *context, size_t size,
                                struct platter_error *err)
{
    struct platter_error local = {0};
    enum platter_result result =
        platter_bounded(function, context, size, STEP_MS, "an answer of the Platter driver", &local);

    mount->stuck = result == PLATTER_E_DRIVER && local.os_error == 0;
    if (result != PLATTER_OK)
        *err = local;
    return result;
}

enum platter_result platter_provide_create(struct platter_mount *mount, struct platter_error *err)
{
    struct creating creating = {.count = mount->count};
    enum platter_result result;

    creating.volumes = calloc(mount->count, sizeof(*creating.volumes));
    if (!creating.volumes)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (mount->remember)
        check_ids(mount);
    for (size_t i = 0; i < mount->count; i++) {
        creating.volumes[i].block = mount->volumes[i].block;
        describe(mount, i, &creating.volumes[i].create);
    }
    result = step(mount, create, &creating, sizeof(creating), err);
    mount->provider = creating.provider;
    if (!mount->stuck)
        free(creating.volumes);
    return result;
}

struct announcing {
    struct platter_provider *provider;
    size_t index;
    struct platter_volume_info info;
};

static enum platter_result announce(void *context, struct platter_error *err)
{
    struct announcing *announcing = context;

    return platter_provider_announce(announcing->provider, announcing->index, &announcing->info, err);
}

enum platter_result platter_provide_announce(struct platter_mount *mount, size_t index, struct platter_error *err)
{
    struct announcing announcing = {.provider = mount->provider, .index = index};
    enum platter_result result = step(mount, announce, &announcing, sizeof(announcing), err);

    mount->volumes[index].info = announcing.info;
    mount->volumes[index].announced = result == PLATTER_OK;
    if (result == PLATTER_E_EXISTS) /* the letter was taken since we looked */
        result = err->result = PLATTER_E_BUSY;
    if (result == PLATTER_OK && mount->remember && by_links_only(mount) && announcing.info.letter)
        platter_remember_letter(announcing.info.unique_id, (char)announcing.info.letter);
    return result;
}
