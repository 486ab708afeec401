/* SPDX-License-Identifier: MIT */
/* Whether the driver package that was unpacked is the one that was signed, asked before anything of it is handed to Windows. */
#ifndef PLATTER_SETUP_SIGNATURE_H
#define PLATTER_SETUP_SIGNATURE_H

#include "steps.h"

/*
 * platter.cat among the unpacked files has the SHA-256 of platter.sys and platter.inf (SHA-1 where it is a catalogue for
 * Windows 7), and Windows trusts who signed it. Otherwise STEPS_UNTRUSTED. After certificate_add(), which may be what makes it
 * trusted.
 */
enum steps_exit signature_check(struct steps *steps);

#endif
