/* SPDX-License-Identifier: MIT */
#include "token_win32.h"

#include <windows.h>

bool platter_elevated(void)
{
    TOKEN_ELEVATION elevation = {0};
    HANDLE token = NULL;
    DWORD size = sizeof(elevation);
    bool elevated = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
                    GetTokenInformation(token, TokenElevation, &elevation, size, &size) && elevation.TokenIsElevated;

    if (token)
        CloseHandle(token);
    return elevated;
}
