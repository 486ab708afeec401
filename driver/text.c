/* SPDX-License-Identifier: MIT */
#include "text.h"

void
TextInitialize(PTEXT Text, PWCHAR Buffer, ULONG Capacity)
{
    Text->Buffer = Buffer;
    Text->Capacity = Capacity;
    Text->Length = 0;
    Text->Cut = FALSE;
    Buffer[0] = 0;
}

void
TextAppendChar(PTEXT Text, WCHAR Char)
{
    if (Text->Length + 1 >= Text->Capacity)
    {
        Text->Cut = TRUE;
        return;
    }
    Text->Buffer[Text->Length++] = Char;
    Text->Buffer[Text->Length] = 0;
}

void
TextAppendAscii(PTEXT Text, const char *Ascii)
{
    for (; *Ascii != 0; Ascii++)
        TextAppendChar(Text, (WCHAR)(UCHAR)*Ascii);
}

void
TextAppendNumber(PTEXT Text, ULONGLONG Number)
{
    WCHAR digits[20];
    ULONG count = 0;

    do
    {
        digits[count++] = (WCHAR)('0' + Number % 10u);
        Number /= 10u;
    } while (Number != 0);
    while (count != 0)
        TextAppendChar(Text, digits[--count]);
}

void
TextAppendSid(PTEXT Text, PSID Sid)
{
    const SID *sid = Sid;
    ULONGLONG authority = 0;
    ULONG i;

    if (!RtlValidSid(Sid))
        return;
    for (i = 0; i < sizeof(sid->IdentifierAuthority.Value); i++)
        authority = authority << 8 | sid->IdentifierAuthority.Value[i];
    TextAppendAscii(Text, "S-");
    TextAppendNumber(Text, sid->Revision);
    TextAppendChar(Text, '-');
    TextAppendNumber(Text, authority);
    for (i = 0; i < sid->SubAuthorityCount; i++)
    {
        TextAppendChar(Text, '-');
        TextAppendNumber(Text, sid->SubAuthority[i]);
    }
}

UNICODE_STRING
TextString(const TEXT *Text)
{
    UNICODE_STRING string;

    string.Buffer = Text->Buffer;
    string.Length = (USHORT)(Text->Length * sizeof(WCHAR));
    string.MaximumLength = (USHORT)((Text->Length + 1) * sizeof(WCHAR));
    return string;
}
