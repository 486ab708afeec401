/* SPDX-License-Identifier: MIT */
/* The bus device and the driver's service: made, found, removed. What needs an administrator says so. */
#ifndef PLATTER_CLI_SETUP_H
#define PLATTER_CLI_SETUP_H

#include <platter/engine.h>

#include <wchar.h>

#define CLI_PATH_UNITS 1024

/* PLATTER_E_ACCESS unless this process is elevated. */
enum platter_result cli_setup_may(struct platter_error *err);

/* ---- setup_win32.c: the root device, Root\PlatterBus ---- */

struct cli_devices {
    unsigned count;
    uint32_t problem;            /* the first one's problem code (CM_PROB_...); 0: none */
    wchar_t inf[CLI_PATH_UNITS]; /* its INF, by name, in the system's INF folder: "oem12.inf"; "" when not known */
};

enum platter_result cli_devices_find(struct cli_devices *devices, struct platter_error *err);
/* Makes the device if there is none, and has its driver installed from `inf`. Undone if that fails. */
enum platter_result cli_device_install(const wchar_t *inf, bool *restart, struct platter_error *err);
/* Removes all of them. */
enum platter_result cli_devices_remove(bool *restart, struct platter_error *err);
/*
 * Takes out the records that Windows keeps of the drives that were there, once the bus device is removed. Best effort: one left
 * over does no harm, and is used again by the next drive of its number.
 */
void cli_devices_forget(void);
/* Takes the copy of our INF out of the system. Best effort: a copy left over does no harm. */
void cli_inf_forget(const wchar_t *name);

/* ---- service_win32.c: the service "platter" ---- */

struct cli_service {
    bool installed;
    bool running;
    wchar_t file[CLI_PATH_UNITS]; /* the driver's file, whole path; "" when not known */
};

enum platter_result cli_service_query(struct cli_service *service, struct platter_error *err);
/* Asks the system to start it; whether it then runs, cli_service_query tells. */
void cli_service_start_driver(void);
/*
 * Stops and deletes it, and deletes the file; another can be made of its name then. Nothing there is fine. *restart: Windows will
 * finish it at the next start.
 */
enum platter_result cli_service_remove(bool *restart, struct platter_error *err);

/* True when both files can be read and hold the same bytes. */
bool cli_same_bytes(const wchar_t *a, const wchar_t *b);
/* "1.2.3.4" of a file's version resource; false when it has none. */
bool cli_file_version(const wchar_t *path, char *buffer, size_t size);

#endif
