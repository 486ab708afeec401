/* SPDX-License-Identifier: MIT */
#include "store_win32.h"

#include <windows.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mount/wide_win32.h"

#define ROOT L"SOFTWARE\\Platter\\Mounts"
#define VALUE_UNITS (SERVICE_REQUEST_MOST) /* of any text here */

/* Open to nobody else, also where somebody made the key before us. */
static LSTATUS open_root(REGSAM access, HKEY *key)
{
    SECURITY_ATTRIBUTES closed = {sizeof(closed), NULL, FALSE};
    LSTATUS error;

    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"O:SYG:SYD:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)",
                                                              SDDL_REVISION_1, &closed.lpSecurityDescriptor, NULL))
        return (LSTATUS)GetLastError();
    error =
        RegCreateKeyExW(HKEY_LOCAL_MACHINE, ROOT, 0, NULL, 0, access | WRITE_DAC | KEY_WOW64_64KEY, &closed, key, NULL);
    if (error == ERROR_SUCCESS)
        (void)RegSetKeySecurity(*key, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                closed.lpSecurityDescriptor);
    LocalFree(closed.lpSecurityDescriptor);
    return error;
}

static void key_name(const char *id, wchar_t name[SERVICE_ID_CHARS + 2])
{
    (void)_snwprintf(name, SERVICE_ID_CHARS + 2, L"{%hs}", id);
    name[SERVICE_ID_CHARS + 1] = L'\0';
}

static LSTATUS put_text(HKEY key, const wchar_t *value, const char *text)
{
    wchar_t *wide = text ? platter_wide(text) : NULL;
    LSTATUS error =
        wide ? RegSetValueExW(key, value, 0, REG_SZ, (const BYTE *)wide, (DWORD)((wcslen(wide) + 1) * sizeof(*wide)))
             : ERROR_OUTOFMEMORY;

    free(wide);
    return error;
}

enum platter_result service_store_put(const struct service_entry *entry, const json_t *options,
                                      struct platter_error *err)
{
    uint64_t since = (uint64_t)entry->since;
    char *text = json_dumps(options, JSON_COMPACT | JSON_SORT_KEYS);
    wchar_t name[SERVICE_ID_CHARS + 2];
    HKEY root = NULL, key = NULL;
    DWORD made = 0;
    LSTATUS error = open_root(KEY_READ | KEY_WRITE, &root);

    key_name(entry->id, name);
    if (error == ERROR_SUCCESS)
        error = RegCreateKeyExW(root, name, 0, NULL, 0, KEY_WRITE | KEY_WOW64_64KEY, NULL, &key, &made);
    if (error == ERROR_SUCCESS)
        error = put_text(key, L"Owner", entry->owner);
    if (error == ERROR_SUCCESS)
        error = RegSetValueExW(key, L"Since", 0, REG_QWORD, (const BYTE *)&since, sizeof(since));
    /* The last one: without it the key is none of ours. */
    if (error == ERROR_SUCCESS)
        error = put_text(key, L"Options", text);
    if (key)
        RegCloseKey(key);
    /* One that was there before comes back as it was then. */
    if (error != ERROR_SUCCESS && made == REG_CREATED_NEW_KEY)
        RegDeleteKeyExW(root, name, KEY_WOW64_64KEY, 0);
    if (root)
        RegCloseKey(root);
    free(text);
    if (error == ERROR_SUCCESS)
        return PLATTER_OK;
    return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)error,
                                "the mount cannot be written to the registry");
}

void service_store_remove(const char *id)
{
    wchar_t name[SERVICE_ID_CHARS + 2];
    HKEY root;

    if (open_root(KEY_READ | KEY_WRITE, &root) != ERROR_SUCCESS)
        return;
    key_name(id, name);
    (void)RegDeleteKeyExW(root, name, KEY_WOW64_64KEY, 0);
    RegCloseKey(root);
}

/* NULL: it is not there, or no text. To be freed. */
static char *get_text(HKEY key, const wchar_t *value)
{
    DWORD size = VALUE_UNITS * sizeof(wchar_t), type;
    wchar_t *wide = calloc(1, size + sizeof(wchar_t));
    char *text = NULL;

    if (wide && RegQueryValueExW(key, value, NULL, &type, (BYTE *)wide, &size) == ERROR_SUCCESS && type == REG_SZ)
        text = platter_narrow(wide);
    free(wide);
    return text;
}

static void read_one(HKEY root, const wchar_t *name, service_stored_fn *function)
{
    char *id = platter_narrow(name), *owner = NULL, *text = NULL;
    struct service_options options;
    json_t *object = NULL;
    uint64_t since = 0;
    DWORD size = sizeof(since);
    HKEY key = NULL;

    if (!id || strlen(id) != SERVICE_ID_CHARS + 1 || id[0] != '{' ||
        RegOpenKeyExW(root, name, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
        goto done;
    id[SERVICE_ID_CHARS] = '\0'; /* the closing brace */
    owner = get_text(key, L"Owner");
    text = get_text(key, L"Options");
    (void)RegQueryValueExW(key, L"Since", NULL, NULL, (BYTE *)&since, &size);
    if (service_is_id(id + 1) && owner && strlen(owner) < PLATTER_SID_TEXT && text &&
        service_object_parse(text, strlen(text), &object, NULL) == PLATTER_OK &&
        service_options_parse(object, true, &options, NULL) == PLATTER_OK)
        function(id + 1, owner, (int64_t)since, &options);
    json_decref(object);
done:
    if (key)
        RegCloseKey(key);
    free(text);
    free(owner);
    free(id);
}

void service_store_read(service_stored_fn *function)
{
    wchar_t names[SERVICE_MOUNTS_MOST][SERVICE_ID_CHARS + 2];
    DWORD count = 0;
    HKEY root;

    if (open_root(KEY_READ | KEY_WRITE, &root) != ERROR_SUCCESS)
        return;
    /* All names first: what is called may change the key. */
    for (DWORD i = 0; count < SERVICE_MOUNTS_MOST; i++) {
        DWORD units = SERVICE_ID_CHARS + 2;
        LSTATUS error = RegEnumKeyExW(root, i, names[count], &units, NULL, NULL, NULL, NULL);

        if (error == ERROR_SUCCESS)
            count++;
        else if (error != ERROR_MORE_DATA) /* a longer name, none of ours */
            break;
    }
    for (DWORD i = 0; i < count; i++)
        read_one(root, names[i], function);
    RegCloseKey(root);
}
