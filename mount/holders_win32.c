/* SPDX-License-Identifier: MIT */
/*
 * Three ways, as none tells all: the driver knows who opened the volume's sectors, the file system who uses the root folder,
 * and the table of handles what the user's own programs have open. The last two are reserved for the system, so they are
 * looked up when needed and may be missing.
 */
#include "holders_win32.h"

#include <windows.h>
#include <setupapi.h>
#include <cfgmgr32.h>
#include <winternl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounded_win32.h"
#include "../engine/os/system.h"
#include "control_win32.h"
#include "process_win32.h"
#include "wide_win32.h"

#define FIND_MS 3000u /* for all of it */
#define STEP_MS 500u  /* for one look; a pipe's name may never come */
#define EJECT_MS 20000u
#define MOST_PROCESSES 256u
#define MOST_HANDLE_BYTES (64u << 20)
#define NAME_BYTES 0x10400u

#define CLASS_EXTENDED_HANDLES 64     /* SystemExtendedHandleInformation */
#define CLASS_PROCESSES_USING_FILE 47 /* FileProcessIdsUsingFileInformation */
#define CLASS_OBJECT_NAME 1           /* ObjectNameInformation */
#define STATUS_LENGTH_MISMATCH 0xc0000004u

struct handle_entry { /* SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX */
    void *object;
    ULONG_PTR process_id, handle;
    ULONG access;
    USHORT creator, type;
    ULONG attributes, reserved;
};

struct handle_table { /* SYSTEM_HANDLE_INFORMATION_EX */
    ULONG_PTR count, reserved;
    struct handle_entry entries[];
};

struct users { /* FILE_PROCESS_IDS_USING_FILE_INFORMATION */
    ULONG count;
    ULONG_PTR process_ids[MOST_PROCESSES];
};

static struct {
    NTSTATUS(NTAPI *query_system)(int, void *, ULONG, ULONG *);
    NTSTATUS(NTAPI *query_file)(HANDLE, IO_STATUS_BLOCK *, void *, ULONG, int);
    NTSTATUS(NTAPI *query_object)(HANDLE, int, void *, ULONG, ULONG *);
} nt;

static void look_up(HMODULE module, const char *name, void *pointer)
{
    FARPROC function = module ? GetProcAddress(module, name) : NULL;

    memcpy(pointer, &function, sizeof(function));
}

static void load(void)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");

    look_up(ntdll, "NtQuerySystemInformation", &nt.query_system);
    look_up(ntdll, "NtQueryInformationFile", &nt.query_file);
    look_up(ntdll, "NtQueryObject", &nt.query_object);
}

static void add_process(struct platter_holders *holders, uint32_t process_id, const char *file)
{
    char *name = platter_process_program(process_id);

    platter_holders_add(holders, process_id, name ? name : process_id == 4 ? "System" : "", file);
    free(name);
}

/* ---- What the driver knows ------------------------------------------------------------------------------------------ */

static void ask_driver(struct platter_transport *transport, uint64_t id, struct platter_holders *holders)
{
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;

    if (platter_control_list(transport, &volumes, &count, NULL) != PLATTER_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (volumes[i].volume_id == id && volumes[i].holder_process_id != 0)
            add_process(holders, volumes[i].holder_process_id, "");
    }
    free(volumes);
}

/* ---- What the file system knows -------------------------------------------------------------------------------------- */

struct asking {
    wchar_t path[32 + PLATTER_DEVICE_NAME_CHARS];
    DWORD flags;
    struct users users;
};

static enum platter_result ask_file_system(void *context, struct platter_error *err)
{
    struct asking *asking = context;
    HANDLE handle =
        CreateFileW(asking->path, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    OPEN_EXISTING, asking->flags, NULL);
    IO_STATUS_BLOCK status;

    (void)err;
    if (handle == INVALID_HANDLE_VALUE)
        return PLATTER_OK;
    if (nt.query_file(handle, &status, &asking->users, sizeof(asking->users), CLASS_PROCESSES_USING_FILE) != 0)
        asking->users.count = 0;
    CloseHandle(handle);
    return PLATTER_OK;
}

static void ask_users(const struct platter_volume_info *info, const wchar_t *behind, DWORD flags,
                      struct platter_holders *holders)
{
    struct asking asking = {.flags = flags};

    if (!nt.query_file)
        return;
    (void)_snwprintf(asking.path, sizeof(asking.path) / sizeof(asking.path[0]) - 1, L"\\\\?\\GLOBALROOT%.*ls%ls",
                     PLATTER_DEVICE_NAME_CHARS - 1, (const wchar_t *)info->device_name, behind);
    if (platter_bounded(ask_file_system, &asking, sizeof(asking), STEP_MS, "the file system's answer", NULL) !=
        PLATTER_OK)
        return;
    for (ULONG i = 0; i < asking.users.count && i < MOST_PROCESSES; i++) {
        if (asking.users.process_ids[i] != GetCurrentProcessId())
            add_process(holders, (uint32_t)asking.users.process_ids[i], "");
    }
}

/* ---- What the table of handles knows --------------------------------------------------------------------------------- */

/* On the heap, and left there when a look at it did not come back. */
struct scan {
    struct handle_table *table;
    volatile LONG next; /* each entry is one thread's, so that one that comes back late does no harm */
    USHORT type;        /* of files */
    wchar_t device[PLATTER_DEVICE_NAME_CHARS];
    SRWLOCK lock;
    struct platter_holders found;
};

static struct handle_table *read_table(void)
{
    for (ULONG size = 1u << 20; nt.query_system && size <= MOST_HANDLE_BYTES; size *= 2) {
        struct handle_table *table = malloc(size);
        uint32_t status =
            table ? (uint32_t)nt.query_system(CLASS_EXTENDED_HANDLES, table, size, NULL) : STATUS_LENGTH_MISMATCH;

        if (status == 0 && table->count <= (size - sizeof(*table)) / sizeof(table->entries[0]))
            return table;
        free(table);
        if (status != STATUS_LENGTH_MISMATCH || !table)
            return NULL;
    }
    return NULL;
}

/* The object type's number differs from one Windows to the next; a file of ours tells it. */
static bool find_type(const struct handle_table *table, USHORT *type)
{
    HANDLE nothing =
        CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    bool found = false;

    for (ULONG_PTR i = 0; i < table->count && !found; i++) {
        if (table->entries[i].process_id != GetCurrentProcessId())
            continue;
        if (GetFileType((HANDLE)table->entries[i].handle) == FILE_TYPE_DISK) {
            *type = table->entries[i].type;
            found = true;
        }
    }
    if (nothing != INVALID_HANDLE_VALUE)
        CloseHandle(nothing);
    return found;
}

/* Behind the device's name: "" for the device itself, "\docs\a.txt"; NULL when the handle is of something else. */
static char *name_of(struct scan *scan, HANDLE handle)
{
    UNICODE_STRING *name = malloc(NAME_BYTES);
    size_t length = wcslen(scan->device), units;
    char *text = NULL;
    ULONG returned;

    if (!name || nt.query_object(handle, CLASS_OBJECT_NAME, name, NAME_BYTES - sizeof(wchar_t), &returned) != 0)
        goto done;
    units = name->Length / sizeof(wchar_t);
    if (!name->Buffer || units < length || _wcsnicmp(name->Buffer, scan->device, length) != 0 ||
        (units > length && name->Buffer[length] != L'\\'))
        goto done;
    name->Buffer[units] = L'\0';
    text = platter_narrow(name->Buffer + length);
done:
    free(name);
    return text;
}

static void look_at(struct scan *scan, const struct handle_entry *entry)
{
    HANDLE process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, (DWORD)entry->process_id), copy = NULL;
    char *file = NULL;

    if (!process)
        return;
    if (DuplicateHandle(process, (HANDLE)entry->handle, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
        file = name_of(scan, copy);
        CloseHandle(copy);
    }
    CloseHandle(process);
    if (!file)
        return;
    AcquireSRWLockExclusive(&scan->lock);
    add_process(&scan->found, (uint32_t)entry->process_id, file);
    ReleaseSRWLockExclusive(&scan->lock);
    free(file);
}

static enum platter_result look_on(void *context, struct platter_error *err)
{
    struct scan *scan = *(struct scan **)context;

    (void)err;
    for (;;) {
        LONG at = InterlockedIncrement(&scan->next) - 1;

        if (at < 0 || (ULONG_PTR)at >= scan->table->count)
            return PLATTER_OK;
        if (scan->table->entries[at].type == scan->type && scan->table->entries[at].process_id != GetCurrentProcessId())
            look_at(scan, &scan->table->entries[at]);
    }
}

static void ask_handles(const struct platter_volume_info *info, struct platter_holders *holders)
{
    uint64_t until = platter_os_monotonic_ms() + FIND_MS;
    struct scan *scan = calloc(1, sizeof(*scan));
    bool stuck = false, all = false;

    if (!scan)
        return;
    scan->table = read_table();
    if (!scan->table || !nt.query_object || !find_type(scan->table, &scan->type)) {
        (void)snprintf(holders->unknown, sizeof(holders->unknown), "the system does not show its table of open files");
        goto done;
    }
    memcpy(scan->device, info->device_name, sizeof(info->device_name));
    scan->device[PLATTER_DEVICE_NAME_CHARS - 1] = L'\0';
    while (!all && platter_os_monotonic_ms() < until) {
        all = platter_bounded(look_on, &scan, sizeof(scan), STEP_MS, "a file's name", NULL) == PLATTER_OK;
        stuck |= !all; /* it hangs at one; the next look goes on behind that */
    }
    AcquireSRWLockExclusive(&scan->lock);
    for (size_t i = 0; i < scan->found.count; i++)
        platter_holders_add(holders, scan->found.list[i].process_id, scan->found.list[i].name,
                            scan->found.list[i].file);
    holders->more |= scan->found.more;
    ReleaseSRWLockExclusive(&scan->lock);
    if (!all)
        (void)snprintf(holders->unknown, sizeof(holders->unknown), "looking through all open files takes too long");
done:
    if (stuck)
        return; /* a thread still looks at it */
    free(scan->table);
    free(scan);
}

void platter_holders_find(struct platter_transport *transport, const struct platter_volume_info *info,
                          struct platter_holders *holders)
{
    load();
    ask_driver(transport, info->volume_id, holders);
    ask_users(info, L"", 0, holders);
    ask_users(info, L"\\", FILE_FLAG_BACKUP_SEMANTICS, holders);
    ask_handles(info, holders);
}

/* ---- Plug and Play ---------------------------------------------------------------------------------------------------- */

struct ejecting {
    wchar_t device[PLATTER_DEVICE_NAME_CHARS]; /* \\Device\\PlatterVolume3 */
    CONFIGRET answer;
    PNP_VETO_TYPE veto;
    wchar_t name[MAX_PATH];
};

/* The node whose device has this name: instances are used again (driver/instance.c), so no volume's number leads to one. */
static CONFIGRET find_node(const wchar_t *device, DEVINST *node)
{
    HDEVINFO set = SetupDiGetClassDevsW(NULL, L"" PLATTER_VOLUME_ENUMERATOR, NULL, DIGCF_ALLCLASSES | DIGCF_PRESENT);
    SP_DEVINFO_DATA data = {.cbSize = sizeof(data)};
    CONFIGRET answer = CR_NO_SUCH_DEVNODE;

    if (set == INVALID_HANDLE_VALUE)
        return CR_FAILURE;
    for (DWORD i = 0; answer != CR_SUCCESS && SetupDiEnumDeviceInfo(set, i, &data); i++) {
        wchar_t name[PLATTER_DEVICE_NAME_CHARS] = L"";

        if (SetupDiGetDeviceRegistryPropertyW(set, &data, SPDRP_PHYSICAL_DEVICE_OBJECT_NAME, NULL, (BYTE *)name,
                                              sizeof(name) - sizeof(name[0]), NULL) &&
            _wcsicmp(name, device) == 0) {
            *node = data.DevInst;
            answer = CR_SUCCESS;
        }
    }
    SetupDiDestroyDeviceInfoList(set);
    return answer;
}

static enum platter_result eject(void *context, struct platter_error *err)
{
    struct ejecting *ejecting = context;
    HMODULE module = LoadLibraryW(L"cfgmgr32.dll"); /* stays to the end */
    CONFIGRET(WINAPI * request)(DEVINST, PNP_VETO_TYPE *, wchar_t *, ULONG, ULONG);
    DEVINST node;

    (void)err;
    look_up(module, "CM_Request_Device_EjectW", &request);
    ejecting->answer = request ? find_node(ejecting->device, &node) : CR_CALL_NOT_IMPLEMENTED;
    if (ejecting->answer == CR_SUCCESS)
        ejecting->answer = request(node, &ejecting->veto, ejecting->name, MAX_PATH, 0);
    return PLATTER_OK;
}

bool platter_holders_eject(const struct platter_volume_info *info, struct platter_holders *holders)
{
    struct ejecting ejecting = {.answer = CR_SUCCESS};
    char *name;

    memcpy(ejecting.device, info->device_name, sizeof(info->device_name) - sizeof(info->device_name[0]));
    if (platter_bounded(eject, &ejecting, sizeof(ejecting), EJECT_MS, "the Plug and Play manager's answer", NULL) !=
        PLATTER_OK) {
        (void)snprintf(holders->veto, sizeof(holders->veto), "the Plug and Play manager does not answer");
        return false;
    }
    if (ejecting.answer == CR_SUCCESS)
        return true;
    if (ejecting.answer != CR_REMOVE_VETOED)
        return false;
    ejecting.name[MAX_PATH - 1] = L'\0';
    name = platter_narrow(ejecting.name);
    platter_veto_text((unsigned)ejecting.veto, name ? name : "", holders->veto, sizeof(holders->veto));
    free(name);
    return false;
}
