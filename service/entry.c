/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include <string.h>
#include <strings.h>

bool service_entry_is_for(const struct service_entry *entry, const struct service_asker *asker)
{
    return asker->administrator || (asker->sid[0] && strcmp(entry->owner, asker->sid) == 0);
}

enum platter_result service_mounts_check(unsigned all, unsigned own, bool administrator, struct platter_error *err)
{
    unsigned most = administrator ? SERVICE_MOUNTS_MOST : SERVICE_MOUNTS_MOST - SERVICE_MOUNTS_OF_ONE;

    if (all < most && own < SERVICE_MOUNTS_OF_ONE)
        return PLATTER_OK;
    return platter_error_set(
        err, PLATTER_E_UNSUPPORTED, NULL, PLATTER_NO_OFFSET,
        "there are %u persistent mounts, %u of them yours, and no more than %u (of one user %u) are "
        "kept",
        all, own, most, SERVICE_MOUNTS_OF_ONE);
}

void service_entry_json(json_t *array, const struct service_entry *entry, const struct service_asker *asker)
{
    static const char *const states[] = {"starting", "mounted", "waiting", "retrying", "lost", "gone"};
    bool failed = entry->state == SERVICE_STATE_LOST || entry->state == SERVICE_STATE_WAITING ||
                  entry->state == SERVICE_STATE_RETRYING;
    json_t *object;

    if (!service_entry_is_for(entry, asker))
        return;
    object = platter_json_element(array);
    platter_json_text(object, "id", entry->id);
    platter_json_text(object, "image", entry->options.mount.image);
    platter_json_text(object, "overlay", entry->options.mount.overlay);
    platter_json_text(object, "letter", entry->options.mount.letters);
    platter_json_text(object, "folder", entry->options.mount.folder);
    platter_json_bool(object, "read_only", entry->options.mount.read_only);
    platter_json_bool(object, "at_boot", entry->options.at_boot);
    platter_json_bool(object, "comes_back", entry->kept && !entry->forgotten);
    platter_json_text(object, "owner", entry->owner);
    platter_json_number(object, "since", (uint64_t)entry->since);
    platter_json_text(object, "state", states[entry->state]);
    if (entry->process_id)
        platter_json_number(object, "process_id", entry->process_id);
    else
        platter_json_null(object, "process_id");
    platter_json_text(object, "confinement", entry->process_id ? entry->confined : NULL);
    if (entry->state == SERVICE_STATE_MOUNTED && json_object_get(entry->report, "volumes"))
        (void)json_object_set(object, "volumes", json_object_get(entry->report, "volumes"));
    else
        (void)platter_json_array(object, "volumes");
    if (failed)
        platter_error_json(object, &entry->error, NULL);
    else
        platter_json_null(object, "error");
}

bool service_entry_is_meant(const struct service_entry *entry, const struct service_request *request,
                            const struct service_asker *asker)
{
    if (entry->state == SERVICE_STATE_GONE || !service_entry_is_for(entry, asker))
        return false;
    return request->all || (request->id && strcmp(request->id, entry->id) == 0) ||
           (request->image && strcasecmp(request->image, entry->options.mount.image) == 0);
}
