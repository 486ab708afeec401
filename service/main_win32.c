/* SPDX-License-Identifier: MIT */
/* platterd.exe: the service, and its workers. */
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

#include "scm_win32.h"
#include "worker_win32.h"

static const char help[] =
    "platterd " PLATTER_VERSION ", the Platter service: keeps drives that outlive their user's session.\n"
    "\n"
    "The service manager runs it. 'platter service install' sets it up, 'platter service start' and\n"
    "'platter service stop' start and stop it, 'platter mount --persistent' and 'platter persist list' use it.\n";

int wmain(int count, wchar_t **words);
int wmain(int count, wchar_t **words)
{
    if (count == 3 && wcscmp(words[1], L"--worker") == 0)
        return service_work(words[2]);
    if (count == 2 && wcscmp(words[1], L"--version") == 0) {
        (void)printf("platterd %s\n", PLATTER_VERSION);
        return 0;
    }
    if (count == 2 && wcscmp(words[1], L"--help") == 0) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (count == 1 && service_run())
        return 0;
    if (count == 1 && GetLastError() != ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
        (void)fprintf(stderr, "platterd: the service manager does not answer (Windows error %lu)\n", GetLastError());
        return 1;
    }
    (void)fputs(help, stderr);
    return 2;
}
