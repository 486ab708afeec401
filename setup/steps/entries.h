/* SPDX-License-Identifier: MIT */
/* What is in the registry so that Windows shows Platter: file types, menus, the event source, the list of programs. */
#ifndef PLATTER_SETUP_ENTRIES_H
#define PLATTER_SETUP_ENTRIES_H

#include "steps.h"

/* associations.c: file types and the entries of Explorer's menus, for programs in `dir`. */
enum steps_exit associations_write(struct steps *steps, const wchar_t *dir);
enum steps_exit associations_remove(struct steps *steps);
/* Has Explorer look again. */
void associations_tell(void);

/* entries.c: the event source, where there is a service that writes to it. */
enum steps_exit event_source_write(struct steps *steps, const wchar_t *dir);
enum steps_exit event_source_remove(struct steps *steps);

/* What is installed where, and the entry in the list of installed programs. */
enum steps_exit program_entry_write(struct steps *steps);
enum steps_exit program_entry_remove(struct steps *steps);

/* shortcuts.c: Start menu, for all users. */
enum steps_exit shortcuts_write(struct steps *steps, const wchar_t *dir);
enum steps_exit shortcuts_remove(struct steps *steps);

#endif
