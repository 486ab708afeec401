/* SPDX-License-Identifier: MIT */
/*
 * The end of a session, as a process that serves a drive is told of it: wt_endsession PROCESS. The messages that Windows sends
 * go to its window; 0: it has taken them, 1: it has no such window.
 */
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

#define ANSWER_MS 30000u

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    DWORD wanted = count == 2 ? wcstoul(words[1], NULL, 10) : 0, owner = 0;
    DWORD_PTR answer = 0;
    HWND window = NULL;

    do {
        window = FindWindowExW(NULL, window, L"PlatterProvider", NULL);
        if (window)
            (void)GetWindowThreadProcessId(window, &owner);
    } while (window && owner != wanted);
    if (!window) {
        (void)printf("process %lu has no window that would be told\n", wanted);
        return 1;
    }
    if (!SendMessageTimeoutW(window, WM_QUERYENDSESSION, 0, ENDSESSION_LOGOFF, SMTO_NORMAL, ANSWER_MS, &answer) ||
        !answer) {
        (void)printf("it objects, or does not answer\n");
        return 2;
    }
    /* Its process may end before it has answered. */
    (void)SendMessageTimeoutW(window, WM_ENDSESSION, TRUE, ENDSESSION_LOGOFF, SMTO_NORMAL, ANSWER_MS, &answer);
    return 0;
}
