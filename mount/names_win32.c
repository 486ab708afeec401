/* SPDX-License-Identifier: MIT */
/*
 * The object manager's directories through ntdll, whose calls WinObj uses too. They are documented for the kernel, and
 * stable since NT 3.1; they are looked up when needed, so that the program starts also where one is missing.
 */
#include "names_win32.h"

#include <windows.h>
#include <winternl.h>
#include <ntsecapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control_win32.h"
#include "token_win32.h"
#include "wide_win32.h"

#define QUERY_ACCESS 1u      /* DIRECTORY_QUERY, SYMBOLIC_LINK_QUERY */
#define TRAVERSE_ACCESS 2u   /* DIRECTORY_TRAVERSE */
#define MOST_NAMES 20000u    /* of a directory; Windows has some hundreds */
#define ENTRY_BYTES 0x10400u /* a name and a type of at most 64 KiB together */
#define TARGET_BYTES 0xfffeu

#define STATUS_SUCCESS_CODE 0x00000000u
#define STATUS_NO_MORE_ENTRIES_CODE 0x8000001au
#define STATUS_ACCESS_DENIED_CODE 0xc0000022u
#define STATUS_NAME_NOT_FOUND_CODE 0xc0000034u
#define STATUS_PATH_NOT_FOUND_CODE 0xc000003au
#define STATUS_NOT_IMPLEMENTED_CODE 0xc0000002u

#define SESSIONS_PATH "\\Sessions\\0\\DosDevices"

struct entry { /* OBJECT_DIRECTORY_INFORMATION */
    UNICODE_STRING name, type;
};

static struct {
    NTSTATUS(NTAPI *open_directory)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
    NTSTATUS(NTAPI *query_directory)
    (HANDLE, void *, ULONG, BOOLEAN single, BOOLEAN restart, ULONG *at, ULONG *returned);
    NTSTATUS(NTAPI *open_link)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
    NTSTATUS(NTAPI *query_link)(HANDLE, UNICODE_STRING *, ULONG *returned);
    NTSTATUS(NTAPI *close)(HANDLE);
} nt;

static bool load(void)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    const struct {
        const char *name;
        void *pointer;
    } functions[] = {
        {"NtOpenDirectoryObject", &nt.open_directory},
        {"NtQueryDirectoryObject", &nt.query_directory},
        {"NtOpenSymbolicLinkObject", &nt.open_link},
        {"NtQuerySymbolicLinkObject", &nt.query_link},
        {"NtClose", &nt.close},
    };

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        FARPROC function = ntdll ? GetProcAddress(ntdll, functions[i].name) : NULL;

        if (!function)
            return false;
        memcpy(functions[i].pointer, &function, sizeof(function));
    }
    return true;
}

/* ---- One directory ------------------------------------------------------------------------------------------------- */

static char *narrow_counted(const UNICODE_STRING *text)
{
    size_t units = text->Length / sizeof(wchar_t);
    wchar_t *copy = calloc(units + 1, sizeof(*copy));
    char *narrow = NULL;

    if (copy) {
        memcpy(copy, text->Buffer, units * sizeof(*copy));
        narrow = platter_narrow(copy);
    }
    free(copy);
    return narrow;
}

/* Where the link `name` in `directory` leads; NULL when it may not be read. To be freed. */
static char *read_link(HANDLE directory, UNICODE_STRING *name)
{
    UNICODE_STRING target = {.MaximumLength = TARGET_BYTES, .Buffer = malloc(TARGET_BYTES)};
    OBJECT_ATTRIBUTES attributes;
    HANDLE link;
    char *text = NULL;

    InitializeObjectAttributes(&attributes, name, OBJ_CASE_INSENSITIVE, directory, NULL);
    if (target.Buffer && nt.open_link(&link, QUERY_ACCESS, &attributes) == 0) {
        if (nt.query_link(link, &target, NULL) == 0)
            text = narrow_counted(&target);
        nt.close(link);
    }
    free(target.Buffer);
    return text;
}

static uint32_t open_directory(const char *path, HANDLE *handle)
{
    wchar_t *wide = platter_wide(path);
    UNICODE_STRING name = {0};
    OBJECT_ATTRIBUTES attributes;
    uint32_t status;

    if (!wide)
        return STATUS_NOT_IMPLEMENTED_CODE;
    name.Buffer = wide;
    name.Length = name.MaximumLength = (USHORT)(wcslen(wide) * sizeof(*wide));
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = (uint32_t)nt.open_directory(handle, QUERY_ACCESS | TRAVERSE_ACCESS, &attributes);
    free(wide);
    return status;
}

static uint32_t read_directory(const char *path, struct platter_names *names, struct platter_names_directory *directory)
{
    struct entry *entry = malloc(ENTRY_BYTES);
    HANDLE handle;
    ULONG at = 0, returned;
    uint32_t status = entry ? open_directory(path, &handle) : STATUS_NOT_IMPLEMENTED_CODE;

    if (status != STATUS_SUCCESS_CODE)
        goto free_entry;
    /* One at a time: Wine answers nothing else. */
    while (directory->count < MOST_NAMES) {
        char *name, *type, *target;

        status = (uint32_t)nt.query_directory(handle, entry, ENTRY_BYTES, TRUE, at == 0, &at, &returned);
        if (status != STATUS_SUCCESS_CODE)
            break;
        name = narrow_counted(&entry->name);
        type = narrow_counted(&entry->type);
        target = type && strcmp(type, "SymbolicLink") == 0 ? read_link(handle, &entry->name) : NULL;
        if (name && type)
            platter_names_add(names, directory, name, type, target);
        else
            names->without_memory = true;
        free(target);
        free(type);
        free(name);
    }
    if (status == STATUS_NO_MORE_ENTRIES_CODE)
        status = STATUS_SUCCESS_CODE;
    nt.close(handle);
free_entry:
    free(entry);
    return status;
}

static bool is_absent(uint32_t status)
{
    return status == STATUS_NAME_NOT_FOUND_CODE || status == STATUS_PATH_NOT_FOUND_CODE;
}

static void note_state(struct platter_names_directory *directory, uint32_t status)
{
    directory->status = status;
    if (status == STATUS_SUCCESS_CODE)
        directory->state = PLATTER_NAMES_READ;
    else if (status == STATUS_ACCESS_DENIED_CODE)
        directory->state = PLATTER_NAMES_DENIED;
    else
        directory->state = is_absent(status) ? PLATTER_NAMES_NONE : PLATTER_NAMES_FAILED;
}

static void read_global(struct platter_names *names)
{
    struct platter_names_directory *directory;
    HANDLE handle;
    uint32_t status = open_directory("\\GLOBAL??", &handle);
    const char *path = "\\GLOBAL??";

    if (status == STATUS_SUCCESS_CODE)
        nt.close(handle);
    else if (is_absent(status))
        path = "\\??"; /* Wine: one directory for all */
    directory = platter_names_add_directory(names, path, true, 0);
    if (directory)
        note_state(directory, read_directory(path, names, directory));
}

/* ---- Logon sessions ------------------------------------------------------------------------------------------------ */

static uint64_t luid_number(const LUID *luid)
{
    return (uint64_t)(uint32_t)luid->HighPart << 32 | luid->LowPart;
}

static uint64_t luid_of(HANDLE token)
{
    TOKEN_STATISTICS statistics;
    DWORD size = sizeof(statistics);

    return GetTokenInformation(token, TokenStatistics, &statistics, size, &size)
               ? luid_number(&statistics.AuthenticationId)
               : 0;
}

static struct platter_names_directory *session_of(struct platter_names *names, uint64_t luid)
{
    char path[64];

    for (size_t i = 0; i < names->count; i++) {
        if (!names->directories[i].global && names->directories[i].luid == luid)
            return &names->directories[i];
    }
    (void)snprintf(path, sizeof(path), SESSIONS_PATH "\\%08x-%08x", (unsigned)(luid >> 32), (unsigned)luid);
    return platter_names_add_directory(names, path, false, luid);
}

static void set_who(struct platter_names *names, struct platter_names_directory *directory, const char *who)
{
    if (!directory || directory->who)
        return;
    directory->who = _strdup(who);
    if (!directory->who)
        names->without_memory = true;
}

/* The caller's own, and the other half of an administrator's logon, which has a session of its own. */
static void add_own(struct platter_names *names)
{
    struct platter_names_directory *directory;
    TOKEN_LINKED_TOKEN linked = {NULL};
    DWORD size = sizeof(linked);
    HANDLE token;
    bool halves;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return;
    names->elevated = platter_elevated();
    halves = GetTokenInformation(token, TokenLinkedToken, &linked, size, &size) && linked.LinkedToken;
    directory = session_of(names, luid_of(token));
    if (directory)
        directory->own = true;
    set_who(names, directory, !halves ? "you" : names->elevated ? "you, elevated" : "you, not elevated");
    if (halves) {
        set_who(names, session_of(names, luid_of(linked.LinkedToken)),
                names->elevated ? "you, not elevated" : "you, elevated");
        CloseHandle(linked.LinkedToken);
    }
    CloseHandle(token);
}

/* "00000000-000003e7" */
static bool parse_luid(const char *name, uint64_t *luid)
{
    unsigned high, low;
    int used = 0;

    if (strlen(name) != 17 || sscanf(name, "%8x-%8x%n", &high, &low, &used) != 2 || used != 17)
        return false;
    *luid = (uint64_t)high << 32 | low;
    return true;
}

static bool add_listed(struct platter_names *names)
{
    struct platter_names list = {0};
    struct platter_names_directory *directory = platter_names_add_directory(&list, SESSIONS_PATH, false, 0);
    bool read = directory && read_directory(SESSIONS_PATH, &list, directory) == STATUS_SUCCESS_CODE;
    uint64_t luid;

    for (size_t i = 0; directory && i < directory->count; i++) {
        if (parse_luid(directory->names[i].name, &luid))
            (void)session_of(names, luid);
    }
    platter_names_free(&list);
    return read;
}

static struct {
    NTSTATUS(NTAPI *enumerate)(ULONG *, LUID **);
    NTSTATUS(NTAPI *data)(LUID *, SECURITY_LOGON_SESSION_DATA **);
    NTSTATUS(NTAPI *free)(void *);
} lsa;

/* Everybody may list the sessions' numbers; whose they are is told to administrators and to each of his own. */
static bool add_known_to_lsa(struct platter_names *names)
{
    HMODULE secur32 = LoadLibraryW(L"secur32.dll"); /* a KnownDLL's client; stays to the end */
    FARPROC enumerate = secur32 ? GetProcAddress(secur32, "LsaEnumerateLogonSessions") : NULL;
    FARPROC data = secur32 ? GetProcAddress(secur32, "LsaGetLogonSessionData") : NULL;
    FARPROC release = secur32 ? GetProcAddress(secur32, "LsaFreeReturnBuffer") : NULL;
    LUID *luids = NULL;
    ULONG count = 0;

    if (!enumerate || !data || !release)
        return false;
    memcpy(&lsa.enumerate, &enumerate, sizeof(enumerate));
    memcpy(&lsa.data, &data, sizeof(data));
    memcpy(&lsa.free, &release, sizeof(release));
    if (lsa.enumerate(&count, &luids) != 0)
        return false;
    for (ULONG i = 0; i < count; i++)
        (void)session_of(names, luid_number(&luids[i]));
    if (luids)
        lsa.free(luids);
    return count > 0; /* at least our own: fewer is no answer (Wine) */
}

static bool has_strangers(const struct platter_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!names->directories[i].global && !names->directories[i].who)
            return true;
    }
    return false;
}

static void name_session(struct platter_names *names, struct platter_names_directory *directory)
{
    static const struct {
        uint64_t luid;
        const char *who;
    } known[] = {{0x3e7, "SYSTEM"}, {0x3e6, "anonymous logon"}, {0x3e5, "LOCAL SERVICE"}, {0x3e4, "NETWORK SERVICE"}};
    LUID luid = {(DWORD)directory->luid, (LONG)(directory->luid >> 32)};
    SECURITY_LOGON_SESSION_DATA *data = NULL;
    char *domain, *user, text[300];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].luid == directory->luid)
            set_who(names, directory, known[i].who);
    }
    if (directory->who || !lsa.data || lsa.data(&luid, &data) != 0 || !data)
        return;
    domain = narrow_counted((const UNICODE_STRING *)&data->LogonDomain);
    user = narrow_counted((const UNICODE_STRING *)&data->UserName);
    if (domain && user && user[0]) {
        (void)snprintf(text, sizeof(text), "%.140s\\%.140s", domain, user);
        set_who(names, directory, text);
    }
    free(user);
    free(domain);
    lsa.free(data);
}

/* ---- All ----------------------------------------------------------------------------------------------------------- */

static void add_volumes(struct platter_names *names)
{
    struct platter_transport *transport = NULL;
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;

    if (platter_control_open(&transport, NULL, NULL) != PLATTER_OK)
        return; /* no driver, no volumes */
    if (platter_control_list(transport, &volumes, &count, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < count; i++) {
            char device[PLATTER_DEVICE_NAME_CHARS * 3 + 1], image[PLATTER_IMAGE_NAME_CHARS * 3 + 1];

            platter_narrow_field(volumes[i].device_name, PLATTER_DEVICE_NAME_CHARS, device, sizeof(device));
            platter_narrow_field(volumes[i].image_name, PLATTER_IMAGE_NAME_CHARS, image, sizeof(image));
            platter_names_add_volume(names, volumes[i].volume_id, device, image[0] ? image : NULL);
        }
    }
    free(volumes);
    platter_control_close(transport);
}

enum platter_result platter_names_read(struct platter_names *names, struct platter_error *err)
{
    bool listed;

    memset(names, 0, sizeof(*names));
    if (!load())
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, NULL, PLATTER_NO_OFFSET,
                                 "this system does not let programs look at its names");
    read_global(names);
    add_own(names);
    listed = add_listed(names);
    /* Only where it has something to add; it starts half of the security services on Wine. */
    if (!listed || has_strangers(names))
        names->whole = add_known_to_lsa(names) || listed;
    else
        names->whole = true;
    for (size_t i = 0; i < names->count; i++) {
        struct platter_names_directory *directory = &names->directories[i];

        if (directory->global)
            continue;
        name_session(names, directory);
        if (directory->path)
            note_state(directory, read_directory(directory->path, names, directory));
    }
    add_volumes(names);
    platter_names_sort(names);
    if (names->count > 0)
        return PLATTER_OK;
    platter_names_free(names);
    return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
}

char *platter_letter_holder(char letter)
{
    const wchar_t name[] = {(wchar_t)letter, L':', L'\0'};
    wchar_t targets[1024]; /* several texts; the first is the one in force */
    struct platter_names names = {0};
    char meaning[PLATTER_MEANING_TEXT], *target, *holder = NULL;
    size_t size;

    if (QueryDosDeviceW(name, targets, sizeof(targets) / sizeof(targets[0])) == 0)
        return NULL;
    target = platter_narrow(targets);
    if (!target)
        return NULL;
    add_volumes(&names);
    platter_target_meaning(&names, target, meaning);
    size = strlen(meaning) + strlen(target) + 8;
    holder = malloc(size);
    if (holder)
        (void)snprintf(holder, size, "%s (%s)", meaning, target);
    free(target);
    platter_names_free(&names);
    return holder;
}
