/* SPDX-License-Identifier: MIT */
/* Text in columns, each as wide as its widest cell. */
#ifndef PLATTER_CLI_TABLE_H
#define PLATTER_CLI_TABLE_H

#include <platter/engine.h>

#define CLI_TABLE_COLUMNS 12

struct cli_table {
    unsigned columns;
    uint32_t right; /* bit n: column n stands to the right */
    size_t rows;
    char **cells; /* rows * columns; row 0 is the heading */
    bool failed;  /* without memory */
};

/* Adds a row of `columns` texts, which are copied and made printable. The first one is the heading. */
void cli_table_row(struct cli_table *table, const char *const *cells);
/* Prints the table, each line behind `indent` spaces, and frees it. False when memory did not suffice for all of it. */
bool cli_table_print(struct cli_table *table, unsigned indent);

#endif
