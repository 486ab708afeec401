/* SPDX-License-Identifier: MIT */
#include "password.h"

#include "password_ids.h"
#include "show.h"

#include <windows.h>
#include <stdio.h>
#include <string.h>

#define OWN_ICON 1 /* cmake/resources.cmake */

struct question {
    const wchar_t *image;
    unsigned left;
    bool again;
    char *password;
};

static void show(HWND dialog, const struct question *question)
{
    const wchar_t *slash = wcsrchr(question->image, L'\\');
    wchar_t note[128], room[PASSWORD_UNITS + 1];

    if (!question->again)
        (void)_snwprintf(note, 128, L"This image is encrypted.");
    else if (question->left > 1)
        (void)_snwprintf(note, 128, L"That was not its password. You can try %u more times.", question->left);
    else
        (void)_snwprintf(note, 128, L"That was not its password. You can try once more.");
    (void)SetDlgItemTextW(dialog, PASSWORD_IMAGE, slash ? slash + 1 : question->image);
    (void)SetDlgItemTextW(dialog, PASSWORD_NOTE, note);
    (void)SendDlgItemMessageW(dialog, PASSWORD_EDIT, EM_LIMITTEXT, PASSWORD_UNITS, 0);
    /* As large as it will ever be: a control that grows leaves copies of what was typed behind. */
    (void)wmemset(room, L'*', PASSWORD_UNITS);
    room[PASSWORD_UNITS] = L'\0';
    (void)SetDlgItemTextW(dialog, PASSWORD_EDIT, room);
    (void)SetDlgItemTextW(dialog, PASSWORD_EDIT, L"");
    (void)SendDlgItemMessageW(dialog, PASSWORD_ICON, STM_SETICON,
                              (WPARAM)LoadIconW(GetModuleHandleW(NULL), MAKEINTRESOURCEW(OWN_ICON)), 0);
    (void)SetFocus(GetDlgItem(dialog, PASSWORD_EDIT));
}

/* Out of the control, whose own memory is then written over by as many other letters. */
static void take(HWND dialog, char *password)
{
    wchar_t text[PASSWORD_UNITS + 1];
    UINT length = GetDlgItemTextW(dialog, PASSWORD_EDIT, text, PASSWORD_UNITS + 1);

    if (length == 0 || WideCharToMultiByte(CP_UTF8, 0, text, (int)length + 1, password, PASSWORD_SIZE, NULL, NULL) == 0)
        password[0] = '\0';
    SecureZeroMemory(text, sizeof(text));
    (void)wmemset(text, L'*', length);
    (void)SetDlgItemTextW(dialog, PASSWORD_EDIT, text);
}

static INT_PTR CALLBACK answer(HWND dialog, UINT message, WPARAM first, LPARAM second)
{
    if (message == WM_INITDIALOG) {
        (void)SetWindowLongPtrW(dialog, DWLP_USER, second);
        show(dialog, (const struct question *)second);
        return FALSE; /* the keyboard is where it should be */
    }
    if (message != WM_COMMAND)
        return FALSE;
    if (LOWORD(first) == PASSWORD_EDIT && HIWORD(first) == EN_CHANGE)
        EnableWindow(GetDlgItem(dialog, IDOK), GetWindowTextLengthW(GetDlgItem(dialog, PASSWORD_EDIT)) > 0);
    if (LOWORD(first) == IDOK || LOWORD(first) == IDCANCEL) {
        struct question *question = (struct question *)GetWindowLongPtrW(dialog, DWLP_USER);
        char cancelled[PASSWORD_SIZE];

        /* Also what was typed and is not wanted is not left lying about. */
        take(dialog, LOWORD(first) == IDOK ? question->password : cancelled);
        SecureZeroMemory(cancelled, sizeof(cancelled));
        EndDialog(dialog, LOWORD(first));
    }
    return TRUE;
}

bool platter_ask_password(const wchar_t *image, unsigned left, bool again, char password[PASSWORD_SIZE])
{
    struct question question = {image, left, again, password};
    INT_PTR answered;

    password[0] = '\0';
    answered =
        DialogBoxParamW(GetModuleHandleW(NULL), MAKEINTRESOURCEW(PASSWORD_DIALOG), NULL, answer, (LPARAM)&question);
    if (answered != IDOK && answered != IDCANCEL)
        platter_show_error(L"Platter", "Windows could not make the window that asks for the image's password.");
    return answered == IDOK && password[0];
}
