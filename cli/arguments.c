/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct cli_option cli_common_options[] = {
    {"json", NULL, "print one JSON object instead of text (docs/cli.md has its shape)"},
    {"help", NULL, "show this help"},
    {NULL, NULL, NULL},
};

#define LONGEST_WORD 32

unsigned cli_edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    unsigned row[3][LONGEST_WORD + 1];

    /* Words of the tables are short; whatever is longer than they may be is not meant to be one of them. */
    if (rows > LONGEST_WORD || columns > LONGEST_WORD)
        return LONGEST_WORD;
    for (size_t j = 0; j <= columns; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[rows % 3][columns];
}

/* The nearest word so far, among those near enough to be what was meant. */
struct nearest {
    const char *word;
    unsigned distance;
};

static void consider(struct nearest *nearest, const char *given, const char *word)
{
    unsigned distance = cli_edit_distance(given, word);
    unsigned most = strlen(given) < 4 ? 1 : 2;
    size_t length = strlen(given);

    /* "--part" is far from "--partition" by edits, and yet plain. */
    if (length >= 2 && strncmp(given, word, length) == 0)
        distance = 1;
    if (distance <= most && (!nearest->word || distance < nearest->distance)) {
        nearest->word = word;
        nearest->distance = distance;
    }
}

/* A sentence, and what was meant instead when something is near enough. */
static enum platter_result usage(struct platter_error *err, const char *dashes, const struct nearest *nearest,
                                 const char *format, ...) PLATTER_PRINTF(4, 5);

static enum platter_result usage(struct platter_error *err, const char *dashes, const struct nearest *nearest,
                                 const char *format, ...)
{
    char sentence[256];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, list);
    va_end(list);
    if (nearest && nearest->word)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s, did you mean '%s%s'", sentence,
                                 dashes, nearest->word);
    return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s", sentence);
}

/* True when `name` is `first`, or "first second" with both words given; *words tells how many it took. */
static bool names_command(const char *name, const char *first, const char *second, unsigned *words)
{
    const char *space = strchr(name, ' ');

    if (!space) {
        *words = 1;
        return strcmp(name, first) == 0;
    }
    *words = 2;
    return second && strlen(first) == (size_t)(space - name) && strncmp(name, first, strlen(first)) == 0 &&
           strcmp(space + 1, second) == 0;
}

static bool is_group(const char *name, const char *first)
{
    const char *space = strchr(name, ' ');

    return space && strlen(first) == (size_t)(space - name) && strncmp(name, first, strlen(first)) == 0;
}

static enum platter_result find_command(const struct cli_command *commands, const char *first, const char *second,
                                        struct cli_arguments *arguments, unsigned *words, struct platter_error *err)
{
    struct nearest nearest = {0};
    const struct cli_command *command;

    for (command = commands; command->name; command++) {
        if (names_command(command->name, first, second, words)) {
            arguments->command = command;
            return PLATTER_OK;
        }
        if (is_group(command->name, first))
            arguments->group = first;
    }
    *words = 1;
    for (command = commands; command->name; command++) {
        if (arguments->group && is_group(command->name, first) && second)
            consider(&nearest, second, strchr(command->name, ' ') + 1);
        else if (!arguments->group)
            consider(&nearest, first, command->name);
    }
    if (!arguments->group)
        return usage(err, "", &nearest, "there is no command '%.64s'", first);
    if (!second)
        return usage(err, "", NULL, "'%.64s' needs to be told what to do", first);
    if (nearest.word)
        nearest.word -= strlen(first) + 1; /* the whole name, of which this is the second word */
    return usage(err, "", &nearest, "there is no command '%.64s %.64s'", first, second);
}

static const struct cli_option *find_option(const struct cli_option *options, const char *name, size_t length,
                                            size_t *position)
{
    for (size_t i = 0; options && options[i].name; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0) {
            *position = i;
            return &options[i];
        }
    }
    return NULL;
}

static enum platter_result unknown_option(const struct cli_command *command, const char *name, size_t length,
                                          struct platter_error *err)
{
    char given[LONGEST_WORD + 1];
    struct nearest nearest = {0};
    size_t i;

    if (length >= sizeof(given))
        length = sizeof(given) - 1;
    memcpy(given, name, length);
    given[length] = '\0';
    for (i = 0; command && command->options && command->options[i].name; i++) {
        if (command->options[i].help)
            consider(&nearest, given, command->options[i].name);
    }
    for (i = 0; cli_common_options[i].name; i++)
        consider(&nearest, given, cli_common_options[i].name);
    if (!command)
        consider(&nearest, given, "version");
    return usage(err, "--", &nearest, "there is no option '--%s'", given);
}

/* Takes the option at argv[*at]; *at is left on the last word it took. */
static enum platter_result take_option(int argc, char *const *argv, int *at, struct cli_arguments *arguments,
                                       struct platter_error *err)
{
    const struct cli_command *command = arguments->command;
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name), position = 0;
    const struct cli_option *option = command ? find_option(command->options, name, length, &position) : NULL;
    const char **value = option ? &arguments->values[position] : NULL;
    bool *common = NULL;

    if (!option) {
        option = find_option(cli_common_options, name, length, &position);
        if (option)
            common = strcmp(option->name, "json") == 0 ? &arguments->json : &arguments->help;
        else if (!command && length == strlen("version") && strncmp(name, "version", length) == 0)
            common = &arguments->version;
        else
            return unknown_option(command, name, length, err);
    }
    if ((!option || !option->value) && equals)
        return usage(err, "", NULL, "'--%.64s' takes no value", option ? option->name : "version");
    if (common) {
        *common = true;
        return PLATTER_OK;
    }
    if (*value)
        return usage(err, "", NULL, "'--%.64s' is given twice", option->name);
    if (!option->value || (option->value[0] == '[' && !equals)) {
        *value = "";
        return PLATTER_OK;
    }
    if (!equals && *at + 1 >= argc)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "'--%s' needs a value: --%s %s",
                                 option->name, option->name, option->value);
    *value = equals ? equals + 1 : argv[++*at];
    if (!**value)
        return usage(err, "", NULL, "'--%.64s' was given an empty value", option->name);
    return PLATTER_OK;
}

static enum platter_result take_operand(const char *word, struct cli_arguments *arguments, struct platter_error *err)
{
    if (arguments->operand_count == arguments->command->most)
        return usage(err, "", NULL, "'%.128s' is one word too many%s", word,
                     arguments->command->most ? " (quote names that hold spaces)" : "");
    if (!*word)
        return usage(err, "", NULL, "an empty name was given");
    arguments->operands[arguments->operand_count++] = word;
    return PLATTER_OK;
}

/* So that whatever goes wrong before --json is reached is told in JSON, too. */
static bool wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

enum platter_result cli_arguments_parse(const struct cli_command *commands, int argc, char *const *argv,
                                        struct cli_arguments *arguments, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    bool options = true;

    memset(arguments, 0, sizeof(*arguments));
    arguments->json = wants_json(argc, argv);
    for (int i = 1; i < argc && result == PLATTER_OK; i++) {
        const char *word = argv[i];
        unsigned words = 1;

        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && (strcmp(word, "-h") == 0 || strcmp(word, "/?") == 0 || strcmp(word, "-?") == 0)) {
            arguments->help = true;
        } else if (options && strncmp(word, "--", 2) == 0) {
            result = take_option(argc, argv, &i, arguments, err);
        } else if (options && word[0] == '-' && word[1]) {
            result = usage(err, "", NULL, "there is no option '%.64s', options begin with two dashes", word);
        } else if (arguments->command) {
            result = take_operand(word, arguments, err);
        } else {
            const char *second = i + 1 < argc && argv[i + 1][0] != '-' ? argv[i + 1] : NULL;

            result = find_command(commands, word, second, arguments, &words, err);
            i += (int)words - 1;
            /* Its options are not known here, and do not matter. */
            if (result == PLATTER_OK && !arguments->command->run)
                return PLATTER_OK;
        }
    }
    if (arguments->help || arguments->version)
        return result == PLATTER_OK || arguments->group ? PLATTER_OK : result;
    if (result != PLATTER_OK)
        return result;
    if (!arguments->command)
        return usage(err, "", NULL, "no command was given");
    if (arguments->operand_count < arguments->command->least)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "something is missing: platter %s %s",
                                 arguments->command->name, arguments->command->operands);
    return PLATTER_OK;
}

const char *cli_option_value(const struct cli_arguments *arguments, const char *name)
{
    size_t position = 0;
    const struct cli_option *option = find_option(arguments->command->options, name, strlen(name), &position);

    assert(option && position < CLI_MAX_OPTIONS);
    return option ? arguments->values[position] : NULL;
}

bool cli_option_given(const struct cli_arguments *arguments, const char *name)
{
    return cli_option_value(arguments, name) != NULL;
}

enum platter_result cli_option_number(const struct cli_arguments *arguments, const char *name, uint64_t least,
                                      uint64_t most, uint64_t *number, struct platter_error *err)
{
    const char *text = cli_option_value(arguments, name);
    uint64_t value = 0;
    bool good = true;

    if (!text)
        return PLATTER_OK;
    for (const char *digit = text; *digit && good; digit++) {
        good = *digit >= '0' && *digit <= '9' && value <= (UINT64_MAX - 9) / 10;
        value = value * 10 + (uint64_t)(*digit - '0');
    }
    if (!good || value < least || value > most)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--%s %.64s': want a number from %llu to %llu", name, text, (unsigned long long)least,
                                 (unsigned long long)most);
    *number = value;
    return PLATTER_OK;
}

bool cli_size_parse(const char *text, uint64_t *size)
{
    static const char units[] = "KMGTP";
    const char *at = text, *unit;
    uint64_t value = 0;
    unsigned shift = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == text)
        return false;
    unit = *at ? strchr(units, *at >= 'a' ? *at - 'a' + 'A' : *at) : NULL;
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        at++;
        if (at[0] == 'i' && at[1] == 'B')
            at += 2;
        else if (at[0] == 'B')
            at++;
    }
    if (*at || value > UINT64_MAX >> shift)
        return false;
    *size = value << shift;
    return true;
}

enum platter_result cli_option_size(const struct cli_arguments *arguments, const char *name, uint64_t least,
                                    uint64_t most, uint64_t *size, struct platter_error *err)
{
    const char *text = cli_option_value(arguments, name);
    uint64_t value = 0;

    if (!text)
        return PLATTER_OK;
    if (!cli_size_parse(text, &value) || value < least || value > most)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--%s %.64s': want bytes from %llu to %llu, as in 4096, 64K, 100M, 2T", name, text,
                                 (unsigned long long)least, (unsigned long long)most);
    *size = value;
    return PLATTER_OK;
}
