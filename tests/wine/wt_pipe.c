/* SPDX-License-Identifier: MIT */
/*
 * A client of the service's pipe that does not behave, and a program that has its name first:
 *   wt_pipe send FILE        sends the file's bytes as they are, prints the answer's JSON
 *   wt_pipe length N         sends a length of N and nothing behind it, prints the answer's JSON
 *   wt_pipe idle N MS        opens N connections, says nothing for MS; then prints how many the service has closed
 *   wt_pipe squat MS         takes the pipe's name for MS, prints "squatting as" its process, then how much it was told
 */
#include <windows.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIPE L"\\\\.\\pipe\\Platter.Service"
#define MOST 65536u

int wmain(int count, wchar_t **words);

static HANDLE connect_pipe(void)
{
    for (int i = 0; i < 200; i++) {
        HANDLE pipe = CreateFileW(PIPE, GENERIC_READ | FILE_WRITE_DATA, 0, NULL, OPEN_EXISTING,
                                  SECURITY_SQOS_PRESENT | SECURITY_IMPERSONATION, NULL);

        if (pipe != INVALID_HANDLE_VALUE)
            return pipe;
        Sleep(50);
    }
    return INVALID_HANDLE_VALUE;
}

static int show_answer(HANDLE pipe)
{
    static char buffer[MOST + 1];
    DWORD got, have = 0;

    while (have < MOST && ReadFile(pipe, buffer + have, MOST - have, &got, NULL) && got > 0) {
        have += got;
        /* All of it: the service waits for us to close. */
        if (have >= 4 && have - 4 >= *(uint32_t *)(void *)buffer)
            break;
    }
    buffer[have] = '\0';
    (void)printf("%s\n", have > 4 ? buffer + 4 : "no answer");
    CloseHandle(pipe);
    return have > 4 ? 0 : 1;
}

static int send_file(const wchar_t *name)
{
    static char bytes[2 * MOST];
    FILE *file = _wfopen(name, L"rb");
    size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    HANDLE pipe = connect_pipe();
    DWORD put;

    if (file)
        (void)fclose(file);
    if (pipe == INVALID_HANDLE_VALUE)
        return 2;
    (void)WriteFile(pipe, bytes, (DWORD)length, &put, NULL);
    return show_answer(pipe);
}

static int send_length(uint32_t length)
{
    HANDLE pipe = connect_pipe();
    DWORD put;

    if (pipe == INVALID_HANDLE_VALUE)
        return 2;
    (void)WriteFile(pipe, &length, sizeof(length), &put, NULL);
    return show_answer(pipe);
}

static int idle(unsigned number, unsigned ms)
{
    HANDLE pipes[64];
    unsigned opened = 0, closed = 0;

    for (; opened < number && opened < 64; opened++) {
        pipes[opened] = connect_pipe();
        if (pipes[opened] == INVALID_HANDLE_VALUE)
            break;
    }
    (void)printf("opened %u\n", opened);
    (void)fflush(stdout);
    Sleep(ms);
    for (unsigned i = 0; i < opened; i++) {
        DWORD there;

        if (!PeekNamedPipe(pipes[i], NULL, 0, NULL, &there, NULL))
            closed++;
        CloseHandle(pipes[i]);
    }
    (void)printf("closed %u\n", closed);
    return 0;
}

/* Waits for what was begun, until `until`; the bytes moved, 0 when nothing came of it. */
static DWORD await(HANDLE pipe, OVERLAPPED *overlapped, BOOL begun, ULONGLONG until)
{
    ULONGLONG now = GetTickCount64();
    DWORD moved = 0;

    if (!begun && GetLastError() != ERROR_IO_PENDING)
        return 0;
    if (!begun && WaitForSingleObject(overlapped->hEvent, now < until ? (DWORD)(until - now) : 0) != WAIT_OBJECT_0)
        (void)CancelIoEx(pipe, overlapped);
    return GetOverlappedResult(pipe, overlapped, &moved, TRUE) ? moved : 0;
}

/* One client after the other, for so long. */
static int squat(unsigned ms)
{
    HANDLE pipe = CreateNamedPipeW(PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED,
                                   PIPE_TYPE_BYTE, 8, MOST, MOST, 0, NULL);
    ULONGLONG until = GetTickCount64() + ms;
    OVERLAPPED overlapped = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    char heard[64];
    DWORD bytes = 0;

    if (pipe == INVALID_HANDLE_VALUE) {
        (void)printf("refused %lu\n", GetLastError());
        return 1;
    }
    (void)printf("squatting as %lu\n", GetCurrentProcessId());
    (void)fflush(stdout);
    while (GetTickCount64() < until) {
        DWORD got;

        (void)await(pipe, &overlapped, ConnectNamedPipe(pipe, &overlapped), until);
        while ((got = await(pipe, &overlapped, ReadFile(pipe, heard, sizeof(heard), NULL, &overlapped), until)) > 0)
            bytes += got;
        (void)DisconnectNamedPipe(pipe);
    }
    (void)printf("heard %lu bytes\n", bytes);
    return 0;
}

int wmain(int count, wchar_t **words)
{
    if (count == 3 && wcscmp(words[1], L"send") == 0)
        return send_file(words[2]);
    if (count == 3 && wcscmp(words[1], L"length") == 0)
        return send_length((uint32_t)wcstoul(words[2], NULL, 10));
    if (count == 4 && wcscmp(words[1], L"idle") == 0)
        return idle((unsigned)wcstoul(words[2], NULL, 10), (unsigned)wcstoul(words[3], NULL, 10));
    if (count == 3 && wcscmp(words[1], L"squat") == 0)
        return squat((unsigned)wcstoul(words[2], NULL, 10));
    return 3;
}
