/* SPDX-License-Identifier: MIT */
/* Persistent mounts in the registry: HKLM\SOFTWARE\Platter\Mounts\{id}, for SYSTEM and administrators only. */
#ifndef PLATTER_SERVICE_STORE_H
#define PLATTER_SERVICE_STORE_H

#include "entry.h"

/* Writes one, or writes it anew. The whole key is there afterwards, or none. */
enum platter_result service_store_put(const struct service_entry *entry, const json_t *options,
                                      struct platter_error *err);
void service_store_remove(const char *id);

/* Called for each that makes sense; `options` are the callee's. What makes none is left where it is, and left out. */
typedef void service_stored_fn(const char *id, const char *owner, int64_t since, struct service_options *options);
void service_store_read(service_stored_fn *function);

#endif
