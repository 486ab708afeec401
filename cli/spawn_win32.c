/* SPDX-License-Identifier: MIT */
#include "spawn_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "../mount/input_win32.h"
#include "../mount/wide_win32.h"

/* Between two signs of life of the background process; above a request's deadline in the driver. */
#define SILENCE_MS 60000u
#define POLL_MS 10u
#define MOST_REPORT (4u << 20) /* bytes */

/* ---- Starting ----------------------------------------------------------------------------------------------------- */

static BOOL create(wchar_t *command, STARTUPINFOEXW *startup, PROCESS_INFORMATION *process)
{
    static wchar_t folder[MAX_PATH];
    const DWORD flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | EXTENDED_STARTUPINFO_PRESENT;

    /* Not the caller's folder, which could then not be removed while the drive is there. */
    if (GetSystemDirectoryW(folder, MAX_PATH) == 0)
        folder[0] = L'\0';
    /* A terminal or an ssh session may put us in a job that ends with it; the drive is to outlive that. */
    if (CreateProcessW(NULL, command, NULL, NULL, TRUE, flags | CREATE_BREAKAWAY_FROM_JOB, NULL,
                       folder[0] ? folder : NULL, &startup->StartupInfo, process))
        return TRUE;
    return CreateProcessW(NULL, command, NULL, NULL, TRUE, flags, NULL, folder[0] ? folder : NULL,
                          &startup->StartupInfo, process);
}

/* Only the handles named are inherited: whoever reads our output must not wait for the background process. `input` may be
 * `nothing`, which stands in the list once. */
static enum platter_result start(wchar_t *command, HANDLE pipe, HANDLE nothing, HANDLE input,
                                 PROCESS_INFORMATION *process, struct platter_error *err)
{
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES}};
    HANDLE handles[] = {pipe, nothing, input};
    enum platter_result result = PLATTER_OK;
    SIZE_T size = 0;

    startup.StartupInfo.hStdInput = input;
    startup.StartupInfo.hStdOutput = startup.StartupInfo.hStdError = nothing;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    startup.lpAttributeList = malloc(size);
    if (!startup.lpAttributeList)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (!InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &size)) {
        result = platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                      "cannot prepare the background process");
        goto free_list;
    }
    if (!UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                   (input == nothing ? 2 : 3) * sizeof(handles[0]), NULL, NULL) ||
        !create(command, &startup, process))
        result = platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                      "cannot start the background process");
    DeleteProcThreadAttributeList(startup.lpAttributeList);
free_list:
    free(startup.lpAttributeList);
    return result;
}

/* ---- Waiting for the report --------------------------------------------------------------------------------------- */

static enum platter_result ended_early(HANDLE process, struct platter_error *err)
{
    DWORD status = 0;

    if (WaitForSingleObject(process, 1000) == WAIT_OBJECT_0)
        GetExitCodeProcess(process, &status);
    return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                             "the background process ended and did not say why (exit code 0x%lx)",
                             (unsigned long)status);
}

/* Reads what there is; *ended when the other end is closed. */
static bool read_some(HANDLE pipe, char **text, size_t *length, bool *ended)
{
    DWORD there = 0, got = 0;
    char *grown;

    if (!PeekNamedPipe(pipe, NULL, 0, NULL, &there, NULL)) {
        *ended = true;
        return true;
    }
    if (there == 0)
        return true;
    if (*length + there > MOST_REPORT)
        return false;
    grown = realloc(*text, *length + there + 1);
    if (!grown)
        return false;
    *text = grown;
    if (!ReadFile(pipe, *text + *length, there, &got, NULL))
        *ended = true;
    *length += got;
    (*text)[*length] = '\0';
    return true;
}

static enum platter_result wait_for_report(HANDLE pipe, HANDLE process, json_t **report, struct platter_error *err)
{
    uint64_t silent_since = cli_monotonic_ms();
    enum platter_result result = PLATTER_OK;
    char *text = NULL;
    size_t length = 0;
    bool ended = false;

    while (!ended) {
        size_t before = length;

        if (!read_some(pipe, &text, &length, &ended)) {
            result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
            goto done;
        }
        if (length > before)
            silent_since = cli_monotonic_ms();
        else if (cli_interrupted())
            result =
                platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "stopped, nothing is mounted");
        else if (cli_monotonic_ms() - silent_since >= SILENCE_MS)
            result =
                platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                  "the Platter driver has not made the drive within %u seconds", SILENCE_MS / 1000);
        else if (!ended)
            WaitForSingleObject(process, POLL_MS);
        if (result != PLATTER_OK)
            goto done;
    }
    *report = text ? json_loads(text, 0, NULL) : NULL;
    if (!json_is_object(*report)) {
        json_decref(*report);
        result = ended_early(process, err);
    }
done:
    free(text);
    return result;
}

enum platter_result cli_spawn(struct platter_command_line *arguments, const char *input, json_t **report,
                              struct platter_error *err)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    struct platter_command_line line = {0};
    PROCESS_INFORMATION process = {0};
    HANDLE ours = NULL, theirs = NULL, nothing = INVALID_HANDLE_VALUE, line_in = NULL;
    wchar_t *program = platter_own_program(), number[24];
    enum platter_result result;

    if (!CreatePipe(&ours, &theirs, &inherited, 0) || !SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0) ||
        (input && !(line_in = platter_input_line(input)))) {
        result = platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                      "cannot make a pipe");
        goto close;
    }
    nothing = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                          OPEN_EXISTING, 0, NULL);
    (void)_snwprintf(number, sizeof(number) / sizeof(number[0]), L"%llu", (unsigned long long)(uintptr_t)theirs);
    if (program) {
        platter_command_line_add(&line, program);
        platter_command_line_add(&line, L"mount");
        platter_command_line_add(&line, L"--" CLI_REPORT_OPTION);
        platter_command_line_add(&line, number);
        platter_command_line_join(&line, arguments);
    }
    if (!program || line.failed || nothing == INVALID_HANDLE_VALUE) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto close;
    }
    result = start(line.text, theirs, nothing, line_in ? line_in : nothing, &process, err);
    if (result != PLATTER_OK)
        goto close;
    /* Theirs must be the only end, or its end would not be seen. */
    CloseHandle(theirs);
    theirs = NULL;
    result = wait_for_report(ours, process.hProcess, report, err);
    if (result != PLATTER_OK)
        TerminateProcess(process.hProcess, PLATTER_E_CANCELLED);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
close:
    if (nothing != INVALID_HANDLE_VALUE)
        CloseHandle(nothing);
    if (line_in)
        CloseHandle(line_in);
    if (theirs)
        CloseHandle(theirs);
    if (ours)
        CloseHandle(ours);
    platter_command_line_free(&line);
    free(program);
    return result;
}

/* ---- The other side ------------------------------------------------------------------------------------------------ */

enum platter_result cli_reporter_open(const char *number, struct cli_reporter *reporter, struct platter_error *err)
{
    char *end;
    HANDLE pipe = (HANDLE)(uintptr_t)strtoull(number, &end, 10);

    if (*end || GetFileType(pipe) != FILE_TYPE_PIPE)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--" CLI_REPORT_OPTION "' is for the program itself");
    SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0);
    reporter->pipe = pipe;
    return PLATTER_OK;
}

static bool write_all(struct cli_reporter *reporter, const char *text, size_t length)
{
    while (length > 0) {
        DWORD written;

        if (!WriteFile(reporter->pipe, text, (DWORD)length, &written, NULL))
            return false;
        text += written;
        length -= written;
    }
    return true;
}

bool cli_reporter_alive(struct cli_reporter *reporter)
{
    return !reporter->pipe || write_all(reporter, "\n", 1); /* white space in front of a JSON text is none of it */
}

bool cli_reporter_send(struct cli_reporter *reporter, const json_t *report)
{
    char *text = platter_json_dump(report);
    bool sent = text && write_all(reporter, text, strlen(text));

    free(text);
    CloseHandle(reporter->pipe);
    reporter->pipe = NULL;
    return sent;
}
