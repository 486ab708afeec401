/* SPDX-License-Identifier: MIT */
/*
 * Macrium Reflect X: the files of a backup set. A file's history names those that its blocks may lie in. They are
 * looked for beside it, under the names they were made with, and if they were renamed by what is in them: the set's id
 * and the file's number.
 */
#include <stdlib.h>
#include <string.h>

#include "../ascii.h"
#include "../chain.h"
#include "../os/file.h"
#include "../os/folder.h"
#include "../source/file.h"
#include "mrimgx.h"

/* What a search looks at, at most. */
#define NAMES_MOST 100000u
#define CANDIDATES_MOST 4096u

struct names {
    const char *path;
    char **list;
    size_t count, room, seen;
    bool no_memory;
};

/* One of the set, found in the folder. */
struct sibling {
    char *path;
    uint16_t number, increment, *merged;
    size_t merged_count;
    bool split;
};

struct search {
    const struct platter_open_request *request;
    const uint8_t *image_id;
    bool done; /* the folder has been gone through */
    struct sibling *found;
    size_t count, room;
};

void platter_mrimgx_file_free(struct mrimgx_file *file)
{
    if (!file)
        return;
    platter_mrimgx_layout_free(&file->layout);
    platter_block_unref(file->block);
    free(file);
}

/* An input of which nothing beside it may be opened is as deep in a chain as can be. */
static enum platter_result may_look(const struct platter_open_request *request, struct platter_error *err)
{
    if (request->chain && request->chain->depth >= PLATTER_CHAIN_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "needs other files of its set, of which none may be opened here");
    return platter_chain_beside(request->path, "other files of its backup set", err);
}

static bool take_name(void *context, const char *name)
{
    struct names *names = context;
    const char *dot = strrchr(name, '.'), *own = strrchr(names->path, '.');

    if (++names->seen > NAMES_MOST)
        return false;
    if (!dot || (!platter_same_word(dot, ".mrimgx") && !platter_same_word(dot, ".mrbakx") &&
                 !(own && platter_same_word(dot, own))))
        return true;
    if (names->count >= CANDIDATES_MOST)
        return false;
    names->no_memory = !platter_mrimgx_room((void **)&names->list, &names->room, names->count, sizeof(*names->list)) ||
                       !(names->list[names->count] = platter_chain_path(names->path, name));
    names->count += !names->no_memory;
    return !names->no_memory;
}

/* Opens `path` and reads its layout. */
static enum platter_result open_file(const struct platter_open_request *request, const char *path,
                                     struct mrimgx_file **file, struct platter_error *err)
{
    struct mrimgx_file *made = calloc(1, sizeof(*made));
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = platter_file_open(path, request->options->flags & PLATTER_OPEN_SHARE_WRITERS, &made->block, err);
    if (result == PLATTER_OK)
        result = platter_mrimgx_layout_read(made->block, &made->layout, err);
    if (result) {
        platter_mrimgx_file_free(made);
        return result;
    }
    *file = made;
    return PLATTER_OK;
}

static void note_sibling(struct search *search, char **path, struct mrimgx_layout *layout)
{
    struct sibling *sibling;

    if (memcmp(layout->image_id, search->image_id, sizeof(layout->image_id)) != 0 ||
        !platter_mrimgx_room((void **)&search->found, &search->room, search->count, sizeof(*search->found)))
        return;
    sibling = &search->found[search->count++];
    sibling->path = *path;
    sibling->number = layout->file_number;
    sibling->increment = layout->increment;
    sibling->split = layout->split;
    sibling->merged = layout->merged;
    sibling->merged_count = layout->merged_count;
    *path = NULL;
    layout->merged = NULL;
    layout->merged_count = 0;
}

/* Looks into every file of the folder that could be one of the set. */
static enum platter_result go_through_folder(struct search *search, struct platter_error *err)
{
    struct names names = {.path = search->request->path};
    enum platter_result result;

    if (search->done)
        return PLATTER_OK;
    search->done = true;
    result = platter_os_folder_list(names.path, take_name, &names, err);
    if (result == PLATTER_OK && names.no_memory)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, names.path, PLATTER_NO_OFFSET, "out of memory");
    for (size_t i = 0; i < names.count; i++) {
        struct mrimgx_file *file;

        /* What cannot be read is none of ours; if it is, it will be told as missing. */
        if (result == PLATTER_OK && open_file(search->request, names.list[i], &file, NULL) == PLATTER_OK) {
            note_sibling(search, &names.list[i], &file->layout);
            platter_mrimgx_file_free(file);
        }
        free(names.list[i]);
    }
    free(names.list);
    return result;
}

static void search_free(struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        free(search->found[i].path);
        free(search->found[i].merged);
    }
    free(search->found);
}

static bool covers(uint16_t number, const uint16_t *merged, size_t merged_count, uint16_t wanted)
{
    if (number == wanted)
        return true;
    for (size_t i = 0; i < merged_count; i++) {
        if (merged[i] == wanted)
            return true;
    }
    return false;
}

enum platter_result platter_mrimgx_set_find_index(const struct platter_open_request *request, struct mrimgx_file *file,
                                                  struct platter_error *err)
{
    struct search search = {.request = request, .image_id = file->layout.image_id};
    const struct sibling *best = NULL;
    struct mrimgx_file *other;
    enum platter_result result = PLATTER_OK;

    if (!file->layout.split)
        return PLATTER_OK;
    if ((result = may_look(request, err)) || (result = go_through_folder(&search, err)))
        goto out;
    for (size_t i = 0; i < search.count; i++) {
        const struct sibling *sibling = &search.found[i];

        if (!sibling->split && sibling->increment == file->layout.increment &&
            sibling->number > file->layout.file_number && (!best || sibling->number < best->number))
            best = sibling;
    }
    if (!best) {
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, request->path, PLATTER_NO_OFFSET,
                                   "is part of a split backup, and the last part, which has the index, is not in its "
                                   "folder");
        goto out;
    }
    result = open_file(request, best->path, &other, err);
    if (result)
        goto out;
    platter_mrimgx_layout_free(&file->layout);
    platter_block_unref(file->block);
    *file = *other;
    free(other);
out:
    search_free(&search);
    return result;
}

/* All numbers that `file` answers for lead to m->files[index]. */
static enum platter_result enter_numbers(struct mrimgx *m, size_t index, struct platter_error *err)
{
    const struct mrimgx_layout *layout = &m->files[index]->layout;
    uint16_t own = layout->file_number;
    uint32_t needed = own + 1u;
    uint16_t *grown;

    for (size_t i = 0; i < layout->merged_count; i++)
        needed = layout->merged[i] >= needed ? layout->merged[i] + 1u : needed;
    if (needed > m->numbers) {
        grown = realloc(m->file_of, needed * sizeof(*grown));
        if (!grown)
            return platter_error_set(err, PLATTER_E_NO_MEMORY, m->files[index]->block->name, PLATTER_NO_OFFSET,
                                     "out of memory");
        memset(grown + m->numbers, 0, (needed - m->numbers) * sizeof(*grown));
        m->file_of = grown;
        m->numbers = needed;
    }
    /* A file is better than one that took another's place. */
    m->file_of[own] = (uint16_t)(index + 1);
    for (size_t i = 0; i < layout->merged_count; i++) {
        if (!m->file_of[layout->merged[i]])
            m->file_of[layout->merged[i]] = (uint16_t)(index + 1);
    }
    return PLATTER_OK;
}

/* Whether `file` is the one of the set that has `number`; if not, it is freed. */
static bool is_the_one(const struct search *search, struct mrimgx_file *file, uint16_t number)
{
    if (memcmp(file->layout.image_id, search->image_id, sizeof(file->layout.image_id)) == 0 &&
        covers(file->layout.file_number, file->layout.merged, file->layout.merged_count, number))
        return true;
    platter_mrimgx_file_free(file);
    return false;
}

static const char *last_part(const char *path)
{
    const char *name = path;

    for (const char *at = path; *at; at++) {
        if (*at == '\\' || *at == '/')
            name = at + 1;
    }
    return name;
}

/* Tries the name it was made with; Reflect X appends an x to what its history calls .mrimg and .mrbak. */
static bool open_by_name(struct search *search, const struct mrimgx_history *history, struct mrimgx_file **file)
{
    const char *name = last_part(history->name);
    size_t length = strlen(name);
    char *path = NULL, *with_x = malloc(length + 2);
    bool found = false;

    if (with_x && length) {
        memcpy(with_x, name, length + 1);
        with_x[length] = 'x';
        with_x[length + 1] = '\0';
        for (unsigned i = 0; i < 2 && !found; i++) {
            free(path);
            path = platter_chain_path(search->request->path, i ? name : with_x);
            found = path && platter_os_is_plain_file(path) &&
                    open_file(search->request, path, file, NULL) == PLATTER_OK &&
                    is_the_one(search, *file, history->number);
        }
    }
    free(path);
    free(with_x);
    return found;
}

static enum platter_result open_by_content(struct search *search, const struct mrimgx_history *history,
                                           struct mrimgx_file **file, struct platter_error *err)
{
    enum platter_result result = go_through_folder(search, err);

    if (result)
        return result;
    for (size_t i = 0; i < search->count; i++) {
        const struct sibling *sibling = &search->found[i];

        if (!covers(sibling->number, sibling->merged, sibling->merged_count, history->number))
            continue;
        result = open_file(search->request, sibling->path, file, err);
        if (result)
            return result;
        if (is_the_one(search, *file, history->number))
            return PLATTER_OK;
    }
    return platter_error_set(err, PLATTER_E_NOT_FOUND, search->request->path, PLATTER_NO_OFFSET,
                             "needs \"%s\", file %u of its backup set, which is not in its folder",
                             last_part(history->name), history->number);
}

/* Blocks of one file are read with the key of another. */
static enum platter_result same_encryption(const struct mrimgx *m, const struct mrimgx_file *file,
                                           struct platter_error *err)
{
    const struct mrimgx_layout *own = &m->files[0]->layout, *other = &file->layout;

    if (other->key_bytes &&
        (other->key_bytes != own->key_bytes || memcmp(other->hmac, own->hmac, sizeof(own->hmac)) != 0))
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->block->name, PLATTER_NO_OFFSET,
                                 "is encrypted in another way than %s, which needs it", m->files[0]->block->name);
    return PLATTER_OK;
}

static enum platter_result add_file(struct mrimgx *m, struct search *search, const struct mrimgx_history *history,
                                    struct platter_error *err)
{
    struct mrimgx_file *file = NULL;
    enum platter_result result = may_look(search->request, err);

    if (result)
        return result;
    if (!open_by_name(search, history, &file))
        result = open_by_content(search, history, &file, err);
    if (result)
        return result;
    result = same_encryption(m, file, err);
    if (result == PLATTER_OK && m->file_count >= MRIMGX_MAX_FILES)
        result = platter_error_set(err, PLATTER_E_UNSUPPORTED, search->request->path, PLATTER_NO_OFFSET,
                                   "needs more than %u files", MRIMGX_MAX_FILES);
    if (result == PLATTER_OK &&
        !platter_mrimgx_room((void **)&m->files, &m->file_room, m->file_count, sizeof(*m->files)))
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, search->request->path, PLATTER_NO_OFFSET, "out of memory");
    if (result) {
        platter_mrimgx_file_free(file);
        return result;
    }
    m->files[m->file_count++] = file;
    return enter_numbers(m, m->file_count - 1, err);
}

enum platter_result platter_mrimgx_set_open(struct mrimgx *m, const struct platter_open_request *request,
                                            struct platter_error *err)
{
    struct search search = {.request = request, .image_id = m->files[0]->layout.image_id};
    const struct mrimgx_disk *disk = mrimgx_disk(m);
    enum platter_result result = enter_numbers(m, 0, err);

    for (size_t p = 0; p < disk->partition_count; p++) {
        const struct mrimgx_partition *partition = &disk->partitions[p];

        for (size_t h = 0; h < partition->history_count && result == PLATTER_OK; h++) {
            uint16_t number = partition->history[h].number;

            if (number >= m->numbers || !m->file_of[number])
                result = add_file(m, &search, &partition->history[h], err);
        }
    }
    search_free(&search);
    return result;
}
