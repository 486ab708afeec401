/* SPDX-License-Identifier: MIT */
/* A line that tells how far long work is, redrawn on a terminal; nothing where standard error is not one. */
#ifndef PLATTER_CLI_PROGRESS_H
#define PLATTER_CLI_PROGRESS_H

#include <platter/engine.h>

struct cli_progress {
    bool shown;
    uint64_t start_ms;
    uint64_t drawn_ms; /* of the last redraw; 0: none yet */
};

void cli_progress_begin(struct cli_progress *progress);
/* A platter_progress_fn: false once the user has interrupted, so it is to be given to whatever takes long. */
bool cli_progress_step(void *context, uint64_t done, uint64_t total);
/* Takes the line away again. */
void cli_progress_end(struct cli_progress *progress);

/* "[#####-----]  50%  250 MiB of 500 MiB  80 MiB/s  0:03 left", fitted into `columns`. Pure. */
void cli_progress_line(uint64_t done, uint64_t total, uint64_t elapsed_ms, unsigned columns, char *buffer, size_t size);

#endif
