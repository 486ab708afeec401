/* SPDX-License-Identifier: MIT */
/* Keys below HKEY_LOCAL_MACHINE. What is changed is noted in the journal first, unless the function says "plain". */
#ifndef PLATTER_SETUP_REGISTRY_H
#define PLATTER_SETUP_REGISTRY_H

#include "steps.h"

/* REG_SZ, REG_EXPAND_SZ, REG_DWORD, and a value without data, which stands for its name. `name` "": the key's default value. */
enum steps_exit registry_text(struct steps *steps, const wchar_t *key, const wchar_t *name, const wchar_t *text);
enum steps_exit registry_expanded(struct steps *steps, const wchar_t *key, const wchar_t *name, const wchar_t *text);
enum steps_exit registry_number(struct steps *steps, const wchar_t *key, const wchar_t *name, unsigned long number);
enum steps_exit registry_mark(struct steps *steps, const wchar_t *key, const wchar_t *name);

/* What is not there is removed. */
enum steps_exit registry_remove_value(struct steps *steps, const wchar_t *key, const wchar_t *name);
enum steps_exit registry_remove_tree(struct steps *steps, const wchar_t *key);
/* The key when it has neither values nor keys. */
enum steps_exit registry_remove_if_empty(struct steps *steps, const wchar_t *key);

/* ---- Plain ---- */

/* False when it is not there, no text, or longer. */
bool registry_read_text(const wchar_t *key, const wchar_t *name, wchar_t *text, size_t units);
/* `otherwise` when it is not there. */
unsigned long registry_read_number(const wchar_t *key, const wchar_t *name, unsigned long otherwise);
/* A GetLastError(), 0 when it went well. */
unsigned long registry_plain_text(const wchar_t *key, const wchar_t *name, const wchar_t *text);
void registry_plain_forget(const wchar_t *key, const wchar_t *name); /* the value, and the key when that was all */
void registry_remove_empty(const wchar_t *key);

/* ---- For undo.c; false when it failed ---- */

bool registry_restore_value(const wchar_t *key, const wchar_t *name, const wchar_t *type, const wchar_t *hex);
bool registry_restore_absent(const wchar_t *key, const wchar_t *name);
bool registry_restore_key(const wchar_t *key);

#endif
