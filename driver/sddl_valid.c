/* SPDX-License-Identifier: MIT */
#include "sddl.h"
#include "sddl_layout.h"

static uint32_t
Get(const uint8_t *Bytes, size_t Count)
{
    uint32_t value = 0;

    while (Count-- != 0)
        value = value << 8 | Bytes[Count];
    return value;
}

static int
SidIsValid(const uint8_t *Bytes, size_t Room)
{
    return Room >= SID_HEADER && Bytes[0] == 1 && Bytes[1] <= SID_SUBAUTHORITIES_MAX &&
           Room - SID_HEADER >= 4u * Bytes[1];
}

static int
AclIsValid(const uint8_t *Bytes, size_t Room)
{
    size_t size;
    size_t at = ACL_HEADER;
    uint32_t count;

    if (Room < ACL_HEADER || Bytes[0] < 2 || Bytes[0] > 4)
        return 0;
    size = Get(Bytes + 2, 2);
    if (size < ACL_HEADER || size > Room)
        return 0;
    for (count = Get(Bytes + 4, 2); count != 0; count--)
    {
        size_t ace;

        if (size - at < ACE_HEADER)
            return 0;
        ace = Get(Bytes + at + 2, 2);
        if (ace < ACE_HEADER || ace % 4u != 0 || ace > size - at)
            return 0;
        if ((Bytes[at] <= ACE_AUDIT || Bytes[at] == ACE_LABEL) &&
            !SidIsValid(Bytes + at + ACE_HEADER, ace - ACE_HEADER))
            return 0;
        at += ace;
    }
    return 1;
}

int
SddlDescriptorIsValid(const uint8_t *descriptor, size_t length)
{
    static const uint8_t offsets[] = {OFFSET_OWNER, OFFSET_GROUP, OFFSET_SACL, OFFSET_DACL};
    unsigned i;

    if (length < DESCRIPTOR_HEADER || descriptor[0] != 1 || (Get(descriptor + 2, 2) & CONTROL_SELF_RELATIVE) == 0)
        return 0;
    for (i = 0; i < 4; i++)
    {
        size_t at = Get(descriptor + offsets[i], 4);

        if (at == 0)
            continue;
        if (at < DESCRIPTOR_HEADER || at % 4u != 0 || at > length)
            return 0;
        if (i < 2 ? !SidIsValid(descriptor + at, length - at) : !AclIsValid(descriptor + at, length - at))
            return 0;
    }
    return 1;
}
