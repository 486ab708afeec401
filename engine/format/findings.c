/* SPDX-License-Identifier: MIT */
#include "findings.h"

#include <stdio.h>

void platter_found(struct platter_findings *findings, const char *file, bool fatal, uint64_t offset, const char *format,
                   ...)
{
    struct platter_error error;
    char text[sizeof(error.message)];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    (void)platter_error_set(&error, PLATTER_E_FORMAT, file, offset, "%s", text);
    if (fatal && !findings->damaged)
        findings->first = error;
    findings->damaged |= fatal;
    if (findings->report)
        *(fatal ? &findings->report->errors : &findings->report->warnings) += 1;
    if (findings->count++ < PLATTER_FINDINGS_MOST && findings->function)
        findings->function(findings->context, fatal, &error);
}

enum platter_result platter_findings_allow_writing(const struct platter_findings *findings, struct platter_error *err)
{
    if (!findings->damaged)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_READ_ONLY, findings->first.file, findings->first.offset,
                             "is damaged and can only be read: %.400s", findings->first.message);
}
