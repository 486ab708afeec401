/* SPDX-License-Identifier: MIT */
/*
 * Runs in the guest: rig.exe [service] STEPS RESULTS FOLDER does what the file STEPS says, one step a line,
 *
 *     NAME <tab> SECONDS <tab> COMMAND LINE
 *
 * each with its output in FOLDER\NAME.txt, and ended after its time. RESULTS gets a line for each when it has ended:
 * NAME <tab> exit status or "timeout" or "failed ERROR" <tab> milliseconds. The debug output (COM1) says when each begins
 * and ends, so that what the kernel says can be told apart by steps. At the end it restarts the machine without asking
 * any program, which is how the runner learns that all is done: a step that hangs must not keep the run from ending.
 * With the word `service` it is a service that does the same: for an image that comes to no desktop.
 */
#include <windows.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STEP 4096
#define SHUTDOWN_PRIVILEGE 19 /* SE_SHUTDOWN_PRIVILEGE */
#define DEBUG_PRIVILEGE 20    /* SE_DEBUG_PRIVILEGE */
#define DRIVERS_COMPONENT 77  /* DPFLTR_IHVDRIVER_ID: what platter.sys says of itself */
#define SHUTDOWN_REBOOT 1     /* SHUTDOWN_ACTION */

struct job {
    const char *steps, *results, *folder;
};

static struct job job;
static SERVICE_STATUS_HANDLE service;

ULONG __cdecl DbgPrint(const char *format, ...);
LONG NTAPI RtlAdjustPrivilege(ULONG privilege, BOOLEAN enable, BOOLEAN for_thread, BOOLEAN *was);
LONG NTAPI NtShutdownSystem(int action);
LONG NTAPI NtSetDebugFilterState(ULONG component, ULONG level, BOOLEAN on);

/* The driver's own words go to the debug output too; without this the kernel keeps all but errors to itself. */
static void open_filter(void)
{
    BOOLEAN was;

    RtlAdjustPrivilege(DEBUG_PRIVILEGE, TRUE, FALSE, &was);
    for (ULONG level = 0; level <= 3; level++)
        NtSetDebugFilterState(DRIVERS_COMPONENT, level, TRUE);
}

/* Not by OutputDebugString, which raises an exception: ReactOS for x86_64, compiled by gcc 12, has not come back from it. */
static void say(const char *what, const char *name, const char *more)
{
    DbgPrint("PLATTER-GUEST %s %s %s\n", what, name, more);
}

/* Through to the disk: a guest that stops must have told what it did before. */
static void note(const char *name, const char *outcome, DWORD milliseconds)
{
    HANDLE file = CreateFileA(job.results, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL | FILE_FLAG_WRITE_THROUGH, NULL);
    char line[256];
    DWORD written;

    (void)snprintf(line, sizeof(line), "%s\t%s\t%lu\r\n", name, outcome, milliseconds);
    if (file == INVALID_HANDLE_VALUE)
        return;
    SetFilePointer(file, 0, NULL, FILE_END); /* not every NT appends by FILE_APPEND_DATA */
    WriteFile(file, line, (DWORD)strlen(line), &written, NULL);
    FlushFileBuffers(file);
    CloseHandle(file);
}

static void run(const char *name, DWORD seconds, char *command, char *outcome, size_t size)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    STARTUPINFOA startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    char path[MAX_PATH];
    HANDLE output, nothing;
    DWORD status = 0;

    (void)snprintf(path, sizeof(path), "%s\\%s.txt", job.folder, name);
    output = CreateFileA(path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, CREATE_ALWAYS,
                         FILE_ATTRIBUTE_NORMAL, NULL);
    nothing = CreateFileA("NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, NULL);
    startup.hStdInput = nothing;
    startup.hStdOutput = startup.hStdError = output;
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        (void)snprintf(outcome, size, "failed %lu", GetLastError());
        goto close;
    }
    if (WaitForSingleObject(process.hProcess, seconds * 1000) != WAIT_OBJECT_0) {
        TerminateProcess(process.hProcess, 1);
        WaitForSingleObject(process.hProcess, 5000);
        (void)snprintf(outcome, size, "timeout");
    } else {
        GetExitCodeProcess(process.hProcess, &status);
        (void)snprintf(outcome, size, "%lu", status);
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
close:
    FlushFileBuffers(output);
    CloseHandle(output);
    CloseHandle(nothing);
}

static void take_step(char *line)
{
    char *seconds = strchr(line, '\t'), *command = seconds ? strchr(seconds + 1, '\t') : NULL, outcome[64];
    DWORD begun;

    if (!command)
        return;
    *seconds++ = '\0';
    *command++ = '\0';
    say("begin", line, "");
    begun = GetTickCount();
    run(line, strtoul(seconds, NULL, 10), command, outcome, sizeof(outcome));
    note(line, outcome, GetTickCount() - begun);
    say("end", line, outcome);
}

static int work(void)
{
    static char line[MOST_STEP];
    BOOLEAN was;
    FILE *steps = fopen(job.steps, "r");

    if (!steps) {
        say("cannot open", job.steps, "");
        return 2;
    }
    /* What fails without being asked about must not wait for somebody to press a button. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    open_filter();
    while (fgets(line, sizeof(line), steps)) {
        line[strcspn(line, "\r\n")] = '\0';
        take_step(line);
    }
    (void)fclose(steps);
    say("end", "all", "");
    RtlAdjustPrivilege(SHUTDOWN_PRIVILEGE, TRUE, FALSE, &was);
    return (int)NtShutdownSystem(SHUTDOWN_REBOOT);
}

static void WINAPI control(DWORD code)
{
    SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = SERVICE_RUNNING};

    (void)code; /* it stops with the machine */
    SetServiceStatus(service, &status);
}

static void WINAPI serve(DWORD count, char **arguments)
{
    (void)count;
    service = RegisterServiceCtrlHandlerA(arguments[0], control);
    say("runs", "as", "service");
    /* Running from now on: steps ask the service manager, which must not wait for us. */
    control(SERVICE_CONTROL_INTERROGATE);
    AllocConsole(); /* one for all steps, as under cmd: what a step leaves running would end with a console of the step's own */
    (void)work();
}

int main(int count, char **arguments)
{
    static char name[] = "rig";
    const SERVICE_TABLE_ENTRYA services[] = {{name, serve}, {NULL, NULL}};
    bool as_service = count == 5 && strcmp(arguments[1], "service") == 0;

    if (count != 4 && !as_service) {
        (void)fprintf(stderr, "usage: rig [service] STEPS RESULTS FOLDER\n");
        return 2;
    }
    job = (struct job){arguments[count - 3], arguments[count - 2], arguments[count - 1]};
    if (as_service)
        return StartServiceCtrlDispatcherA(services) ? 0 : 1;
    return work();
}
