/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: MD5, what a password is worth, and AES. The layout's ENCRYPTION.md, by libgcrypt. */
#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>

#include "mrimgx.h"

/* The vendor asks for 600,000 and says that it will be more one day; a file may not keep us for minutes. */
#define ITERATIONS_MOST 10000000u

struct mrimgx_cipher {
    gcry_cipher_hd_t data, iv;
};

static void start_library(void)
{
    /* Somebody else in the process may have done it already. */
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
        return;
    (void)gcry_check_version(NULL);
    (void)gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    (void)gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

void platter_mrimgx_crypt_init(void)
{
    static struct platter_once once = PLATTER_ONCE_INIT;

    platter_once_run(&once, start_library);
}

void platter_mrimgx_md5(const void *data, size_t length, uint8_t md5[16])
{
    gcry_md_hash_buffer(GCRY_MD_MD5, md5, data, length);
}

static bool hmac_of_key(const uint8_t key[32], uint8_t hmac[32])
{
    gcry_md_hd_t handle;
    bool done = false;

    if (gcry_md_open(&handle, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC))
        return false;
    if (!gcry_md_setkey(handle, key, 32)) {
        memcpy(hmac, gcry_md_read(handle, GCRY_MD_SHA256), 32);
        done = true;
    }
    gcry_md_close(handle);
    return done;
}

enum platter_result platter_mrimgx_key_derive(const struct mrimgx_layout *layout, const char *password,
                                              const char *path, struct mrimgx_key *key, struct platter_error *err)
{
    uint8_t salt[32], hmac[32];

    if (!password || !password[0])
        return platter_error_set(err, PLATTER_E_PASSWORD, path, PLATTER_NO_OFFSET,
                                 "is encrypted: a password is needed to read it");
    if (layout->key_iterations == 0 || layout->key_iterations > ITERATIONS_MOST)
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET,
                                 "wants its key derived in %u rounds; 1 to %u make sense", layout->key_iterations,
                                 ITERATIONS_MOST);
    gcry_md_hash_buffer(GCRY_MD_SHA256, salt, layout->image_id, sizeof(layout->image_id));
    if (gcry_kdf_derive(password, strlen(password), GCRY_KDF_PBKDF2, GCRY_MD_SHA256, salt, sizeof(salt),
                        layout->key_iterations, sizeof(key->derived), key->derived) ||
        !hmac_of_key(key->derived, hmac))
        return platter_error_set(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET,
                                 "the key could not be derived from the password");
    if (memcmp(hmac, layout->hmac, sizeof(hmac)) != 0)
        return platter_error_set(err, PLATTER_E_PASSWORD, path, PLATTER_NO_OFFSET, "the password is not the right one");
    gcry_md_hash_buffer(GCRY_MD_SHA256, key->iv, key->derived, sizeof(key->derived));
    key->bytes = layout->key_bytes;
    return PLATTER_OK;
}

void platter_mrimgx_key_forget(struct mrimgx_key *key)
{
    volatile uint8_t *at = (volatile uint8_t *)key;

    for (size_t i = 0; i < sizeof(*key); i++)
        at[i] = 0;
}

static int algorithm(uint32_t key_bytes)
{
    return key_bytes == 16 ? GCRY_CIPHER_AES128 : key_bytes == 24 ? GCRY_CIPHER_AES192 : GCRY_CIPHER_AES256;
}

bool platter_mrimgx_decrypt_meta(const struct mrimgx_key *key, uint8_t *data, size_t length)
{
    gcry_cipher_hd_t handle;
    bool done;

    if (length % 16 || gcry_cipher_open(&handle, algorithm(key->bytes), GCRY_CIPHER_MODE_ECB, 0))
        return false;
    done = !gcry_cipher_setkey(handle, key->derived, key->bytes) && !gcry_cipher_decrypt(handle, data, length, NULL, 0);
    gcry_cipher_close(handle);
    return done;
}

struct mrimgx_cipher *platter_mrimgx_cipher_create(const struct mrimgx_key *key)
{
    struct mrimgx_cipher *cipher = calloc(1, sizeof(*cipher));

    if (!cipher)
        return NULL;
    if (gcry_cipher_open(&cipher->data, algorithm(key->bytes), GCRY_CIPHER_MODE_CBC, 0) ||
        gcry_cipher_setkey(cipher->data, key->derived, key->bytes) ||
        gcry_cipher_open(&cipher->iv, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_ECB, 0) ||
        gcry_cipher_setkey(cipher->iv, key->iv, sizeof(key->iv))) {
        platter_mrimgx_cipher_free(cipher);
        return NULL;
    }
    return cipher;
}

void platter_mrimgx_cipher_free(struct mrimgx_cipher *cipher)
{
    if (!cipher)
        return;
    /* gcry_cipher_close takes NULL. */
    gcry_cipher_close(cipher->iv);
    gcry_cipher_close(cipher->data);
    free(cipher);
}

bool platter_mrimgx_decrypt(struct mrimgx_cipher *cipher, const uint8_t image_id[8], uint16_t disk, uint16_t partition,
                            uint32_t block, uint8_t *data, size_t length)
{
    uint8_t iv[16];

    memcpy(iv, image_id, 8);
    platter_put_le16(iv + 8, disk);
    platter_put_le16(iv + 10, partition);
    platter_put_le32(iv + 12, block);
    return length % 16 == 0 && !gcry_cipher_encrypt(cipher->iv, iv, sizeof(iv), NULL, 0) &&
           !gcry_cipher_setiv(cipher->data, iv, sizeof(iv)) &&
           !gcry_cipher_decrypt(cipher->data, data, length, NULL, 0);
}
