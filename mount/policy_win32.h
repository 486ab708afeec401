/* SPDX-License-Identifier: MIT */
/* What the machine's administrator allows, as far as a process has to see to it; docs/policy.md. */
#ifndef PLATTER_MOUNT_POLICY_H
#define PLATTER_MOUNT_POLICY_H

#include <platter/engine.h>

/* Whether the policy says anything of formats. */
bool platter_policy_has_formats(void);
/* PLATTER_E_ACCESS, with the policy's name and place, unless images of this format may be mounted. */
enum platter_result platter_policy_format(const char *format, const char *file, struct platter_error *err);
/*
 * What HELLO said (enum platter_policy): PLATTER_E_ACCESS if this user may not mount at all. *read_only becomes true, and
 * *why says so, where he may only read.
 */
enum platter_result platter_policy_mount(uint32_t policy, bool *read_only, char *why, size_t why_size,
                                         struct platter_error *err);

#endif
