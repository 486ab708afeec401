/* SPDX-License-Identifier: MIT */
#include "server_win32.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/os/system.h"
#include "../mount/event_win32.h"
#include "../mount/process_win32.h"
#include "channel_win32.h"
#include "pipe_win32.h"
#include "requests_win32.h"

#define REQUEST_MS 5000u /* for a client to say what he wants, and to take the answer */
#define CLIENTS_MOST 48u
#define CLIENTS_OF_ONE 16u
#define PIPE_BYTES 65536u
#define FULL_MS 50u
#define TAKEN_MS 1000u         /* until the name is asked for again that somebody else has */
#define TOLD_AGAIN_MS 3600000u /* and until the log is told again */

/*
 * Interactive users, administrators and SYSTEM, and no low integrity (the system's default label). 0x12019b: reading and
 * writing without FILE_CREATE_PIPE_INSTANCE, which GENERIC_WRITE would hold.
 */
#define PIPE_SDDL L"O:SYD:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;0x12019b;;;BA)(A;;0x12019b;;;IU)"
/* Where SYSTEM is nobody that an owner could be set to. */
#define PIPE_SDDL_OWN L"D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;OW)(A;;0x12019b;;;BA)(A;;0x12019b;;;IU)"

struct client {
    HANDLE pipe;
    char sid[PLATTER_SID_TEXT]; /* "": could not be told beforehand; all such count as one user */
    bool used;
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct client clients[CLIENTS_MOST];
static HANDLE listening = INVALID_HANDLE_VALUE;

/* ---- Instances ------------------------------------------------------------------------------------------------------- */

static HANDLE make_instance(bool first)
{
    static const wchar_t *const descriptors[] = {PIPE_SDDL, PIPE_SDDL_OWN};
    HANDLE pipe = INVALID_HANDLE_VALUE;

    for (size_t i = 0; i < 2 && pipe == INVALID_HANDLE_VALUE; i++) {
        SECURITY_ATTRIBUTES attributes = {sizeof(attributes), NULL, FALSE};

        if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(descriptors[i], SDDL_REVISION_1,
                                                                  &attributes.lpSecurityDescriptor, NULL))
            continue;
        pipe = CreateNamedPipeW(SERVICE_PIPE,
                                PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
                                PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                CLIENTS_MOST + 1, PIPE_BYTES, PIPE_BYTES, 0, &attributes);
        LocalFree(attributes.lpSecurityDescriptor);
        if (pipe == INVALID_HANDLE_VALUE && GetLastError() != ERROR_INVALID_OWNER)
            break;
    }
    return pipe;
}

/* ---- The name --------------------------------------------------------------------------------------------------------- */

/* The process that has our pipe's name; 0: it does not let that be seen. Nothing is said to it, and it learns of nobody. */
static uint32_t squatter(void)
{
    HANDLE pipe = CreateFileW(SERVICE_PIPE, FILE_READ_ATTRIBUTES, 0, NULL, OPEN_EXISTING,
                              SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    ULONG process_id = 0;

    if (pipe == INVALID_HANDLE_VALUE)
        return 0;
    if (!GetNamedPipeServerProcessId(pipe, &process_id))
        process_id = 0;
    CloseHandle(pipe);
    return process_id;
}

static void tell_taken(void)
{
    uint32_t process_id = squatter();
    char *program = process_id ? platter_process_program(process_id) : NULL, who[160];
    const char *strings[] = {who};

    if (process_id)
        (void)snprintf(who, sizeof(who), "%.100s (process %u)", program ? program : "a program", (unsigned)process_id);
    else
        (void)snprintf(who, sizeof(who), "a process that does not let itself be seen");
    free(program);
    platter_event_write(PLATTER_EVENT_PIPE_TAKEN, NULL, strings, 1);
}

bool service_server_open(void)
{
    static uint64_t told; /* ms; 0: not yet */
    uint64_t now;

    /* The flag of the first instance says the same where the system heeds it; Wine does not. */
    if (!WaitNamedPipeW(SERVICE_PIPE, 1) && GetLastError() == ERROR_FILE_NOT_FOUND)
        listening = make_instance(true);
    if (listening != INVALID_HANDLE_VALUE)
        return true;
    now = platter_os_monotonic_ms();
    if (!told || now - told >= TOLD_AGAIN_MS) {
        told = now;
        tell_taken();
    }
    return false;
}

/* ---- Clients --------------------------------------------------------------------------------------------------------- */

/* Before he has said anything; for the count only. */
static void guess_user(HANDLE pipe, char sid[PLATTER_SID_TEXT])
{
    ULONG process_id = 0;
    HANDLE process, token;

    sid[0] = '\0';
    if (!GetNamedPipeClientProcessId(pipe, &process_id))
        return;
    process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    if (!process)
        return;
    if (OpenProcessToken(process, TOKEN_QUERY, &token)) {
        (void)service_token_sid(token, sid);
        CloseHandle(token);
    }
    CloseHandle(process);
}

/* A place among the clients; NULL: this user has enough, or all are taken. */
static struct client *enter(HANDLE pipe)
{
    struct client *place = NULL, new = {.pipe = pipe, .used = true};
    unsigned same = 0;

    guess_user(pipe, new.sid);
    AcquireSRWLockExclusive(&lock);
    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        if (!clients[i].used)
            place = &clients[i];
        else
            same += strcmp(clients[i].sid, new.sid) == 0;
    }
    if (same >= CLIENTS_OF_ONE)
        place = NULL;
    if (place)
        *place = new;
    ReleaseSRWLockExclusive(&lock);
    return place;
}

static void leave(struct client *client)
{
    DisconnectNamedPipe(client->pipe);
    CloseHandle(client->pipe);
    AcquireSRWLockExclusive(&lock);
    client->used = false;
    ReleaseSRWLockExclusive(&lock);
}

static DWORD WINAPI attend(void *context)
{
    struct client *client = context;
    const struct service_channel channel = {.pipe = client->pipe};
    struct service_client who = {.token = NULL};
    struct platter_error err;
    json_t *answer = json_object();
    uint32_t length = 0;
    char *text = NULL;
    enum platter_result result =
        service_channel_receive(&channel, SERVICE_REQUEST_MOST, REQUEST_MS, &text, &length, &err);

    if (result == PLATTER_OK)
        result = service_client_identify(client->pipe, &who, &err);
    if (result == PLATTER_OK)
        service_answer(text, length, &who, answer);
    else
        platter_error_json(answer, &err, NULL);
    free(text);
    text = NULL;
    /* Who is gone, or silent, has nobody to answer. The client closes when he has read it all. */
    if (result != PLATTER_E_IO && service_channel_send(&channel, answer, REQUEST_MS, &err) == PLATTER_OK &&
        service_channel_receive(&channel, 1, REQUEST_MS, &text, &length, &err) == PLATTER_OK)
        free(text);
    service_client_close(&who);
    json_decref(answer);
    leave(client);
    return 0;
}

/* ---- Taking them in -------------------------------------------------------------------------------------------------- */

/* False: stop. */
static bool connect_one(HANDLE pipe, HANDLE stop, HANDLE event)
{
    OVERLAPPED overlapped = {.hEvent = event};
    HANDLE events[] = {stop, event};
    DWORD moved;

    ResetEvent(event);
    if (ConnectNamedPipe(pipe, &overlapped) || GetLastError() == ERROR_PIPE_CONNECTED)
        return WaitForSingleObject(stop, 0) != WAIT_OBJECT_0;
    if (GetLastError() != ERROR_IO_PENDING) /* came and went; its thread will find out */
        return WaitForSingleObject(stop, 0) != WAIT_OBJECT_0;
    if (WaitForMultipleObjects(2, events, FALSE, INFINITE) == WAIT_OBJECT_0) {
        CancelIoEx(pipe, &overlapped);
        (void)GetOverlappedResult(pipe, &overlapped, &moved, TRUE);
        return false;
    }
    return true;
}

static void hand_over(HANDLE pipe)
{
    struct client *client = enter(pipe);
    HANDLE thread;

    if (!client) {
        DisconnectNamedPipe(pipe);
        CloseHandle(pipe);
        return;
    }
    thread = CreateThread(NULL, 0, attend, client, 0, NULL);
    if (thread)
        CloseHandle(thread);
    else
        leave(client);
}

void service_server_run(HANDLE stop)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    /* Who has taken the name keeps clients from us, and nothing else: what is to be mounted is. */
    while (listening == INVALID_HANDLE_VALUE && !service_server_open()) {
        if (WaitForSingleObject(stop, TAKEN_MS) != WAIT_TIMEOUT)
            goto done;
    }
    while (event && connect_one(listening, stop, event)) {
        HANDLE taken = listening;

        /* The next one is there before this one is served: the name is never free for somebody else. */
        do
            listening = make_instance(false);
        while (listening == INVALID_HANDLE_VALUE && WaitForSingleObject(stop, FULL_MS) == WAIT_TIMEOUT);
        hand_over(taken);
        if (listening == INVALID_HANDLE_VALUE)
            break;
    }
done:
    if (event)
        CloseHandle(event);
    if (listening != INVALID_HANDLE_VALUE)
        CloseHandle(listening);
}
