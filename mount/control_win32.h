/* SPDX-License-Identifier: MIT */
/* The driver as commands ask it: each call comes back within seconds. */
#ifndef PLATTER_MOUNT_CONTROL_H
#define PLATTER_MOUNT_CONTROL_H

#include "json.h"

#include <platter/provider.h>

/* *hello may be NULL. PLATTER_E_DRIVER: not there, of another version, or it does not answer. */
enum platter_result platter_control_open(struct platter_transport **transport, struct platter_hello_out *hello,
                                         struct platter_error *err);
/* After a call that did not come back the transport is not closed but left to the end of the process. NULL is fine. */
void platter_control_close(struct platter_transport *transport);

/* All volumes there are, by ascending id. *volumes is to be freed. */
enum platter_result platter_control_list(struct platter_transport *transport, struct platter_volume_info **volumes,
                                         size_t *count, struct platter_error *err);
/* `flags`: enum platter_remove_flag. Returns when the drive is gone. */
enum platter_result platter_control_remove(struct platter_transport *transport, uint64_t id, uint32_t flags,
                                           struct platter_error *err);

/* "pnp", "explicit", "link", "none"; and who that is, for people. */
const char *platter_route_name(uint32_t route);
const char *platter_route_text(uint32_t route);
const char *platter_state_name(uint32_t state);
/* "X:", or "" without a letter. */
char *platter_letter_text(uint32_t letter, char buffer[4]);

/* What a volume is, as `list` and `mount` put it into their JSON. */
void platter_volume_json(json_t *object, const struct platter_volume_info *info);

/*
 * The text that people see of a volume's image: its path, and behind the path's end, for `platter list`, that of the
 * overlay which takes the writes. `overlay`: as in struct platter_image_info.
 */
void platter_image_name_put(const char *image, const char *overlay, uint16_t field[PLATTER_IMAGE_NAME_CHARS]);
/* The overlay's path, "" for a temporary one; NULL: there is none. */
const char *platter_image_name_overlay(const uint16_t field[PLATTER_IMAGE_NAME_CHARS], char *buffer, size_t size);

#endif
