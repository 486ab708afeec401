/* SPDX-License-Identifier: MIT */
/* Processes by their program's name: ended, or waited for. */
#include "points.h"

#include <winternl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define KILLED 99u /* exit status */
#define END_MS 20000u
#define LIST_BYTES (256u << 10)
#define MOST_LIST_BYTES (16u << 20)

/*
 * All processes, to be freed; or NULL. Asked of the kernel: ReactOS' Toolhelp has a PROCESSENTRY32W of i386 on x86_64 too, and
 * refuses everybody else's.
 */
static SYSTEM_PROCESS_INFORMATION *list(void)
{
    for (ULONG size = LIST_BYTES; size <= MOST_LIST_BYTES; size *= 2) {
        SYSTEM_PROCESS_INFORMATION *all = malloc(size);

        if (!all || NT_SUCCESS(NtQuerySystemInformation(SystemProcessInformation, all, size, NULL)))
            return all;
        free(all);
    }
    return NULL;
}

static bool runs(const SYSTEM_PROCESS_INFORMATION *process, const wchar_t *program)
{
    return process->ImageName.Length == wcslen(program) * sizeof(*program) &&
           _wcsnicmp(process->ImageName.Buffer, program, wcslen(program)) == 0;
}

static bool end(const SYSTEM_PROCESS_INFORMATION *process)
{
    HANDLE handle = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)(ULONG_PTR)process->UniqueProcessId);
    bool ended = handle && TerminateProcess(handle, KILLED);

    if (handle)
        CloseHandle(handle);
    return ended;
}

/* How many run `program`, or -1 where the kernel does not tell; with `killed`, each is ended, and *killed of them could be. */
static int processes(const wchar_t *program, int *killed)
{
    SYSTEM_PROCESS_INFORMATION *all = list(), *process = all;
    int found = 0;

    if (!all)
        return -1;
    for (;;) {
        if (runs(process, program)) {
            found++;
            if (killed && end(process))
                (*killed)++;
        }
        if (!process->NextEntryOffset)
            break;
        process = (SYSTEM_PROCESS_INFORMATION *)((char *)process + process->NextEntryOffset);
    }
    free(all);
    return found;
}

int points_kill(const wchar_t *program)
{
    int killed = 0, found = processes(program, &killed);

    printf("killed %d of %d\n", killed, found);
    return found > 0 && killed == found ? 0 : 1;
}

int points_ended(const wchar_t *program)
{
    int left;

    for (DWORD begun = GetTickCount(); (left = processes(program, NULL)) > 0 && GetTickCount() - begun < END_MS;)
        Sleep(100);
    printf("running %d\n", left);
    return left != 0;
}
