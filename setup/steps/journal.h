/* SPDX-License-Identifier: MIT */
/*
 * The journal of an installation, DIR\~setup\journal: before each change a line, on the medium, that tells how to undo it.
 *
 * A failure undoes the lines from the last to the first. A process that is killed leaves the journal, and
 * HKLM\SOFTWARE\Platter\Setup tells the next run where: it undoes them first. Undoing twice is harmless, so it may be
 * killed as well. The line "commit DIR" means the opposite: what was set aside, also in DIR, where the version before was, is cleared away,
 * and nothing undone.
 *
 *   move FROM TO              a file was renamed              file FILE       a file was made
 *   dir DIR                   a folder was made               key KEY         a key of HKLM was made
 *   value KEY NAME TYPE HEX   a value had these bytes         novalue KEY NAME   it was not there
 *   nokey KEY                 a key was removed               path+ DIR, path- DIR   PATH
 *   nodir DIR                 a folder was removed
 *   driver- DIR, service- DIR     were installed by DIR\platter.exe: to be removed by it
 *   driver+ DIR, service+ DIR     were there: to be installed again by DIR\platter.exe
 *   certificate STORE HEX     the certificate with this SHA-1 was added
 */
#ifndef PLATTER_SETUP_JOURNAL_H
#define PLATTER_SETUP_JOURNAL_H

#include "steps.h"

#define JOURNAL_FOLDER L"~setup"
#define JOURNAL_NEW L"~setup\\new" /* what setup has unpacked */
#define JOURNAL_OLD L"~setup\\old" /* what was there before */

/* Begins one in the installation folder. */
enum steps_exit journal_begin(struct steps *steps);
/* Notes one line; the fields end with NULL. Nothing without a journal: an uninstallation is repeated, not undone. */
enum steps_exit journal_note(struct steps *steps, const wchar_t *kind, ...);
/* The point of no return; then clears away what was set aside. */
enum steps_exit journal_commit(struct steps *steps);
/* Undoes everything, from the last to the first. STEPS_INTERRUPTED when a part of it could not be undone. */
enum steps_exit journal_undo(struct steps *steps);
/* What a killed run has left is undone or cleared away. STEPS_DONE when there is none. */
enum steps_exit journal_recover(struct steps *steps);

/* undo.c: one line of a journal, its fields ended by NULL. False when it could not be undone. */
bool journal_undo_line(struct steps *steps, wchar_t **fields, size_t count);

#endif
