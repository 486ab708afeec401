/* SPDX-License-Identifier: MIT */
/* The stack protector's secret and what happens when it is found changed. */
#ifndef PLATTER_GUARD_H
#define PLATTER_GUARD_H

/* Once, before any protected function runs, from a function that is not protected. */
void GuardSeed(void);

#endif
