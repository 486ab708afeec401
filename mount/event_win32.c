/* SPDX-License-Identifier: MIT */
#include "event_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control_win32.h"
#include "wide_win32.h"

#define SOURCE L"Platter"
#define SOURCE_KEY L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SOURCE
#define SOURCE_KEY_TEXT "HKLM\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\Platter"
#define ALL_TYPES 7u /* error, warning, information */

void platter_event_write(enum platter_event event, const struct platter_account *account, const char *const *strings,
                         size_t count)
{
    wchar_t *wide[PLATTER_EVENT_STRINGS] = {NULL};
    const wchar_t *texts[PLATTER_EVENT_STRINGS];
    uint8_t sid[PLATTER_SID_BYTES];
    HANDLE log = RegisterEventSourceW(NULL, SOURCE);

    if (!log)
        return;
    if (count > PLATTER_EVENT_STRINGS)
        count = PLATTER_EVENT_STRINGS;
    for (size_t i = 0; i < count; i++) {
        char text[PLATTER_EVENT_TEXT];

        wide[i] = platter_wide(platter_event_text(strings[i], text));
        texts[i] = wide[i] ? wide[i] : L"";
    }
    if (account)
        memcpy(sid, account->sid, sizeof(sid));
    (void)ReportEventW(log, platter_event_type(event), 0, (DWORD)event, account && account->sid_length > 0 ? sid : NULL,
                       (WORD)count, 0, texts, NULL);
    for (size_t i = 0; i < count; i++)
        free(wide[i]);
    (void)DeregisterEventSource(log);
}

/* ---- What happens to a mount ------------------------------------------------------------------------------------------ */

char *platter_event_reason(const struct platter_error *err, char buffer[PLATTER_EVENT_TEXT])
{
    static const struct {
        enum platter_result result;
        const char *text;
    } known[] = {
        {PLATTER_E_FORMAT, "it is no image of a known format, or its structure is damaged"},
        {PLATTER_E_DAMAGED, "its data are damaged"},
        {PLATTER_E_IO, "it could not be read or written"},
        {PLATTER_E_NO_SPACE, "there is no room for what was written"},
        {PLATTER_E_NO_MEMORY, "there was not enough memory"},
        {PLATTER_E_ACCESS, "access to it was denied"},
    };
    const char *text = platter_result_name(err->result);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].result == err->result)
            text = known[i].text;
    }
    if (err->offset != PLATTER_NO_OFFSET)
        (void)snprintf(buffer, PLATTER_EVENT_TEXT, "%s (byte %llu)", text, (unsigned long long)err->offset);
    else
        (void)snprintf(buffer, PLATTER_EVENT_TEXT, "%s", text);
    return buffer;
}

static const char *drive_name(const struct platter_volume_info *info, char buffer[4])
{
    return info->letter ? platter_letter_text(info->letter, buffer) : "without a letter";
}

static const char *how(const struct platter_volume_info *info)
{
    if (info->flags & PLATTER_VOLUME_READ_ONLY)
        return "read-only";
    return info->flags & PLATTER_VOLUME_PRIVATE ? "for its user alone" : "writable";
}

void platter_event_drive(enum platter_event event, const struct platter_account *account,
                         const struct platter_volume_info *info)
{
    char letter[4], number[24];
    const char *strings[] = {account->name, drive_name(info, letter), number, how(info)};

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)info->volume_id);
    platter_event_write(event, account, strings, event == PLATTER_EVENT_MOUNTED ? 4 : 3);
}

static void write_each(const struct platter_mount *mount, enum platter_event event)
{
    struct platter_account account;

    platter_account_current(&account);
    for (size_t i = 0; i < mount->count; i++) {
        if (mount->volumes[i].announced)
            platter_event_drive(event, &account, &mount->volumes[i].info);
    }
}

void platter_event_mount_started(const struct platter_mount *mount)
{
    write_each(mount, PLATTER_EVENT_MOUNTED);
}

void platter_event_mount_failed(const struct platter_mount *mount, const struct platter_error *err)
{
    struct platter_account account;
    char reason[PLATTER_EVENT_TEXT];
    bool damaged = err->result == PLATTER_E_DAMAGED || err->result == PLATTER_E_FORMAT;

    /* A file that is not there, a letter that is taken: those are the user's own affair. */
    if (!damaged && !mount->refused)
        return;
    platter_account_current(&account);
    /* What a policy says names no file. */
    platter_event_write(
        mount->refused ? PLATTER_EVENT_REFUSED : PLATTER_EVENT_DAMAGED, &account,
        (const char *const[]){account.name, mount->refused ? err->message : platter_event_reason(err, reason)}, 2);
}

void platter_event_mount_ended(const struct platter_mount *mount, enum platter_result result)
{
    struct platter_error err = {.result = result, .offset = PLATTER_NO_OFFSET};
    struct platter_account account;
    char reason[PLATTER_EVENT_TEXT];

    write_each(mount, PLATTER_EVENT_UNMOUNTED);
    platter_account_current(&account);
    if (mount->damaged)
        platter_event_write(PLATTER_EVENT_DAMAGED_DATA, &account, (const char *const[]){account.name}, 1);
    if (result != PLATTER_OK)
        platter_event_write(PLATTER_EVENT_UNWRITTEN, &account,
                            (const char *const[]){account.name, platter_event_reason(&err, reason)}, 2);
}

/* ---- Where the texts are ---------------------------------------------------------------------------------------------- */

enum platter_result platter_event_source_add(const wchar_t *program, struct platter_error *err)
{
    const DWORD types = ALL_TYPES;
    HKEY key;
    LSTATUS error = RegCreateKeyExW(HKEY_LOCAL_MACHINE, SOURCE_KEY, 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL);

    if (error != ERROR_SUCCESS)
        return platter_error_set_os(err, error == ERROR_ACCESS_DENIED ? PLATTER_E_ACCESS : PLATTER_E_FAILED,
                                    SOURCE_KEY_TEXT, PLATTER_NO_OFFSET, (int)error,
                                    "the source of events could not be registered");
    error = RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ, (const BYTE *)program,
                           (DWORD)((wcslen(program) + 1) * sizeof(*program)));
    if (error == ERROR_SUCCESS)
        error = RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types, sizeof(types));
    RegCloseKey(key);
    if (error != ERROR_SUCCESS)
        return platter_error_set_os(err, PLATTER_E_FAILED, SOURCE_KEY_TEXT, PLATTER_NO_OFFSET, (int)error,
                                    "the source of events could not be registered");
    return PLATTER_OK;
}

enum platter_result platter_event_source_remove(struct platter_error *err)
{
    LSTATUS error = RegDeleteKeyW(HKEY_LOCAL_MACHINE, SOURCE_KEY);

    if (error == ERROR_SUCCESS || error == ERROR_FILE_NOT_FOUND)
        return PLATTER_OK;
    return platter_error_set_os(err, error == ERROR_ACCESS_DENIED ? PLATTER_E_ACCESS : PLATTER_E_FAILED,
                                SOURCE_KEY_TEXT, PLATTER_NO_OFFSET, (int)error,
                                "the source of events could not be removed");
}
