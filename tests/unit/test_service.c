/* SPDX-License-Identifier: MIT */
/* The service's parts that need no Windows: messages, stored options, what a worker may have opened, the opener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../engine/os/file.h"
#include "../../service/access.h"
#include "../../service/confine.h"
#include "../../service/entry.h"
#include "../../service/message.h"
#include "../../service/retry.h"

/* ---- Messages -------------------------------------------------------------------------------------------------------- */

static enum platter_result parse(const char *text, struct service_request *request)
{
    struct platter_error err;

    return service_request_parse(text, strlen(text), request, &err);
}

static void requests_are_read(void **state)
{
    struct service_request request;

    (void)state;
    assert_int_equal(PLATTER_OK, parse("{\"protocol\":1,\"request\":\"list\"}", &request));
    assert_int_equal(SERVICE_ASK_LIST, request.kind);
    service_request_free(&request);
    assert_int_equal(PLATTER_OK, parse("{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"C:\\\\a.vhd\","
                                       "\"letter\":\"X,Y\",\"read_only\":true,\"disk\":2,\"at_boot\":true}}",
                                       &request));
    assert_int_equal(SERVICE_ASK_MOUNT, request.kind);
    assert_string_equal("C:\\a.vhd", request.options.mount.image);
    assert_string_equal("X,Y", request.options.mount.letters);
    assert_true(request.options.mount.read_only);
    assert_true(request.options.mount.hosted);
    assert_true(request.options.at_boot);
    assert_false(request.options.elevated);
    assert_int_equal(2, request.options.mount.open.disk);
    assert_null(request.options.mount.overlay);
    service_request_free(&request);
    assert_int_equal(
        PLATTER_OK,
        parse("{\"protocol\":1,\"request\":\"forget\",\"id\":\"c8df38b7-6cd2-4fa8-ae4f-54da332f65b5\"}", &request));
    service_request_free(&request);
    assert_int_equal(PLATTER_OK,
                     parse("{\"protocol\":1,\"request\":\"unmounted\",\"process_id\":4294967295}", &request));
    assert_int_equal(UINT32_MAX, request.process_id);
    service_request_free(&request);
    service_request_free(&request);
}

static void what_is_malformed_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"protocol\":1}",
        "{\"protocol\":1,\"request\":\"list\"}x",
        "{\"protocol\":2,\"request\":\"list\"}",
        "{\"protocol\":1,\"request\":7}",
        "{\"protocol\":-1,\"request\":\"list\"}",
        "{\"protocol\":1.0,\"request\":\"list\"}",
        "{\"protocol\":1,\"request\":\"list\",\"request\":\"status\"}",
        "{\"protocol\":1,\"request\":\"list\",\"more\":1}",
        "{\"protocol\":1,\"request\":\"list\",\"all\":true}",
        "{\"protocol\":1,\"request\":\"list\",\"options\":{\"image\":\"a\"}}",
        "{\"protocol\":1,\"request\":\"mount\"}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":[]}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\\u0000b\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"elevated\":true}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"password\":\"b\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"overlay\":\"\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"overlay\":\"b\",\"read_only\":true}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"letter\":\"XY\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"letter\":\"X\",\"no_letter\":true}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"letter\":\"X\",\"folder\":\"b\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"no_letter\":true,\"folder\":\"b\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"remember_path\":\"b\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"partition\":\"x\"}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"sector_size\":513}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"disk\":1025}}",
        "{\"protocol\":1,\"request\":\"mount\",\"options\":{\"image\":\"a\",\"read_only\":1}}",
        "{\"protocol\":1,\"request\":\"forget\"}",
        "{\"protocol\":1,\"request\":\"forget\",\"all\":true,\"image\":\"a\"}",
        "{\"protocol\":1,\"request\":\"forget\",\"id\":\"C8DF38B7-6CD2-4FA8-AE4F-54DA332F65B5\"}",
        "{\"protocol\":1,\"request\":\"forget\",\"id\":\"..\\\\..\\\\Run\"}",
        "{\"protocol\":1,\"request\":\"unmounted\"}",
        "{\"protocol\":1,\"request\":\"unmounted\",\"process_id\":4294967296}",
        "{\"protocol\":1,\"request\":\"list\",\"id\":[[[[[1]]]]]}",
    };
    struct service_request request;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (parse(refused[i], &request) == PLATTER_OK)
            fail_msg("taken: %s", refused[i]);
        assert_null(request.json);
        assert_null(request.options.json);
    }
}

static void messages_are_bounded(void **state)
{
    struct service_request request;
    struct platter_error err;
    uint8_t head[SERVICE_HEAD_BYTES];
    uint32_t length = 0;
    char *text = calloc(1, SERVICE_REQUEST_MOST + 2);

    (void)state;
    service_head_write(0x01020304, head);
    assert_memory_equal("\x04\x03\x02\x01", head, sizeof(head));
    assert_int_equal(PLATTER_E_USAGE, service_head_read(head, 0x01020303, &length, &err));
    assert_int_equal(PLATTER_OK, service_head_read(head, 0x01020304, &length, &err));
    assert_int_equal(0x01020304, length);
    memset(head, 0, sizeof(head));
    assert_int_equal(PLATTER_E_USAGE, service_head_read(head, 100, &length, &err));
    memset(text, ' ', SERVICE_REQUEST_MOST + 1);
    memcpy(text, "{\"protocol\":1,\"request\":\"list\"}", 31);
    assert_int_equal(PLATTER_OK, service_request_parse(text, SERVICE_REQUEST_MOST, &request, &err));
    service_request_free(&request);
    assert_int_equal(PLATTER_E_USAGE, service_request_parse(text, SERVICE_REQUEST_MOST + 1, &request, &err));
    /* Deep, and deep only inside a text. */
    memset(text, '[', SERVICE_REQUEST_MOST);
    assert_int_equal(PLATTER_E_USAGE, service_request_parse(text, SERVICE_REQUEST_MOST, &request, &err));
    strcpy(text, "{\"protocol\":1,\"request\":\"forget\",\"image\":\"C:\\\\[[[[[[\\\"{{{{{{\"}");
    assert_int_equal(PLATTER_OK, service_request_parse(text, strlen(text), &request, &err));
    service_request_free(&request);
    free(text);
}

static void options_come_back_as_they_were_stored(void **state)
{
    struct platter_mount_options mount = {.image = "C:\\a b.vhdx",
                                          .open = {.format = "vhdx", .snapshot = "1", .disk = 3, .sector_size = 4096},
                                          .partition = "1,3",
                                          .letters = "X,Y",
                                          .overlay = "C:\\c.qcow2",
                                          .shared = true,
                                          .remember = true};
    json_t *object = service_options_json(&mount, true);
    struct service_options options;
    struct platter_error err;

    (void)state;
    assert_non_null(object);
    assert_int_equal(PLATTER_OK, service_options_parse(object, false, &options, &err));
    assert_string_equal(mount.image, options.mount.image);
    assert_string_equal(mount.open.format, options.mount.open.format);
    assert_string_equal(mount.open.snapshot, options.mount.open.snapshot);
    assert_int_equal(3, options.mount.open.disk);
    assert_int_equal(4096, options.mount.open.sector_size);
    assert_string_equal(mount.partition, options.mount.partition);
    assert_string_equal(mount.letters, options.mount.letters);
    assert_string_equal(mount.overlay, options.mount.overlay);
    assert_true(options.mount.remember && options.mount.shared && options.at_boot && !options.mount.read_only &&
                !options.mount.no_letter);
    service_options_free(&options);
    json_object_set_new(object, "elevated", json_true());
    assert_int_equal(PLATTER_E_USAGE, service_options_parse(object, false, &options, &err));
    assert_int_equal(PLATTER_OK, service_options_parse(object, true, &options, &err));
    assert_true(options.elevated);
    service_options_free(&options);
    json_decref(object);
}

/* ---- What a worker may have opened ----------------------------------------------------------------------------------- */

enum { NOT = 0, READ = 1, WRITE = 2 };

static int may(const struct platter_mount_options *mount, const char *path)
{
    struct platter_error err;
    int rights = service_access_check(mount, path, 0, &err) == PLATTER_OK ? READ : NOT;

    return rights | (service_access_check(mount, path, PLATTER_OS_FILE_WRITE, &err) == PLATTER_OK ? WRITE : NOT);
}

static void a_worker_gets_what_an_image_is_made_of(void **state)
{
    static const struct {
        const char *path;
        int in_place, read_only, overlay;
    } cases[] = {
        {"C:\\img\\disk.vmdk", READ | WRITE, READ, READ},
        {"c:\\IMG\\DISK.VMDK", READ | WRITE, READ, READ},
        {"C:\\img\\disk-s001.vmdk", READ | WRITE, READ, READ},
        {"C:\\img\\disk.vmdk.txt", READ | WRITE, READ, READ}, /* begins with the image's name */
        {"C:\\img\\disk_1.raw.7", READ | WRITE, READ, READ},
        {"C:\\img\\diskette.txt", NOT, NOT, NOT}, /* its name goes on */
        {"C:\\img\\disk2.txt", NOT, NOT, NOT},
        {"C:\\img\\disk\xc3\xa9.txt", NOT, NOT, NOT},
        {"C:\\img\\other.vmdk", READ, READ, READ},
        {"D:\\parents\\base.VHDX", READ, READ, READ},
        {"C:/img/disk.vmdk", READ | WRITE, READ, READ},
        {"C:\\img\\changes.qcow2", READ, READ, READ | WRITE},
        {"C:\\img\\notes.txt", NOT, NOT, NOT},
        {"C:\\Users\\me\\.ssh\\id_rsa", NOT, NOT, NOT},
        {"C:\\img\\sub\\disk.vmdk", READ, READ, READ},
        {"C:\\img\\..\\secret\\disk.vmdk", NOT, NOT, NOT},
        {"C:\\img\\.\\disk.vmdk", NOT, NOT, NOT},
        {"C:\\img\\disk.vmdk:stream", NOT, NOT, NOT},
        {"C:disk.vmdk", NOT, NOT, NOT},
        {"disk.vmdk", NOT, NOT, NOT},
        {"\\img\\disk.vmdk", NOT, NOT, NOT},
        {"\\\\evil\\share\\base.vhd", NOT, NOT, NOT},
        {"\\\\.\\PhysicalDrive0", NOT, NOT, NOT},
        {"\\\\?\\C:\\img\\disk.vmdk", NOT, NOT, NOT},
        {"\\\\.\\pipe\\x.vhd", NOT, NOT, NOT},
        {"C:\\img\\NUL", NOT, NOT, NOT},
        {"C:\\img\\con.vhd", NOT, NOT, NOT},
        {"C:\\img\\aux .x.vhd", NOT, NOT, NOT},
        {"C:\\com7\\base.vhd", NOT, NOT, NOT},
        {"C:\\img\\LPT\xc2\xb9.vhd", NOT, NOT, NOT},
        {"C:\\img\\conin$", NOT, NOT, NOT},
        {"C:\\img\\console.vhd", READ, READ, READ},
        {"C:\\img\\com10.vhd", READ, READ, READ},
        {"C:\\img\\disk.vmdk.", NOT, NOT, NOT},
        {"C:\\img\\disk.vmdk ", NOT, NOT, NOT},
        {"C:\\img.\\disk.vmdk", NOT, NOT, NOT},
        {"C:\\img\\disk*.vhd", NOT, NOT, NOT},
        {"C:\\img\\disk\n.vhd", NOT, NOT, NOT},
        {"", NOT, NOT, NOT},
    };
    struct platter_mount_options in_place = {.image = "C:\\img\\disk.vmdk"}, read_only = in_place, overlay = in_place;

    (void)state;
    read_only.read_only = true;
    overlay.overlay = "C:\\img\\changes.qcow2";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (may(&in_place, cases[i].path) != cases[i].in_place ||
            may(&read_only, cases[i].path) != cases[i].read_only || may(&overlay, cases[i].path) != cases[i].overlay)
            fail_msg("%s: %d %d %d", cases[i].path, may(&in_place, cases[i].path), may(&read_only, cases[i].path),
                     may(&overlay, cases[i].path));
    }
}

static void paths_are_made_as_windows_makes_them(void **state)
{
    static const char *const pairs[][2] = {
        {"C:\\a\\b.vhd", "C:\\a\\b.vhd"},
        {"C:\\old/../older/first.img", "C:\\older\\first.img"},
        {"C:\\a\\.\\\\b\\.\\c.vhd", "C:\\a\\b\\c.vhd"},
        {"C:\\a\\..\\..\\..\\b.vhd", "C:\\b.vhd"},
        {"C:\\a\\b\\..", "C:\\a\\"},
        {"C:\\..", "C:\\"},
        {"C:\\a\\..b\\...\\c..", "C:\\a\\..b\\...\\c.."},
        {"\\\\server\\share\\a\\..\\..\\..\\other\\b.vhd", "\\\\server\\share\\other\\b.vhd"},
        {"\\\\server/share/a/../b.vhd", "\\\\server\\share\\b.vhd"},
        {"..\\b.vhd", "..\\b.vhd"},
        {"C:..\\b.vhd", "C:..\\b.vhd"},
        {"\\\\server\\..", "\\\\server\\.."},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char *tidy = service_path_tidy(pairs[i][0]);

        assert_string_equal(pairs[i][1], tidy);
        free(tidy);
    }
}

static void servers_folders_and_new_files(void **state)
{
    const struct platter_mount_options share = {.image = "\\\\server\\share\\img\\disk.vhd"};
    const struct platter_mount_options local = {.image = "C:\\img\\disk.vhd"};
    struct platter_error err;

    (void)state;
    assert_int_equal(READ | WRITE, may(&share, "\\\\SERVER\\share\\img\\disk.vhd"));
    assert_int_equal(READ, may(&share, "\\\\server\\share\\base\\base.vhd"));
    assert_int_equal(NOT, may(&share, "\\\\server\\other\\base.vhd"));
    assert_int_equal(NOT, may(&share, "\\\\server\\share2\\base.vhd"));
    assert_false(service_path_is_whole("\\\\server\\pipe\\disk.vhd"));
    assert_false(service_path_is_whole("\\\\server\\PIPE\\disk.vhd"));
    assert_false(service_path_is_whole("\\\\server/ipc$/disk.vhd"));
    assert_false(service_path_is_whole("\\\\server\\mailslot\\disk.vhd"));
    assert_true(service_path_is_whole("\\\\server\\pipes\\disk.vhd"));
    assert_int_equal(PLATTER_OK, service_access_check(&local, "C:\\img\\", PLATTER_OS_FILE_FOLDER, &err));
    assert_int_equal(PLATTER_E_ACCESS, service_access_check(&local, "C:\\", PLATTER_OS_FILE_FOLDER, &err));
    assert_int_equal(PLATTER_E_ACCESS, service_access_check(&local, "C:\\img\\disk.vhd", PLATTER_OS_FILE_CREATE, &err));
    assert_int_equal(PLATTER_E_ACCESS,
                     service_access_check(&local, "C:\\img\\disk.vhd", PLATTER_OS_FILE_TEMPORARY, &err));
    assert_int_equal(PLATTER_E_ACCESS,
                     service_access_check(&local, "C:\\img\\disk.vhd", PLATTER_OS_FILE_REMOVABLE, &err));
}

static void an_image_on_a_server_has_no_files(void **state)
{
    const struct platter_mount_options remote = {.image = "nbd://127.0.0.1:10809/disk.vmdk",
                                                 .overlay = "C:\\img\\changes.qcow2"};
    struct platter_mount_options alone = remote;
    struct platter_error err;

    (void)state;
    alone.overlay = NULL;
    assert_int_equal(READ | WRITE, may(&remote, "C:\\img\\changes.qcow2"));
    assert_int_equal(NOT, may(&alone, "C:\\img\\changes.qcow2"));
    assert_int_equal(NOT, may(&remote, "C:\\img\\base.vhd"));
    assert_int_equal(NOT, may(&remote, remote.image));
    assert_int_equal(NOT, may(&remote, "nbd://127.0.0.1:10809/disk-s001.vmdk"));
    assert_int_equal(NOT, may(&remote, "\\\\127.0.0.1\\share\\base.vhd"));
    assert_int_equal(PLATTER_E_ACCESS, service_access_check(&remote, "C:\\img\\", PLATTER_OS_FILE_FOLDER, &err));
    assert_int_equal(PLATTER_E_ACCESS, service_access_check(&remote, "nbd://", PLATTER_OS_FILE_FOLDER, &err));
}

/* ---- Who sees what, and may end it ----------------------------------------------------------------------------------- */

static void mounts_are_their_owners(void **state)
{
    struct service_entry entry = {.id = "c8df38b7-6cd2-4fa8-ae4f-54da332f65b5",
                                  .owner = "S-1-5-21-1-2-3-1001",
                                  .options = {.mount = {.image = "C:\\his\\secret.vhd"}},
                                  .state = SERVICE_STATE_RETRYING,
                                  .kept = true,
                                  .error = {.result = PLATTER_E_FAILED, .offset = PLATTER_NO_OFFSET}};
    const struct service_asker owner = {.sid = "S-1-5-21-1-2-3-1001"}, other = {.sid = "S-1-5-21-1-2-3-100"},
                               nobody = {0}, administrator = {.sid = "S-1-5-21-1-2-3-500", .administrator = true};
    const struct service_request by_id = {.kind = SERVICE_ASK_FORGET, .id = entry.id},
                                 by_image = {.kind = SERVICE_ASK_FORGET, .image = "c:\\HIS\\secret.vhd"},
                                 all = {.kind = SERVICE_ASK_FORGET, .all = true},
                                 another = {.kind = SERVICE_ASK_FORGET, .image = "C:\\his\\secret.vhdx"};
    const struct service_request *const meant[] = {&by_id, &by_image, &all};
    json_t *array = json_array();

    (void)state;
    service_entry_json(array, &entry, &other);
    service_entry_json(array, &entry, &nobody);
    assert_int_equal(0, json_array_size(array));
    service_entry_json(array, &entry, &owner);
    service_entry_json(array, &entry, &administrator);
    assert_int_equal(2, json_array_size(array));
    assert_string_equal("C:\\his\\secret.vhd", platter_json_text_of(json_array_get(array, 0), "image"));
    assert_string_equal("retrying", platter_json_text_of(json_array_get(array, 0), "state"));
    assert_true(json_is_object(json_object_get(json_array_get(array, 0), "error")));
    json_decref(array);
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
        assert_true(service_entry_is_meant(&entry, meant[i], &owner));
        assert_true(service_entry_is_meant(&entry, meant[i], &administrator));
        assert_false(service_entry_is_meant(&entry, meant[i], &other));
        assert_false(service_entry_is_meant(&entry, meant[i], &nobody));
    }
    assert_false(service_entry_is_meant(&entry, &another, &owner));
    entry.state = SERVICE_STATE_GONE;
    assert_false(service_entry_is_meant(&entry, &all, &owner));
    entry.owner[0] = '\0';
    assert_false(service_entry_is_for(&entry, &nobody));
}

static void nobody_fills_all_places(void **state)
{
    struct platter_error err;

    (void)state;
    assert_int_equal(PLATTER_OK, service_mounts_check(0, 0, false, &err));
    assert_int_equal(PLATTER_OK, service_mounts_check(63, 63, false, &err));
    assert_int_equal(PLATTER_E_UNSUPPORTED, service_mounts_check(64, 64, false, &err));
    assert_int_equal(PLATTER_E_UNSUPPORTED, service_mounts_check(64, 64, true, &err));
    /* Three users with all that they may have; an administrator still has his. */
    assert_int_equal(PLATTER_OK, service_mounts_check(191, 0, false, &err));
    assert_int_equal(PLATTER_E_UNSUPPORTED, service_mounts_check(192, 0, false, &err));
    assert_non_null(strstr(err.message, "192"));
    assert_int_equal(PLATTER_OK, service_mounts_check(192, 0, true, &err));
    assert_int_equal(PLATTER_OK, service_mounts_check(255, 63, true, &err));
    assert_int_equal(PLATTER_E_UNSUPPORTED, service_mounts_check(256, 0, true, &err));
}

/* ---- How workers are confined ---------------------------------------------------------------------------------------- */

#define HEAP_HANDLES_EXTENSIONS (1ull << 12 | 1ull << 24 | 1ull << 32)
#define NO_NEW_CODE (1ull << 36)
#define FONTS (1ull << 48)
#define PROGRAMS (1ull << 52 | 1ull << 56)
#define SYSTEM_FIRST (1ull << 60)

static void each_system_gets_what_it_knows(void **state)
{
    static const struct {
        struct service_system system;
        bool contained, no_children; /* of a local image */
        uint64_t mitigations;
    } table[] = {
        {{6, 1, 7601, false}, false, false, 0}, /* Windows 7 refuses any flag of these */
        {{6, 1, 7601, true}, false, false, 0},  /* whatever functions somebody has put there */
        {{6, 2, 9200, true}, true, false, HEAP_HANDLES_EXTENSIONS},
        {{6, 2, 9200, false}, false, false, HEAP_HANDLES_EXTENSIONS},
        {{6, 3, 9600, true}, true, false, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE},
        {{10, 0, 10240, true}, true, false, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE | FONTS},
        {{10, 0, 10586, true}, true, true, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE | FONTS | PROGRAMS},
        {{10, 0, 14393, true}, true, true, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE | FONTS | PROGRAMS | SYSTEM_FIRST},
        {{10, 0, 26100, true}, true, true, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE | FONTS | PROGRAMS | SYSTEM_FIRST},
        {{11, 0, 1, true}, true, true, HEAP_HANDLES_EXTENSIONS | NO_NEW_CODE | FONTS | PROGRAMS | SYSTEM_FIRST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct service_confinement local = {0}, remote = {0};

        assert_true(service_confinement_plan(&table[i].system, false, 0, &local));
        assert_true(service_confinement_plan(&table[i].system, true, 0, &remote));
        assert_int_equal(table[i].contained, local.app_container);
        assert_int_equal(table[i].contained, service_confinement_why_not(&table[i].system, false) == NULL);
        /* The network, and nothing else. */
        assert_false(remote.app_container);
        assert_string_equal("its image is on a server", service_confinement_why_not(&table[i].system, true));
        assert_true(local.mitigations == table[i].mitigations && remote.mitigations == table[i].mitigations);
        assert_int_equal(table[i].no_children, local.no_children);
        assert_int_equal(table[i].no_children, remote.no_children);
    }
}

static void what_does_not_start_gives_up_one_thing_at_a_time(void **state)
{
    static const struct service_system newest = {10, 0, 26100, true}, oldest = {6, 1, 7601, false};
    struct service_confinement plan;

    (void)state;
    assert_true(service_confinement_plan(&newest, false, 0, &plan));
    assert_true(plan.app_container && plan.mitigations && plan.no_children);
    assert_true(service_confinement_plan(&newest, false, 1, &plan));
    assert_true(plan.app_container && !plan.mitigations && !plan.no_children);
    assert_true(service_confinement_plan(&newest, false, 2, &plan));
    assert_true(!plan.app_container && plan.mitigations && plan.no_children);
    assert_true(service_confinement_plan(&newest, false, 3, &plan));
    assert_true(!plan.app_container && !plan.mitigations && !plan.no_children);
    assert_false(service_confinement_plan(&newest, false, 4, &plan));
    assert_true(service_confinement_plan(&newest, true, 1, &plan));
    assert_true(!plan.app_container && !plan.mitigations && !plan.no_children);
    assert_false(service_confinement_plan(&newest, true, 2, &plan));
    /* No rung is tried twice. */
    assert_true(service_confinement_plan(&oldest, false, 0, &plan));
    assert_false(service_confinement_plan(&oldest, false, 1, &plan));
}

/* ---- Trying again ---------------------------------------------------------------------------------------------------- */

static void what_is_lost_is_tried_again_a_few_times(void **state)
{
    struct service_retry retry = {.count = 0};
    uint64_t now = 5000, first;
    uint32_t delay = 0, before = 0;

    (void)state;
    first = now;
    for (unsigned i = 0; i < SERVICE_RETRY_MOST; i++) {
        assert_true(service_retry_next(&retry, now, &delay));
        assert_true(delay >= 1000 && delay > before);
        before = delay;
        now += delay + 1;
    }
    assert_false(service_retry_next(&retry, now, &delay));
    assert_false(
        service_retry_next(&retry, first + SERVICE_RETRY_WITHIN_MS, &delay)); /* the first was later than that */
    /* When the first does not count any more there is one, and not three. */
    now = retry.at[0] + SERVICE_RETRY_WITHIN_MS;
    assert_true(service_retry_next(&retry, now, &delay));
    assert_int_equal(before, delay);
    assert_false(service_retry_next(&retry, now, &delay));
    /* After a long time all is as at first. */
    now += 10 * SERVICE_RETRY_WITHIN_MS;
    for (unsigned i = 0; i < SERVICE_RETRY_MOST; i++)
        assert_true(service_retry_next(&retry, now, &delay));
    assert_false(service_retry_next(&retry, now, &delay));
}

/* An image that ends its worker at once, for a day. */
static void a_hostile_image_does_not_spin(void **state)
{
    struct service_retry retry = {.count = 0};
    unsigned tries = 0;
    uint32_t delay;

    (void)state;
    for (uint64_t now = 0; now < 86400000; now += 1000)
        tries += service_retry_next(&retry, now, &delay);
    assert_in_range(tries, SERVICE_RETRY_MOST, SERVICE_RETRY_MOST * (86400000 / SERVICE_RETRY_WITHIN_MS + 1));
}

/* ---- The opener ------------------------------------------------------------------------------------------------------ */

static enum platter_result give(void *context, const char *path, uint32_t flags, intptr_t *handle,
                                struct platter_error *err)
{
    (void)flags;
    if (strcmp(path, "asked") != 0)
        return platter_error_set(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET, "not this one");
    *handle = open(context, O_RDONLY | O_CLOEXEC);
    return PLATTER_OK;
}

static void files_are_opened_by_another(void **state)
{
    char name[] = "/tmp/platter-opener.XXXXXX", back[8];
    struct platter_os_file *file = NULL;
    struct platter_error err;
    int fd = mkstemp(name);
    size_t done = 0;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(5, write(fd, "hello", 5));
    close(fd);
    platter_os_file_set_opener(give, name);
    assert_int_equal(PLATTER_OK, platter_os_file_open("asked", 0, &file, &err));
    assert_int_equal(PLATTER_OK, platter_os_file_read(file, back, 5, 0, &done, &err));
    assert_memory_equal("hello", back, 5);
    platter_os_file_close(file);
    assert_int_equal(PLATTER_E_ACCESS, platter_os_file_open(name, 0, &file, &err));
    assert_string_equal("not this one", err.message);
    platter_os_file_set_opener(NULL, NULL);
    assert_int_equal(PLATTER_OK, platter_os_file_open(name, 0, &file, &err));
    platter_os_file_close(file);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(options_come_back_as_they_were_stored),
        cmocka_unit_test(a_worker_gets_what_an_image_is_made_of),
        cmocka_unit_test(paths_are_made_as_windows_makes_them),
        cmocka_unit_test(servers_folders_and_new_files),
        cmocka_unit_test(an_image_on_a_server_has_no_files),
        cmocka_unit_test(mounts_are_their_owners),
        cmocka_unit_test(nobody_fills_all_places),
        cmocka_unit_test(each_system_gets_what_it_knows),
        cmocka_unit_test(what_does_not_start_gives_up_one_thing_at_a_time),
        cmocka_unit_test(what_is_lost_is_tried_again_a_few_times),
        cmocka_unit_test(a_hostile_image_does_not_spin),
        cmocka_unit_test(files_are_opened_by_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
