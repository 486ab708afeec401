/* SPDX-License-Identifier: MIT */
/*
 * File types. Platter offers itself and takes nothing: a type that has a program keeps it, and gets entries in Explorer's
 * menu (SystemFileAssociations) and a line in "Open with" (OpenWithProgids). Only a type that nobody has becomes Platter's.
 */
#include "entries.h"

#include "registry.h"
#include "../../gui/eject_state.h"

#include <windows.h>
#include <shlobj.h>
#include <string.h>

#define CLASSES L"SOFTWARE\\Classes"
#define CAPABILITIES L"SOFTWARE\\Platter\\Capabilities"
#define EJECT_KEY CLASSES L"\\Drive\\shell\\Platter.Eject"
#define EJECT_CLASS_KEY CLASSES L"\\CLSID\\" EJECT_STATE_CLSID_TEXT

static const struct {
    const wchar_t *extension;
    const wchar_t *name;
    bool verb_only; /* the extension means other things, too: Platter is not offered to open such files */
} types[] = {
    {L"vhd", L"VHD disk image", false},     {L"vhdx", L"VHDX disk image", false},  {L"avhd", L"VHD snapshot", false},
    {L"avhdx", L"VHDX snapshot", false},    {L"vmdk", L"VMDK disk image", false},  {L"vdi", L"VDI disk image", false},
    {L"qcow2", L"QCOW2 disk image", false}, {L"qcow", L"QCOW2 disk image", false}, {L"mrimgx", L"Disk backup", false},
    {L"iso", L"Disc image", false},         {L"img", L"Disk image", false},        {L"dd", L"Disk image", false},
    {L"raw", L"Disk image", true},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static const wchar_t *print(wchar_t *text, const wchar_t *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)_vsnwprintf(text, STEPS_PATH, format, arguments);
    va_end(arguments);
    text[STEPS_PATH - 1] = L'\0';
    return text;
}

/* One entry of a menu: what it is called, its picture, what it runs. */
static enum steps_exit write_verb(struct steps *steps, const wchar_t *dir, const wchar_t *key, const wchar_t *name,
                                  const wchar_t *arguments)
{
    wchar_t text[STEPS_PATH], below[STEPS_PATH];
    enum steps_exit exit = registry_text(steps, key, L"MUIVerb", name);

    if (exit == STEPS_DONE)
        exit = registry_text(steps, key, L"Icon", print(text, L"\"%ls\\platterw.exe\",0", dir));
    if (exit == STEPS_DONE)
        exit = registry_text(steps, print(below, L"%ls\\command", key), L"",
                             print(text, L"\"%ls\\platterw.exe\" %ls", dir, arguments));
    return exit;
}

static enum steps_exit write_menu(struct steps *steps, const wchar_t *dir, const wchar_t *extension)
{
    wchar_t key[STEPS_PATH];
    enum steps_exit exit =
        write_verb(steps, dir, print(key, CLASSES L"\\SystemFileAssociations\\.%ls\\shell\\Platter.Mount", extension),
                   L"Mount with Platter", L"mount \"%1\"");

    if (exit == STEPS_DONE)
        exit = write_verb(
            steps, dir, print(key, CLASSES L"\\SystemFileAssociations\\.%ls\\shell\\Platter.MountReadOnly", extension),
            L"Mount read-only with Platter", L"mount --read-only \"%1\"");
    /* Shown with the Shift key held down. */
    return exit == STEPS_DONE ? registry_text(steps, key, L"Extended", L"") : exit;
}

/* Whether any program has this type, of the machine or of this user. */
static bool has_program(const wchar_t *extension)
{
    wchar_t key[32], program[256];
    DWORD size = sizeof(program);

    (void)_snwprintf(key, 32, L".%ls", extension);
    return RegGetValueW(HKEY_CLASSES_ROOT, key, NULL, RRF_RT_REG_SZ, NULL, program, &size) == ERROR_SUCCESS &&
           program[0];
}

static enum steps_exit write_type(struct steps *steps, const wchar_t *dir, const wchar_t *extension,
                                  const wchar_t *name)
{
    wchar_t key[STEPS_PATH], id[64], text[STEPS_PATH], own[32];
    enum steps_exit exit;

    (void)_snwprintf(id, 64, L"Platter.%ls", extension);
    (void)_snwprintf(own, 32, L".%ls", extension);
    exit = registry_text(steps, print(key, CLASSES L"\\%ls", id), L"", name);
    if (exit == STEPS_DONE)
        exit = registry_text(steps, print(key, CLASSES L"\\%ls\\DefaultIcon", id), L"",
                             print(text, L"\"%ls\\platterw.exe\",0", dir));
    if (exit == STEPS_DONE)
        exit = registry_text(steps, print(key, CLASSES L"\\%ls\\shell\\open\\command", id), L"",
                             print(text, L"\"%ls\\platterw.exe\" mount \"%%1\"", dir));
    if (exit == STEPS_DONE)
        exit = registry_mark(steps, print(key, CLASSES L"\\%ls\\OpenWithProgids", own), id);
    if (exit == STEPS_DONE && !has_program(extension))
        exit = registry_text(steps, print(key, CLASSES L"\\%ls", own), L"", id);
    return exit == STEPS_DONE ? registry_text(steps, CAPABILITIES L"\\FileAssociations", own, id) : exit;
}

/* "Eject with Platter" on the menu of drives; the class decides which (gui/eject_state.h). */
static enum steps_exit write_eject(struct steps *steps, const wchar_t *dir)
{
    wchar_t text[STEPS_PATH];
    enum steps_exit exit = registry_text(steps, EJECT_CLASS_KEY, L"", L"Platter: which drives can be ejected");

    if (exit == STEPS_DONE)
        exit =
            registry_text(steps, EJECT_CLASS_KEY L"\\InprocServer32", L"", print(text, L"%ls\\" EJECT_STATE_FILE, dir));
    if (exit == STEPS_DONE)
        exit = registry_text(steps, EJECT_CLASS_KEY L"\\InprocServer32", L"ThreadingModel", L"Apartment");
    if (exit == STEPS_DONE)
        exit = write_verb(steps, dir, EJECT_KEY, L"Eject with Platter", L"eject \"%1\"");
    if (exit == STEPS_DONE)
        exit = registry_text(steps, EJECT_KEY, L"CommandStateHandler", EJECT_STATE_CLSID_TEXT);
    return exit == STEPS_DONE ? registry_text(steps, EJECT_KEY, L"CommandStateSync", L"") : exit;
}

enum steps_exit associations_write(struct steps *steps, const wchar_t *dir)
{
    enum steps_exit exit = registry_text(steps, CAPABILITIES, L"ApplicationName", L"Platter");

    if (exit == STEPS_DONE)
        exit = registry_text(steps, CAPABILITIES, L"ApplicationDescription",
                             L"Presents disk and backup images as drives.");
    if (exit == STEPS_DONE)
        exit = registry_text(steps, L"SOFTWARE\\RegisteredApplications", L"Platter", CAPABILITIES);
    for (size_t i = 0; exit == STEPS_DONE && i < TYPES; i++) {
        if (!types[i].verb_only)
            exit = write_type(steps, dir, types[i].extension, types[i].name);
        if (exit == STEPS_DONE)
            exit = write_menu(steps, dir, types[i].extension);
    }
    return exit == STEPS_DONE ? write_eject(steps, dir) : exit;
}

/* ---- Removing -------------------------------------------------------------------------------------------------------- */

static enum steps_exit remove_menu(struct steps *steps, const wchar_t *extension)
{
    static const wchar_t *const verbs[] = {L"Platter.Mount", L"Platter.MountReadOnly"};
    wchar_t key[STEPS_PATH];
    enum steps_exit exit = STEPS_DONE;

    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        exit = registry_remove_tree(
            steps, print(key, CLASSES L"\\SystemFileAssociations\\.%ls\\shell\\%ls", extension, verbs[i]));
    if (exit == STEPS_DONE)
        exit = registry_remove_if_empty(steps, print(key, CLASSES L"\\SystemFileAssociations\\.%ls\\shell", extension));
    if (exit == STEPS_DONE)
        exit = registry_remove_if_empty(steps, print(key, CLASSES L"\\SystemFileAssociations\\.%ls", extension));
    return exit;
}

static enum steps_exit remove_type(struct steps *steps, const wchar_t *extension)
{
    wchar_t key[STEPS_PATH], id[64], owner[256];
    enum steps_exit exit;

    (void)_snwprintf(id, 64, L"Platter.%ls", extension);
    exit = registry_remove_tree(steps, print(key, CLASSES L"\\%ls", id));
    if (exit == STEPS_DONE)
        exit = registry_remove_value(steps, print(key, CLASSES L"\\.%ls\\OpenWithProgids", extension), id);
    if (exit == STEPS_DONE)
        exit = registry_remove_if_empty(steps, key);
    print(key, CLASSES L"\\.%ls", extension);
    if (exit == STEPS_DONE && registry_read_text(key, L"", owner, 256) && _wcsicmp(owner, id) == 0)
        exit = registry_remove_value(steps, key, L"");
    return exit == STEPS_DONE ? registry_remove_if_empty(steps, key) : exit;
}

enum steps_exit associations_remove(struct steps *steps)
{
    static const wchar_t *const trees[] = {EJECT_KEY, EJECT_CLASS_KEY, CAPABILITIES};
    /* Windows has these; where it has not, they are ours, too. */
    static const wchar_t *const shared[] = {CLASSES L"\\SystemFileAssociations", CLASSES L"\\Drive\\shell",
                                            CLASSES L"\\Drive", L"SOFTWARE\\RegisteredApplications"};
    enum steps_exit exit = registry_remove_value(steps, L"SOFTWARE\\RegisteredApplications", L"Platter");

    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(trees) / sizeof(trees[0]); i++)
        exit = registry_remove_tree(steps, trees[i]);
    for (size_t i = 0; exit == STEPS_DONE && i < TYPES; i++) {
        exit = remove_type(steps, types[i].extension);
        if (exit == STEPS_DONE)
            exit = remove_menu(steps, types[i].extension);
    }
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(shared) / sizeof(shared[0]); i++)
        exit = registry_remove_if_empty(steps, shared[i]);
    return exit;
}

void associations_tell(void)
{
    SHChangeNotify(SHCNE_ASSOCCHANGED, SHCNF_IDLIST, NULL, NULL);
}
