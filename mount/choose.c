/* SPDX-License-Identifier: MIT */
#include "choose.h"

#include <stdio.h>
#include <string.h>

enum platter_result platter_choice_parse(const char *text, struct platter_choice *choice, struct platter_error *err)
{
    const char *at = text;

    choice->all = false;
    choice->count = 0;
    if (!text)
        return PLATTER_OK;
    if (strcmp(text, "all") == 0) {
        choice->all = true;
        return PLATTER_OK;
    }
    do {
        uint32_t number = 0;
        size_t digits = 0;

        for (; *at >= '0' && *at <= '9' && digits < 6; at++, digits++)
            number = number * 10 + (uint32_t)(*at - '0');
        if (digits == 0 || (*at && *at != ','))
            return platter_error_set(
                err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                "'--partition %.64s': want numbers as 'platter info' shows them, like 1,3, or 'all'", text);
        for (size_t i = 0; i < choice->count; i++) {
            if (choice->numbers[i] == number)
                return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                         "'--partition %.64s' names partition %u twice", text, (unsigned)number);
        }
        if (choice->count == PLATTER_MAX_CHOSEN)
            return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                     "'--partition' names more than %u partitions", (unsigned)PLATTER_MAX_CHOSEN);
        choice->numbers[choice->count++] = number;
    } while (*at++ == ',');
    return PLATTER_OK;
}

/* "1 (ntfs), 2 (no file system), ...", cut when there are many. */
static void list_partitions(const struct platter_partition_table *table, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (size_t i = 0; i < table->count && used + 48 < size; i++) {
        const struct platter_partition *partition = &table->partitions[i];
        int length = snprintf(buffer + used, size - used, "%s%u (%s)", i ? ", " : "", (unsigned)partition->number,
                              partition->filesystem[0] ? partition->filesystem : "no known file system");

        used += length > 0 ? (size_t)length : 0;
        if (used + 48 >= size && i + 1 < table->count)
            (void)snprintf(buffer + used, size - used, ", ...");
    }
}

static enum platter_result nothing_chosen(const struct platter_partition_table *table, const char *image,
                                          struct platter_error *err)
{
    char partitions[300];

    if (table->count == 0)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, image, PLATTER_NO_OFFSET, "its partition table is empty");
    if (table->style == PLATTER_TABLE_NONE)
        return platter_error_set(err, PLATTER_E_FORMAT, image, PLATTER_NO_OFFSET,
                                 "it has no partition table and holds no known file system; '--partition all' takes it "
                                 "whole, as it is");
    list_partitions(table, partitions, sizeof(partitions));
    return platter_error_set(err, PLATTER_E_NOT_FOUND, image, PLATTER_NO_OFFSET,
                             "no partition holds a known file system; choose with '--partition' from: %s", partitions);
}

static enum platter_result not_there(uint32_t number, const struct platter_partition_table *table, const char *image,
                                     struct platter_error *err)
{
    char partitions[300];

    if (table->style == PLATTER_TABLE_NONE)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, image, PLATTER_NO_OFFSET,
                                 "there is no partition %u: it has no partition table and is taken whole, without "
                                 "'--partition'",
                                 (unsigned)number);
    if (table->count == 0)
        return nothing_chosen(table, image, err);
    list_partitions(table, partitions, sizeof(partitions));
    return platter_error_set(err, PLATTER_E_NOT_FOUND, image, PLATTER_NO_OFFSET, "there is no partition %u; it has: %s",
                             (unsigned)number, partitions);
}

enum platter_result platter_choice_apply(const struct platter_choice *choice,
                                         const struct platter_partition_table *table, const char *image,
                                         size_t chosen[PLATTER_MAX_CHOSEN], size_t *count, struct platter_error *err)
{
    size_t i, j;

    *count = 0;
    for (i = 0; i < choice->count; i++) {
        for (j = 0; j < table->count && table->partitions[j].number != choice->numbers[i]; j++)
            ;
        if (j == table->count)
            return not_there(choice->numbers[i], table, image, err);
        chosen[(*count)++] = j;
    }
    if (choice->count > 0)
        return PLATTER_OK;
    for (j = 0; j < table->count; j++) {
        if (!choice->all && !table->partitions[j].filesystem[0])
            continue;
        if (*count == PLATTER_MAX_CHOSEN)
            return platter_error_set(err, PLATTER_E_UNSUPPORTED, image, PLATTER_NO_OFFSET,
                                     "more than %u partitions are too many at once; choose with '--partition'",
                                     (unsigned)PLATTER_MAX_CHOSEN);
        chosen[(*count)++] = j;
    }
    return *count > 0 ? PLATTER_OK : nothing_chosen(table, image, err);
}

char platter_letter(const char *text)
{
    char letter = text[0];

    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    if (letter < 'A' || letter > 'Z')
        return 0;
    if (text[1] == '\0' || strcmp(text + 1, ":") == 0 || strcmp(text + 1, ":\\") == 0 || strcmp(text + 1, ":/") == 0)
        return letter;
    return 0;
}

enum platter_result platter_letters_parse(const char *text, char letters[26], size_t *count, struct platter_error *err)
{
    const char *at = text;

    *count = 0;
    do {
        char word[5];
        size_t length = strcspn(at, ",");
        char letter = 0;

        if (length < sizeof(word)) {
            memcpy(word, at, length);
            word[length] = '\0';
            letter = platter_letter(word);
        }
        if (!letter)
            return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                     "'--letter %.64s': want a letter, like X, or several, like X,Y", text);
        if (memchr(letters, letter, *count))
            return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "'--letter %.64s' names %c twice",
                                     text, letter);
        letters[(*count)++] = letter;
        at += length;
    } while (*at++ == ',');
    return PLATTER_OK;
}

/* One that is not known may be formatted to anything, so it counts among those without. */
bool platter_filesystem_has_lists(const char *filesystem)
{
    return strcmp(filesystem, "ntfs") == 0 || strcmp(filesystem, "refs") == 0;
}
