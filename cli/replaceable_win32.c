/* SPDX-License-Identifier: MIT */
#include "replaceable_win32.h"

#include <windows.h>
#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_AWAY (DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL)
#define OF_FILE (TAKE_AWAY | FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE)
#define OF_ITS_FOLDER (TAKE_AWAY | FILE_ADD_FILE | FILE_DELETE_CHILD | GENERIC_WRITE)
#define OF_FOLDERS_ABOVE (TAKE_AWAY | FILE_DELETE_CHILD)

/* SYSTEM, administrators, TrustedInstaller; and who owns it, which is looked at by itself. */
static bool is_trusted(PSID sid)
{
    static const char *const trusted[] = {"S-1-5-18", "S-1-5-32-544",
                                          "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", "S-1-3-0",
                                          "S-1-3-4"};
    char *text = NULL;
    bool found = false;

    if (!ConvertSidToStringSidA(sid, &text))
        return false;
    for (size_t i = 0; i < sizeof(trusted) / sizeof(trusted[0]); i++)
        found |= strcmp(text, trusted[i]) == 0;
    LocalFree(text);
    return found;
}

static bool is_open(ACL *list, ACCESS_MASK mask)
{
    ACL_SIZE_INFORMATION size = {0};

    if (!list) /* none: all is allowed to everybody */
        return true;
    if (!GetAclInformation(list, &size, sizeof(size), AclSizeInformation))
        return false;
    for (DWORD i = 0; i < size.AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry;

        if (GetAce(list, i, (void **)&entry) && entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE &&
            !(entry->Header.AceFlags & INHERIT_ONLY_ACE) && (entry->Mask & mask) && !is_trusted(&entry->SidStart))
            return true;
    }
    return false;
}

/* What cannot be read is not ours to judge. */
static bool is_open_to_others(const wchar_t *path, ACCESS_MASK mask)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    wchar_t *name = wcsdup(path); /* which the function does not promise to leave as it is */
    PSID owner = NULL;
    ACL *list = NULL;
    bool open = false;

    if (name && GetNamedSecurityInfoW(name, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                      &owner, NULL, &list, NULL, &descriptor) == ERROR_SUCCESS) {
        open = (owner && !is_trusted(owner)) || is_open(list, mask);
        LocalFree(descriptor);
    }
    free(name);
    return open;
}

bool cli_is_replaceable(const wchar_t *path)
{
    wchar_t *folder = wcsdup(path), *slash;
    bool open = is_open_to_others(path, OF_FILE);
    ACCESS_MASK mask = OF_ITS_FOLDER;

    /* The root itself cannot be taken away. */
    while (!open && folder && (slash = wcsrchr(folder, L'\\')) != NULL && slash > folder + 2) {
        *slash = L'\0';
        open = is_open_to_others(folder, mask);
        mask = OF_FOLDERS_ABOVE;
    }
    free(folder);
    return open;
}
