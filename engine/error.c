/* SPDX-License-Identifier: MIT */
/* Results, their words, and the errors that carry file, offset and cause. */
#include <stdio.h>
#include <string.h>

#include <platter/engine.h>

#include "os/system.h"
#include "utf.h"

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length >= size)
        length = platter_utf8_cut(text, size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

static void PLATTER_PRINTF(6, 0) fill(struct platter_error *err, enum platter_result result, const char *file,
                                      uint64_t offset, int os_error, const char *format, va_list arguments)
{
    err->result = result;
    err->os_error = os_error;
    err->offset = offset;
    copy_text(err->file, sizeof(err->file), file ? file : "");
    if (vsnprintf(err->message, sizeof(err->message), format, arguments) < 0)
        err->message[0] = '\0';
}

enum platter_result platter_error_set(struct platter_error *err, enum platter_result result, const char *file,
                                      uint64_t offset, const char *format, ...)
{
    va_list arguments;

    if (!err)
        return result;
    va_start(arguments, format);
    fill(err, result, file, offset, 0, format, arguments);
    va_end(arguments);
    return result;
}

enum platter_result platter_error_set_os(struct platter_error *err, enum platter_result result, const char *file,
                                         uint64_t offset, int os_error, const char *format, ...)
{
    char text[256];
    size_t length;
    va_list arguments;

    if (!err)
        return result;
    va_start(arguments, format);
    fill(err, result, file, offset, os_error, format, arguments);
    va_end(arguments);
    platter_os_error_text(os_error, text, sizeof(text));
    length = strlen(err->message);
    if (text[0] && length + 2 < sizeof(err->message)) {
        memcpy(err->message + length, ": ", 3);
        copy_text(err->message + length + 2, sizeof(err->message) - length - 2, text);
    }
    return result;
}

char *platter_error_text(const struct platter_error *err, char *buffer, size_t size)
{
    const char *between = err->file[0] ? ": " : "";

    if (size == 0)
        return buffer;
    if (err->offset == PLATTER_NO_OFFSET)
        (void)snprintf(buffer, size, "%s%s%s", err->file, between, err->message);
    else
        (void)snprintf(buffer, size, "%s%sat byte %llu: %s", err->file, between, (unsigned long long)err->offset,
                       err->message);
    return buffer;
}

const char *platter_result_name(enum platter_result result)
{
    static const char *const names[] = {
        [PLATTER_OK] = "ok",
        [PLATTER_E_FAILED] = "failed",
        [PLATTER_E_USAGE] = "usage",
        [PLATTER_E_NOT_FOUND] = "not_found",
        [PLATTER_E_ACCESS] = "access",
        [PLATTER_E_BUSY] = "busy",
        [PLATTER_E_FORMAT] = "format",
        [PLATTER_E_UNSUPPORTED] = "unsupported",
        [PLATTER_E_DAMAGED] = "damaged",
        [PLATTER_E_IO] = "io",
        [PLATTER_E_NO_SPACE] = "no_space",
        [PLATTER_E_NO_MEMORY] = "no_memory",
        [PLATTER_E_READ_ONLY] = "read_only",
        [PLATTER_E_RANGE] = "range",
        [PLATTER_E_EXISTS] = "exists",
        [PLATTER_E_PASSWORD] = "password",
        [PLATTER_E_CANCELLED] = "cancelled",
        [PLATTER_E_DRIVER] = "driver",
    };

    if ((unsigned)result >= sizeof(names) / sizeof(names[0]))
        return "failed";
    return names[result];
}
