/* SPDX-License-Identifier: MIT */
#include "show.h"

#include "../mount/wide_win32.h"

#include <windows.h>
#include <commdlg.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const wchar_t *platter_show_file;

static void tell(const char *text)
{
    FILE *file = _wfopen(platter_show_file, L"ab");

    if (file) {
        (void)fprintf(file, "%s\n", text);
        (void)fclose(file);
    }
}

void platter_show_error(const wchar_t *title, const char *text)
{
    wchar_t *wide = platter_wide(text);

    if (platter_show_file)
        tell(text);
    else
        (void)MessageBoxW(NULL, wide ? wide : L"out of memory", title, MB_OK | MB_ICONERROR | MB_SETFOREGROUND);
    free(wide);
}

void platter_show_drive(const char *letter)
{
    wchar_t root[] = L"?:\\";

    root[0] = (wchar_t)letter[0];
    if (platter_show_file)
        tell(letter);
    else
        (void)ShellExecuteW(NULL, L"open", root, NULL, NULL, SW_SHOWNORMAL);
}

bool platter_show_choose(wchar_t *path, unsigned units)
{
    OPENFILENAMEW choose = {.lStructSize = sizeof(choose), .lpstrFile = path, .nMaxFile = units};

    choose.lpstrFilter = L"Disk and backup images\0"
                         L"*.vhd;*.vhdx;*.avhd;*.avhdx;*.vmdk;*.vdi;*.qcow2;*.qcow;*.mrimgx;*.iso;*.img;*.dd;*.raw\0"
                         L"All files\0*.*\0";
    choose.lpstrTitle = L"Mount a disk image";
    choose.Flags = OFN_FILEMUSTEXIST | OFN_HIDEREADONLY | OFN_NOCHANGEDIR | OFN_DONTADDTORECENT;
    path[0] = L'\0';
    return GetOpenFileNameW(&choose);
}
