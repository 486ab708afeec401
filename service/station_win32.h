/* SPDX-License-Identifier: MIT */
/* A window station for the workers. */
#ifndef PLATTER_SERVICE_STATION_H
#define PLATTER_SERVICE_STATION_H

#include <wchar.h>

/*
 * "Station\Desktop" for STARTUPINFO; NULL: there is none, and a worker starts on the service's. The loader of user32.dll,
 * which a library of ours names, opens its process' station and desktop, and a restricted token may not open the
 * service's. This one is empty, and shared by workers only; no window is ever made there.
 */
wchar_t *service_worker_desktop(void);

#endif
