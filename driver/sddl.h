/* SPDX-License-Identifier: MIT */
/*
 * Compiles a security descriptor string to a self-relative descriptor. Portable: needs nothing of the kernel, so that it
 * is tested and fuzzed natively.
 *
 * Taken: O: and G: with a SID; D: with the flags P, AI, AR and the ACE types A and D; S: with the same flags and the ACE
 * types AU (with SA, FA) and ML (rights NW, NR, NX only). ACE flags OI CI NP IO ID. Rights: mnemonics or one number in
 * hexadecimal (0x), octal (0) or decimal. SIDs: the two-letter names that mean the same on every machine, and S-1-...
 * Each part at most once, in any order. Not taken: object and callback ACEs, conditions, resource attributes, and the
 * names that depend on a domain. White space is allowed nowhere.
 * Source: "Security Descriptor String Format", "ACE Strings", "SID Strings" (Windows SDK), [MS-DTYP] 2.4 and 2.5.1.
 */
#ifndef PLATTER_SDDL_H
#define PLATTER_SDDL_H

#include <stddef.h>
#include <stdint.h>

#define SDDL_DESCRIPTOR_BYTES_MAX 4096u /* room for every string that SDDL_CHARS_MAX allows in practice */
#define SDDL_CHARS_MAX 2048u            /* longer strings are refused */

typedef enum _SDDL_RESULT
{
    SDDL_OK = 0,
    SDDL_BAD_SYNTAX, /* a part, an ACE or a separator is not where it must be, or comes twice */
    SDDL_BAD_SID,    /* no such SID, or one that depends on a domain */
    SDDL_BAD_RIGHTS, /* no such right, or a label with others than its own */
    SDDL_BAD_ACE,    /* a type or a flag that is not taken in this list */
    SDDL_TOO_LONG,   /* the string, or the descriptor for the buffer */
} SDDL_RESULT;

/*
 * `string`: `chars` UTF-16 units, not terminated. `*length`: in: bytes of `descriptor`; out, if SDDL_OK: bytes used.
 * What `descriptor` holds is undefined otherwise. Any alignment, any IRQL; about 200 bytes of stack.
 */
SDDL_RESULT SddlCompile(const uint16_t *string, size_t chars, uint8_t *descriptor, size_t *length);

/*
 * Whether `length` bytes are a self-relative descriptor whose SIDs and lists lie inside it and are well formed: what
 * comes from the registry is not believed.
 */
int SddlDescriptorIsValid(const uint8_t *descriptor, size_t length);

#endif
