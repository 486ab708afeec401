/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "console.h"
#include "text.h"

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
            cli_printable(memcpy(copy, cells[i], size));
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

static void print_cell(const char *text, unsigned wide, bool right, bool last)
{
    unsigned fill = wide - width(text);

    cli_print(CLI_OUT, "%*s%s%*s", right ? (int)fill : 0, "", text, right || last ? 0 : (int)fill + 2, "");
    if (right && !last)
        cli_print(CLI_OUT, "  ");
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
        cli_print(CLI_OUT, "%*s", (int)indent, "");
        for (unsigned i = 0; i < table->columns; i++) {
            const char *cell = table->cells[row * table->columns + i];

            print_cell(cell ? cell : "", wide[i], table->right >> i & 1, i + 1 == table->columns);
        }
        cli_print(CLI_OUT, "\n");
    }
    for (at = 0; at < table->rows * table->columns; at++)
        free(table->cells[at]);
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
    return whole;
}
