/* SPDX-License-Identifier: MIT */
/*
 * What a client says to the service. What is taken must hold to what message.h promises, and options must come back from
 * the store as they went in. The same bytes as a path: the rules on files never let one pass that is not whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../engine/os/file.h"
#include "../../service/access.h"
#include "../../service/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void store_and_read(const struct service_options *options)
{
    json_t *stored = service_options_json(&options->mount, options->at_boot);
    struct service_options back;

    check(stored != NULL);
    check(service_options_parse(stored, true, &back, NULL) == PLATTER_OK);
    check(strcmp(back.mount.image, options->mount.image) == 0);
    check(back.at_boot == options->at_boot && !back.elevated);
    service_options_free(&back);
    json_decref(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct platter_mount_options mount = {.image = "C:\\images\\disk.vhd", .overlay = "D:\\changes.qcow2"};
    struct service_request request;
    struct platter_error err;
    uint32_t length;
    char *text;

    if (size >= SERVICE_HEAD_BYTES && service_head_read(data, SERVICE_REQUEST_MOST, &length, &err) == PLATTER_OK)
        check(length > 0 && length <= SERVICE_REQUEST_MOST);
    /* Exactly as long, so that a byte too far is seen. */
    text = malloc(size + 1);
    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (service_access_check(&mount, text, PLATTER_OS_FILE_WRITE, &err) == PLATTER_OK)
        check(service_path_is_whole(text) && !strstr(text, "\\..\\"));
    text = realloc(text, size ? size : 1);
    if (service_request_parse(text, size, &request, &err) == PLATTER_OK) {
        check(request.kind <= SERVICE_ASK_UNMOUNTED);
        check(!request.id || service_is_id(request.id));
        if (request.kind == SERVICE_ASK_MOUNT) {
            check(request.options.mount.image && request.options.mount.image[0] && !request.options.elevated);
            store_and_read(&request.options);
        }
    } else {
        check(err.result == PLATTER_E_USAGE && err.message[0]);
    }
    service_request_free(&request);
    free(text);
    return 0;
}
