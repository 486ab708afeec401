/* SPDX-License-Identifier: MIT */
/* The driver's greeting, over a handle of its control device. */
#ifndef PLATTER_SERVICE_HELLO_H
#define PLATTER_SERVICE_HELLO_H

#include <stdbool.h>
#include <windows.h>

/* With the rights of the calling thread; some seconds at most. False: *error has the system's number. */
bool service_hello(HANDLE device, DWORD *error);

#endif
