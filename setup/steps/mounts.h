/* SPDX-License-Identifier: MIT */
/* The drives that there are, which must go before the driver can be replaced or removed. */
#ifndef PLATTER_SETUP_MOUNTS_H
#define PLATTER_SETUP_MOUNTS_H

#include "steps.h"

/* STEPS_DONE when there are none; STEPS_WOULD_ASK with the message naming them. */
enum steps_exit mounts_look(struct steps *steps);
/* Unmounts all, trying again until options.wait_seconds are over; by force when that is asked. STEPS_BUSY tells who holds. */
enum steps_exit mounts_unmount(struct steps *steps);

#endif
