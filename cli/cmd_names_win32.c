/* SPDX-License-Identifier: MIT */
#include "../mount/choose.h"
#include "commands.h"
#include "../mount/names_win32.h"
#include "names_show.h"

const struct cli_option cli_names_options[] = {{"all", NULL, "every name of every directory, not drive letters only"},
                                               {NULL, NULL, NULL}};

enum platter_result cli_names(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    bool all = cli_option_given(arguments, "all"), shown;
    const char *text = arguments->operand_count > 0 ? arguments->operands[0] : NULL;
    char letter = text ? platter_letter(text) : 0;
    struct platter_names names;
    enum platter_result result;

    if (text && !letter)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "'%.64s' is not a drive letter", text);
    if (text && all)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a drive letter and '--all' exclude each other");
    result = platter_names_read(&names, err);
    if (result != PLATTER_OK)
        return result;
    if (reply->json) {
        cli_names_json(reply->root, &names, letter, all);
        shown = !names.without_memory;
    } else if (all) {
        shown = cli_names_print_all(&names);
    } else {
        shown = letter ? cli_names_print_letter(&names, letter) : cli_names_print_letters(&names);
    }
    platter_names_free(&names);
    return shown ? PLATTER_OK : platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
}
