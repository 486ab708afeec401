/* SPDX-License-Identifier: MIT */
/* A console takes UTF-16; a file or pipe takes our UTF-8 as it is, lines ended as Windows does. */
#include "console.h"

#include <windows.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mount/wide_win32.h"

/* Windows gives a closed console 5 s and a logoff 20 s; then the process ends however far it is. */
#define LAST_WORDS_MS 19000

static volatile LONG interrupted;
static HANDLE done; /* set by cli_interrupt_done */
static void (*on_interrupt)(void *context);
static void *on_interrupt_context;

static FILE *file_of(enum cli_stream stream)
{
    return stream == CLI_OUT ? stdout : stderr;
}

static HANDLE handle_of(enum cli_stream stream)
{
    return GetStdHandle(stream == CLI_OUT ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
}

bool cli_is_terminal(enum cli_stream stream)
{
    DWORD mode;

    return GetConsoleMode(handle_of(stream), &mode) != FALSE;
}

bool cli_input_is_terminal(void)
{
    DWORD mode;

    return GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode) != FALSE;
}

void cli_write(enum cli_stream stream, const char *text)
{
    wchar_t *wide = cli_is_terminal(stream) ? platter_wide(text) : NULL;
    const wchar_t *at = wide;
    size_t left = wide ? wcslen(wide) : 0;

    if (!wide) {
        (void)fputs(text, file_of(stream));
        return;
    }
    while (left > 0) {
        DWORD written, part = left > 8192 ? 8192 : (DWORD)left; /* old consoles refuse more than 64 KiB at once */

        if (!WriteConsoleW(handle_of(stream), at, part, &written, NULL) || written == 0)
            break;
        at += written;
        left -= written;
    }
    free(wide);
}

void cli_flush(enum cli_stream stream)
{
    (void)fflush(file_of(stream));
}

bool cli_output_arrived(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

unsigned cli_terminal_columns(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (!GetConsoleScreenBufferInfo(handle_of(CLI_ERR), &info) || info.srWindow.Right <= info.srWindow.Left)
        return 80;
    return (unsigned)(info.srWindow.Right - info.srWindow.Left) + 1;
}

static BOOL WINAPI interrupt(DWORD event)
{
    InterlockedExchange(&interrupted, 1);
    if (on_interrupt)
        on_interrupt(on_interrupt_context);
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        WaitForSingleObject(done, LAST_WORDS_MS);
    return TRUE;
}

void cli_interrupt_catch(void (*function)(void *context), void *context)
{
    on_interrupt_context = context;
    on_interrupt = function;
    if (!done) {
        done = CreateEventW(NULL, TRUE, FALSE, NULL); /* lives as long as the process */
        SetConsoleCtrlHandler(interrupt, TRUE);
    }
}

bool cli_interrupted(void)
{
    return InterlockedCompareExchange(&interrupted, 0, 0) != 0;
}

void cli_interrupt_done(void)
{
    if (done)
        SetEvent(done);
}

uint64_t cli_monotonic_ms(void)
{
    return GetTickCount64();
}
