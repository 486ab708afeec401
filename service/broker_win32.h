/* SPDX-License-Identifier: MIT */
/* Files opened for a worker: with the owner's rights, by the rules of access.h, and never by name as SYSTEM. */
#ifndef PLATTER_SERVICE_BROKER_H
#define PLATTER_SERVICE_BROKER_H

#include "channel_win32.h"

struct service_broker {
    const struct platter_mount_options *mount;
    HANDLE owner;    /* token */
    HANDLE process;  /* the worker */
    unsigned opened; /* how many it has had so far */
};

/*
 * Adds to a worker's order what it could not open by itself: handles of the keys that hold policies ("policy"), and where
 * letters are remembered the image's whole path as its owner has it ("remember_path").
 */
enum platter_result service_broker_prepare(const struct service_broker *broker, json_t *order,
                                           struct platter_error *err);
/* Answers a worker's {"say": "open", "path": ..., "flags": ...} with a handle of its process or the reason why not. */
enum platter_result service_broker_answer(struct service_broker *broker, const struct service_channel *channel,
                                          const json_t *question, struct platter_error *err);

#endif
