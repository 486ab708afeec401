/* SPDX-License-Identifier: MIT */
#include "complete.h"

#include "console.h"

#include <string.h>

/* What the words before the one that is completed amount to. */
struct said {
    const char *first;                 /* of the command's words; NULL: none yet */
    const struct cli_command *command; /* NULL: not named whole */
    const struct cli_option *pending;  /* wants its value now; NULL: none does */
    char *const *words;
    int count;
    bool operands_only; /* behind "--" */
};

static void offer(const char *word, const char *begin, const char *help)
{
    if (strncmp(word, begin, strlen(begin)) == 0)
        cli_print(CLI_OUT, "%s\t%s\n", word, help);
}

/* The length of the command's first word. */
static size_t first_length(const char *name)
{
    return strcspn(name, " ");
}

static bool is_first(const char *name, const char *word)
{
    return strlen(word) == first_length(name) && strncmp(name, word, first_length(name)) == 0;
}

static const struct cli_command *find_command(const struct cli_command *commands, const char *first, const char *second)
{
    for (; commands->name; commands++) {
        const char *rest = commands->name + first_length(commands->name);

        if (commands->run && is_first(commands->name, first) &&
            (second ? *rest == ' ' && strcmp(rest + 1, second) == 0 : *rest == '\0'))
            return commands;
    }
    return NULL;
}

/* The option that `word` is, with or without a value behind "="; NULL: none of this command's. */
static const struct cli_option *find_option(const struct cli_command *command, const char *word)
{
    const struct cli_option *option = command ? command->options : NULL;
    size_t length = strcspn(word, "=");

    for (; option && option->name; option++) {
        if (length == strlen(option->name) + 2 && strncmp(word + 2, option->name, length - 2) == 0)
            return option;
    }
    return NULL;
}

static void read_words(const struct cli_command *commands, struct said *said)
{
    for (int i = 0; i < said->count; i++) {
        const char *word = said->words[i];

        if (said->pending) {
            said->pending = NULL;
        } else if (!said->operands_only && strcmp(word, "--") == 0) {
            said->operands_only = true;
        } else if (!said->operands_only && strncmp(word, "--", 2) == 0) {
            const struct cli_option *option = find_option(said->command, word);

            if (option && option->value && option->value[0] != '[' && !strchr(word, '='))
                said->pending = option;
        } else if (!said->first) {
            said->first = word;
            said->command = find_command(commands, word, NULL);
        } else if (!said->command) {
            said->command = find_command(commands, said->first, word);
        }
    }
}

static bool given(const struct said *said, const struct cli_option *option)
{
    for (int i = 0; i < said->count; i++) {
        if (strncmp(said->words[i], "--", 2) == 0 && find_option(said->command, said->words[i]) == option)
            return true;
    }
    return false;
}

/* First words of commands, or second ones of a group; each once. */
static void offer_commands(const struct cli_command *commands, const struct said *said, const char *begin)
{
    for (const struct cli_command *command = commands; command->name; command++) {
        size_t length = first_length(command->name);
        const char *second = command->name[length] ? command->name + length + 1 : NULL;

        if (!command->run)
            continue;
        if (said->first) {
            if (second && is_first(command->name, said->first))
                offer(second, begin, command->summary);
        } else if (!second) {
            offer(command->name, begin, command->summary);
        } else if (command == commands || strncmp(command[-1].name, command->name, length + 1) != 0) {
            if (strlen(begin) <= length && strncmp(command->name, begin, strlen(begin)) == 0)
                cli_print(CLI_OUT, "%.*s\t%s\n", (int)length, command->name, command->summary);
        }
    }
}

static void offer_option(const struct cli_option *option, const char *begin)
{
    if (option->help && strncmp(option->name, begin, strlen(begin)) == 0)
        cli_print(CLI_OUT, "--%s\t%s\n", option->name, option->help);
}

/* `begin`: behind its dashes, as far as they are typed. */
static void offer_options(const struct said *said, const char *begin)
{
    for (const struct cli_option *option = said->command ? said->command->options : NULL; option && option->name;
         option++) {
        if (!given(said, option))
            offer_option(option, begin);
    }
    for (const struct cli_option *option = cli_common_options; option->name; option++)
        offer_option(option, begin);
    if (!said->first)
        offer_option(&(const struct cli_option){"version", NULL, "show the version"}, begin);
}

/* The values that the help spells out ("fixed|dynamic"), and the formats. A value in capitals is the user's own. */
static void offer_values(const struct cli_option *option, const char *begin)
{
    const char *at = option->value;

    if (strcmp(option->name, "format") == 0 || strcmp(option->name, "to-format") == 0) {
        for (const char *const *name = platter_format_names(); *name; name++)
            offer(*name, begin, "image format");
        return;
    }
    while (*at) {
        size_t length = strcspn(at, "|");

        if (*at >= 'a' && *at <= 'z' && strncmp(at, begin, strlen(begin)) == 0 && strlen(begin) <= length)
            cli_print(CLI_OUT, "%.*s\t%s\n", (int)length, at, option->help);
        at += length + (at[length] == '|');
    }
}

bool cli_complete(const struct cli_command *commands, int argc, char *const *argv)
{
    struct said said = {0};
    const char *word;

    if (argc < 3 || strcmp(argv[1], CLI_COMPLETE) != 0 || argv[2][0] != ':')
        return false;
    word = argv[2] + 1;
    said.words = argv + 3;
    said.count = argc - 3;
    read_words(commands, &said);
    if (said.pending)
        offer_values(said.pending, word);
    else if (!said.operands_only && word[0] == '-')
        offer_options(&said, word + strspn(word, "-"));
    else if (!said.operands_only && !said.command)
        offer_commands(commands, &said, word);
    return true;
}
