/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include "journal.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define NAME_UNITS 260u
#define VALUE_MOST 65536u /* bytes of a value that setup would keep */

static enum steps_exit key_failed(struct steps *steps, LSTATUS error, const wchar_t *key)
{
    return steps_fail(steps, STEPS_FAILED, (unsigned long)error, "HKLM\\%ls cannot be changed", key);
}

/* ---- What was there ---- */

static enum steps_exit note_value(struct steps *steps, const wchar_t *key, const wchar_t *name)
{
    static const wchar_t digits[] = L"0123456789abcdef";
    enum steps_exit exit;
    DWORD size = 0, type = 0;
    wchar_t type_text[16], *hex;
    BYTE *data;
    LSTATUS error = RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_ANY | RRF_NOEXPAND, &type, NULL, &size);

    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
        return journal_note(steps, L"novalue", key, name, NULL);
    if (error != ERROR_SUCCESS || size > VALUE_MOST)
        return key_failed(steps, error ? error : ERROR_MORE_DATA, key);
    data = malloc(size + 2);
    hex = malloc((2 * (size_t)size + 6) * sizeof(*hex));
    if (!data || !hex) {
        exit = steps_fail(steps, STEPS_FAILED, 0, "out of memory");
        goto done;
    }
    size += 2; /* RegGetValue ends a text that has no end */
    error = RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_ANY | RRF_NOEXPAND, &type, data, &size);
    if (error != ERROR_SUCCESS) {
        exit = key_failed(steps, error, key);
        goto done;
    }
    for (DWORD i = 0; i < size; i++) {
        hex[2 * i] = digits[data[i] >> 4];
        hex[2 * i + 1] = digits[data[i] & 15];
    }
    hex[2 * (size_t)size] = L'\0';
    (void)_snwprintf(type_text, 16, L"%lu", (unsigned long)type);
    exit = journal_note(steps, L"value", key, name, type_text, hex, NULL);
done:
    free(hex);
    free(data);
    return exit;
}

/* Makes the key and those above it, each noted. */
static enum steps_exit make_key(struct steps *steps, const wchar_t *key)
{
    wchar_t path[STEPS_PATH];
    HKEY handle;

    (void)_snwprintf(path, STEPS_PATH, L"%ls", key);
    for (wchar_t *end = path; end;) {
        LSTATUS error;

        end = wcschr(end, L'\\');
        if (end)
            *end = L'\0';
        error = RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_QUERY_VALUE, &handle);
        if (error == ERROR_FILE_NOT_FOUND) {
            enum steps_exit exit = journal_note(steps, L"key", path, NULL);

            if (exit != STEPS_DONE)
                return exit;
            error = RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_QUERY_VALUE, NULL, &handle, NULL);
        }
        if (error != ERROR_SUCCESS)
            return key_failed(steps, error, path);
        RegCloseKey(handle);
        if (end)
            *end++ = L'\\';
    }
    return STEPS_DONE;
}

static LSTATUS set_value(const wchar_t *key, const wchar_t *name, DWORD type, const void *data, DWORD size)
{
    HKEY handle;
    LSTATUS error = RegCreateKeyExW(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_SET_VALUE, NULL, &handle, NULL);

    if (error != ERROR_SUCCESS)
        return error;
    error = RegSetValueExW(handle, name, 0, type, data, size);
    RegCloseKey(handle);
    return error;
}

static enum steps_exit change(struct steps *steps, const wchar_t *key, const wchar_t *name, DWORD type,
                              const void *data, size_t size)
{
    enum steps_exit exit = make_key(steps, key);
    LSTATUS error;

    if (exit == STEPS_DONE)
        exit = note_value(steps, key, name);
    if (exit != STEPS_DONE)
        return exit;
    error = set_value(key, name, type, data, (DWORD)size);
    return error == ERROR_SUCCESS ? STEPS_DONE : key_failed(steps, error, key);
}

enum steps_exit registry_text(struct steps *steps, const wchar_t *key, const wchar_t *name, const wchar_t *text)
{
    return change(steps, key, name, REG_SZ, text, (wcslen(text) + 1) * sizeof(*text));
}

enum steps_exit registry_expanded(struct steps *steps, const wchar_t *key, const wchar_t *name, const wchar_t *text)
{
    return change(steps, key, name, REG_EXPAND_SZ, text, (wcslen(text) + 1) * sizeof(*text));
}

enum steps_exit registry_number(struct steps *steps, const wchar_t *key, const wchar_t *name, unsigned long number)
{
    DWORD value = number;

    return change(steps, key, name, REG_DWORD, &value, sizeof(value));
}

enum steps_exit registry_mark(struct steps *steps, const wchar_t *key, const wchar_t *name)
{
    return change(steps, key, name, REG_NONE, NULL, 0);
}

/* ---- Removing ---- */

static bool delete_value(const wchar_t *key, const wchar_t *name, LSTATUS *error)
{
    HKEY handle;

    *error = RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_SET_VALUE, &handle);
    if (*error == ERROR_SUCCESS) {
        *error = RegDeleteValueW(handle, name);
        RegCloseKey(handle);
    }
    if (*error == ERROR_FILE_NOT_FOUND || *error == ERROR_PATH_NOT_FOUND)
        *error = ERROR_SUCCESS;
    return *error == ERROR_SUCCESS;
}

enum steps_exit registry_remove_value(struct steps *steps, const wchar_t *key, const wchar_t *name)
{
    enum steps_exit exit = note_value(steps, key, name);
    LSTATUS error;

    if (exit != STEPS_DONE)
        return exit;
    return delete_value(key, name, &error) ? STEPS_DONE : key_failed(steps, error, key);
}

static enum steps_exit remove_values(struct steps *steps, const wchar_t *key, HKEY handle)
{
    wchar_t name[NAME_UNITS];
    DWORD units = NAME_UNITS;

    while (RegEnumValueW(handle, 0, name, &units, NULL, NULL, NULL, NULL) == ERROR_SUCCESS) {
        enum steps_exit exit = registry_remove_value(steps, key, name);

        if (exit != STEPS_DONE)
            return exit;
        units = NAME_UNITS;
    }
    return STEPS_DONE;
}

enum steps_exit registry_remove_tree(struct steps *steps, const wchar_t *key)
{
    wchar_t name[NAME_UNITS], below[STEPS_PATH];
    DWORD units = NAME_UNITS;
    enum steps_exit exit;
    HKEY handle;
    LSTATUS error = RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_READ, &handle);

    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
        return STEPS_DONE;
    if (error != ERROR_SUCCESS)
        return key_failed(steps, error, key);
    exit = remove_values(steps, key, handle);
    while (exit == STEPS_DONE && RegEnumKeyExW(handle, 0, name, &units, NULL, NULL, NULL, NULL) == ERROR_SUCCESS) {
        (void)_snwprintf(below, STEPS_PATH, L"%ls\\%ls", key, name);
        below[STEPS_PATH - 1] = L'\0';
        exit = registry_remove_tree(steps, below);
        units = NAME_UNITS;
    }
    RegCloseKey(handle);
    if (exit == STEPS_DONE)
        exit = journal_note(steps, L"nokey", key, NULL);
    if (exit != STEPS_DONE)
        return exit;
    error = RegDeleteKeyW(HKEY_LOCAL_MACHINE, key);
    return error == ERROR_SUCCESS || error == ERROR_FILE_NOT_FOUND ? STEPS_DONE : key_failed(steps, error, key);
}

static bool is_empty(const wchar_t *key)
{
    DWORD keys = 1, values = 1;
    HKEY handle;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_READ, &handle) != ERROR_SUCCESS)
        return false;
    (void)RegQueryInfoKeyW(handle, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL, NULL);
    RegCloseKey(handle);
    return keys == 0 && values == 0;
}

enum steps_exit registry_remove_if_empty(struct steps *steps, const wchar_t *key)
{
    return is_empty(key) ? registry_remove_tree(steps, key) : STEPS_DONE;
}

/* ---- Plain ---- */

bool registry_read_text(const wchar_t *key, const wchar_t *name, wchar_t *text, size_t units)
{
    DWORD size = (DWORD)(units * sizeof(*text));

    text[0] = L'\0';
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_SZ, NULL, text, &size) == ERROR_SUCCESS)
        return true;
    text[0] = L'\0';
    return false;
}

unsigned long registry_read_number(const wchar_t *key, const wchar_t *name, unsigned long otherwise)
{
    DWORD number = 0, size = sizeof(number);

    return RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_DWORD, NULL, &number, &size) == ERROR_SUCCESS
               ? number
               : otherwise;
}

unsigned long registry_plain_text(const wchar_t *key, const wchar_t *name, const wchar_t *text)
{
    return (unsigned long)set_value(key, name, REG_SZ, text, (DWORD)((wcslen(text) + 1) * sizeof(*text)));
}

void registry_remove_empty(const wchar_t *key)
{
    if (is_empty(key))
        (void)RegDeleteKeyW(HKEY_LOCAL_MACHINE, key);
}

void registry_plain_forget(const wchar_t *key, const wchar_t *name)
{
    LSTATUS ignored;

    (void)delete_value(key, name, &ignored);
    registry_remove_empty(key);
}

/* ---- Undoing ---- */

static int digit(wchar_t character)
{
    return character >= L'0' && character <= L'9' ? character - L'0' : character - L'a' + 10;
}

bool registry_restore_value(const wchar_t *key, const wchar_t *name, const wchar_t *type, const wchar_t *hex)
{
    size_t size = wcslen(hex) / 2;
    BYTE *data = malloc(size + 1);
    bool well = data != NULL;

    for (size_t i = 0; well && i < size; i++)
        data[i] = (BYTE)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    well = well && set_value(key, name, wcstoul(type, NULL, 10), data, (DWORD)size) == ERROR_SUCCESS;
    free(data);
    return well;
}

bool registry_restore_absent(const wchar_t *key, const wchar_t *name)
{
    LSTATUS error;

    return delete_value(key, name, &error);
}

bool registry_restore_key(const wchar_t *key)
{
    HKEY handle;

    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_QUERY_VALUE, NULL, &handle, NULL) != ERROR_SUCCESS)
        return false;
    RegCloseKey(handle);
    return true;
}
