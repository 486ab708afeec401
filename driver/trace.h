/* SPDX-License-Identifier: MIT */
/*
 * Words for a person at a debugger: what was mounted, what was refused and why. Nothing on the path of a request.
 *
 * Windows shows them when the mask of component IHVDRIVER is set; Wine with WINEDEBUG=warn+debugstr. No %wZ or %ws:
 * Wine's printer has the first wrong and the compiler cannot check either. Numbers only.
 */
#ifndef PLATTER_TRACE_H
#define PLATTER_TRACE_H

#include "driver.h"

#define TRACE_INFO(...) DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "platter: " __VA_ARGS__)
#define TRACE_ERROR(...) DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "platter: " __VA_ARGS__)

#endif
