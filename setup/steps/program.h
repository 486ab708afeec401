/* SPDX-License-Identifier: MIT */
/* Running platter.exe, of this version or of the one before, whose driver only it is sure to understand. */
#ifndef PLATTER_SETUP_PROGRAM_H
#define PLATTER_SETUP_PROGRAM_H

#include "../../gui/run_platter.h"
#include "steps.h"

/* Runs DIR\platter.exe with `arguments`, and logs how it went. The result is to be freed with platter_run_free(). */
void program_platter(struct steps *steps, const wchar_t *dir, const wchar_t *arguments, struct platter_run *run);
/* Whether DIR holds a platter.exe. */
bool program_there(const wchar_t *dir);
/* Whether it also runs: a damaged one is repaired, not asked. */
bool program_runs(struct steps *steps, const wchar_t *dir);
/* A member of the object printed that is true. */
bool program_says(const struct platter_run *run, const char *member);

#endif
