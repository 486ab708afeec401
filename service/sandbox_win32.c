/* SPDX-License-Identifier: MIT */
#include "sandbox_win32.h"

#include <ntsecapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mount/command_line_win32.h"
#include "restricted_win32.h"
#include "station_win32.h"

#define MEMORY_MOST ((SIZE_T)1 << 30) /* bytes; tables of the largest images that formats.md knows, and caches */
#define PIPE_BYTES 65536u
#define END_MS 5000u

static enum platter_result failed(const char *what, struct platter_error *err)
{
    return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                "cannot start a worker: %s", what);
}

/* ---- Pipe ------------------------------------------------------------------------------------------------------------ */

/* Ours is asynchronous, and so is theirs, which is inherited: it beats and asks at a time. Nobody else can open it. */
static enum platter_result make_pipe(HANDLE *ours, HANDLE *theirs, struct platter_error *err)
{
    static volatile LONG number;
    SECURITY_ATTRIBUTES closed = {sizeof(closed), NULL, FALSE}, inherited = {sizeof(inherited), NULL, TRUE};
    enum platter_result result = PLATTER_OK;
    wchar_t name[96];
    LUID unique = {0};

    (void)AllocateLocallyUniqueId(&unique);
    (void)_snwprintf(name, sizeof(name) / sizeof(name[0]), L"\\\\.\\pipe\\Platter.Worker.%lu.%ld.%lx",
                     GetCurrentProcessId(), InterlockedIncrement(&number), unique.LowPart);
    name[sizeof(name) / sizeof(name[0]) - 1] = L'\0';
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;SY)(A;;GA;;;OW)", SDDL_REVISION_1,
                                                              &closed.lpSecurityDescriptor, NULL))
        return failed("no descriptor for its pipe", err);
    *ours = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                             PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                             PIPE_BYTES, PIPE_BYTES, 0, &closed);
    *theirs = *ours == INVALID_HANDLE_VALUE
                  ? INVALID_HANDLE_VALUE
                  : CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, &inherited, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    if (*theirs == INVALID_HANDLE_VALUE) {
        result = failed("no pipe", err);
        if (*ours != INVALID_HANDLE_VALUE)
            CloseHandle(*ours);
        *ours = NULL; /* whoever closes the worker must not close another's handle of that number */
    }
    LocalFree(closed.lpSecurityDescriptor);
    return result;
}

/* ---- Job ------------------------------------------------------------------------------------------------------------- */

static HANDLE make_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation = {.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
                                                JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION |
                                                JOB_OBJECT_LIMIT_PROCESS_MEMORY,
                                  .ActiveProcessLimit = 1},
        .ProcessMemoryLimit = MEMORY_MOST};
    JOBOBJECT_BASIC_UI_RESTRICTIONS screen = {JOB_OBJECT_UILIMIT_DESKTOP | JOB_OBJECT_UILIMIT_DISPLAYSETTINGS |
                                              JOB_OBJECT_UILIMIT_EXITWINDOWS | JOB_OBJECT_UILIMIT_GLOBALATOMS |
                                              JOB_OBJECT_UILIMIT_HANDLES | JOB_OBJECT_UILIMIT_READCLIPBOARD |
                                              JOB_OBJECT_UILIMIT_SYSTEMPARAMETERS | JOB_OBJECT_UILIMIT_WRITECLIPBOARD};
    HANDLE job = CreateJobObjectW(NULL, NULL);

    if (job && SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits)) &&
        SetInformationJobObject(job, JobObjectBasicUIRestrictions, &screen, sizeof(screen)))
        return job;
    if (job)
        CloseHandle(job);
    return NULL;
}

/* ---- Process --------------------------------------------------------------------------------------------------------- */

/* What the service's environment holds is none of an image's business; Winsock finds its parts by SystemRoot. */
static void make_environment(bool network, wchar_t environment[MAX_PATH + 16])
{
    static const wchar_t name[] = L"SystemRoot=";
    UINT length;

    memset(environment, 0, (MAX_PATH + 16) * sizeof(*environment));
    if (!network)
        return;
    memcpy(environment, name, sizeof(name));
    length = GetSystemWindowsDirectoryW(environment + wcslen(name), MAX_PATH);
    if (length == 0 || length >= MAX_PATH)
        memset(environment, 0, (MAX_PATH + 16) * sizeof(*environment));
}

/* Of newer headers. */
#define CHILD_PROCESS_POLICY ((DWORD_PTR)0x2000e) /* PROC_THREAD_ATTRIBUTE_CHILD_PROCESS_POLICY */
#define CHILD_PROCESS_RESTRICTED 1u
#define ATTRIBUTES_MOST 3u

/* What is asked for when the process is made. Lies still until then: the list refers to it. */
struct asked {
    HANDLE inherited;
    DWORD64 mitigations;
    DWORD children;
};

static bool put(LPPROC_THREAD_ATTRIBUTE_LIST list, DWORD_PTR attribute, void *value, size_t size)
{
    return UpdateProcThreadAttribute(list, 0, attribute, value, size, NULL, NULL) != FALSE;
}

static bool put_all(LPPROC_THREAD_ATTRIBUTE_LIST list, const struct service_confinement *plan, struct asked *asked)
{
    asked->mitigations = plan->mitigations;
    asked->children = CHILD_PROCESS_RESTRICTED;
    return put(list, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &asked->inherited, sizeof(asked->inherited)) &&
           (!plan->mitigations ||
            put(list, PROC_THREAD_ATTRIBUTE_MITIGATION_POLICY, &asked->mitigations, sizeof(asked->mitigations))) &&
           (!plan->no_children || put(list, CHILD_PROCESS_POLICY, &asked->children, sizeof(asked->children)));
}

struct starting {
    HANDLE token;
    bool network;
    const struct service_confinement *plan;
    wchar_t *program, *command;
    HANDLE inherited;
};

static BOOL create(const struct starting *starting, PROCESS_INFORMATION *process)
{
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof(startup), .lpDesktop = service_worker_desktop()}};
    wchar_t folder[MAX_PATH], environment[MAX_PATH + 16];
    struct asked asked = {.inherited = starting->inherited};
    SIZE_T size = 0;
    BOOL created = FALSE;

    if (GetSystemDirectoryW(folder, MAX_PATH) == 0)
        return FALSE;
    InitializeProcThreadAttributeList(NULL, ATTRIBUTES_MOST, 0, &size);
    startup.lpAttributeList = malloc(size);
    if (!startup.lpAttributeList ||
        !InitializeProcThreadAttributeList(startup.lpAttributeList, ATTRIBUTES_MOST, 0, &size))
        goto done;
    make_environment(starting->network, environment);
    /* The program by its name, too: a command line alone leaves to the system where that ends. */
    if (put_all(startup.lpAttributeList, starting->plan, &asked))
        created = CreateProcessAsUserW(starting->token, starting->program, starting->command, NULL, NULL, TRUE,
                                       CREATE_SUSPENDED | DETACHED_PROCESS | CREATE_UNICODE_ENVIRONMENT |
                                           EXTENDED_STARTUPINFO_PRESENT,
                                       environment, folder, &startup.StartupInfo, process);
    DeleteProcThreadAttributeList(startup.lpAttributeList);
done:
    free(startup.lpAttributeList);
    return created;
}

/* Asked of the system, not taken from what was asked for: nothing less than it says may be called an AppContainer. */
static bool is_contained(HANDLE process)
{
    HANDLE token = NULL;
    bool contained = OpenProcessToken(process, TOKEN_QUERY, &token) && service_is_app_container(token);

    if (token)
        CloseHandle(token);
    return contained;
}

/* In its job before its first instruction. */
static enum platter_result start(struct starting *starting, struct service_worker *worker, struct platter_error *err)
{
    struct platter_command_line line = {0};
    wchar_t number[24];
    PROCESS_INFORMATION process = {0};
    enum platter_result result = PLATTER_OK;

    starting->program = platter_own_program();
    (void)_snwprintf(number, sizeof(number) / sizeof(number[0]), L"%llu",
                     (unsigned long long)(uintptr_t)starting->inherited);
    platter_command_line_add(&line, starting->program ? starting->program : L"");
    platter_command_line_add(&line, L"--worker");
    platter_command_line_add(&line, number);
    starting->command = line.text;
    if (!starting->program || line.failed) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto done;
    }
    if (!create(starting, &process)) {
        result = failed("the system does not start it", err);
        goto done;
    }
    if (starting->plan->app_container && !is_contained(process.hProcess)) {
        result = failed("the system started it without its AppContainer", err);
    } else if (!AssignProcessToJobObject(worker->job, process.hProcess) || ResumeThread(process.hThread) == (DWORD)-1) {
        result = failed("it cannot be confined", err);
    } else {
        worker->process = process.hProcess;
        worker->process_id = process.dwProcessId;
    }
    if (result) {
        TerminateProcess(process.hProcess, PLATTER_E_FAILED);
        CloseHandle(process.hProcess);
    }
    CloseHandle(process.hThread);
done:
    platter_command_line_free(&line);
    free(starting->program);
    return result;
}

enum platter_result service_worker_start(HANDLE owner, bool network, const struct service_confinement *plan,
                                         struct service_worker *worker, struct platter_error *err)
{
    struct starting starting = {.network = network, .plan = plan, .inherited = INVALID_HANDLE_VALUE};
    enum platter_result result;

    memset(worker, 0, sizeof(*worker));
    if (!service_restricted_token(owner, plan->app_container, &starting.token))
        return failed(plan->app_container ? "the system makes no AppContainer" : "its rights cannot be restricted",
                      err);
    result = make_pipe(&worker->channel.pipe, &starting.inherited, err);
    if (result)
        goto close_token;
    worker->job = make_job();
    result = worker->job ? start(&starting, worker, err) : failed("no job object", err);
    CloseHandle(starting.inherited);
    if (result)
        service_worker_close(worker);
close_token:
    CloseHandle(starting.token);
    return result;
}

void service_worker_close(struct service_worker *worker)
{
    if (worker->process) {
        TerminateJobObject(worker->job, PLATTER_E_CANCELLED);
        WaitForSingleObject(worker->process, END_MS);
        CloseHandle(worker->process);
    }
    if (worker->job)
        CloseHandle(worker->job);
    if (worker->channel.pipe)
        CloseHandle(worker->channel.pipe);
    memset(worker, 0, sizeof(*worker));
}
