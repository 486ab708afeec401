/* SPDX-License-Identifier: MIT */
/* The files of an installation: exchanged one by one, so that nothing that is not Platter's is touched. */
#ifndef PLATTER_SETUP_FILES_H
#define PLATTER_SETUP_FILES_H

#include "steps.h"

/* In the installation folder: the paths below it of all files that are Platter's, one a line, UTF-8. */
#define FILES_LIST L"files.txt"
#define FILES_UNINSTALL L"uninstall.exe"

/* Everything that was packed has been unpacked, whole; writes the list beside it. */
enum steps_exit files_check(struct steps *steps);
/* Sets the files of the version before aside, then moves the unpacked ones to their places. */
enum steps_exit files_exchange(struct steps *steps);
/* Removes those that the list names, and the folders that are empty then. What is in use goes at the next start. */
enum steps_exit files_remove(struct steps *steps);
/* The list itself, the program that runs this, the folder: after which an uninstallation cannot be run again. */
enum steps_exit files_remove_last(struct steps *steps);
/* Removes the tree, whatever is in it; files in use at the next start of Windows. Does not follow links. */
void files_clear(struct steps *steps, const wchar_t *dir);
/* In KiB, what is in the tree. */
unsigned long files_size(const wchar_t *dir);

#endif
