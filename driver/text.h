/* SPDX-License-Identifier: MIT */
/* Builds short UTF-16 texts in a fixed buffer: device names, ids, link names, SDDL. Never overruns, always ends in NUL. */
#ifndef PLATTER_TEXT_H
#define PLATTER_TEXT_H

#include "driver.h"

typedef struct _TEXT
{
    PWCHAR Buffer;
    ULONG Capacity; /* WCHARs, the closing NUL included; at least 1 */
    ULONG Length;   /* WCHARs without the NUL */
    BOOLEAN Cut;    /* something did not fit */
} TEXT, *PTEXT;

void TextInitialize(_Out_ PTEXT Text, _Out_writes_(Capacity) PWCHAR Buffer, _In_ ULONG Capacity);
void TextAppendChar(_Inout_ PTEXT Text, _In_ WCHAR Char);
void TextAppendAscii(_Inout_ PTEXT Text, _In_z_ const char *Ascii);
void TextAppendNumber(_Inout_ PTEXT Text, _In_ ULONGLONG Number); /* decimal */
/* "S-1-5-..."; nothing if the SID is not valid. */
void TextAppendSid(_Inout_ PTEXT Text, _In_ PSID Sid);
/* {8-4-4-4-12}, lower case. */
void TextAppendGuid(_Inout_ PTEXT Text, _In_ const GUID *Guid);
/* A view of the text; valid as long as its buffer. */
UNICODE_STRING TextString(_In_ const TEXT *Text);

#define TEXT_LETTER_LINK_CHARS 16u
/* \DosDevices\X:, the Mount Manager's name of a letter, in Buffer. */
UNICODE_STRING TextLetterLink(_Out_writes_(TEXT_LETTER_LINK_CHARS) PWCHAR Buffer, _In_ WCHAR Letter);

#endif
