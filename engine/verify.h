/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_VERIFY_H
#define PLATTER_ENGINE_VERIFY_H

#include <platter/engine.h>

/*
 * Reads a whole disk and reports each range that cannot be read once, as a fatal finding about `path` at the disk's
 * offset. Adds to *report.
 */
enum platter_result platter_verify_read(struct platter_block *disk, const char *path, platter_finding_fn *finding,
                                        void *context, const struct platter_progress *progress,
                                        struct platter_verify_report *report, struct platter_error *err);

#endif
