/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static void (*on_interrupt)(void *context);
static void *on_interrupt_context;

static FILE *file_of(enum cli_stream stream)
{
    return stream == CLI_OUT ? stdout : stderr;
}

void cli_write(enum cli_stream stream, const char *text)
{
    (void)fputs(text, file_of(stream));
}

void cli_flush(enum cli_stream stream)
{
    (void)fflush(file_of(stream));
}

bool cli_output_arrived(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

bool cli_is_terminal(enum cli_stream stream)
{
    return isatty(fileno(file_of(stream))) == 1;
}

bool cli_input_is_terminal(void)
{
    return isatty(STDIN_FILENO) == 1;
}

unsigned cli_terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
    if (on_interrupt)
        on_interrupt(on_interrupt_context);
}

void cli_interrupt_catch(void (*function)(void *context), void *context)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = interrupt}, old;

    on_interrupt_context = context;
    on_interrupt = function;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        /* What was ignored when we were started stays ignored (nohup, a shell's background job). */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

void cli_interrupt_done(void)
{
}

uint64_t cli_monotonic_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
