/* SPDX-License-Identifier: MIT */
/* Strings of security descriptors with the bytes that they stand for, and others that are none; for test_sddl.c. */
#ifndef PLATTER_TESTS_SDDL_CASES_H
#define PLATTER_TESTS_SDDL_CASES_H

/* ---- Bytes in hexadecimal -------------------------------------------------------------------------------------- */

#define SID_WD "010100000000000100000000"
#define SID_SY "010100000000000512000000"
#define SID_BA "01020000000000052000000020020000"
#define SID_BU "01020000000000052000000021020000"
#define SID_IU "010100000000000504000000"
#define SID_RC "01010000000000050c000000"
#define SID_AC                                                                                                         \
    "01020000000000"                                                                                                   \
    "0f0200000001000000"
#define SID_LW "010100000000001000100000"
#define SID_HI "010100000000001000300000"
/* S-1-5-21-1-2-3-1000 */
#define SID_USER "010500000000000515000000010000000200000003000000e8030000"

/* Header of a descriptor: revision, control, offsets of owner, group, system list, discretionary list. */
#define HEAD(control, owner, group, sacl, dacl) "0100" control owner group sacl dacl
#define NONE "00000000"
#define ACL(bytes, count) "0200" bytes count "0000"
#define ACE(type, flags, bytes, mask) type flags bytes mask

struct good {
    const char *string;
    const char *bytes;
};

static const struct good wholes[] = {
    {"D:", HEAD("0480", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"D:P", HEAD("0490", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"D:AI", HEAD("0484", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"D:AR", HEAD("0481", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"D:PAI", HEAD("0494", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"D:PARAI", HEAD("0495", NONE, NONE, NONE, "14000000") ACL("0800", "0000")},
    {"S:", HEAD("1080", NONE, NONE, "14000000", NONE) ACL("0800", "0000")},
    {"S:P", HEAD("10a0", NONE, NONE, "14000000", NONE) ACL("0800", "0000")},
    {"S:AI", HEAD("1088", NONE, NONE, "14000000", NONE) ACL("0800", "0000")},
    {"S:AR", HEAD("1082", NONE, NONE, "14000000", NONE) ACL("0800", "0000")},
    {"O:SY", HEAD("0080", "14000000", NONE, NONE, NONE) SID_SY},
    {"G:BA", HEAD("0080", NONE, "14000000", NONE, NONE) SID_BA},
    {"O:BAG:SY", HEAD("0080", "14000000", "24000000", NONE, NONE) SID_BA SID_SY},
    {"G:SYO:BA", HEAD("0080", "20000000", "14000000", NONE, NONE) SID_SY SID_BA},
    {"O:S-1-5-21-1-2-3-1000", HEAD("0080", "14000000", NONE, NONE, NONE) SID_USER},
    {"D:P(A;;GA;;;SY)",
     HEAD("0490", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "00000010") SID_SY},
    {"D:P(D;;GA;;;WD)",
     HEAD("0490", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("01", "00", "1400", "00000010") SID_WD},
    /* The control device's own. */
    {"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;IU)",
     HEAD("0490", NONE, NONE, NONE, "14000000") ACL("4800", "0300") ACE("00", "00", "1400", "00000010")
         SID_SY ACE("00", "00", "1800", "00000010") SID_BA ACE("00", "00", "1400", "000000e0") SID_IU},
    /* A volume's own. */
    {"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;S-1-5-21-1-2-3-1000)(A;;0x1200a0;;;WD)(A;;0x1200a0;;;RC)",
     HEAD("0490", NONE, NONE, NONE, "14000000") ACL("8000", "0500") ACE("00", "00", "1400", "00000010")
         SID_SY ACE("00", "00", "1800", "00000010") SID_BA ACE("00", "00", "2400", "000000c0")
             SID_USER ACE("00", "00", "1400", "a0001200") SID_WD ACE("00", "00", "1400", "a0001200") SID_RC},
    {"D:(A;OICI;FA;;;BU)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("2000", "0100") ACE("00", "03", "1800", "ff011f00") SID_BU},
    {"D:(A;OICINPIOID;FA;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "1f", "1400", "ff011f00") SID_WD},
    {"D:(A;;;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "00000000") SID_WD},
    {"D:(A;;0;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "00000000") SID_WD},
    {"D:(A;;0xffffffff;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "ffffffff") SID_WD},
    {"D:(A;;0X1F01Ff;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "ff011f00") SID_WD},
    {"D:(A;;017;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "0f000000") SID_WD},
    {"D:(A;;4294967295;;;WD)",
     HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") ACE("00", "00", "1400", "ffffffff") SID_WD},
    {"S:(ML;;NW;;;LW)",
     HEAD("1080", NONE, NONE, "14000000", NONE) ACL("1c00", "0100") ACE("11", "00", "1400", "01000000") SID_LW},
    {"S:(ML;;NWNRNX;;;HI)",
     HEAD("1080", NONE, NONE, "14000000", NONE) ACL("1c00", "0100") ACE("11", "00", "1400", "07000000") SID_HI},
    {"S:(ML;CI;0x2;;;S-1-16-4096)",
     HEAD("1080", NONE, NONE, "14000000", NONE) ACL("1c00", "0100") ACE("11", "02", "1400", "02000000") SID_LW},
    {"S:(AU;SAFA;GA;;;WD)",
     HEAD("1080", NONE, NONE, "14000000", NONE) ACL("1c00", "0100") ACE("02", "c0", "1400", "00000010") SID_WD},
    {"S:P(AU;OISA;FR;;;BA)(ML;;NW;;;HI)",
     HEAD("10a0", NONE, NONE, "14000000", NONE) ACL("3400", "0200") ACE("02", "41", "1800", "89001200")
         SID_BA ACE("11", "00", "1400", "01000000") SID_HI},
    {"O:SYG:BAD:P(A;;GA;;;SY)S:(ML;;NW;;;LW)",
     HEAD("1490", "14000000", "20000000", "4c000000", "30000000") SID_SY SID_BA ACL("1c00", "0100")
         ACE("00", "00", "1400", "00000010") SID_SY ACL("1c00", "0100") ACE("11", "00", "1400", "01000000") SID_LW},
    {"S:(ML;;NW;;;LW)D:", HEAD("1480", NONE, NONE, "14000000", "30000000") ACL("1c00", "0100")
                              ACE("11", "00", "1400", "01000000") SID_LW ACL("0800", "0000")},
    {"O:S-1-0x5-0x12", HEAD("0080", "14000000", NONE, NONE, NONE) SID_SY},
    {"O:S-1-281474976710655-1", HEAD("0080", "14000000", NONE, NONE, NONE) "0101ffffffffffff01000000"},
    {"O:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-4294967295",
     HEAD("0080", "14000000", NONE, NONE, NONE) "010f0000000000050100000002000000030000000400000005000000"
                                                "060000000700000008000000090000000a0000000b000000"
                                                "0c0000000d0000000e000000ffffffff"},
};

/* Access masks as the file holds them, each in "D:(A;;<right>;;;SY)". Source: winnt.h, sddl.h. */
static const struct good rights[] = {
    {"GA", "00000010"},   {"GX", "00000020"},   {"GW", "00000040"},
    {"GR", "00000080"},   {"SD", "00000100"},   {"RC", "00000200"},
    {"WD", "00000400"},   {"WO", "00000800"},   {"FA", "ff011f00"},
    {"FR", "89001200"},   {"FW", "16011200"},   {"FX", "a0001200"},
    {"KA", "3f000f00"},   {"KR", "19000200"},   {"KW", "06000200"},
    {"KX", "19000200"},   {"CC", "01000000"},   {"DC", "02000000"},
    {"LC", "04000000"},   {"SW", "08000000"},   {"RP", "10000000"},
    {"WP", "20000000"},   {"DT", "40000000"},   {"LO", "80000000"},
    {"CR", "00010000"},   {"GRGW", "000000c0"}, {"CCDCLCSWRPWPDTLOCRSDRCWDWO", "ff010f00"},
    {"GAGA", "00000010"},
};

/* SIDs, each in "O:<name>". Source: "SID Strings" (Windows SDK), [MS-DTYP] 2.4.2.4. */
static const struct good sids[] = {
    {"WD", SID_WD},
    {"CO", "010100000000000300000000"},
    {"CG", "010100000000000301000000"},
    {"OW", "010100000000000304000000"},
    {"NU", "010100000000000502000000"},
    {"IU", SID_IU},
    {"SU", "010100000000000506000000"},
    {"AN", "010100000000000507000000"},
    {"ED", "010100000000000509000000"},
    {"PS", "01010000000000050a000000"},
    {"AU", "01010000000000050b000000"},
    {"RC", SID_RC},
    {"SY", SID_SY},
    {"LS", "010100000000000513000000"},
    {"NS", "010100000000000514000000"},
    {"WR", "010100000000000521000000"},
    {"BA", SID_BA},
    {"BU", SID_BU},
    {"BG", "01020000000000052000000022020000"},
    {"PU", "01020000000000052000000023020000"},
    {"AO", "01020000000000052000000024020000"},
    {"SO", "01020000000000052000000025020000"},
    {"PO", "01020000000000052000000026020000"},
    {"BO", "01020000000000052000000027020000"},
    {"RE", "01020000000000052000000028020000"},
    {"RU", "0102000000000005200000002a020000"},
    {"RD", "0102000000000005200000002b020000"},
    {"NO", "0102000000000005200000002c020000"},
    {"MU", "0102000000000005200000002e020000"},
    {"LU", "0102000000000005200000002f020000"},
    {"IS", "01020000000000052000000038020000"},
    {"CY", "01020000000000052000000039020000"},
    {"ER", "0102000000000005200000003d020000"},
    {"AC", SID_AC},
    {"LW", SID_LW},
    {"ME", "010100000000001000200000"},
    {"MP", "010100000000001000210000"},
    {"HI", SID_HI},
    {"SI", "010100000000001000400000"},
};

struct bad {
    const char *string;
    SDDL_RESULT result;
};

static const struct bad bads[] = {
    {"", SDDL_BAD_SYNTAX},
    {" ", SDDL_BAD_SYNTAX},
    {"D", SDDL_BAD_SYNTAX},
    {"X:", SDDL_BAD_SYNTAX},
    {"d:", SDDL_BAD_SYNTAX},
    {" D:", SDDL_BAD_SYNTAX},
    {"D: ", SDDL_BAD_SYNTAX},
    {"D:D:", SDDL_BAD_SYNTAX},
    {"O:SYO:SY", SDDL_BAD_SYNTAX},
    {"S:S:", SDDL_BAD_SYNTAX},
    {"D:NO_ACCESS_CONTROL", SDDL_BAD_SYNTAX},
    {"D:P(", SDDL_BAD_ACE},
    {"D:P()", SDDL_BAD_ACE},
    {"D:P(A", SDDL_BAD_SYNTAX},
    {"D:P(A)", SDDL_BAD_SYNTAX},
    {"D:P(A;", SDDL_BAD_ACE},
    {"D:P(A;;", SDDL_BAD_RIGHTS},
    {"D:P(A;;GA", SDDL_BAD_RIGHTS},
    {"D:P(A;;GA;", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;;", SDDL_BAD_SID},
    {"D:P(A;;GA;;;S", SDDL_BAD_SID},
    {"D:P(A;;GA;;;SY", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;;SY;)", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;;SY)x", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;SY)", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;bf967aba-0de6-11d0-a285-00aa003049e2;;SY)", SDDL_BAD_SYNTAX},
    {"D:P(OA;;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(XA;;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(AU;SA;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(ML;;NW;;;LW)", SDDL_BAD_ACE},
    {"D:P(B;;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(AA;;GA;;;SY)", SDDL_BAD_ACE},
    {"S:(A;;GA;;;SY)", SDDL_BAD_ACE},
    {"S:(D;;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(A;SA;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(A;XX;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(A;O;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(A;OIC;GA;;;SY)", SDDL_BAD_ACE},
    {"D:P(A;;XX;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;G;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;GAG;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;ga;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;NW;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;0x;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;0x100000000;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;4294967296;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;99999999999999999999999;;;SY)", SDDL_BAD_RIGHTS},
    {"D:P(A;;08;;;SY)", SDDL_BAD_SYNTAX},
    {"D:P(A;;0x1GA;;;SY)", SDDL_BAD_SYNTAX},
    {"S:(ML;;GA;;;LW)", SDDL_BAD_RIGHTS},
    {"S:(ML;;0x8;;;LW)", SDDL_BAD_RIGHTS},
    {"S:(ML;SA;NW;;;LW)", SDDL_BAD_ACE},
    {"O:", SDDL_BAD_SID},
    {"O:XX", SDDL_BAD_SID},
    {"O:sy", SDDL_BAD_SID},
    {"O:DA", SDDL_BAD_SID}, /* a domain's administrators: which domain? */
    {"O:LA", SDDL_BAD_SID},
    {"O:S-", SDDL_BAD_SID},
    {"O:S-1", SDDL_BAD_SID},
    {"O:S-1-", SDDL_BAD_SID},
    {"O:S-1-5", SDDL_BAD_SID},
    {"O:S-1-5-", SDDL_BAD_SID},
    {"O:S-2-5-18", SDDL_BAD_SID},
    {"O:S-0-5-18", SDDL_BAD_SID},
    {"O:S-11-5-18", SDDL_BAD_SID},
    {"O:S-1--18", SDDL_BAD_SID},
    {"O:S-1-5--18", SDDL_BAD_SID},
    {"O:S-1-5-4294967296", SDDL_BAD_SID},
    {"O:S-1-5-18446744073709551617", SDDL_BAD_SID},
    {"O:S-1-281474976710656-1", SDDL_BAD_SID},
    {"O:S-1-5-0x", SDDL_BAD_SID},
    {"O:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", SDDL_BAD_SID},
    {"O:S-1-5-18x", SDDL_BAD_SYNTAX},
    {"O:SYX", SDDL_BAD_SYNTAX},
    {"D:P(A;;GA;;;S-1-5-)", SDDL_BAD_SID},
};

#endif
