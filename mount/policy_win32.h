/* SPDX-License-Identifier: MIT */
/* What the machine's administrator allows, as far as a process has to see to it; docs/policy.md. */
#ifndef PLATTER_MOUNT_POLICY_H
#define PLATTER_MOUNT_POLICY_H

#include <platter/engine.h>

#define PLATTER_POLICY_KEYS 2u

/*
 * The keys that hold policies (each a HKEY, NULL where there is none; to be closed), and their use in a process that may not
 * open them itself: from then on nothing here opens a key by name. False: one is there and cannot be opened.
 */
bool platter_policy_keys_open(void *opened[PLATTER_POLICY_KEYS]);
void platter_policy_keys_use(void *const opened[PLATTER_POLICY_KEYS]);

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
