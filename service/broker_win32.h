/* SPDX-License-Identifier: MIT */
/* Files opened for a worker: with the owner's rights, by the rules of access.h, and never by name as SYSTEM. */
#ifndef PLATTER_SERVICE_BROKER_H
#define PLATTER_SERVICE_BROKER_H

#include "message.h"

#include <windows.h>

struct service_broker {
    const struct platter_mount_options *mount;
    HANDLE owner;    /* token */
    HANDLE process;  /* the worker */
    unsigned opened; /* how many it has had so far */
};

/*
 * *handle is one of the worker's process. The driver's control device is opened, too: HELLO is said as the owner, so that
 * the driver has him for the volumes' owner and tells his policy, whoever uses the handle.
 */
enum platter_result service_broker_open(struct service_broker *broker, const char *path, uint32_t flags,
                                        uint64_t *handle, struct platter_error *err);

#endif
