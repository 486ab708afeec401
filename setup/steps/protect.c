/* SPDX-License-Identifier: MIT */
#include "protect.h"

#include <windows.h>
#include <aclapi.h>
#include <sddl.h>
#include <shlobj.h>
#include <shlwapi.h>
#include <string.h>

/*
 * Whose it is counts as much as the list: an owner may always change that. The number is of all AppContainers (Windows 7 has no
 * name for it), which may read Program Files, too: the service's workers are such.
 */
#define SDDL                                                                                                           \
    L"O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;OICI;0x1200a9;;;S-1-15-2-1)(A;OICIIO;FA;;;CO)"

static bool in_program_files(const wchar_t *dir)
{
    wchar_t programs[STEPS_PATH];
    size_t length;

    /* Not from the environment, into which every user can put what he likes. */
    if (SHGetFolderPathW(NULL, CSIDL_PROGRAM_FILES, NULL, SHGFP_TYPE_CURRENT, programs) != S_OK)
        return false;
    length = wcslen(programs);
    return _wcsnicmp(dir, programs, length) == 0 && dir[length] == L'\\';
}

/* Of who runs this: whose it is where the system gives nothing to administrators as such (Wine). */
static bool is_own(PSID owner)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } self;
    DWORD length = sizeof(self);
    HANDLE token = NULL;
    bool own;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    own = GetTokenInformation(token, TokenUser, &self, sizeof(self), &length) && EqualSid(owner, self.user.User.Sid);
    CloseHandle(token);
    return own;
}

bool protect_is_ours(const wchar_t *folder)
{
    DWORD attributes = GetFileAttributesW(folder);
    PSECURITY_DESCRIPTOR descriptor = NULL;
    wchar_t name[STEPS_PATH];
    PSID owner = NULL;
    bool ours;

    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return false;
    (void)_snwprintf(name, STEPS_PATH, L"%ls", folder); /* which the function does not promise to leave as it is */
    name[STEPS_PATH - 1] = L'\0';
    if (GetNamedSecurityInfoW(name, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL,
                              &descriptor) != ERROR_SUCCESS)
        return false;
    ours = owner && (IsWellKnownSid(owner, WinBuiltinAdministratorsSid) || IsWellKnownSid(owner, WinLocalSystemSid) ||
                     is_own(owner));
    LocalFree(descriptor);
    return ours;
}

/* To give a folder that somebody else has closed to us another owner. */
static void may_own(void)
{
    static const wchar_t *const names[] = {L"SeTakeOwnershipPrivilege", L"SeRestorePrivilege"};
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1, .Privileges = {{.Attributes = SE_PRIVILEGE_ENABLED}}};

        if (LookupPrivilegeValueW(NULL, names[i], &wanted.Privileges[0].Luid))
            (void)AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
    }
    CloseHandle(token);
}

/* The owner first, who then may set the list. */
static DWORD take_over(wchar_t *dir, PSECURITY_DESCRIPTOR descriptor)
{
    BOOL present = FALSE, defaulted;
    PSID owner = NULL;
    PACL acl = NULL;
    DWORD error;

    if (!GetSecurityDescriptorOwner(descriptor, &owner, &defaulted) ||
        !GetSecurityDescriptorDacl(descriptor, &present, &acl, &defaulted))
        return GetLastError();
    may_own();
    error = SetNamedSecurityInfoW(dir, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, owner, NULL, NULL, NULL);
    if (error)
        return error;
    return SetNamedSecurityInfoW(dir, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                 NULL, NULL, acl, NULL);
}

/* What somebody has put there could be a library that our programs load. */
static enum steps_exit check_empty(struct steps *steps)
{
    const wchar_t *dir = steps->options.dir;
    DWORD attributes = GetFileAttributesW(dir);

    if (attributes == INVALID_FILE_ATTRIBUTES || _wcsicmp(dir, steps->installed.dir) == 0)
        return STEPS_DONE;
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY) || (attributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return steps_fail(steps, STEPS_USAGE, 0, "%ls is no folder, or a link to one", dir);
    if (!PathIsDirectoryEmptyW(dir))
        return steps_fail(
            steps, STEPS_USAGE, 0,
            "%ls holds files that are not Platter's. Outside of Program Files it wants a folder of its own, "
            "since what lies there runs with the system's rights",
            dir);
    return STEPS_DONE;
}

enum steps_exit protect_folder(struct steps *steps)
{
    SECURITY_ATTRIBUTES closed = {.nLength = sizeof(closed)};
    enum steps_exit exit;
    DWORD error = ERROR_SUCCESS;

    if (in_program_files(steps->options.dir))
        return STEPS_DONE;
    exit = check_empty(steps);
    if (exit != STEPS_DONE)
        return exit;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(SDDL, SDDL_REVISION_1, &closed.lpSecurityDescriptor,
                                                              NULL))
        error = GetLastError();
    else
        error = (DWORD)SHCreateDirectoryExW(NULL, steps->options.dir, &closed);
    if (error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_EXISTS)
        error = take_over(steps->options.dir, closed.lpSecurityDescriptor);
    if (error)
        exit = steps_fail(steps, STEPS_FAILED, error, "%ls cannot be closed to those who are no administrators",
                          steps->options.dir);
    else
        exit = check_empty(steps); /* once more: until now others could write to it */
    if (closed.lpSecurityDescriptor)
        LocalFree(closed.lpSecurityDescriptor);
    return exit;
}
