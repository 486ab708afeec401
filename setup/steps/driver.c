/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include "program.h"

#include <windows.h>
#include <string.h>

#define SERVICE_NAME L"platterd"
#define BUSY 5u /* exit status of platter's, docs/cli.md */

/* Runs one command, keeps that Windows wants to be restarted, and turns its failure into ours. */
static enum steps_exit command(struct steps *steps, const wchar_t *dir, const wchar_t *arguments, const char *what)
{
    struct platter_run result;
    enum steps_exit exit = STEPS_DONE;

    program_platter(steps, dir, arguments, &result);
    if (program_says(&result, "restart_needed"))
        steps->restart = true;
    if (result.status != 0)
        exit = steps_fail(steps, result.status == BUSY ? STEPS_BUSY : STEPS_FAILED, 0, "%s: %s", what,
                          result.errors[0] ? result.errors : "platter.exe did not say why");
    platter_run_free(&result);
    return exit;
}

enum steps_exit driver_install(struct steps *steps, const wchar_t *dir)
{
    wchar_t arguments[STEPS_PATH];

    (void)_snwprintf(arguments, STEPS_PATH, L"driver install --inf \"%ls\\driver\\platter.inf\"", dir);
    arguments[STEPS_PATH - 1] = L'\0';
    return command(steps, dir, arguments, "The driver could not be installed");
}

enum steps_exit driver_remove(struct steps *steps, const wchar_t *dir)
{
    return command(steps, dir, L"driver remove --force", "The driver could not be removed");
}

bool driver_installed(struct steps *steps, const wchar_t *dir)
{
    struct platter_run result;
    bool installed;

    program_platter(steps, dir, L"driver status", &result);
    installed = program_says(&result, "installed");
    platter_run_free(&result);
    return installed;
}

enum steps_exit service_install(struct steps *steps, const wchar_t *dir)
{
    return command(steps, dir, L"service install", "The service could not be installed");
}

enum steps_exit service_stop(struct steps *steps, const wchar_t *dir)
{
    return command(steps, dir, L"service stop", "The service does not stop");
}

enum steps_exit service_remove(struct steps *steps, const wchar_t *dir)
{
    if (!service_installed())
        return STEPS_DONE;
    return command(steps, dir, L"service remove", "The service could not be removed");
}

bool service_installed(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), service;

    if (!manager)
        return false;
    service = OpenServiceW(manager, SERVICE_NAME, SERVICE_QUERY_STATUS);
    if (service)
        CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return service != NULL;
}

bool service_there(const wchar_t *dir)
{
    wchar_t path[STEPS_PATH];

    (void)_snwprintf(path, STEPS_PATH, L"%ls\\platterd.exe", dir);
    path[STEPS_PATH - 1] = L'\0';
    return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}
