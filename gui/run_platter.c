/* SPDX-License-Identifier: MIT */
#include "run_platter.h"

#include "../mount/input_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MOST (1024u << 10) /* bytes */
#define NAMES_TRIED 16u

/*
 * A file that is gone when it is closed. Not a pipe: what a command leaves running could keep that open. Setup runs with more
 * rights than whoever owns the folder may have, so the file is made and opened in one, and nobody else can open it.
 */
static HANDLE output_file(void)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    wchar_t folder[MAX_PATH + 1], path[MAX_PATH + 64];
    HANDLE file = INVALID_HANDLE_VALUE;
    LARGE_INTEGER now;
    DWORD length = GetTempPathW(MAX_PATH + 1, folder);

    if (length == 0 || length > MAX_PATH)
        return INVALID_HANDLE_VALUE;
    for (unsigned i = 0; i < NAMES_TRIED; i++) {
        (void)QueryPerformanceCounter(&now);
        (void)_snwprintf(path, MAX_PATH + 64, L"%lsplatter-%lx-%llx-%u.tmp", folder, GetCurrentProcessId(),
                         (unsigned long long)now.QuadPart, i);
        file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, &inherit, CREATE_NEW,
                           FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
        if (file != INVALID_HANDLE_VALUE || GetLastError() != ERROR_FILE_EXISTS)
            break;
    }
    return file;
}

/* To be freed; NULL without memory. */
static char *read_output(HANDLE file)
{
    DWORD size = GetFileSize(file, NULL), got = 0;
    char *text;

    if (size > OUTPUT_MOST)
        size = OUTPUT_MOST;
    text = malloc((size_t)size + 1);
    if (!text)
        return NULL;
    (void)SetFilePointer(file, 0, NULL, FILE_BEGIN);
    if (!ReadFile(file, text, size, &got, NULL))
        got = 0;
    text[got] = '\0';
    return text;
}

/* In one line; "platter: " before each is for those who see nothing else of it. */
static void keep_errors(char *text, struct platter_run *run)
{
    static const char name[] = "platter: ";

    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        size_t used = strlen(run->errors);

        if (strncmp(line, name, sizeof(name) - 1) == 0)
            line += sizeof(name) - 1;
        (void)snprintf(run->errors + used, sizeof(run->errors) - used, "%s%s", used ? "; " : "", line);
    }
}

static void run_command(wchar_t *command, HANDLE input, HANDLE out, HANDLE errors, unsigned wait_ms,
                        struct platter_run *run)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    DWORD status = PLATTER_RUN_NONE;

    startup.hStdInput = input;
    startup.hStdOutput = out;
    startup.hStdError = errors;
    run->status = PLATTER_RUN_NONE;
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &startup, &process)) {
        run->os_error = GetLastError();
        return;
    }
    if (WaitForSingleObject(process.hProcess, wait_ms) != WAIT_OBJECT_0)
        (void)TerminateProcess(process.hProcess, PLATTER_RUN_NONE);
    else if (GetExitCodeProcess(process.hProcess, &status))
        run->status = status;
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
}

void platter_run(const wchar_t *program, const wchar_t *arguments, const char *input, unsigned wait_ms,
                 struct platter_run *run)
{
    size_t length = wcslen(program) + wcslen(arguments) + sizeof("\"\"  --json");
    wchar_t *command = malloc(length * sizeof(*command));
    HANDLE out = output_file(), errors = output_file(), line = input ? platter_input_line(input) : NULL;
    char *text;

    memset(run, 0, sizeof(*run));
    if (!command || out == INVALID_HANDLE_VALUE || errors == INVALID_HANDLE_VALUE || (input && !line)) {
        run->status = PLATTER_RUN_NONE;
        run->os_error = command ? GetLastError() : ERROR_NOT_ENOUGH_MEMORY;
        goto done;
    }
    (void)_snwprintf(command, length, L"\"%ls\" %ls --json", program, arguments);
    run_command(command, line, out, errors, wait_ms, run);
    text = read_output(out);
    run->json = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    text = read_output(errors);
    if (text)
        keep_errors(text, run);
    free(text);
done:
    if (line)
        CloseHandle(line);
    if (errors != INVALID_HANDLE_VALUE)
        CloseHandle(errors);
    if (out != INVALID_HANDLE_VALUE)
        CloseHandle(out);
    free(command);
}

void platter_run_free(struct platter_run *run)
{
    json_decref(run->json);
    run->json = NULL;
}
