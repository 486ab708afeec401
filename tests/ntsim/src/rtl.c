/* SPDX-License-Identifier: MIT */
/* Strings, the version, DbgPrint with the kernel's own formats. */
#include "internal.h"
#include <ctype.h>
#include <stdarg.h>

size_t NtSimWcslen(const WCHAR *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int NtSimWcsncmp(const WCHAR *a, const WCHAR *b, size_t n)
{
    for (; n && *a && *a == *b; a++, b++, n--)
        ;
    return n ? (int)*a - (int)*b : 0;
}

int NtSimWcscmp(const WCHAR *a, const WCHAR *b)
{
    return NtSimWcsncmp(a, b, (size_t)-1);
}

WCHAR *NtSimWcscpy(WCHAR *out, const WCHAR *in)
{
    memcpy(out, in, (NtSimWcslen(in) + 1) * sizeof(WCHAR));
    return out;
}

WCHAR *NtSimWcsncpy(WCHAR *out, const WCHAR *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = i && !out[i - 1] ? 0 : *in ? *in++ : 0;
    return out;
}

WCHAR *NtSimWcschr(const WCHAR *s, WCHAR c)
{
    for (;; s++) {
        if (*s == c)
            return (WCHAR *)(ULONG_PTR)s;
        if (!*s)
            return NULL;
    }
}

VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    size_t bytes = SourceString ? NtSimWcslen(SourceString) * sizeof(WCHAR) : 0;

    DestinationString->Buffer = (PWSTR)(ULONG_PTR)SourceString;
    DestinationString->Length = (USHORT)bytes;
    DestinationString->MaximumLength = (USHORT)(SourceString ? bytes + sizeof(WCHAR) : 0);
}

VOID NTAPI RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    SIM_ENTER(PASSIVE_LEVEL);
    if (UnicodeString->Buffer)
        ExFreePoolWithTag(UnicodeString->Buffer, 0);
    memset(UnicodeString, 0, sizeof(*UnicodeString));
}

VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    USHORT bytes = Source ? Source->Length : 0;

    if (bytes > Destination->MaximumLength)
        bytes = Destination->MaximumLength;
    if (bytes)
        memcpy(Destination->Buffer, Source->Buffer, bytes);
    Destination->Length = bytes;
    if (bytes + sizeof(WCHAR) <= Destination->MaximumLength)
        Destination->Buffer[bytes / sizeof(WCHAR)] = 0;
}

static WCHAR Upper(WCHAR c)
{
    return c >= 'a' && c <= 'z' ? (WCHAR)(c - 32) : c;
}

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    if (String1->Length != String2->Length)
        return FALSE;
    for (USHORT i = 0; i < String1->Length / sizeof(WCHAR); i++) {
        WCHAR a = String1->Buffer[i], b = String2->Buffer[i];
        if (CaseInSensitive ? Upper(a) != Upper(b) : a != b)
            return FALSE;
    }
    return TRUE;
}

WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    return Upper(SourceCharacter);
}

SIZE_T NTAPI RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    SIZE_T i;

    for (i = 0; i < Length && ((const UCHAR *)Source1)[i] == ((const UCHAR *)Source2)[i]; i++)
        ;
    return i;
}

/* "RtlStringFromGUID" (WDK): {8-4-4-4-12}, in pool, to be freed with RtlFreeUnicodeString. */
NTSTATUS NTAPI RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    char text[40];

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_NO_MEMORY;
    snprintf(text, sizeof(text), "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", Guid->Data1, Guid->Data2,
             Guid->Data3, Guid->Data4[0], Guid->Data4[1], Guid->Data4[2], Guid->Data4[3], Guid->Data4[4],
             Guid->Data4[5], Guid->Data4[6], Guid->Data4[7]);
    GuidString->Buffer = SimPoolAllocate(sizeof(WCHAR) * 39, 'dugR');
    for (ULONG i = 0; i < 39; i++)
        GuidString->Buffer[i] = (WCHAR)(UCHAR)text[i];
    GuidString->Length = 76;
    GuidString->MaximumLength = 78;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlGetVersion(PRTL_OSVERSIONINFOW Information)
{
    SIM_ENTER(PASSIVE_LEVEL);
    Information->dwMajorVersion = Sim.Options.Windows7 ? 6 : 10;
    Information->dwMinorVersion = Sim.Options.Windows7 ? 1 : 0;
    Information->dwBuildNumber = Sim.Options.Windows7 ? 7601 : 22631;
    Information->dwPlatformId = 2;
    return STATUS_SUCCESS;
}

/* Only the class that tells the time; the DDK headers have no declaration. */
NTSTATUS NTAPI ZwQuerySystemInformation(ULONG InformationClass, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSTATUS NTAPI ZwQuerySystemInformation(ULONG InformationClass, PVOID Information, ULONG Length, PULONG ReturnLength)
{
    LARGE_INTEGER answer[6] = {0};

    SIM_ENTER(PASSIVE_LEVEL);
    if (InformationClass != 3)
        SimBug("ZwQuerySystemInformation class %u is not modelled", InformationClass);
    if (Length > sizeof(answer))
        return STATUS_INFO_LENGTH_MISMATCH;
    if (SIM_FAULT())
        return STATUS_UNSUCCESSFUL;
    answer[0].QuadPart = NtSimSystemTime() - (LONGLONG)Sim.Now;
    answer[1].QuadPart = NtSimSystemTime();
    memcpy(Information, answer, Length);
    if (ReturnLength)
        *ReturnLength = Length;
    return STATUS_SUCCESS;
}

/* ---- DbgPrint: ULONG is 32 bits wide as %u and %lu, %I64 and %ll are 64, %ws and %wZ are wide ------------------------------- */

#ifdef NTSIM_PE
/* The header has them in the host's convention, for want of a word for Microsoft's that libc's headers would not hear. */
#define DbgPrint PeDbgPrint
#define DbgPrintEx PeDbgPrintEx
#define VA_LIST __builtin_ms_va_list
#define VA_START __builtin_ms_va_start
#define VA_END __builtin_ms_va_end
#else
#define VA_LIST va_list
#define VA_START va_start
#define VA_END va_end
#endif

typedef struct _LINE {
    char Text[512];
    size_t Used;
} LINE;

static VOID PutBytes(LINE *line, const char *text, size_t n)
{
    if (n > sizeof(line->Text) - line->Used)
        n = sizeof(line->Text) - line->Used;
    memcpy(line->Text + line->Used, text, n);
    line->Used += n;
}

static VOID Put(LINE *line, const char *text)
{
    PutBytes(line, text, strlen(text));
}

static VOID PutWide(LINE *line, const WCHAR *text, size_t units)
{
    for (size_t i = 0; i < units && line->Used < sizeof(line->Text); i++)
        line->Text[line->Used++] = text[i] < 0x7f ? (char)text[i] : '?';
}

#define FORMAT_LINE(line, format, list)                                                                                \
    for (const char *f = (format); *f; f++) {                                                                          \
        char spec[24] = "%", out[64];                                                                                  \
        size_t n = 1;                                                                                                  \
        int wide = 0, big = 0, star = -1;                                                                              \
        if (*f != '%') {                                                                                               \
            const char *next = strchr(f, '%');                                                                         \
            size_t run = next ? (size_t)(next - f) : strlen(f);                                                        \
            PutBytes(&(line), f, run);                                                                                 \
            f += run - 1;                                                                                              \
            continue;                                                                                                  \
        }                                                                                                              \
        for (f++; *f && strchr("-+ #0123456789.*", *f) && n < 12; f++) {                                               \
            if (*f == '*')                                                                                             \
                star = va_arg(list, int);                                                                              \
            else                                                                                                       \
                spec[n++] = *f;                                                                                        \
        }                                                                                                              \
        for (; *f && strchr("lhwI64z", *f); f++) {                                                                     \
            wide |= *f == 'w' || *f == 'l';                                                                            \
            big |= *f == 'I' || *f == 'z' || (f[0] == 'l' && f[1] == 'l');                                             \
        }                                                                                                              \
        switch (*f) {                                                                                                  \
        case 'd':                                                                                                      \
        case 'i':                                                                                                      \
        case 'u':                                                                                                      \
        case 'x':                                                                                                      \
        case 'X':                                                                                                      \
            snprintf(spec + n, sizeof(spec) - n, "ll%c", *f);                                                          \
            snprintf(out, sizeof(out), spec,                                                                           \
                     big                ? va_arg(list, long long)                                                      \
                     : strchr("di", *f) ? (long long)va_arg(list, int)                                                 \
                                        : (long long)va_arg(list, unsigned));                                          \
            Put(&(line), out);                                                                                         \
            break;                                                                                                     \
        case 'p':                                                                                                      \
            snprintf(out, sizeof(out), "%p", va_arg(list, void *));                                                    \
            Put(&(line), out);                                                                                         \
            break;                                                                                                     \
        case 'c':                                                                                                      \
            out[0] = (char)va_arg(list, int);                                                                          \
            PutBytes(&(line), out, 1);                                                                                 \
            break;                                                                                                     \
        case 's':                                                                                                      \
        case 'S':                                                                                                      \
            if (wide || *f == 'S') {                                                                                   \
                const WCHAR *w = va_arg(list, const WCHAR *);                                                          \
                PutWide(&(line), w, star >= 0 ? (size_t)star : NtSimWcslen(w));                                        \
            } else {                                                                                                   \
                Put(&(line), va_arg(list, const char *));                                                              \
            }                                                                                                          \
            break;                                                                                                     \
        case 'Z': {                                                                                                    \
            PUNICODE_STRING z = va_arg(list, PUNICODE_STRING);                                                         \
            PutWide(&(line), z->Buffer, z->Length / sizeof(WCHAR));                                                    \
            break;                                                                                                     \
        }                                                                                                              \
        default:                                                                                                       \
            Put(&(line), "%");                                                                                         \
            break;                                                                                                     \
        }                                                                                                              \
    }

ULONG NTSIM_ABI DbgPrint(PCSTR Format, ...)
{
    LINE line;
    VA_LIST list;

    line.Used = 0;
    VA_START(list, Format);
    FORMAT_LINE(line, Format, list)
    VA_END(list);
    SimLog(line.Text, line.Used);
    return STATUS_SUCCESS;
}

ULONG NTSIM_ABI DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    LINE line;
    VA_LIST list;

    line.Used = 0;
    (void)ComponentId;
    (void)Level;
    VA_START(list, Format);
    FORMAT_LINE(line, Format, list)
    VA_END(list);
    SimLog(line.Text, line.Used);
    line.Text[sizeof(line.Text) - 1] = '\0';
    SimStallHere(line.Text);
    return STATUS_SUCCESS;
}
