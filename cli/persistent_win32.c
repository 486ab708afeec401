/* SPDX-License-Identifier: MIT */
#include "persistent_win32.h"

#include <stdlib.h>

#include "../engine/os/file.h"
#include "../engine/os/path.h"
#include "../service/client_win32.h"

#define MOUNT_MS 180000u /* above what the service itself waits for */
#define FORGET_MS 15000u

bool cli_is_persistent(const struct cli_arguments *arguments)
{
    return cli_option_given(arguments, "persistent") || cli_option_given(arguments, "at-boot");
}

static enum platter_result check(const struct cli_arguments *arguments, struct platter_error *err)
{
    static const struct {
        const char *option, *why;
    } not_with[] = {
        {"foreground", "the service serves the drive, no window does"},
        {"password-file", "passwords are not stored, so an encrypted image cannot come back"},
    };
    const char *overlay = cli_option_value(arguments, "overlay");

    for (size_t i = 0; i < sizeof(not_with) / sizeof(not_with[0]); i++) {
        if (cli_option_given(arguments, not_with[i].option))
            return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                     "'--%s' and a persistent mount exclude each other: %s", not_with[i].option,
                                     not_with[i].why);
    }
    if (overlay && !overlay[0])
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a persistent mount needs an overlay that stays: '--overlay=FILE'");
    return PLATTER_OK;
}

/* Made here, with the user's own rights: the service makes no files. *made: there was none. */
static enum platter_result make_overlay(const struct platter_mount_options *options, bool *made,
                                        struct platter_error *err)
{
    struct platter_image *base = NULL, *image = NULL;
    enum platter_result result;

    if (!options->overlay || platter_os_exists(options->overlay))
        return PLATTER_OK;
    result = platter_image_open(options->image, &options->open, &base, err);
    if (result)
        return result;
    result = platter_overlay_open(base, options->overlay, 0, &image, err);
    *made = result == PLATTER_OK;
    platter_image_close(image);
    platter_image_close(base);
    return result;
}

enum platter_result cli_persistent_mount(const struct cli_arguments *arguments, const struct platter_mount *mount,
                                         json_t **report, struct platter_error *err)
{
    struct platter_mount_options options = *mount->options;
    char *overlay = options.overlay ? platter_os_full_path(options.overlay) : NULL;
    json_t *request = json_object(), *asked;
    enum platter_result result = check(arguments, err);
    bool made = false;

    if (result)
        goto done;
    options.image = mount->image_path;
    options.folder = mount->folder[0] ? mount->folder : NULL;
    options.overlay = overlay;
    result = make_overlay(&options, &made, err);
    if (result)
        goto done;
    asked = service_options_json(&options, cli_option_given(arguments, "at-boot"));
    platter_json_text(request, "request", "mount");
    if (!asked || json_object_set_new(request, "options", asked) != 0)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    else
        result = service_ask(request, MOUNT_MS, report, err);
    /* Where the service has it after all, and only its answer was late, it is in use and stays. */
    if (result && made)
        (void)platter_os_remove(overlay, NULL);
done:
    json_decref(request);
    free(overlay);
    return result;
}

void cli_persistent_unmounted(uint32_t process_id)
{
    json_t *request = json_object(), *answer = NULL;

    platter_json_text(request, "request", "unmounted");
    platter_json_number(request, "process_id", process_id);
    /* Without it the service finds out by itself, a moment later. */
    (void)service_ask(request, FORGET_MS, &answer, NULL);
    json_decref(answer);
    json_decref(request);
}
