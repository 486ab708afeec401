/* SPDX-License-Identifier: MIT */
/* Calls that must come back, whatever state the driver is in. */
#ifndef PLATTER_MOUNT_BOUNDED_H
#define PLATTER_MOUNT_BOUNDED_H

#include <platter/engine.h>

typedef enum platter_result platter_bounded_fn(void *context, struct platter_error *err);

/*
 * Runs function(copy of context) on a thread of its own and waits up to timeout_ms; then the copy is copied back. A
 * call that does not return is cancelled; one that does not even then is left behind with its copy, so that *context
 * may lie on the stack, and what it points to must outlive the process. `what` is for the message: "the driver's answer".
 */
enum platter_result platter_bounded(platter_bounded_fn *function, void *context, size_t size, uint32_t timeout_ms,
                                    const char *what, struct platter_error *err);

#endif
