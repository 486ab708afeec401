/* SPDX-License-Identifier: MIT */
#include "policy_win32.h"

#include <windows.h>
#include <platter/protocol.h>
#include <stdio.h>
#include <stdlib.h>

#include "wide_win32.h"

#define LIST_BYTES 4096u

/* The first that has a value decides. */
static const struct {
    const wchar_t *path;
    const char *name;
} keys[PLATTER_POLICY_KEYS] = {
    {L"SOFTWARE\\Policies\\Platter", "HKLM\\SOFTWARE\\Policies\\Platter"},
    {L"SYSTEM\\CurrentControlSet\\Services\\platter\\Parameters",
     "HKLM\\SYSTEM\\CurrentControlSet\\Services\\platter\\Parameters"},
};

static bool given; /* keys that another process opened */
static HKEY given_keys[PLATTER_POLICY_KEYS];

static LSTATUS open_key(size_t i, HKEY *key)
{
    if (given) {
        *key = given_keys[i];
        return *key ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
    }
    /* The same key for a 32-bit program on a 64-bit Windows as the driver reads. */
    return RegOpenKeyExW(HKEY_LOCAL_MACHINE, keys[i].path, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, key);
}

static void close_key(HKEY key)
{
    if (!given)
        RegCloseKey(key);
}

bool platter_policy_keys_open(void *opened[PLATTER_POLICY_KEYS])
{
    bool all = true;

    for (size_t i = 0; i < PLATTER_POLICY_KEYS; i++) {
        HKEY key = NULL;
        LSTATUS error = open_key(i, &key);

        opened[i] = error == ERROR_SUCCESS ? key : NULL;
        all = all && (error == ERROR_SUCCESS || error == ERROR_FILE_NOT_FOUND);
    }
    return all;
}

void platter_policy_keys_use(void *const opened[PLATTER_POLICY_KEYS])
{
    for (size_t i = 0; i < PLATTER_POLICY_KEYS; i++)
        given_keys[i] = opened[i];
    given = true;
}

/*
 * Reads `value` into buffer, which is zeros. The key that has it, or NULL; *error: why it could not be read, else 0. A key
 * that is there and cannot be read may hold anything, so it decides, too.
 */
static const char *read_value(const wchar_t *value, DWORD *type, void *buffer, DWORD size, LSTATUS *error)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        DWORD length = size;
        HKEY key;

        *error = open_key(i, &key);
        if (*error == ERROR_SUCCESS) {
            *error = RegQueryValueExW(key, value, NULL, type, buffer, &length);
            close_key(key);
        }
        if (*error != ERROR_FILE_NOT_FOUND)
            return keys[i].name;
    }
    return NULL;
}

static const char *place_of(const wchar_t *value)
{
    uint32_t number = 0;
    DWORD type;
    LSTATUS error;
    const char *key = read_value(value, &type, &number, sizeof(number), &error);

    return key ? key : keys[0].name;
}

bool platter_policy_has_formats(void)
{
    wchar_t some[8];
    DWORD type;
    LSTATUS error;

    return read_value(L"AllowedFormats", &type, some, sizeof(some), &error) != NULL;
}

enum platter_result platter_policy_format(const char *format, const char *file, struct platter_error *err)
{
    wchar_t *list = calloc(1, LIST_BYTES), *wide = platter_wide(format);
    enum platter_result result = PLATTER_E_NO_MEMORY;
    LSTATUS error = ERROR_SUCCESS;
    bool allowed = false;
    const char *key;
    DWORD type = 0;

    if (!list || !wide) {
        (void)platter_error_set(err, result, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto done;
    }
    result = PLATTER_OK;
    /* Two zeros stay at the end, whatever was written there. */
    key = read_value(L"AllowedFormats", &type, list, LIST_BYTES - 2 * sizeof(*list), &error);
    if (!key)
        goto done;
    if (error != ERROR_SUCCESS || (type != REG_MULTI_SZ && type != REG_SZ)) {
        result =
            platter_error_set_os(err, PLATTER_E_ACCESS, file, PLATTER_NO_OFFSET, (int)error,
                                 "the policy 'AllowedFormats' in %s makes no sense, so no image may be mounted", key);
        goto done;
    }
    for (const wchar_t *name = list; *name && !allowed; name += wcslen(name) + 1)
        allowed = _wcsicmp(name, wide) == 0;
    if (!allowed)
        result = platter_error_set(err, PLATTER_E_ACCESS, file, PLATTER_NO_OFFSET,
                                   "the policy 'AllowedFormats' in %s does not allow images of the format %.32s", key,
                                   format);
done:
    free(wide);
    free(list);
    return result;
}

enum platter_result platter_policy_mount(uint32_t policy, bool *read_only, char *why, size_t why_size,
                                         struct platter_error *err)
{
    if (policy & PLATTER_POLICY_NO_MOUNT)
        return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                                 "the policy 'WhoMayMount' in %s lets only administrators mount on this machine",
                                 place_of(L"WhoMayMount"));
    if ((policy & PLATTER_POLICY_READ_ONLY) && !*read_only) {
        *read_only = true;
        (void)snprintf(why, why_size, "the policy 'UsersMayWrite' in %s lets only administrators write",
                       place_of(L"UsersMayWrite"));
    }
    return PLATTER_OK;
}
