/* SPDX-License-Identifier: MIT */
/* Brings the shipped x86_64 .sys into this process, as the kernel's loader does, over the simulator's routines. */
#ifndef NTSIM_PE_LOAD_H
#define NTSIM_PE_LOAD_H

#include <ntsim/ntsim.h>

/*
 * Maps the image afresh at an address that is not its preferred one, relocates it, binds its imports by name, sets the
 * sections' protections and returns its entry point. What was loaded before is unmapped: code of a driver that was
 * unloaded must not run any more. An image that is not in order, or wants a routine that the simulator does not have,
 * ends the process with a text that says so.
 */
PDRIVER_INITIALIZE PeLoad(const char *Path);

#endif
