/* SPDX-License-Identifier: MIT */
/* The machine's PATH. */
#ifndef PLATTER_SETUP_ENVIRONMENT_H
#define PLATTER_SETUP_ENVIRONMENT_H

#include "steps.h"

/* Noted in the journal as "path+" and "path-", not as a value: others may change PATH before it is undone. */
enum steps_exit environment_path_add(struct steps *steps, const wchar_t *dir);
enum steps_exit environment_path_remove(struct steps *steps, const wchar_t *dir);
/* Programs started from now on see the change. */
void environment_tell(void);

#endif
