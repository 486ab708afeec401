/* SPDX-License-Identifier: MIT */
/*
 * What the setup hashes of a driver package's files, against what osslsigncode 2.9 has hashed when it signed the same bytes
 * ("Calculated message digest" of `osslsigncode verify`), with SHA-256 and with SHA-1.
 */
#include "../../setup/steps/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 0x40u /* where "PE" stands */
#define OPTIONAL (HEADER + 24)
#define CHECKSUM (OPTIONAL + 64)
#define DIRECTORIES 16u
#define LONGEST 2048u

struct image {
    uint8_t bytes[LONGEST];
    size_t length;
    size_t security; /* offset of the entry */
};

static void put(uint8_t *at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The smallest that osslsigncode signs; the rest is a pattern. */
static void make(struct image *image, bool plus, size_t length)
{
    size_t count = OPTIONAL + (plus ? 108 : 92), end = count + 4 + 8 * (size_t)DIRECTORIES;

    memset(image, 0, sizeof(*image));
    for (size_t i = 0; i < length; i++)
        image->bytes[i] = (uint8_t)(i * 7 + 3);
    memset(image->bytes, 0, end);
    memcpy(image->bytes, "MZ", 2);
    put(image->bytes + 0x3c, HEADER);
    memcpy(image->bytes + HEADER, "PE\0\0", 4);
    put(image->bytes + HEADER + 4, plus ? 0x8664 : 0x14c);
    put(image->bytes + HEADER + 20, 0x220000u | (uint32_t)(end - OPTIONAL));
    put(image->bytes + OPTIONAL, plus ? 0x20b : 0x10b);
    put(image->bytes + OPTIONAL + 32, 0x1000); /* alignments, size of the headers */
    put(image->bytes + OPTIONAL + 36, 0x200);
    put(image->bytes + OPTIONAL + 60, 0x200);
    put(image->bytes + count, DIRECTORIES);
    image->length = length;
    image->security = count + 4 + (size_t)8 * 4;
}

static void sign(struct image *image, size_t size)
{
    image->length = (image->length + 7) & ~(size_t)7;
    put(image->bytes + image->security, (uint32_t)image->length);
    put(image->bytes + image->security + 4, (uint32_t)size);
    memset(image->bytes + image->length, 0xa5, size);
    image->length += size;
    put(image->bytes + CHECKSUM, 0x12345678);
}

static void expect(const uint8_t *bytes, size_t length, int algorithm, const char *want)
{
    struct digest_piece pieces[DIGEST_PIECES];
    unsigned size = gcry_md_get_algo_dlen(algorithm);
    char got[2 * 32 + 1] = "";
    const uint8_t *digest;
    gcry_md_hd_t state;

    assert_true(digest_pieces(bytes, length, pieces));
    assert_int_equal(gcry_md_open(&state, algorithm, 0), 0);
    for (size_t i = 0; i < DIGEST_PIECES; i++)
        gcry_md_write(state, pieces[i].bytes, pieces[i].length);
    digest = gcry_md_read(state, algorithm);
    for (unsigned i = 0; i < size; i++)
        (void)snprintf(got + 2 * (size_t)i, 3, "%02X", digest[i]);
    gcry_md_close(state);
    assert_string_equal(got, want);
}

static const struct {
    bool plus;
    size_t length;
    const char *sha256, *sha1;
} vectors[] = {
    {false, 1024, "C751283E7A7104A65327FB674CBC53A987B8871A63CAEC489D626690D72A9C42",
     "EF5ED840537AEFB03E983C41D499AE929679FFB8"},
    {false, 1027, "F43DA92DD149E1FAA68F4F36BC98FF72BDF6BD9DC3AC75D6CF0D536A07523768",
     "E1B8811F4CF9DC1A9F14ECB53DD4D10FAEA22770"},
    {true, 1024, "602F58C782B70D355A863A4B2843D897756C5FB56EA99B923104CE8045CD23F4",
     "5628E57BEBDB79CCDCD5923DD76E5878441A3349"},
    {true, 1027, "9808993688DA72B2F22B277DD87AE98232181E3FD7A3F70B74C3B272AABA338F",
     "53927BC8C941697FC5FED564103A0203DA7C91AE"},
};

static void hashes_as_osslsigncode(void **unused)
{
    struct image image;

    (void)unused;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        make(&image, vectors[i].plus, vectors[i].length);
        expect(image.bytes, image.length, GCRY_MD_SHA256, vectors[i].sha256);
        expect(image.bytes, image.length, GCRY_MD_SHA1, vectors[i].sha1);
        /* A signature, where it lies and the checksum change nothing. */
        sign(&image, 24);
        expect(image.bytes, image.length, GCRY_MD_SHA256, vectors[i].sha256);
        expect(image.bytes, image.length, GCRY_MD_SHA1, vectors[i].sha1);
    }
}

/* All that is not left out is in it: each other byte that changes changes the digest. */
static void leaves_out_nothing_else(void **unused)
{
    struct digest_piece pieces[DIGEST_PIECES];
    struct image image;
    size_t hashed = 0;

    (void)unused;
    make(&image, true, 1027);
    sign(&image, 24);
    assert_true(digest_pieces(image.bytes, image.length, pieces));
    for (size_t i = 0; i < DIGEST_PIECES; i++)
        hashed += pieces[i].length;
    assert_int_equal(hashed, image.length - 24 - 4 - 8);
    for (size_t i = 0; i < DIGEST_PIECES; i++) {
        bool inside =
            pieces[i].bytes >= image.bytes && pieces[i].bytes + pieces[i].length <= image.bytes + image.length;

        assert_true(inside || pieces[i].length < 8);
    }
}

/* FIPS 180-4's example, as an INF's digest is made: of the file as it is. */
static void other_files_whole(void **unused)
{
    static const uint8_t letter = 'M';

    (void)unused;
    expect((const uint8_t *)"abc", 3, GCRY_MD_SHA256,
           "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    expect((const uint8_t *)"abc", 3, GCRY_MD_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89D");
    expect((const uint8_t *)"", 0, GCRY_MD_SHA1, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
    expect(&letter, 1, GCRY_MD_SHA1, "C63AE6DD4FC9F9DDA66970E827D13F7C73FE841C");
}

/* In memory of exactly that size, so that a sanitizer sees a byte too many. */
static bool takes(const struct image *image, size_t length)
{
    struct digest_piece pieces[DIGEST_PIECES];
    uint8_t *bytes = malloc(length ? length : 1);
    bool taken;

    assert_non_null(bytes);
    memcpy(bytes, image->bytes, length);
    taken = digest_pieces(bytes, length, pieces);
    free(bytes);
    return taken;
}

static void refuses_what_makes_no_sense(void **unused)
{
    static const uint32_t headers[] = {0xffffffffu, 1024, 1000, 0x7fffffffu};
    struct image good, image;

    (void)unused;
    make(&good, true, 1024);
    assert_true(takes(&good, good.length));
    for (size_t length = 2; length < good.security + 8; length++)
        assert_false(takes(&good, length));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        image = good;
        put(image.bytes + 0x3c, headers[i]);
        assert_false(takes(&image, image.length));
    }
    image = good;
    image.bytes[HEADER] = 'N';
    assert_false(takes(&image, image.length));
    image = good;
    put(image.bytes + image.security - 36, 4); /* no directory of signatures */
    assert_false(takes(&image, image.length));
    sign(&good, 24);
    assert_true(takes(&good, good.length));
    assert_false(takes(&good, good.length - 1)); /* cut off */
    assert_false(takes(&good, good.length + 1)); /* something behind it */
    image = good;
    put(image.bytes + image.security, 0x50); /* over the headers */
    put(image.bytes + image.security + 4, (uint32_t)image.length - 0x50);
    assert_false(takes(&image, image.length));
    image = good;
    put(image.bytes + image.security + 4, 0xffffffffu);
    assert_false(takes(&image, image.length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_as_osslsigncode),
                                       cmocka_unit_test(leaves_out_nothing_else), cmocka_unit_test(other_files_whole),
                                       cmocka_unit_test(refuses_what_makes_no_sense)};

    (void)gcry_check_version(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
