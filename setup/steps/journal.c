/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include "files.h"
#include "protect.h"
#include "registry.h"
#include "../../mount/wide_win32.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_KEY L"SOFTWARE\\Platter\\Setup"
#define POINTER_VALUE L"Journal"
#define FIELDS_MOST 6u
#define JOURNAL_MOST (16u << 20) /* bytes that one is read of; a real one has some 100 KB */

static void path_of(const wchar_t *dir, const wchar_t *name, wchar_t *path)
{
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls\\%ls", dir, JOURNAL_FOLDER, name);
    path[STEPS_PATH - 1] = L'\0';
}

/*
 * A killed process loses nothing that was written. What a power cut could lose is forced to the medium before the change,
 * except for the registry, which reaches the medium when Windows likes: its entries are all written anew by the next run.
 */
static bool write_line(HANDLE file, const char *line, size_t length, bool force)
{
    DWORD written = 0;

    return WriteFile(file, line, (DWORD)length, &written, NULL) && written == length &&
           (!force || FlushFileBuffers(file));
}

static bool is_registry(const wchar_t *kind)
{
    return wcsstr(kind, L"key") || wcsstr(kind, L"value");
}

enum steps_exit journal_begin(struct steps *steps)
{
    wchar_t path[STEPS_PATH];
    HANDLE file;
    DWORD error;

    path_of(steps->options.dir, L"journal", path);
    file = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be made", path);
    /* The pointer comes after the file: without a file there is nothing to undo. */
    error = registry_plain_text(POINTER_KEY, POINTER_VALUE, steps->options.dir);
    if (error) {
        CloseHandle(file);
        (void)DeleteFileW(path);
        return steps_fail(steps, STEPS_FAILED, error, "HKLM\\%ls cannot be written", POINTER_KEY);
    }
    steps->journal = file;
    return STEPS_DONE;
}

enum steps_exit journal_note(struct steps *steps, const wchar_t *kind, ...)
{
    enum steps_exit exit = STEPS_DONE;
    size_t length = wcslen(kind) + 2;
    const wchar_t *field;
    wchar_t *line;
    va_list fields;
    char *narrow;

    if (!steps->journal)
        return STEPS_DONE;
    va_start(fields, kind);
    while ((field = va_arg(fields, const wchar_t *)) != NULL)
        length += wcslen(field) + 1;
    va_end(fields);
    line = malloc(length * sizeof(*line));
    if (line) {
        wcscpy(line, kind);
        va_start(fields, kind);
        while ((field = va_arg(fields, const wchar_t *)) != NULL)
            wcscat(wcscat(line, L"\t"), field);
        va_end(fields);
        wcscat(line, L"\n");
    }
    narrow = line ? platter_narrow(line) : NULL;
    if (!narrow)
        exit = steps_fail(steps, STEPS_FAILED, 0, "out of memory");
    else if (!write_line(steps->journal, narrow, strlen(narrow), !is_registry(kind)))
        exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "the journal cannot be written");
    free(narrow);
    free(line);
    return exit;
}

/* ---- Afterwards ------------------------------------------------------------------------------------------------------ */

static void clear_away(struct steps *steps, const wchar_t *dir)
{
    wchar_t path[STEPS_PATH];

    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls", dir, JOURNAL_FOLDER);
    path[STEPS_PATH - 1] = L'\0';
    /* In a folder that others may write to, they could have put a link there, and all that it leads to would go. */
    if (protect_is_ours(path))
        files_clear(steps, path);
}

/* An earlier version that lay elsewhere. */
static void clear_before(struct steps *steps, const wchar_t *before)
{
    if (_wcsicmp(before, steps->options.dir) == 0)
        return;
    clear_away(steps, before);
    (void)RemoveDirectoryW(before); /* when it is empty */
}

static void forget(struct steps *steps)
{
    if (steps->journal)
        CloseHandle(steps->journal);
    steps->journal = NULL;
    /* The pointer goes last: until then the next run looks here again. */
    clear_away(steps, steps->options.dir);
    (void)RemoveDirectoryW(steps->options.dir); /* when it is empty */
    registry_plain_forget(POINTER_KEY, POINTER_VALUE);
    registry_remove_empty(L"SOFTWARE\\Platter");
}

enum steps_exit journal_commit(struct steps *steps)
{
    const wchar_t *before = steps->installed.dir[0] ? steps->installed.dir : steps->options.dir;
    enum steps_exit exit = journal_note(steps, L"commit", before, NULL);

    if (exit != STEPS_DONE)
        return exit;
    clear_before(steps, before);
    forget(steps);
    return STEPS_DONE;
}

static char *read_whole(const wchar_t *path)
{
    FILE *file = _wfopen(path, L"rb");
    char *text = file ? malloc(JOURNAL_MOST + 1) : NULL;
    size_t length = text ? fread(text, 1, JOURNAL_MOST, file) : 0;

    if (text)
        text[length] = '\0';
    if (file)
        (void)fclose(file);
    return text;
}

static bool undo_text(struct steps *steps, wchar_t *line)
{
    wchar_t *fields[FIELDS_MOST + 1] = {0};
    size_t count = 0;

    for (wchar_t *at = line; at && count < FIELDS_MOST; count++) {
        fields[count] = at;
        at = wcschr(at, L'\t');
        if (at)
            *at++ = L'\0';
    }
    return journal_undo_line(steps, fields, count);
}

/* All lines that are whole, from the last to the first. */
static bool undo_all(struct steps *steps, char *text)
{
    char *end = strrchr(text, '\n'); /* what comes after it was cut off, so its change was never made */
    bool well = true;

    while (end) {
        char *start = end;
        wchar_t *wide;

        *end = '\0';
        while (start > text && start[-1] != '\n')
            start--;
        wide = platter_wide(start);
        if (!wide || !undo_text(steps, wide)) {
            steps_say(steps, "could not be undone: %s", start);
            well = false;
        }
        free(wide);
        end = start > text ? start - 1 : NULL;
    }
    return well;
}

static void clear_committed(struct steps *steps, char *before)
{
    wchar_t *wide;

    *strchr(before, '\n') = '\0';
    wide = platter_wide(before);
    if (wide)
        clear_before(steps, wide);
    free(wide);
}

enum steps_exit journal_undo(struct steps *steps)
{
    wchar_t path[STEPS_PATH];
    char *text, *commit;
    bool well;

    if (steps->journal)
        CloseHandle(steps->journal);
    steps->journal = NULL;
    path_of(steps->options.dir, L"journal", path);
    text = read_whole(path);
    steps->undoing = true;
    commit = text ? strstr(text, "\ncommit\t") : NULL;
    commit = commit && strchr(commit + 1, '\n') ? commit : NULL;
    if (commit)
        clear_committed(steps, commit + strlen("\ncommit\t"));
    well = commit || !text || undo_all(steps, text);
    free(text);
    if (well)
        forget(steps);
    steps->undoing = false;
    steps_say(steps, well ? commit ? "the last installation is cleared up after" : "everything is as it was before"
                          : "not everything could be undone; the lines above tell what");
    return well ? STEPS_DONE : STEPS_INTERRUPTED;
}

enum steps_exit journal_recover(struct steps *steps)
{
    wchar_t dir[STEPS_PATH], wanted[STEPS_PATH];

    if (!registry_read_text(POINTER_KEY, POINTER_VALUE, dir, STEPS_PATH)) {
        clear_away(steps, steps->options.dir); /* killed while unpacking */
        return STEPS_DONE;
    }
    steps_say(steps, "an earlier run was interrupted; what it did in %ls is undone", dir);
    wcscpy(wanted, steps->options.dir);
    wcscpy(steps->options.dir, dir);
    if (journal_undo(steps) != STEPS_DONE) {
        /* It was tried twice, and what follows writes everything anew: better than never to get any further. */
        steps_say(steps, "what could not be undone is left to this installation");
        forget(steps);
    }
    wcscpy(steps->options.dir, wanted);
    clear_away(steps, steps->options.dir);
    return STEPS_DONE;
}
