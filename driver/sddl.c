/* SPDX-License-Identifier: MIT */
#include "sddl.h"
#include "sddl_layout.h"

#define CODE(a, b) ((uint16_t)((unsigned)(a) | (unsigned)(b) << 8))

typedef struct _SDDL_INPUT
{
    const uint16_t *At;
    const uint16_t *End;
} SDDL_INPUT;

typedef struct _SDDL_OUTPUT
{
    uint8_t *Bytes;
    size_t Used;
    size_t Room;
} SDDL_OUTPUT;

typedef struct _CODE_VALUE
{
    uint16_t Code;
    uint32_t Value;
} CODE_VALUE;

static const CODE_VALUE Rights[] = {
    {CODE('G', 'A'), 0x10000000u}, {CODE('G', 'X'), 0x20000000u}, {CODE('G', 'W'), 0x40000000u},
    {CODE('G', 'R'), 0x80000000u}, {CODE('S', 'D'), 0x00010000u}, {CODE('R', 'C'), 0x00020000u},
    {CODE('W', 'D'), 0x00040000u}, {CODE('W', 'O'), 0x00080000u}, {CODE('F', 'A'), 0x001f01ffu},
    {CODE('F', 'R'), 0x00120089u}, {CODE('F', 'W'), 0x00120116u}, {CODE('F', 'X'), 0x001200a0u},
    {CODE('K', 'A'), 0x000f003fu}, {CODE('K', 'R'), 0x00020019u}, {CODE('K', 'W'), 0x00020006u},
    {CODE('K', 'X'), 0x00020019u}, {CODE('C', 'C'), 0x00000001u}, {CODE('D', 'C'), 0x00000002u},
    {CODE('L', 'C'), 0x00000004u}, {CODE('S', 'W'), 0x00000008u}, {CODE('R', 'P'), 0x00000010u},
    {CODE('W', 'P'), 0x00000020u}, {CODE('D', 'T'), 0x00000040u}, {CODE('L', 'O'), 0x00000080u},
    {CODE('C', 'R'), 0x00000100u},
};

static const CODE_VALUE LabelRights[] = {{CODE('N', 'W'), 0x1u}, {CODE('N', 'R'), 0x2u}, {CODE('N', 'X'), 0x4u}};

static const CODE_VALUE AceFlags[] = {{CODE('O', 'I'), 0x01u},
                                      {CODE('C', 'I'), 0x02u},
                                      {CODE('N', 'P'), 0x04u},
                                      {CODE('I', 'O'), 0x08u},
                                      {CODE('I', 'D'), 0x10u}};

static const CODE_VALUE AuditFlags[] = {{CODE('S', 'A'), 0x40u}, {CODE('F', 'A'), 0x80u}};

/* Authority, then one or two sub-authorities; Second 0: one (no SID here has a second of 0). */
static const struct
{
    uint16_t Code;
    uint8_t Authority;
    uint16_t First;
    uint16_t Second;
} Sids[] = {
    {CODE('W', 'D'), 1, 0, 0},     {CODE('C', 'O'), 3, 0, 0},      {CODE('C', 'G'), 3, 1, 0},
    {CODE('O', 'W'), 3, 4, 0},     {CODE('N', 'U'), 5, 2, 0},      {CODE('I', 'U'), 5, 4, 0},
    {CODE('S', 'U'), 5, 6, 0},     {CODE('A', 'N'), 5, 7, 0},      {CODE('E', 'D'), 5, 9, 0},
    {CODE('P', 'S'), 5, 10, 0},    {CODE('A', 'U'), 5, 11, 0},     {CODE('R', 'C'), 5, 12, 0},
    {CODE('S', 'Y'), 5, 18, 0},    {CODE('L', 'S'), 5, 19, 0},     {CODE('N', 'S'), 5, 20, 0},
    {CODE('W', 'R'), 5, 33, 0},    {CODE('B', 'A'), 5, 32, 544},   {CODE('B', 'U'), 5, 32, 545},
    {CODE('B', 'G'), 5, 32, 546},  {CODE('P', 'U'), 5, 32, 547},   {CODE('A', 'O'), 5, 32, 548},
    {CODE('S', 'O'), 5, 32, 549},  {CODE('P', 'O'), 5, 32, 550},   {CODE('B', 'O'), 5, 32, 551},
    {CODE('R', 'E'), 5, 32, 552},  {CODE('R', 'U'), 5, 32, 554},   {CODE('R', 'D'), 5, 32, 555},
    {CODE('N', 'O'), 5, 32, 556},  {CODE('M', 'U'), 5, 32, 558},   {CODE('L', 'U'), 5, 32, 559},
    {CODE('I', 'S'), 5, 32, 568},  {CODE('C', 'Y'), 5, 32, 569},   {CODE('E', 'R'), 5, 32, 573},
    {CODE('A', 'C'), 15, 2, 1},    {CODE('L', 'W'), 16, 4096, 0},  {CODE('M', 'E'), 16, 8192, 0},
    {CODE('M', 'P'), 16, 8448, 0}, {CODE('H', 'I'), 16, 12288, 0}, {CODE('S', 'I'), 16, 16384, 0},
};

/* ---- Input ------------------------------------------------------------------------------------------------------- */

static uint16_t
Peek(const SDDL_INPUT *In)
{
    return In->At < In->End ? *In->At : 0;
}

static int
Accept(SDDL_INPUT *In, char Char)
{
    if (In->At >= In->End || *In->At != (uint16_t)Char)
        return 0;
    In->At++;
    return 1;
}

/* The next two characters as a code; 0: they are not two capital letters. Does not move. */
static uint16_t
PeekCode(const SDDL_INPUT *In)
{
    if (In->End - In->At < 2 || In->At[0] < 'A' || In->At[0] > 'Z' || In->At[1] < 'A' || In->At[1] > 'Z')
        return 0;
    return CODE(In->At[0], In->At[1]);
}

static int
FindCode(const CODE_VALUE *Table, size_t Count, uint16_t Code, uint32_t *Value)
{
    size_t i;

    for (i = 0; i < Count; i++)
    {
        if (Table[i].Code == Code)
        {
            *Value = Table[i].Value;
            return 1;
        }
    }
    return 0;
}

#define FIND_CODE(table, code, value) FindCode((table), sizeof(table) / sizeof((table)[0]), (code), (value))

static unsigned
DigitOf(uint16_t Char)
{
    if (Char >= '0' && Char <= '9')
        return Char - (unsigned)'0';
    if (Char >= 'a' && Char <= 'f')
        return Char - (unsigned)'a' + 10u;
    if (Char >= 'A' && Char <= 'F')
        return Char - (unsigned)'A' + 10u;
    return 16u;
}

/* One or more digits of `base`, at most `most`. 0: there is none, or the number is larger. */
static int
TakeNumber(SDDL_INPUT *In, unsigned Base, uint64_t Most, uint64_t *Number)
{
    const uint16_t *begin = In->At;

    for (*Number = 0; In->At < In->End && DigitOf(*In->At) < Base; In->At++)
    {
        unsigned digit = DigitOf(*In->At);

        if (digit > Most || *Number > (Most - digit) / Base)
            return 0;
        *Number = *Number * Base + digit;
    }
    return In->At != begin;
}

/* Hexadecimal after 0x, else decimal. */
static int
TakePrefixedNumber(SDDL_INPUT *In, uint64_t Most, uint64_t *Number)
{
    if (In->End - In->At >= 2 && In->At[0] == '0' && (In->At[1] == 'x' || In->At[1] == 'X'))
    {
        In->At += 2;
        return TakeNumber(In, 16u, Most, Number);
    }
    return TakeNumber(In, 10u, Most, Number);
}

/* ---- Output ------------------------------------------------------------------------------------------------------ */

static int
Put(SDDL_OUTPUT *Out, uint64_t Value, size_t Bytes)
{
    if (Out->Room - Out->Used < Bytes)
        return 0;
    while (Bytes-- != 0)
    {
        Out->Bytes[Out->Used++] = (uint8_t)Value;
        Value >>= 8;
    }
    return 1;
}

static void
Patch(SDDL_OUTPUT *Out, size_t At, uint32_t Value, size_t Bytes)
{
    while (Bytes-- != 0)
    {
        Out->Bytes[At++] = (uint8_t)Value;
        Value >>= 8;
    }
}

/* ---- SIDs -------------------------------------------------------------------------------------------------------- */

static int
PutSidHeader(SDDL_OUTPUT *Out, unsigned Count, uint64_t Authority)
{
    int byte;

    if (!Put(Out, 1, 1) || !Put(Out, Count, 1))
        return 0;
    for (byte = 5; byte >= 0; byte--)
    { /* the authority alone is big-endian */
        if (!Put(Out, Authority >> (8 * byte) & 0xffu, 1))
            return 0;
    }
    return 1;
}

static SDDL_RESULT
NamedSid(uint16_t Code, SDDL_OUTPUT *Out)
{
    size_t i;

    for (i = 0; i < sizeof(Sids) / sizeof(Sids[0]); i++)
    {
        if (Sids[i].Code != Code)
            continue;
        if (!PutSidHeader(Out, Sids[i].Second != 0 ? 2 : 1, Sids[i].Authority) || !Put(Out, Sids[i].First, 4) ||
            (Sids[i].Second != 0 && !Put(Out, Sids[i].Second, 4)))
            return SDDL_TOO_LONG;
        return SDDL_OK;
    }
    return SDDL_BAD_SID;
}

/* "1-AUTHORITY-SUB[-SUB...]", behind "S-". */
static SDDL_RESULT
NumberedSid(SDDL_INPUT *In, SDDL_OUTPUT *Out)
{
    size_t begin = Out->Used;
    unsigned count = 0;
    uint64_t number;

    if (!TakeNumber(In, 10u, 1u, &number) || number != 1u || !Accept(In, '-') ||
        !TakePrefixedNumber(In, 0xffffffffffffu, &number))
        return SDDL_BAD_SID;
    if (!PutSidHeader(Out, 0, number))
        return SDDL_TOO_LONG;
    while (Accept(In, '-'))
    {
        if (count++ == SID_SUBAUTHORITIES_MAX || !TakePrefixedNumber(In, 0xffffffffu, &number))
            return SDDL_BAD_SID;
        if (!Put(Out, number, 4))
            return SDDL_TOO_LONG;
    }
    Patch(Out, begin + 1, count, 1);
    return count != 0 ? SDDL_OK : SDDL_BAD_SID;
}

static SDDL_RESULT
TakeSid(SDDL_INPUT *In, SDDL_OUTPUT *Out)
{
    uint16_t code = PeekCode(In);

    if (code != 0)
    {
        In->At += 2;
        return NamedSid(code, Out);
    }
    if (Accept(In, 'S') && Accept(In, '-'))
        return NumberedSid(In, Out);
    return SDDL_BAD_SID;
}

/* ---- ACEs -------------------------------------------------------------------------------------------------------- */

static SDDL_RESULT
TakeType(SDDL_INPUT *In, int System, uint8_t *Type)
{
    uint16_t code = PeekCode(In);

    if (System && code == CODE('A', 'U'))
    {
        *Type = ACE_AUDIT;
        In->At += 2;
    }
    else if (System && code == CODE('M', 'L'))
    {
        *Type = ACE_LABEL;
        In->At += 2;
    }
    else if (!System && code == 0 && Accept(In, 'A'))
    {
        *Type = ACE_ALLOWED;
    }
    else if (!System && code == 0 && Accept(In, 'D'))
    {
        *Type = ACE_DENIED;
    }
    else
    {
        return SDDL_BAD_ACE;
    }
    return SDDL_OK;
}

static SDDL_RESULT
TakeFlags(SDDL_INPUT *In, uint8_t Type, uint8_t *Flags)
{
    *Flags = 0;
    while (Peek(In) != ';')
    {
        uint16_t code = PeekCode(In);
        uint32_t value = 0;

        if (!FIND_CODE(AceFlags, code, &value) && !(Type == ACE_AUDIT && FIND_CODE(AuditFlags, code, &value)))
            return SDDL_BAD_ACE;
        *Flags |= (uint8_t)value;
        In->At += 2;
    }
    return SDDL_OK;
}

static SDDL_RESULT
TakeRights(SDDL_INPUT *In, uint8_t Type, uint32_t *Mask)
{
    uint64_t number;

    *Mask = 0;
    if (Peek(In) >= '0' && Peek(In) <= '9')
    {
        int octal = *In->At == '0' && In->End - In->At >= 2 && In->At[1] >= '0' && In->At[1] <= '9';

        if (octal ? !TakeNumber(In, 8u, 0xffffffffu, &number) : !TakePrefixedNumber(In, 0xffffffffu, &number))
            return SDDL_BAD_RIGHTS;
        *Mask = (uint32_t)number;
        return Type == ACE_LABEL && (*Mask & ~7u) != 0 ? SDDL_BAD_RIGHTS : SDDL_OK;
    }
    while (Peek(In) != ';')
    {
        uint16_t code = PeekCode(In);
        uint32_t value = 0;

        if (Type == ACE_LABEL ? !FIND_CODE(LabelRights, code, &value) : !FIND_CODE(Rights, code, &value))
            return SDDL_BAD_RIGHTS;
        *Mask |= value;
        In->At += 2;
    }
    return SDDL_OK;
}

/* "type;flags;rights;;;sid)", behind "(". */
static SDDL_RESULT
TakeAce(SDDL_INPUT *In, int System, SDDL_OUTPUT *Out)
{
    size_t begin = Out->Used;
    uint8_t type = 0;
    uint8_t flags = 0;
    uint32_t mask = 0;
    SDDL_RESULT result = TakeType(In, System, &type);

    if (result != SDDL_OK)
        return result;
    if (!Accept(In, ';'))
        return SDDL_BAD_SYNTAX;
    result = TakeFlags(In, type, &flags);
    if (result != SDDL_OK)
        return result;
    In->At++; /* the semicolon that ended the flags */
    result = TakeRights(In, type, &mask);
    if (result != SDDL_OK)
        return result;
    if (!Accept(In, ';') || !Accept(In, ';') || !Accept(In, ';')) /* no GUIDs; NOLINT(misc-redundant-expression) */
        return SDDL_BAD_SYNTAX;
    if (!Put(Out, type, 1) || !Put(Out, flags, 1) || !Put(Out, 0, 2) || !Put(Out, mask, 4))
        return SDDL_TOO_LONG;
    result = TakeSid(In, Out);
    if (result != SDDL_OK)
        return result;
    if (!Accept(In, ')'))
        return SDDL_BAD_SYNTAX;
    Patch(Out, begin + 2, (uint32_t)(Out->Used - begin), 2);
    return SDDL_OK;
}

/* Flags and ACEs of a list. *Control: its bits as of a DACL. */
static SDDL_RESULT
TakeAcl(SDDL_INPUT *In, int System, SDDL_OUTPUT *Out, uint32_t *Control)
{
    size_t begin = Out->Used;
    uint32_t count = 0;

    *Control = CONTROL_DACL_PRESENT;
    for (;;)
    {
        uint32_t flag;

        if (PeekCode(In) == CODE('A', 'I'))
        {
            flag = CONTROL_DACL_AUTO_INHERITED;
            In->At += 2;
        }
        else if (PeekCode(In) == CODE('A', 'R'))
        {
            flag = CONTROL_DACL_AUTO_INHERIT_REQ;
            In->At += 2;
        }
        else if (Accept(In, 'P'))
        {
            flag = CONTROL_DACL_PROTECTED;
        }
        else
        {
            break;
        }
        *Control |= flag;
    }
    if (!Put(Out, ACL_REVISION_BASIC, 2) || !Put(Out, 0, 6))
        return SDDL_TOO_LONG;
    while (Accept(In, '('))
    {
        SDDL_RESULT result = TakeAce(In, System, Out);

        if (result != SDDL_OK)
            return result;
        count++;
    }
    if (Out->Used - begin > 0xffffu)
        return SDDL_TOO_LONG;
    Patch(Out, begin + 2, (uint32_t)(Out->Used - begin), 2);
    Patch(Out, begin + 4, count, 2);
    return SDDL_OK;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

SDDL_RESULT
SddlCompile(const uint16_t *string, size_t chars, uint8_t *descriptor, size_t *length)
{
    static const char names[] = "OGDS";
    static const uint8_t offsets[] = {OFFSET_OWNER, OFFSET_GROUP, OFFSET_DACL, OFFSET_SACL};
    SDDL_INPUT in = {string, string + chars};
    SDDL_OUTPUT out = {descriptor, 0, *length};
    uint32_t control = CONTROL_SELF_RELATIVE;
    unsigned seen = 0;

    if (chars > SDDL_CHARS_MAX || !Put(&out, 0, 8) || !Put(&out, 0, 8) || !Put(&out, 0, 4))
        return SDDL_TOO_LONG;
    while (in.At < in.End)
    {
        SDDL_RESULT result;
        uint32_t bits = 0;
        unsigned part;

        for (part = 0; part < 4 && *in.At != (uint16_t)names[part]; part++)
            ;
        if (part == 4 || (seen & 1u << part) != 0)
            return SDDL_BAD_SYNTAX;
        seen |= 1u << part;
        in.At++;
        if (!Accept(&in, ':'))
            return SDDL_BAD_SYNTAX;
        Patch(&out, offsets[part], (uint32_t)out.Used, 4);
        if (part < 2)
            result = TakeSid(&in, &out);
        else
            result = TakeAcl(&in, part == 3, &out, &bits);
        if (result != SDDL_OK)
            return result;
        /* Each bit of a SACL is the next but one (present) or the next (inheritance) to the DACL's. */
        control |= part == 3 ? ((bits & CONTROL_DACL_PRESENT) << 2 | (bits & ~CONTROL_DACL_PRESENT) << 1) : bits;
    }
    if (seen == 0)
        return SDDL_BAD_SYNTAX;
    Patch(&out, 0, 1, 1);
    Patch(&out, 2, control, 2);
    *length = out.Used;
    return SDDL_OK;
}
