/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include "../../mount/wide_win32.h"

#include <windows.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MOST (1u << 20) /* bytes; then it is renamed and another begun */
#define DIED 99             /* exit status of a planted death; setup takes any it does not know for a death */

/* Only administrators can write below this folder, so nobody can have put a link there for us to follow. */
static bool default_path(wchar_t *path)
{
    SECURITY_ATTRIBUTES closed = {.nLength = sizeof(closed)};
    wchar_t folder[STEPS_PATH];
    UINT length = GetSystemWindowsDirectoryW(folder, MAX_PATH);

    if (length == 0 || length >= MAX_PATH)
        return false;
    wcscat(folder, L"\\Logs");
    (void)CreateDirectoryW(folder, NULL);
    wcscat(folder, L"\\Platter");
    /* Drives in use are named in it, with their images and who has which file open: nobody else's business. */
    (void)ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", SDDL_REVISION_1,
                                                               &closed.lpSecurityDescriptor, NULL);
    (void)CreateDirectoryW(folder, &closed);
    LocalFree(closed.lpSecurityDescriptor);
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\setup.log", folder);
    return true;
}

static void turn_over(const wchar_t *path)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    wchar_t old[STEPS_PATH + 8];

    if (!GetFileAttributesExW(path, GetFileExInfoStandard, &data) || data.nFileSizeLow < LOG_MOST)
        return;
    (void)_snwprintf(old, STEPS_PATH + 8, L"%ls.old", path);
    (void)MoveFileExW(path, old, MOVEFILE_REPLACE_EXISTING);
}

void steps_log_open(struct steps *steps)
{
    if (!steps->options.log[0] && !default_path(steps->options.log))
        return;
    turn_over(steps->options.log);
    steps->log = _wfopen(steps->options.log, L"ab");
}

void steps_log_close(struct steps *steps)
{
    if (steps->log)
        (void)fclose(steps->log);
    steps->log = NULL;
}

static void write_line(struct steps *steps, const char *text)
{
    SYSTEMTIME now;
    wchar_t *wide = platter_wide(text);

    if (steps->log) {
        GetSystemTime(&now);
        (void)fprintf(steps->log, "%04u-%02u-%02uT%02u:%02u:%02uZ %ls: %s\r\n", now.wYear, now.wMonth, now.wDay,
                      now.wHour, now.wMinute, now.wSecond, steps->options.command, text);
        (void)fflush(steps->log);
    }
    if (wide) {
        DWORD written;
        HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);

        /* nsExec takes UTF-16 as it is. */
        (void)WriteFile(out, wide, (DWORD)(wcslen(wide) * sizeof(*wide)), &written, NULL);
        (void)WriteFile(out, L"\r\n", 4, &written, NULL);
    }
    free(wide);
}

static size_t append(char *text, size_t size, size_t used, const char *piece)
{
    size_t length = strlen(piece), room = size - 1 - used;

    if (length > room)
        length = room;
    memcpy(text + used, piece, length);
    text[used + length] = '\0';
    return used + length;
}

/* A conversion of print(), of `length` characters; what it says is `piece` or *narrow, which is to be freed. */
static const char *convert(const char *conversion, size_t length, va_list *arguments, char piece[64], char **narrow)
{
    bool is_long = memchr(conversion, 'l', length) != NULL;
    char letter = conversion[length - 1];
    unsigned long number;

    if (letter == '%')
        return "%";
    if (letter == 's' && !is_long)
        return va_arg(*arguments, const char *);
    if (letter == 's')
        return *narrow = platter_narrow(va_arg(*arguments, const wchar_t *));
    number = is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned);
    if (letter == 'x')
        (void)snprintf(piece, 64, "%0*lx", atoi(conversion + 1), number);
    else
        (void)snprintf(piece, 64, letter == 'd' ? "%ld" : "%lu", number);
    return piece;
}

/*
 * vsnprintf() for what is said here: %s, %ls and whole numbers. The C library's ends a path at the first character that its
 * locale has no byte for; this one makes UTF-8 of it.
 */
static void print(char *text, size_t size, const char *format, va_list arguments)
{
    size_t used = 0;
    va_list left;

    va_copy(left, arguments);
    text[0] = '\0';
    while (*format) {
        char piece[64], *narrow = NULL;
        size_t length = strcspn(format, "%");
        const char *said = piece;

        if (length == 0) {
            length = 2 + strspn(format + 1, "0123456789l");
            said = convert(format, length, &left, piece, &narrow);
        } else {
            length = length < sizeof(piece) ? length : sizeof(piece) - 1;
            (void)snprintf(piece, sizeof(piece), "%.*s", (int)length, format);
        }
        used = append(text, size, used, said ? said : "?");
        free(narrow);
        format += length;
    }
    va_end(left);
}

void steps_say(struct steps *steps, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    print(text, sizeof(text), format, arguments);
    va_end(arguments);
    write_line(steps, text);
}

enum steps_exit steps_fail(struct steps *steps, enum steps_exit exit, unsigned long error, const char *format, ...)
{
    struct platter_error err = {0};
    char text[1536];
    va_list arguments;

    va_start(arguments, format);
    print(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (error) {
        /* For the system's words only: the message of an error is shorter than what is said here. */
        size_t length = strlen(text);

        (void)platter_error_set_os(&err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)error, "%s", "");
        (void)snprintf(text + length, sizeof(text) - length, "%s", err.message);
    }
    write_line(steps, text);
    if (!steps->undoing)
        (void)snprintf(steps->message, sizeof(steps->message), "%s", text);
    return exit;
}

void steps_write_message(struct steps *steps)
{
    wchar_t *wide = platter_wide(steps->message);
    FILE *file = wide && steps->options.message[0] ? _wfopen(steps->options.message, L"wb") : NULL;

    if (file) {
        static const wchar_t mark = 0xfeff;

        (void)fwrite(&mark, sizeof(mark), 1, file);
        (void)fwrite(wide, sizeof(*wide), wcslen(wide), file);
        (void)fclose(file);
    }
    free(wide);
}

enum steps_exit steps_point(struct steps *steps, const wchar_t *name)
{
    if (steps->undoing)
        return STEPS_DONE;
    if (steps->options.die_at && _wcsicmp(steps->options.die_at, name) == 0) {
        steps_say(steps, "ends here, as asked by /DIEAT");
        TerminateProcess(GetCurrentProcess(), DIED);
    }
    if (steps->options.fail_at && _wcsicmp(steps->options.fail_at, name) == 0)
        return steps_fail(steps, STEPS_FAILED, 0, "failed after '%ls', as asked by /FAILAT", name);
    return STEPS_DONE;
}
