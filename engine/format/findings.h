/* SPDX-License-Identifier: MIT */
/* What a check of a format's structure finds: told, counted, and the first of it kept. */
#ifndef PLATTER_ENGINE_FORMAT_FINDINGS_H
#define PLATTER_ENGINE_FORMAT_FINDINGS_H

#include <platter/engine.h>

#define PLATTER_FINDINGS_MOST 1000u /* told of; nobody reads more, and a hostile table has millions */

struct platter_findings {
    platter_finding_fn *function; /* NULL: nobody is told */
    void *context;
    struct platter_verify_report *report; /* NULL: nobody counts */
    uint64_t count;
    bool damaged;               /* one of them was fatal */
    struct platter_error first; /* that one */
};

void platter_found(struct platter_findings *findings, const char *file, bool fatal, uint64_t offset, const char *format,
                   ...) PLATTER_PRINTF(5, 6);

/*
 * PLATTER_OK when nothing fatal was found, PLATTER_E_READ_ONLY otherwise: what is new could come to lie where a wrong
 * entry points, and what is wrong is not to be made worse.
 */
enum platter_result platter_findings_allow_writing(const struct platter_findings *findings, struct platter_error *err);

#endif
