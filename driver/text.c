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

static void
AppendHex(PTEXT Text, ULONGLONG Number, ULONG Digits)
{
    while (Digits-- != 0)
        TextAppendChar(Text, (WCHAR) "0123456789abcdef"[(Number >> (4u * Digits)) & 0xfu]);
}

void
TextAppendGuid(PTEXT Text, const GUID *Guid)
{
    ULONG i;

    TextAppendChar(Text, '{');
    AppendHex(Text, Guid->Data1, 8);
    TextAppendChar(Text, '-');
    AppendHex(Text, Guid->Data2, 4);
    TextAppendChar(Text, '-');
    AppendHex(Text, Guid->Data3, 4);
    for (i = 0; i < sizeof(Guid->Data4); i++)
    {
        if (i == 0 || i == 2)
            TextAppendChar(Text, '-');
        AppendHex(Text, Guid->Data4[i], 2);
    }
    TextAppendChar(Text, '}');
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

UNICODE_STRING
TextLetterLink(PWCHAR Buffer, WCHAR Letter)
{
    TEXT text;

    TextInitialize(&text, Buffer, TEXT_LETTER_LINK_CHARS);
    TextAppendAscii(&text, "\\DosDevices\\");
    TextAppendChar(&text, Letter);
    TextAppendChar(&text, ':');
    return TextString(&text);
}
