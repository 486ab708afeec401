/* SPDX-License-Identifier: MIT */
#include "entries.h"

#include "journal.h"

#include <windows.h>
#include <shlobj.h>

struct shortcut {
    const wchar_t *name, *target, *arguments, *description, *icon;
};

static bool folder_of(wchar_t *folder)
{
    wchar_t programs[MAX_PATH];

    if (SHGetFolderPathW(NULL, CSIDL_COMMON_PROGRAMS | CSIDL_FLAG_CREATE, NULL, SHGFP_TYPE_CURRENT, programs) != S_OK)
        return false;
    (void)_snwprintf(folder, STEPS_PATH, L"%ls\\Platter", programs);
    folder[STEPS_PATH - 1] = L'\0';
    return true;
}

static HRESULT make_link(const struct shortcut *shortcut, const wchar_t *path)
{
    IPersistFile *file = NULL;
    IShellLinkW *link = NULL;
    HRESULT result = CoCreateInstance(&CLSID_ShellLink, NULL, CLSCTX_INPROC_SERVER, &IID_IShellLinkW, (void **)&link);

    if (FAILED(result))
        return result;
    (void)link->lpVtbl->SetPath(link, shortcut->target);
    (void)link->lpVtbl->SetArguments(link, shortcut->arguments);
    (void)link->lpVtbl->SetDescription(link, shortcut->description);
    (void)link->lpVtbl->SetIconLocation(link, shortcut->icon, 0);
    result = link->lpVtbl->QueryInterface(link, &IID_IPersistFile, (void **)&file);
    if (SUCCEEDED(result)) {
        result = file->lpVtbl->Save(file, path, TRUE);
        file->lpVtbl->Release(file);
    }
    link->lpVtbl->Release(link);
    return result;
}

static enum steps_exit write_one(struct steps *steps, const wchar_t *folder, const struct shortcut *shortcut)
{
    wchar_t path[STEPS_PATH];
    enum steps_exit exit;
    HRESULT result;

    (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls.lnk", folder, shortcut->name);
    path[STEPS_PATH - 1] = L'\0';
    exit = journal_note(steps, L"file", path, NULL);
    if (exit != STEPS_DONE)
        return exit;
    result = make_link(shortcut, path);
    return SUCCEEDED(result) ? STEPS_DONE
                             : steps_fail(steps, STEPS_FAILED, (unsigned long)result, "%ls cannot be made", path);
}

enum steps_exit shortcuts_write(struct steps *steps, const wchar_t *dir)
{
    wchar_t folder[STEPS_PATH], window[STEPS_PATH], shell[STEPS_PATH], help[STEPS_PATH], manual[STEPS_PATH];
    const struct shortcut shortcuts[] = {
        {L"Mount a disk image", window, L"", L"Choose an image and make drives of what is in it", window},
        {L"Platter command line", shell, help, L"A prompt that tells what the command 'platter' can do", window},
        {L"Platter manual", manual, L"", L"What the command 'platter' can do", L"%SystemRoot%\\System32\\shell32.dll"},
    };
    enum steps_exit exit;

    if (!folder_of(folder))
        return steps_fail(steps, STEPS_FAILED, GetLastError(), "Windows does not tell where the Start menu is");
    (void)_snwprintf(window, STEPS_PATH, L"%ls\\platterw.exe", dir);
    (void)_snwprintf(shell, STEPS_PATH, L"%%SystemRoot%%\\System32\\cmd.exe");
    (void)_snwprintf(help, STEPS_PATH, L"/k \"\"%ls\\platter.exe\" --help\"", dir);
    (void)_snwprintf(manual, STEPS_PATH, L"%ls\\docs\\manual.html", dir);
    exit = journal_note(steps, L"dir", folder, NULL);
    if (exit != STEPS_DONE)
        return exit;
    if (!CreateDirectoryW(folder, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
        return steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be made", folder);
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(shortcuts) / sizeof(shortcuts[0]); i++)
        exit = write_one(steps, folder, &shortcuts[i]);
    return exit;
}

/* Aside where that can be undone, away otherwise. */
static enum steps_exit remove_one(struct steps *steps, const wchar_t *path, const wchar_t *name)
{
    wchar_t aside[STEPS_PATH];
    enum steps_exit exit;

    if (!steps->journal)
        return DeleteFileW(path) ? STEPS_DONE
                                 : steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be removed", path);
    (void)_snwprintf(aside, STEPS_PATH, L"%ls\\%ls\\menu", steps->options.dir, JOURNAL_FOLDER);
    aside[STEPS_PATH - 1] = L'\0';
    (void)CreateDirectoryW(aside, NULL);
    (void)_snwprintf(aside, STEPS_PATH, L"%ls\\%ls\\menu\\%ls", steps->options.dir, JOURNAL_FOLDER, name);
    aside[STEPS_PATH - 1] = L'\0';
    exit = journal_note(steps, L"move", path, aside, NULL);
    if (exit == STEPS_DONE && !MoveFileExW(path, aside, MOVEFILE_COPY_ALLOWED | MOVEFILE_REPLACE_EXISTING))
        exit = steps_fail(steps, STEPS_FAILED, GetLastError(), "%ls cannot be removed", path);
    return exit;
}

enum steps_exit shortcuts_remove(struct steps *steps)
{
    wchar_t folder[STEPS_PATH], path[STEPS_PATH];
    enum steps_exit exit = STEPS_DONE;
    WIN32_FIND_DATAW found;
    HANDLE search;

    if (!folder_of(folder))
        return STEPS_DONE;
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\*.lnk", folder);
    path[STEPS_PATH - 1] = L'\0';
    search = FindFirstFileW(path, &found);
    if (search == INVALID_HANDLE_VALUE)
        return STEPS_DONE;
    do {
        (void)_snwprintf(path, STEPS_PATH, L"%ls\\%ls", folder, found.cFileName);
        path[STEPS_PATH - 1] = L'\0';
        exit = remove_one(steps, path, found.cFileName);
    } while (exit == STEPS_DONE && FindNextFileW(search, &found));
    FindClose(search);
    if (exit == STEPS_DONE)
        exit = journal_note(steps, L"nodir", folder, NULL);
    if (exit == STEPS_DONE)
        (void)RemoveDirectoryW(folder); /* one that holds somebody's own shortcuts stays */
    return exit;
}
