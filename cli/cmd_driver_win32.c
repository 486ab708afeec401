/* SPDX-License-Identifier: MIT */
/* `driver install`, `driver remove`, `driver status`. */
#include "commands.h"
#include "console.h"
#include "../mount/control_win32.h"
#include "../mount/dismount_win32.h"
#include "setup_win32.h"
#include "../mount/wide_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_WITHIN_MS 10000u /* after the installation, where Windows tells what is wrong */
#define START_WITHIN_MS 40000u  /* where it tells nothing */
#define START_AGAIN_MS 3000u
#define DOUBT_AFTER_MS 20000u /* what is said of a driver that does not answer: that it runs */
#define POLL_MS 100u

const struct cli_option cli_install_options[] = {
    {"inf", "PATH",
     "the driver's INF, with platter.sys beside it; otherwise platter.inf beside this program, or in the folder "
     "'driver' there"},
    {NULL, NULL, NULL}};

const struct cli_option cli_remove_options[] = {
    {"force", NULL, "unmount all drives first, also those in use: programs lose the files they have open on them"},
    {NULL, NULL, NULL}};

/* What there is of the driver. */
struct state {
    struct cli_devices devices;
    struct cli_service service;
    bool answers;
    struct platter_hello_out hello; /* when it answers */
    struct platter_error why;       /* when it does not */
    struct platter_transport *transport;
};

static enum platter_result look(struct state *state, struct platter_error *err)
{
    enum platter_result result;

    memset(state, 0, sizeof(*state));
    result = cli_devices_find(&state->devices, err);
    if (result == PLATTER_OK)
        result = cli_service_query(&state->service, err);
    if (result == PLATTER_OK)
        state->answers = platter_control_open(&state->transport, &state->hello, &state->why) == PLATTER_OK;
    return result;
}

static void version_text(uint32_t version, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "%u.%u.%u", (unsigned)(version >> 16), (unsigned)(version >> 8 & 0xff),
                   (unsigned)(version & 0xff));
}

/* ---- status -------------------------------------------------------------------------------------------------------- */

static void status_json(json_t *root, const struct state *state)
{
    char text[CLI_PATH_UNITS * 3];
    json_t *routes;
    char *file = platter_narrow(state->service.file), *inf = platter_narrow(state->devices.inf);

    platter_json_bool(root, "installed", state->service.installed || state->devices.count > 0);
    platter_json_bool(root, "running", state->service.running);
    platter_json_bool(root, "usable", state->answers);
    platter_json_number(root, "devices", state->devices.count);
    platter_json_number(root, "problem", state->devices.problem);
    platter_json_text(root, "file", file && file[0] ? file : NULL);
    platter_json_text(root, "file_version",
                      state->service.file[0] && cli_file_version(state->service.file, text, sizeof(text)) ? text
                                                                                                          : NULL);
    platter_json_text(root, "inf", inf && inf[0] ? inf : NULL);
    version_text(state->hello.driver_version, text, sizeof(text));
    platter_json_text(root, "version", state->answers ? text : NULL);
    if (state->answers) {
        platter_json_number(root, "protocol_version", state->hello.protocol_version);
        platter_json_number(root, "volumes", state->hello.volumes);
    } else {
        platter_json_null(root, "protocol_version");
        platter_json_null(root, "volumes");
    }
    routes = platter_json_array(root, "routes");
    for (uint32_t route = PLATTER_ROUTE_PNP; route <= PLATTER_ROUTE_LINK; route++) {
        if (state->hello.routes & PLATTER_ROUTE_BIT(route))
            (void)json_array_append_new(routes, json_string(platter_route_name(route)));
    }
    free(inf);
    free(file);
}

static void status_print(const struct state *state)
{
    char text[64];
    char *file = platter_narrow(state->service.file);
    bool first = true;

    if (!state->service.installed && state->devices.count == 0) {
        cli_print(CLI_OUT, "the driver is not installed\n");
        free(file);
        return;
    }
    cli_print(CLI_OUT, "%-18s%s\n", "service:",
              !state->service.installed ? "none"
              : state->service.running  ? "running"
                                        : "stopped");
    cli_print(CLI_OUT, "%-18s%u\n", "bus devices:", state->devices.count);
    if (state->devices.problem)
        cli_print(CLI_OUT, "%-18scode %u, as the Device Manager counts\n",
                  "problem:", (unsigned)state->devices.problem);
    if (file && file[0])
        cli_print(CLI_OUT, "%-18s%s\n", "file:", file);
    free(file);
    if (!state->answers)
        return;
    version_text(state->hello.driver_version, text, sizeof(text));
    cli_print(CLI_OUT, "%-18s%s, protocol %u\n", "version:", text, (unsigned)state->hello.protocol_version);
    cli_print(CLI_OUT, "%-18s%u\n", "drives:", (unsigned)state->hello.volumes);
    cli_print(CLI_OUT, "%-18s", "letters by:");
    for (uint32_t route = PLATTER_ROUTE_PNP; route <= PLATTER_ROUTE_LINK; route++) {
        if (state->hello.routes & PLATTER_ROUTE_BIT(route)) {
            cli_print(CLI_OUT, "%s%s", first ? "" : ", ", platter_route_text(route));
            first = false;
        }
    }
    cli_print(CLI_OUT, "%s\n", first ? "nobody" : "");
}

enum platter_result cli_driver_status(const struct cli_arguments *arguments, struct cli_reply *reply,
                                      struct platter_error *err)
{
    struct state *state = calloc(1, sizeof(*state));
    enum platter_result result;

    (void)arguments;
    if (!state)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    result = look(state, err);
    if (result != PLATTER_OK)
        goto done;
    if (reply->json)
        status_json(reply->root, state);
    else
        status_print(state);
    if (!state->answers) {
        *err = state->why;
        result = err->result;
    }
    platter_control_close(state->transport);
done:
    free(state);
    return result;
}

/* ---- install ------------------------------------------------------------------------------------------------------- */

static bool exists(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);

    return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

/* The INF, and the driver beside it, by whole paths. */
static enum platter_result find_files(const struct cli_arguments *arguments, wchar_t *inf, wchar_t *sys,
                                      struct platter_error *err)
{
    const char *given = cli_option_value(arguments, "inf");
    wchar_t *wide = given ? platter_wide(given) : NULL, *slash;
    DWORD length =
        wide ? GetFullPathNameW(wide, CLI_PATH_UNITS, inf, NULL) : GetModuleFileNameW(NULL, inf, CLI_PATH_UNITS);
    enum platter_result result = PLATTER_OK;
    char *name = NULL;

    free(wide);
    slash = length > 0 && length < CLI_PATH_UNITS - 24 ? wcsrchr(inf, L'\\') : NULL;
    if (!slash)
        return platter_error_set(err, PLATTER_E_USAGE, given, PLATTER_NO_OFFSET, "its path is too long");
    if (!given) {
        wcscpy(slash + 1, L"platter.inf");
        if (!exists(inf)) {
            wcscpy(slash + 1, L"driver\\platter.inf");
            slash = wcsrchr(inf, L'\\');
        }
    }
    wcscpy(sys, inf);
    wcscpy(sys + (slash - inf) + 1, L"platter.sys");
    if (!exists(inf)) {
        name = platter_narrow(inf);
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, name, PLATTER_NO_OFFSET,
                                   "there is no such file; '--inf PATH' tells where the driver's INF is");
    } else if (!exists(sys)) {
        name = platter_narrow(sys);
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, name, PLATTER_NO_OFFSET,
                                   "there is no such file; the driver must be beside its INF");
    }
    free(name);
    return result;
}

/* Removes all there is, so that nothing old is in the way. */
static enum platter_result remove_everything(const struct cli_devices *devices, bool *restart,
                                             struct platter_error *err)
{
    /* Devices first: a driver that has some does not stop, and one that has been told to stop does not let them go. */
    enum platter_result result = cli_devices_remove(restart, err);

    if (result == PLATTER_OK)
        result = cli_service_remove(restart, err);
    if (result == PLATTER_OK) {
        cli_devices_forget();
        cli_inf_forget(devices->inf);
    }
    return result;
}

/*
 * Until the driver answers; the system starts it on a thread of its own. It gives up by itself where that takes long on a busy
 * machine (Wine's service manager: 10 seconds for a driver's host) and tells nobody, so a driver that does not answer is started
 * again: at once where the service manager calls it stopped, and after a while where it calls it running, for Wine's does so of one
 * whose host has died. Not sooner: while a host is late only, the manager waits with it and this process with the manager.
 */
static enum platter_result verify(struct state *state, const wchar_t *sys, struct platter_error *err)
{
    uint64_t began = cli_monotonic_ms(), start_at = began + START_AGAIN_MS;
    enum platter_result result;

    for (;;) {
        uint64_t now = cli_monotonic_ms();

        result = look(state, err);
        if (result != PLATTER_OK || state->answers ||
            now - began >= (state->devices.problem ? ANSWER_WITHIN_MS : START_WITHIN_MS))
            break;
        if (now >= start_at && !state->devices.problem && (!state->service.running || now - began >= DOUBT_AFTER_MS)) {
            cli_service_start_driver();
            start_at = now + START_AGAIN_MS;
        }
        Sleep(POLL_MS);
    }
    if (result != PLATTER_OK)
        return result;
    if (!state->answers && state->devices.problem)
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "Windows installed the driver and did not start it (code %u in the Device Manager%s)",
                                 (unsigned)state->devices.problem,
                                 state->devices.problem == 52 ? ": its signature is not trusted" : "");
    if (!state->answers) {
        *err = state->why;
        if (!state->service.running)
            return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                     "the driver was installed and does not run; 'platter driver remove' undoes it");
        return err->result;
    }
    if (!cli_same_bytes(state->service.file, sys))
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the driver runs, but not from the file that was installed; restart Windows and try "
                                 "again");
    return PLATTER_OK;
}

static void tell_installed(struct cli_reply *reply, const struct state *state, const char *outcome, bool restart)
{
    char version[32];

    if (reply->json) {
        status_json(reply->root, state);
        platter_json_text(reply->root, "outcome", outcome);
        platter_json_bool(reply->root, "restart_needed", restart);
        return;
    }
    version_text(state->hello.driver_version, version, sizeof(version));
    if (strcmp(outcome, "unchanged") == 0)
        cli_print(CLI_OUT, "driver %s is installed already and runs\n", version);
    else
        cli_print(CLI_OUT, "driver %s is %s and runs%s\n", version, outcome,
                  restart ? "; restart Windows to finish" : "");
}

static enum platter_result install(const wchar_t *inf, const wchar_t *sys, struct cli_reply *reply,
                                   struct platter_error *err)
{
    struct state *state = calloc(1, sizeof(*state));
    enum platter_result result = state ? look(state, err) : PLATTER_E_NO_MEMORY;
    bool was_there, restart = false;

    if (!state)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (result != PLATTER_OK)
        goto done;
    was_there = state->devices.count > 0 || state->service.installed;
    if (state->answers && state->devices.count == 1 && cli_same_bytes(state->service.file, sys)) {
        tell_installed(reply, state, "unchanged", false);
        goto close;
    }
    if (state->answers && state->hello.volumes > 0) {
        result = platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET,
                                   "%u drives are mounted through the driver that is to be replaced",
                                   (unsigned)state->hello.volumes);
        reply->hint = "'platter unmount --all' unmounts them";
        goto close;
    }
    platter_control_close(state->transport);
    state->transport = NULL;
    /* The file of a loaded driver cannot be replaced, and an update over it would seem to have worked. */
    if (was_there)
        result = remove_everything(&state->devices, &restart, err);
    if (result == PLATTER_OK)
        result = cli_device_install(inf, &restart, err);
    if (result == PLATTER_OK)
        result = verify(state, sys, err);
    if (result == PLATTER_OK)
        tell_installed(reply, state, was_there ? "updated" : "installed", restart);
close:
    platter_control_close(state->transport);
done:
    free(state);
    return result;
}

enum platter_result cli_driver_install(const struct cli_arguments *arguments, struct cli_reply *reply,
                                       struct platter_error *err)
{
    wchar_t inf[CLI_PATH_UNITS], sys[CLI_PATH_UNITS];
    enum platter_result result = find_files(arguments, inf, sys, err);

    if (result == PLATTER_OK)
        result = cli_setup_may(err);
    return result == PLATTER_OK ? install(inf, sys, reply, err) : result;
}

/* ---- remove -------------------------------------------------------------------------------------------------------- */

static enum platter_result dismount_all(struct platter_transport *transport, struct platter_error *err)
{
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;
    enum platter_result result = platter_control_list(transport, &volumes, &count, err);

    for (size_t i = 0; i < count && result == PLATTER_OK; i++) {
        result = platter_dismount(transport, &volumes[i], true, NULL, err);
        if (result == PLATTER_E_NOT_FOUND) /* it went with another one of its provider */
            result = PLATTER_OK;
    }
    free(volumes);
    return result;
}

enum platter_result cli_driver_remove(const struct cli_arguments *arguments, struct cli_reply *reply,
                                      struct platter_error *err)
{
    struct state *state = calloc(1, sizeof(*state));
    bool restart = false, was_there;
    enum platter_result result = state ? cli_setup_may(err) : PLATTER_E_NO_MEMORY;

    if (!state)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (result == PLATTER_OK)
        result = look(state, err);
    if (result != PLATTER_OK)
        goto done;
    was_there = state->devices.count > 0 || state->service.installed;
    if (state->answers && state->hello.volumes > 0) {
        if (cli_option_given(arguments, "force")) {
            result = dismount_all(state->transport, err);
        } else {
            result = platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET,
                                       state->hello.volumes == 1 ? "a drive is still mounted"
                                                                 : "%u drives are still mounted",
                                       (unsigned)state->hello.volumes);
            reply->hint = "'platter unmount --all' unmounts them, '--force' does it here";
        }
    }
    platter_control_close(state->transport);
    if (result == PLATTER_OK)
        result = remove_everything(&state->devices, &restart, err);
    if (result != PLATTER_OK)
        goto done;
    if (reply->json) {
        platter_json_bool(reply->root, "removed", was_there);
        platter_json_bool(reply->root, "restart_needed", restart);
    } else {
        cli_print(CLI_OUT, "%s%s\n", was_there ? "the driver is removed" : "the driver was not installed",
                  restart ? "; restart Windows to finish" : "");
    }
done:
    free(state);
    return result;
}
