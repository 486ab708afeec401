/* SPDX-License-Identifier: MIT */
/* The command line: tables of commands and options, and the parser that reads argv by them. Help comes of the same tables. */
#ifndef PLATTER_CLI_ARGUMENTS_H
#define PLATTER_CLI_ARGUMENTS_H

#include <platter/engine.h>

#define CLI_MAX_OPTIONS 24 /* of one command, those of all commands included */
#define CLI_MAX_OPERANDS 2

struct cli_reply;
struct cli_arguments;

struct cli_option {
    const char *name;  /* without dashes; NULL ends a table */
    const char *value; /* what follows, for the help: "N"; "[=N]": it may be left away; NULL: a switch */
    const char *help;  /* NULL: not for people, and not shown */
};

/* A command that failed returns its result and has filled *err, unless it has reported by itself (cli_reply.reported). */
typedef enum platter_result cli_run_fn(const struct cli_arguments *arguments, struct cli_reply *reply,
                                       struct platter_error *err);

struct cli_command {
    const char *name;     /* one word, or two: "driver install"; NULL ends a table */
    const char *operands; /* for the help: "IMAGE OUT"; "" when there are none */
    unsigned least;       /* operands that must be there */
    unsigned most;        /* and those that may; at most CLI_MAX_OPERANDS */
    const char *summary;  /* one line, no full stop */
    const char *text;     /* paragraphs for its own help; lines are broken where they are shown */
    const struct cli_option *options;
    const char *examples; /* lines, each a command */
    cli_run_fn *run;      /* NULL: exists on the other system only */
};

struct cli_arguments {
    const struct cli_command *command; /* NULL: none was named */
    bool help;                         /* --help; of `command` when there is one */
    bool version;
    const char *group;                   /* "driver" when only the first of two words was given, for the help */
    const char *values[CLI_MAX_OPTIONS]; /* by position in the command's own table; "" for a switch that is set */
    bool json;
    const char *operands[CLI_MAX_OPERANDS];
    unsigned operand_count;
};

/* Options that every command takes. */
extern const struct cli_option cli_common_options[];

/*
 * Reads argv (argv[0] is the program). PLATTER_E_USAGE with a sentence that names what is wrong, and the nearest that
 * would have been right. *arguments is filled as far as it went, also on failure; it borrows from argv.
 */
enum platter_result cli_arguments_parse(const struct cli_command *commands, int argc, char *const *argv,
                                        struct cli_arguments *arguments, struct platter_error *err);

/* The option's value, "" for a switch, NULL when it was not given. `name` must be in the command's table. */
const char *cli_option_value(const struct cli_arguments *arguments, const char *name);
bool cli_option_given(const struct cli_arguments *arguments, const char *name);
/* A decimal number within [least, most]; *number is left alone when the option was not given. */
enum platter_result cli_option_number(const struct cli_arguments *arguments, const char *name, uint64_t least,
                                      uint64_t most, uint64_t *number, struct platter_error *err);

/* The same for a size in bytes, which may end with K, M, G, T or P: 1024 of the one before. KB, KiB and so on are the same. */
enum platter_result cli_option_size(const struct cli_arguments *arguments, const char *name, uint64_t least,
                                    uint64_t most, uint64_t *size, struct platter_error *err);
/* False when the text is no such size, or one that 64 bits cannot hold. */
bool cli_size_parse(const char *text, uint64_t *size);

/* Edits (insert, delete, replace, swap neighbours) that make one word of the other. */
unsigned cli_edit_distance(const char *a, const char *b);

#endif
