/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "console.h"
#include "../mount/text.h"

#include <stdlib.h>
#include <string.h>

void cli_table_row(struct cli_table *table, const char *const *cells)
{
    size_t used = table->rows * table->columns;
    char **grown = realloc(table->cells, (used + table->columns) * sizeof(*grown));

    if (!grown) {
        table->failed = true;
        return;
    }
    table->cells = grown;
    for (unsigned i = 0; i < table->columns; i++) {
        size_t size = strlen(cells[i]) + 1;
        char *copy = malloc(size);

        if (copy)
            platter_printable(memcpy(copy, cells[i], size));
        else
            table->failed = true;
        grown[used + i] = copy;
    }
    table->rows++;
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static unsigned width(const char *text)
{
    unsigned count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* `more` cells follow; without, the line ends here, and not in spaces. */
static void print_cell(const char *text, unsigned wide, bool right, bool more)
{
    int fill = (int)(wide - width(text));

    cli_print(CLI_OUT, "%*s%s%*s", right ? fill : 0, "", text, more ? (right ? 2 : fill + 2) : 0, "");
}

bool cli_table_print(struct cli_table *table, unsigned indent)
{
    unsigned wide[CLI_TABLE_COLUMNS] = {0};
    bool whole = !table->failed;
    size_t at;

    for (at = 0; at < table->rows * table->columns; at++) {
        unsigned *most = &wide[at % table->columns];

        if (table->cells[at] && width(table->cells[at]) > *most)
            *most = width(table->cells[at]);
    }
    for (size_t row = 0; row < table->rows; row++) {
        char **cells = table->cells + row * table->columns;
        unsigned count = table->columns;

        while (count > 1 && (!cells[count - 1] || !cells[count - 1][0]))
            count--;
        cli_print(CLI_OUT, "%*s", (int)indent, "");
        for (unsigned i = 0; i < count; i++)
            print_cell(cells[i] ? cells[i] : "", wide[i], table->right >> i & 1, i + 1 < count);
        cli_print(CLI_OUT, "\n");
    }
    for (at = 0; at < table->rows * table->columns; at++)
        free(table->cells[at]);
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
    return whole;
}
