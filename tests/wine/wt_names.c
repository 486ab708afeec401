/* SPDX-License-Identifier: MIT */
/*
 * wt_names FLAG X TARGET: makes the names of two other logon sessions, one in which X: leads to TARGET and one that nobody may
 * look into, creates the file FLAG to say so, and keeps them until FLAG is deleted. Wine has the directory but never uses
 * it, so this is how a drive gets a name for one session only there.
 */
#include "wt.h"
#include <winternl.h>
#include <stdio.h>
#include <string.h>

#define ALL_ACCESS 0xf000fu

static NTSTATUS(NTAPI *create_directory)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
static NTSTATUS(NTAPI *create_link)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, UNICODE_STRING *);

static void look_up(const char *name, void *pointer)
{
    FARPROC function = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), name);

    memcpy(pointer, &function, sizeof function);
    if (!function)
        wt_bail("ntdll has no %s", name);
}

static UNICODE_STRING counted(wchar_t *text)
{
    UNICODE_STRING string = {.Buffer = text};

    string.Length = string.MaximumLength = (USHORT)(wcslen(text) * sizeof *text);
    return string;
}

static HANDLE make_directory(wchar_t *path)
{
    UNICODE_STRING name = counted(path);
    OBJECT_ATTRIBUTES attributes;
    HANDLE directory = NULL;

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NTSTATUS status = create_directory(&directory, ALL_ACCESS, &attributes);
    wt_ok(status == 0, "%ls is made (%08lx)", path, (unsigned long)status);
    return directory;
}

int wmain(int argc, wchar_t **argv)
{
    wchar_t open_path[] = L"\\Sessions\\0\\DosDevices\\00000000-000003e5";
    wchar_t closed_path[] = L"\\Sessions\\0\\DosDevices\\00000000-00012345";
    wchar_t letter[] = L"X:";
    SECURITY_DESCRIPTOR nobody;
    ACL list;
    OBJECT_ATTRIBUTES attributes;
    HANDLE link = NULL;

    if (argc != 4)
        wt_bail("usage: wt_names FLAG X TARGET");
    wt_watchdog(90);
    look_up("NtCreateDirectoryObject", &create_directory);
    look_up("NtCreateSymbolicLinkObject", &create_link);
    letter[0] = argv[2][0];
    HANDLE open = make_directory(open_path);
    UNICODE_STRING name = counted(letter), target = counted(argv[3]);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, open, NULL);
    NTSTATUS status = create_link(&link, ALL_ACCESS, &attributes, &target);
    wt_ok(status == 0, "a link is made in it (%08lx)", (unsigned long)status);
    InitializeSecurityDescriptor(&nobody, SECURITY_DESCRIPTOR_REVISION);
    InitializeAcl(&list, sizeof list, ACL_REVISION);
    SetSecurityDescriptorDacl(&nobody, TRUE, &list, FALSE); /* an empty list lets nobody in */
    HANDLE closed = make_directory(closed_path);
    wt_ok(SetKernelObjectSecurity(closed, DACL_SECURITY_INFORMATION, &nobody),
          "nobody may look into the second (error %lu)", GetLastError());
    HANDLE flag = CreateFileW(argv[1], GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (flag == INVALID_HANDLE_VALUE)
        wt_bail("cannot create %ls: error %lu", argv[1], GetLastError());
    CloseHandle(flag);
    while (GetFileAttributesW(argv[1]) != INVALID_FILE_ATTRIBUTES)
        Sleep(20);
    CloseHandle(link);
    CloseHandle(open);
    CloseHandle(closed);
    return wt_finish();
}
