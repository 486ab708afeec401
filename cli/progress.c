/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include "console.h"
#include "../mount/text.h"

#include <stdio.h>
#include <string.h>

#define REDRAW_MS 100
#define WIDEST_BAR 40
#define NARROWEST_BAR 5

void cli_progress_begin(struct cli_progress *progress)
{
    memset(progress, 0, sizeof(*progress));
    progress->shown = cli_is_terminal(CLI_ERR);
    progress->start_ms = cli_monotonic_ms();
}

void cli_progress_line(uint64_t done, uint64_t total, uint64_t elapsed_ms, unsigned columns, char *buffer, size_t size)
{
    char bar[WIDEST_BAR + 1], facts[160], now[PLATTER_SIZE_TEXT], whole[PLATTER_SIZE_TEXT], rate[PLATTER_SIZE_TEXT];
    char left[PLATTER_TIME_TEXT];
    double fraction = total > 0 ? (double)done / (double)total : 1;
    double speed = elapsed_ms > 0 ? (double)done * 1000 / (double)elapsed_ms : 0;
    int length, room;

    if (fraction > 1)
        fraction = 1;
    length = snprintf(facts, sizeof(facts), " %3u%%  %s of %s", (unsigned)(fraction * 100),
                      platter_size_text(done, now), platter_size_text(total, whole));
    /* The first moments say nothing about the rest. */
    if (elapsed_ms >= 500 && speed >= 1)
        length += snprintf(facts + length, sizeof(facts) - (size_t)length, "  %s/s  %s left",
                           platter_size_text((uint64_t)speed, rate),
                           platter_duration_text((uint64_t)((double)(total > done ? total - done : 0) / speed), left));
    room = (int)columns - length - 3; /* the brackets, and the last column, in which some terminals break the line */
    if (room > WIDEST_BAR)
        room = WIDEST_BAR;
    if (room < NARROWEST_BAR) {
        (void)snprintf(buffer, size, "%.*s", columns > 1 ? (int)columns - 1 : 0, facts + 1);
        return;
    }
    memset(bar, '-', (size_t)room);
    memset(bar, '#', (size_t)(fraction * room));
    bar[room] = '\0';
    (void)snprintf(buffer, size, "[%s]%s", bar, facts);
}

bool cli_progress_step(void *context, uint64_t done, uint64_t total)
{
    struct cli_progress *progress = context;
    uint64_t now = cli_monotonic_ms();
    char line[256];

    if (progress->shown && (progress->drawn_ms == 0 || now - progress->drawn_ms >= REDRAW_MS)) {
        cli_progress_line(done, total, now - progress->start_ms, cli_terminal_columns(), line, sizeof(line));
        cli_print(CLI_ERR, "\r%s", line);
        /* What is left of a longer line before. */
        unsigned columns = cli_terminal_columns(), used = (unsigned)strlen(line);
        if (used + 1 < columns)
            cli_print(CLI_ERR, "%*s", (int)(columns - 1 - used), "");
        cli_flush(CLI_ERR);
        progress->drawn_ms = now;
    }
    return !cli_interrupted();
}

void cli_progress_end(struct cli_progress *progress)
{
    unsigned columns = cli_terminal_columns();

    if (progress->shown && progress->drawn_ms != 0)
        cli_print(CLI_ERR, "\r%*s\r", (int)columns - 1, "");
    cli_flush(CLI_ERR);
}
