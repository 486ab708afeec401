/* SPDX-License-Identifier: MIT */
/* How a self-relative security descriptor lies in memory: for who makes one (sddl.c) and who checks one (sddl_valid.c). */
#ifndef PLATTER_SDDL_LAYOUT_H
#define PLATTER_SDDL_LAYOUT_H

/* Layout of [MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR, 2.4.5 ACL, 2.4.4.1 ACE_HEADER, 2.4.2.2 SID; all little-endian. */
#define DESCRIPTOR_HEADER 20u
#define OFFSET_OWNER 4u
#define OFFSET_GROUP 8u
#define OFFSET_SACL 12u
#define OFFSET_DACL 16u
#define ACL_HEADER 8u
#define ACE_HEADER 8u /* type, flags, size, mask */
#define SID_HEADER 8u
#define SID_SUBAUTHORITIES_MAX 15u
#define ACL_REVISION_BASIC 2u

#define CONTROL_DACL_PRESENT 0x0004u
#define CONTROL_SACL_PRESENT 0x0010u
#define CONTROL_DACL_AUTO_INHERIT_REQ 0x0100u
#define CONTROL_DACL_AUTO_INHERITED 0x0400u
#define CONTROL_DACL_PROTECTED 0x1000u
#define CONTROL_SELF_RELATIVE 0x8000u
/* The same three for the system ACL are the next higher bit. */

#define ACE_ALLOWED 0u
#define ACE_DENIED 1u
#define ACE_AUDIT 2u
#define ACE_LABEL 17u

#endif
