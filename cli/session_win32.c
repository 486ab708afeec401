/* SPDX-License-Identifier: MIT */
/*
 * A process without a console hears of the session's end as a top-level window does (a message-only one is left out of
 * broadcasts). Without this, what file systems still hold of a writable drive would be lost with its provider.
 */
#include "session_win32.h"

#include <windows.h>

#define CLASS_NAME L"PlatterProvider"
#define ASKED_LAST 0x100u /* of the range for applications: those that use the drives have 0x280 and go first */
#define LAST_WORDS_MS 60000u

static HANDLE done;
static void (*on_end)(void *context);
static void *on_end_context;

static LRESULT CALLBACK take_message(HWND window, UINT message, WPARAM first, LPARAM second)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        ShutdownBlockReasonCreate(window, L"Platter writes its drives back to their images");
        return TRUE;
    case WM_ENDSESSION:
        if (first) {
            on_end(on_end_context);
            WaitForSingleObject(done, LAST_WORDS_MS);
        }
        ShutdownBlockReasonDestroy(window);
        return 0;
    default:
        return DefWindowProcW(window, message, first, second);
    }
}

static DWORD WINAPI watch(void *unused)
{
    const WNDCLASSEXW class = {.cbSize = sizeof(class),
                               .lpfnWndProc = take_message,
                               .hInstance = GetModuleHandleW(NULL),
                               .lpszClassName = CLASS_NAME};
    HWND window;
    MSG message;

    (void)unused;
    SetProcessShutdownParameters(ASKED_LAST, 0);
    if (!RegisterClassExW(&class))
        return 0;
    window = CreateWindowExW(0, CLASS_NAME, L"Platter", WS_POPUP, 0, 0, 0, 0, NULL, NULL, class.hInstance, NULL);
    while (window && GetMessageW(&message, NULL, 0, 0) > 0)
        DispatchMessageW(&message);
    return 0;
}

void cli_session_watch(void (*function)(void *context), void *context)
{
    HANDLE thread;

    on_end = function;
    on_end_context = context;
    done = CreateEventW(NULL, TRUE, FALSE, NULL);
    thread = done ? CreateThread(NULL, 0, watch, NULL, 0, NULL) : NULL; /* ends with the process */
    if (thread)
        CloseHandle(thread);
}

void cli_session_done(void)
{
    if (done)
        SetEvent(done);
}
