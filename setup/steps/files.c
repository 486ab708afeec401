/* SPDX-License-Identifier: MIT */
#include "files.h"

#include "journal.h"
#include "restart.h"
#include "../../mount/wide_win32.h"

#include <windows.h>
#include <shlwapi.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MOST 1024
#define RETRIES 50u /* 100 ms each, for programs that end and virus scanners that look at what is new */

static void join(const wchar_t *dir, const wchar_t *name, wchar_t *path)
{
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls", dir, name);
    path[STEPS_PATH - 1] = L'\0';
}

/* ---- Folders ---- */

/* The folders above `path`, below `dir`, each noted. */
static enum steps_exit make_folders(struct steps *steps, const wchar_t *dir, const wchar_t *path)
{
    wchar_t folder[STEPS_PATH];

    (void)_snwprintf(folder, STEPS_PATH, L"%ls", path);
    for (wchar_t *end = wcschr(folder + wcslen(dir) + 1, L'\\'); end; end = wcschr(end + 1, L'\\')) {
        enum steps_exit exit = STEPS_DONE;

        *end = L'\0';
        if (GetFileAttributesW(folder) == INVALID_FILE_ATTRIBUTES) {
            exit = journal_note(steps, L"dir", folder, NULL);
            if (exit == STEPS_DONE && !CreateDirectoryW(folder, NULL))
                exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be made", folder);
        }
        *end = L'\\';
        if (exit != STEPS_DONE)
            return exit;
    }
    return STEPS_DONE;
}

/* The folders above `path` that are empty now, up to `dir`, each noted. */
static enum steps_exit remove_folders(struct steps *steps, const wchar_t *dir, const wchar_t *path)
{
    wchar_t folder[STEPS_PATH], *end;

    (void)_snwprintf(folder, STEPS_PATH, L"%ls", path);
    while ((end = wcsrchr(folder, L'\\')) != NULL && (size_t)(end - folder) > wcslen(dir)) {
        enum steps_exit exit;

        *end = L'\0';
        if (!PathIsDirectoryEmptyW(folder))
            break;
        exit = journal_note(steps, L"nodir", folder, NULL);
        if (exit != STEPS_DONE)
            return exit;
        if (!RemoveDirectoryW(folder))
            break;
    }
    return STEPS_DONE;
}

/* ---- Lists ---- */

/* Calls `each` with every line of a UTF-8 file, without its end, until it returns something else than STEPS_DONE. */
static enum steps_exit each_line(struct steps *steps, const wchar_t *list, void *context,
                                 enum steps_exit (*each)(struct steps *, const wchar_t *, void *))
{
    FILE *file = _wfopen(list, L"rb");
    enum steps_exit exit = STEPS_DONE;
    char line[LINE_MOST];

    if (!file)
        return steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be read", list);
    while (exit == STEPS_DONE && fgets(line, sizeof(line), file)) {
        wchar_t *wide;

        line[strcspn(line, "\r\n")] = '\0';
        wide = line[0] ? platter_wide(line) : NULL;
        /* A path that leads out of the folder was not written by us. */
        if (wide && !wcsstr(wide, L"..") && !wcschr(wide, L':') && wcslen(wide) < STEPS_PATH / 2)
            exit = each(steps, wide, context);
        free(wide);
    }
    (void)fclose(file);
    return exit;
}

/* "SIZE PATH" of what was packed; adds the path to the list. */
static enum steps_exit check_one(struct steps *steps, const wchar_t *line, void *context)
{
    WIN32_FILE_ATTRIBUTE_DATA data = {0};
    wchar_t path[STEPS_PATH], *name = NULL;
    unsigned long size = wcstoul(line, &name, 10);
    char *narrow;

    while (*name == L' ')
        name++;
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls\\%ls", steps->options.dir, JOURNAL_NEW, name);
    path[STEPS_PATH - 1] = L'\0';
    if (!GetFileAttributesExW(path, GetFileExInfoStandard, &data) || data.nFileSizeHigh || data.nFileSizeLow != size)
        return steps_fail(steps, STEPS_FAILED, 0, "%ls was not unpacked whole; is the disk full?", name);
    narrow = platter_narrow(name);
    if (!narrow || fprintf((FILE *)context, "%s\r\n", narrow) < 0) {
        free(narrow);
        return steps_fail(steps, STEPS_FAILED, 0, "the list of files cannot be written");
    }
    free(narrow);
    return STEPS_DONE;
}

enum steps_exit files_check(struct steps *steps)
{
    wchar_t path[STEPS_PATH];
    enum steps_exit exit;
    FILE *list;

    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls\\%ls", steps->options.dir, JOURNAL_NEW, FILES_LIST);
    path[STEPS_PATH - 1] = L'\0';
    list = _wfopen(path, L"wb");
    if (!list)
        return steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be made", path);
    exit = each_line(steps, steps->options.files, list, check_one);
    /* Made by setup itself, so it stands in no list of what was packed. */
    if (fprintf(list, "%ls\r\n%ls\r\n", FILES_UNINSTALL, FILES_LIST) < 0 && exit == STEPS_DONE)
        exit = steps_fail(steps, STEPS_FAILED, 0, "the list of files cannot be written");
    if (fclose(list) != 0 && exit == STEPS_DONE)
        exit = steps_fail(steps, STEPS_FAILED, 0, "the list of files cannot be written");
    return exit;
}

/* ---- Exchanging ---- */

static enum steps_exit move(struct steps *steps, const wchar_t *dir, const wchar_t *from, const wchar_t *to)
{
    enum steps_exit exit = make_folders(steps, dir, to);
    DWORD error = ERROR_SUCCESS;

    if (exit == STEPS_DONE)
        exit = journal_note(steps, L"move", from, to, NULL);
    for (unsigned i = 0; exit == STEPS_DONE && i < RETRIES; i++) {
        /* A program that runs can be renamed; what somebody has open without sharing cannot. */
        if (MoveFileExW(from, to, 0))
            return STEPS_DONE;
        error = GetLastError();
        if (error != ERROR_SHARING_VIOLATION && error != ERROR_ACCESS_DENIED)
            break;
        Sleep(100);
    }
    return exit != STEPS_DONE ? exit : steps_fail(steps, STEPS_FAILED, error, "%ls cannot be replaced", from);
}

struct aside {
    const wchar_t *dir;
    unsigned count;
};

static enum steps_exit set_aside(struct steps *steps, const wchar_t *name, void *context)
{
    struct aside *aside = context;
    wchar_t from[STEPS_PATH], to[STEPS_PATH];
    enum steps_exit exit;

    join(aside->dir, name, from);
    (void)_snwprintf(to, STEPS_PATH, L"%ls\\%ls\\%ls", aside->dir, JOURNAL_OLD, name);
    to[STEPS_PATH - 1] = L'\0';
    if (GetFileAttributesW(from) == INVALID_FILE_ATTRIBUTES)
        return STEPS_DONE; /* it was there when the list was written; a repair brings it back */
    exit = move(steps, aside->dir, from, to);
    if (exit == STEPS_DONE && ++aside->count == 3)
        exit = steps_point(steps, L"exchange-half");
    return exit == STEPS_DONE ? remove_folders(steps, aside->dir, from) : exit;
}

/* A file of this name that no list names: of an installation whose list is lost, or somebody's own. Aside with it. */
static enum steps_exit take_place(struct steps *steps, const wchar_t *name, void *context)
{
    struct aside *aside = context;
    wchar_t from[STEPS_PATH], to[STEPS_PATH];
    enum steps_exit exit = set_aside(steps, name, aside);

    (void)_snwprintf(from, STEPS_PATH, L"%ls\\%ls\\%ls", aside->dir, JOURNAL_NEW, name);
    from[STEPS_PATH - 1] = L'\0';
    join(aside->dir, name, to);
    return exit == STEPS_DONE ? move(steps, aside->dir, from, to) : exit;
}

enum steps_exit files_exchange(struct steps *steps)
{
    struct aside before = {steps->installed.dir, 0}, here = {steps->options.dir, 0};
    wchar_t list[STEPS_PATH], copy[STEPS_PATH];
    enum steps_exit exit = STEPS_DONE;

    /* The list is one of the files that move, so it is read from a copy. */
    (void)_snwprintf(copy, STEPS_PATH, L"%ls\\%ls\\before.txt", steps->options.dir, JOURNAL_FOLDER);
    copy[STEPS_PATH - 1] = L'\0';
    join(before.dir, FILES_LIST, list);
    if (before.dir[0] && CopyFileW(list, copy, FALSE))
        exit = each_line(steps, copy, &before, set_aside);
    (void)_snwprintf(list, STEPS_PATH, L"%ls\\%ls\\%ls", steps->options.dir, JOURNAL_NEW, FILES_LIST);
    list[STEPS_PATH - 1] = L'\0';
    (void)_snwprintf(copy, STEPS_PATH, L"%ls\\%ls\\after.txt", steps->options.dir, JOURNAL_FOLDER);
    copy[STEPS_PATH - 1] = L'\0';
    if (exit == STEPS_DONE && !CopyFileW(list, copy, FALSE))
        exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be made", copy);
    return exit == STEPS_DONE ? each_line(steps, copy, &here, take_place) : exit;
}

/* ---- Removing ---- */

static void remove_file(struct steps *steps, const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);

    if (attributes == INVALID_FILE_ATTRIBUTES)
        return;
    if (attributes & FILE_ATTRIBUTE_READONLY)
        (void)SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
    for (unsigned i = 0; i < RETRIES; i++) {
        if (DeleteFileW(path) || GetLastError() == ERROR_FILE_NOT_FOUND)
            return;
        Sleep(100);
    }
    restart_remove(steps, path);
}

/* Stays to the last: without them an interrupted run could not be repeated. */
static bool goes_last(const wchar_t *name)
{
    return _wcsicmp(name, FILES_LIST) == 0 || _wcsicmp(name, FILES_UNINSTALL) == 0;
}

static enum steps_exit remove_one(struct steps *steps, const wchar_t *name, void *context)
{
    const wchar_t *dir = context;
    wchar_t path[STEPS_PATH];

    if (goes_last(name))
        return STEPS_DONE;
    join(dir, name, path);
    remove_file(steps, path);
    return remove_folders(steps, dir, path);
}

enum steps_exit files_remove(struct steps *steps)
{
    wchar_t list[STEPS_PATH];

    join(steps->options.dir, JOURNAL_FOLDER, list);
    files_clear(steps, list);
    join(steps->options.dir, FILES_LIST, list);
    if (GetFileAttributesW(list) == INVALID_FILE_ATTRIBUTES)
        return STEPS_DONE;
    return each_line(steps, list, steps->options.dir, remove_one);
}

/* The program that runs us may lie there: it can be renamed, not removed, and its last copy then goes by itself. */
static void remove_running(struct steps *steps, const wchar_t *path)
{
    wchar_t folder[MAX_PATH + 8], to[MAX_PATH + 8];
    UINT length;

    if (DeleteFileW(path) || GetLastError() == ERROR_FILE_NOT_FOUND)
        return;
    /* The system's own, not the user's, who could have something else removed under that name when Windows starts. */
    length = GetSystemWindowsDirectoryW(folder, MAX_PATH);
    if (length > 0 && length < MAX_PATH && GetTempFileNameW(wcscat(folder, L"\\Temp"), L"plt", 0, to) > 0) {
        if (MoveFileExW(path, to, MOVEFILE_REPLACE_EXISTING)) {
            (void)MoveFileExW(to, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
            return;
        }
        (void)DeleteFileW(to);
    }
    remove_file(steps, path);
}

enum steps_exit files_remove_last(struct steps *steps)
{
    const wchar_t *dir = steps->options.dir;
    wchar_t path[STEPS_PATH];

    join(dir, FILES_LIST, path);
    remove_file(steps, path);
    join(dir, FILES_UNINSTALL, path);
    remove_running(steps, path);
    if (!RemoveDirectoryW(dir) && GetLastError() == ERROR_DIR_NOT_EMPTY) {
        if (steps->restart)
            restart_remove_folder(steps, dir);
        steps_say(steps, "%ls holds files that are %s, and stays%s", dir,
                  steps->restart ? "in use, or not Platter's" : "not Platter's",
                  steps->restart ? " until Windows starts again" : "");
    }
    return STEPS_DONE;
}

void files_clear(struct steps *steps, const wchar_t *dir)
{
    wchar_t pattern[STEPS_PATH], path[STEPS_PATH];
    WIN32_FIND_DATAW found;
    HANDLE search;

    join(dir, L"*", pattern);
    search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0)
            continue;
        join(dir, found.cFileName, path);
        if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            remove_file(steps, path);
        else if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
            (void)RemoveDirectoryW(path);
        else
            files_clear(steps, path);
    } while (FindNextFileW(search, &found));
    FindClose(search);
    if (!RemoveDirectoryW(dir) && GetLastError() == ERROR_DIR_NOT_EMPTY)
        restart_remove_folder(steps, dir);
}

unsigned long files_size(const wchar_t *dir)
{
    wchar_t pattern[STEPS_PATH], path[STEPS_PATH];
    WIN32_FIND_DATAW found;
    unsigned long size = 0;
    HANDLE search;

    join(dir, L"*", pattern);
    search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return 0;
    do {
        join(dir, found.cFileName, path);
        if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            size += (found.nFileSizeLow + 1023) / 1024;
        else if (wcscmp(found.cFileName, L".") != 0 && wcscmp(found.cFileName, L"..") != 0)
            size += files_size(path);
    } while (FindNextFileW(search, &found));
    FindClose(search);
    return size;
}
