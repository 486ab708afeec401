/* SPDX-License-Identifier: MIT */
/* Routines of Vista and Windows 7 for NT 5.2, all but the locks; see nt52.h. */
#include "nt52.h"

#include <winternl.h>

/* ntifs.h has these numbers; mingw-w64's winternl.h only some of them. */
#define FILE_STANDARD_INFORMATION_CLASS ((FILE_INFORMATION_CLASS)5)
#define FILE_END_OF_FILE_INFORMATION_CLASS ((FILE_INFORMATION_CLASS)20)

NTSTATUS NTAPI NtSetInformationFile(HANDLE file, IO_STATUS_BLOCK *io, void *info, ULONG length,
                                    FILE_INFORMATION_CLASS class);

static BOOL refuse(DWORD error)
{
    SetLastError(error);
    return FALSE;
}

static FARPROC system_routine(const wchar_t *module, const char *name)
{
    return GetProcAddress(GetModuleHandleW(module), name);
}

/* ---- Time and files ------------------------------------------------------------------------------------------------ */

ULONGLONG WINAPI GetTickCount64(void)
{
    LARGE_INTEGER count, frequency;

    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (ULONGLONG)(count.QuadPart / frequency.QuadPart) * 1000 +
           (ULONGLONG)(count.QuadPart % frequency.QuadPart * 1000 / frequency.QuadPart);
}

BOOL WINAPI GetFileInformationByHandleEx(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class, void *info, DWORD size)
{
    IO_STATUS_BLOCK io;
    NTSTATUS status;

    if (class != FileStandardInfo)
        return refuse(ERROR_INVALID_PARAMETER);
    status = NtQueryInformationFile(file, &io, info, size, FILE_STANDARD_INFORMATION_CLASS);
    return NT_SUCCESS(status) ? TRUE : refuse(RtlNtStatusToDosError(status));
}

BOOL WINAPI SetFileInformationByHandle(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class, void *info, DWORD size)
{
    IO_STATUS_BLOCK io;
    NTSTATUS status;

    if (class != FileEndOfFileInfo)
        return refuse(ERROR_INVALID_PARAMETER);
    status = NtSetInformationFile(file, &io, info, size, FILE_END_OF_FILE_INFORMATION_CLASS);
    return NT_SUCCESS(status) ? TRUE : refuse(RtlNtStatusToDosError(status));
}

/* NT 5.2 cancels only what the calling thread itself began. The callers have other ways to an end. */
BOOL WINAPI CancelIoEx(HANDLE file, OVERLAPPED *overlapped)
{
    (void)file;
    (void)overlapped;
    return refuse(ERROR_NOT_FOUND);
}

BOOL WINAPI CancelSynchronousIo(HANDLE thread)
{
    (void)thread;
    return refuse(ERROR_NOT_FOUND);
}

/* ---- Processes ----------------------------------------------------------------------------------------------------- */

/* A list of the handles to inherit; here every inheritable handle is. */
BOOL WINAPI InitializeProcThreadAttributeList(LPPROC_THREAD_ATTRIBUTE_LIST list, DWORD count, DWORD flags, SIZE_T *size)
{
    (void)count;
    (void)flags;
    *size = 64;
    return list ? TRUE : refuse(ERROR_INSUFFICIENT_BUFFER);
}

BOOL WINAPI UpdateProcThreadAttribute(LPPROC_THREAD_ATTRIBUTE_LIST list, DWORD flags, DWORD_PTR attribute, void *value,
                                      SIZE_T size, void *previous, SIZE_T *returned)
{
    (void)list;
    (void)flags;
    (void)attribute;
    (void)value;
    (void)size;
    (void)previous;
    (void)returned;
    return TRUE;
}

void WINAPI DeleteProcThreadAttributeList(LPPROC_THREAD_ATTRIBUTE_LIST list)
{
    (void)list;
}

BOOL WINAPI CreateProcessW(LPCWSTR program, LPWSTR command, LPSECURITY_ATTRIBUTES for_process,
                           LPSECURITY_ATTRIBUTES for_thread, BOOL inherit, DWORD flags, void *environment,
                           LPCWSTR folder, LPSTARTUPINFOW startup, LPPROCESS_INFORMATION process)
{
    BOOL(WINAPI * create)
    (LPCWSTR, LPWSTR, LPSECURITY_ATTRIBUTES, LPSECURITY_ATTRIBUTES, BOOL, DWORD, void *, LPCWSTR, LPSTARTUPINFOW,
     LPPROCESS_INFORMATION) = (void *)system_routine(L"kernel32", "CreateProcessW");
    STARTUPINFOW plain = *startup;

    if (flags & EXTENDED_STARTUPINFO_PRESENT)
        plain.cb = sizeof(plain);
    return create(program, command, for_process, for_thread, inherit, flags & ~(DWORD)EXTENDED_STARTUPINFO_PRESENT,
                  environment, folder, &plain, process);
}

/* Programs that hold a drive are told by their numbers then. */
BOOL WINAPI QueryFullProcessImageNameW(HANDLE process, DWORD flags, LPWSTR name, DWORD *size)
{
    (void)process;
    (void)flags;
    (void)name;
    (void)size;
    return refuse(ERROR_CALL_NOT_IMPLEMENTED);
}

/* ---- Who one is, and the end of a session --------------------------------------------------------------------------- */

/* Before UAC an administrator's processes all are what is called elevated since. */
BOOL WINAPI GetTokenInformation(HANDLE token, TOKEN_INFORMATION_CLASS class, void *info, DWORD size, DWORD *returned)
{
    BOOL(WINAPI * get)
    (HANDLE, TOKEN_INFORMATION_CLASS, void *, DWORD, DWORD *) =
        (void *)system_routine(L"advapi32", "GetTokenInformation");
    SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
    BOOL member = FALSE;
    SID *administrators;

    if (class != TokenElevation)
        return get(token, class, info, size, returned);
    if (!AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0, 0,
                                  (void **)&administrators))
        return FALSE;
    CheckTokenMembership(NULL, administrators, &member);
    FreeSid(administrators);
    ((TOKEN_ELEVATION *)info)->TokenIsElevated = (DWORD)member;
    *returned = sizeof(TOKEN_ELEVATION);
    return TRUE;
}

BOOL WINAPI ShutdownBlockReasonCreate(HWND window, LPCWSTR reason)
{
    (void)window;
    (void)reason;
    return refuse(ERROR_CALL_NOT_IMPLEMENTED);
}

BOOL WINAPI ShutdownBlockReasonDestroy(HWND window)
{
    (void)window;
    return refuse(ERROR_CALL_NOT_IMPLEMENTED);
}

/* The service, whose pipe is asked about, is not run in the guest. */
BOOL WINAPI GetNamedPipeServerProcessId(HANDLE pipe, ULONG *process)
{
    (void)pipe;
    (void)process;
    return refuse(ERROR_CALL_NOT_IMPLEMENTED);
}

NT52_IMPORT(GetTickCount64, 0);
NT52_IMPORT(GetFileInformationByHandleEx, 16);
NT52_IMPORT(SetFileInformationByHandle, 16);
NT52_IMPORT(CancelIoEx, 8);
NT52_IMPORT(CancelSynchronousIo, 4);
NT52_IMPORT(InitializeProcThreadAttributeList, 16);
NT52_IMPORT(UpdateProcThreadAttribute, 28);
NT52_IMPORT(DeleteProcThreadAttributeList, 4);
NT52_IMPORT(CreateProcessW, 40);
NT52_IMPORT(QueryFullProcessImageNameW, 16);
NT52_IMPORT(GetTokenInformation, 20);
NT52_IMPORT(ShutdownBlockReasonCreate, 8);
NT52_IMPORT(ShutdownBlockReasonDestroy, 4);
NT52_IMPORT(GetNamedPipeServerProcessId, 8);
