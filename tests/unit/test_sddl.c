/* SPDX-License-Identifier: MIT */
/*
 * The security descriptor compiler of the driver against bytes written out by hand after [MS-DTYP] 2.4.6
 * (descriptor), 2.4.5 (ACL), 2.4.4 (ACEs) and 2.4.2 (SID).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../driver/sddl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

/* ---- Helpers ----------------------------------------------------------------------------------------------------- */

/* A copy of exactly that many UTF-16 units, so that the sanitizer sees a read behind them. */
static uint16_t *widen(const char *string, size_t *chars)
{
    uint16_t *wide;

    *chars = strlen(string);
    wide = malloc(*chars * sizeof(*wide) + (*chars == 0));
    assert_non_null(wide);
    for (size_t i = 0; i < *chars; i++)
        wide[i] = (uint16_t)(unsigned char)string[i];
    return wide;
}

static SDDL_RESULT compile(const char *string, uint8_t *bytes, size_t *length)
{
    size_t chars;
    uint16_t *wide = widen(string, &chars);
    SDDL_RESULT result = SddlCompile(wide, chars, bytes, length);

    free(wide);
    return result;
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = strlen(hex) / 2;

    assert_true(strlen(hex) % 2 == 0 && count <= room);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) * 16 + (strchr(digits, hex[2 * i + 1]) - digits));
    return count;
}

static void expect_bytes(const char *string, const char *hex)
{
    uint8_t want[512];
    size_t want_length = from_hex(hex, want, sizeof(want));
    uint8_t *got = malloc(want_length); /* exactly as much as is needed */
    size_t length = want_length;

    assert_non_null(got);
    print_message("# %s\n", string);
    assert_int_equal(compile(string, got, &length), SDDL_OK);
    assert_int_equal(length, want_length);
    assert_memory_equal(got, want, want_length);
    assert_true(SddlDescriptorIsValid(got, length));
    free(got);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void whole_strings_give_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wholes); i++)
        expect_bytes(wholes[i].string, wholes[i].bytes);
}

static void every_right_gives_its_mask(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rights); i++) {
        char string[80] = "D:(A;;";
        char hex[256] = HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") "00001400";

        strcat(strcat(string, rights[i].string), ";;;SY)");
        strcat(strcat(hex, rights[i].bytes), SID_SY);
        expect_bytes(string, hex);
    }
}

static void every_name_gives_its_sid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sids); i++) {
        char string[80] = "O:";
        char hex[256] = HEAD("0080", "14000000", NONE, NONE, NONE);

        strcat(string, sids[i].string);
        strcat(hex, sids[i].bytes);
        expect_bytes(string, hex);
    }
}

static void malformed_strings_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        uint8_t bytes[512];
        size_t length = sizeof(bytes);

        print_message("# '%s'\n", bads[i].string);
        assert_int_equal(compile(bads[i].string, bytes, &length), bads[i].result);
    }
}

static void nul_and_wide_characters_are_refused(void **state)
{
    static const uint16_t strings[][4] = {{'D', ':', 0, 0}, {'D', 0x3a3a, 'P', 0}, {0x0144, ':', 0, 0}};
    uint8_t bytes[64];

    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        size_t length = sizeof(bytes);

        assert_int_not_equal(SddlCompile(strings[i], 3, bytes, &length), SDDL_OK);
    }
}

static void a_buffer_that_is_too_small_is_never_overrun(void **state)
{
    const struct good *largest = &wholes[18];
    uint8_t want[512];
    size_t need = from_hex(largest->bytes, want, sizeof(want));

    (void)state;
    for (size_t room = 0; room < need; room++) {
        uint8_t *bytes = malloc(room + (room == 0));
        size_t length = room;

        assert_non_null(bytes);
        assert_int_equal(compile(largest->string, bytes, &length), SDDL_TOO_LONG);
        free(bytes);
    }
}

static void a_string_that_is_too_long_is_refused(void **state)
{
    size_t chars = SDDL_CHARS_MAX + 1;
    uint16_t *wide = malloc(chars * sizeof(*wide));
    uint8_t *bytes = malloc(SDDL_DESCRIPTOR_BYTES_MAX);
    size_t length = SDDL_DESCRIPTOR_BYTES_MAX;

    (void)state;
    assert_non_null(wide);
    assert_non_null(bytes);
    for (size_t i = 0; i < chars; i++)
        wide[i] = i == 0 ? 'D' : i == 1 ? ':' : 'P';
    assert_int_equal(SddlCompile(wide, chars, bytes, &length), SDDL_TOO_LONG);
    length = SDDL_DESCRIPTOR_BYTES_MAX;
    assert_int_equal(SddlCompile(wide, chars - 1, bytes, &length), SDDL_OK);
    free(bytes);
    free(wide);
}

/* Cut anywhere, a good string is refused, except where the cut leaves another good one. */
static void every_cut_is_refused_or_whole(void **state)
{
    const char *string = "O:SYG:BAD:P(A;;GA;;;SY)S:(ML;;NW;;;LW)";
    static const size_t whole[] = {4, 8, 10, 11, 23, 25, 38};
    char cut[80];

    (void)state;
    for (size_t i = 0, next = 0; i <= strlen(string); i++) {
        uint8_t bytes[512];
        size_t length = sizeof(bytes);
        int good = next < COUNT(whole) && whole[next] == i;

        memcpy(cut, string, i);
        cut[i] = 0;
        assert_int_equal(compile(cut, bytes, &length) == SDDL_OK, good);
        next += (size_t)good;
    }
}

/* One character changed: whatever still compiles is a well-formed descriptor. */
static void changed_strings_stay_well_formed(void **state)
{
    static const char alphabet[] = "ADGMOPSW;:()0x1-7, \x01";
    unsigned long seed = 1;

    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        char string[160];
        uint8_t bytes[512];
        size_t length = sizeof(bytes);
        const char *from = wholes[round % COUNT(wholes)].string;

        if (strlen(from) == 0 || strlen(from) >= sizeof(string))
            continue;
        strcpy(string, from);
        for (int changes = 0; changes < 2; changes++) {
            seed = (seed * 1103515245 + 12345) & 0x7fffffff;
            string[(seed >> 8) % strlen(from)] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        if (compile(string, bytes, &length) == SDDL_OK)
            assert_true(SddlDescriptorIsValid(bytes, length));
    }
}

static void a_damaged_descriptor_is_not_valid(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        int valid;
    } changes[] = {
        {0, 2, 0},     {3, 0x10, 0},  {4, 0x13, 0}, {4, 0x15, 0},  {4, 0xff, 0}, {5, 0xff, 0}, {7, 0xff, 0},
        {16, 0x2d, 0}, {16, 0x4a, 0}, {0x14, 2, 0}, {0x15, 16, 0}, {0x30, 1, 0}, {0x30, 5, 0}, {0x32, 7, 0},
        {0x33, 1, 0},  {0x34, 2, 0},  {0x3a, 4, 0}, {0x3a, 21, 0}, {0x3b, 1, 0}, {0x41, 2, 0}, {0x40, 0, 0},
        {0x38, 5, 1},  {0x39, 1, 1},  {0x3c, 1, 1}, {0x48, 1, 1},
    };
    uint8_t good[512];
    size_t length = from_hex(wholes[32].bytes, good, sizeof(good));

    (void)state;
    assert_true(SddlDescriptorIsValid(good, length));
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut + (cut == 0));

        assert_non_null(copy);
        memcpy(copy, good, cut);
        assert_false(SddlDescriptorIsValid(copy, cut));
        free(copy);
    }
    for (size_t i = 0; i < COUNT(changes); i++) {
        uint8_t *copy = malloc(length);

        assert_non_null(copy);
        memcpy(copy, good, length);
        copy[changes[i].at] = changes[i].value;
        print_message("# byte %zu becomes %u\n", changes[i].at, changes[i].value);
        assert_int_equal(SddlDescriptorIsValid(copy, length) != 0, changes[i].valid);
        free(copy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_strings_give_their_bytes),
        cmocka_unit_test(every_right_gives_its_mask),
        cmocka_unit_test(every_name_gives_its_sid),
        cmocka_unit_test(malformed_strings_are_refused),
        cmocka_unit_test(nul_and_wide_characters_are_refused),
        cmocka_unit_test(a_buffer_that_is_too_small_is_never_overrun),
        cmocka_unit_test(a_string_that_is_too_long_is_refused),
        cmocka_unit_test(every_cut_is_refused_or_whole),
        cmocka_unit_test(changed_strings_stay_well_formed),
        cmocka_unit_test(a_damaged_descriptor_is_not_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
