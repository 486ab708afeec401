/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: the footer, metadata blocks, and from them the description of a file. */
#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>
#include <zstd.h>

#include "mrimgx.h"

#define JSON_MOST (8u << 20)
/* A list of metadata blocks has four; so many would be a circle. */
#define LIST_MOST 64u
#define CHECK_PIECE (256u << 10)

bool platter_mrimgx_footer_present(struct platter_block *file)
{
    uint64_t size = platter_block_size(file);
    uint8_t footer[MRIMGX_FOOTER];

    return size > MRIMGX_FOOTER + MRIMGX_META_HEADER &&
           platter_block_read(file, footer, sizeof(footer), size - MRIMGX_FOOTER, NULL) == PLATTER_OK &&
           memcmp(footer + 8, MRIMGX_MAGIC, 12) == 0;
}

enum platter_result platter_mrimgx_meta_next(struct platter_block *file, uint64_t *at, struct mrimgx_meta *meta,
                                             struct platter_error *err)
{
    uint64_t end = platter_block_size(file) - MRIMGX_FOOTER;
    uint8_t header[MRIMGX_META_HEADER];
    enum platter_result result;

    if (!platter_inside(*at, sizeof(header), end))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, *at, "a metadata block would lie outside the file");
    result = platter_block_read(file, header, sizeof(header), *at, err);
    if (result)
        return result;
    memset(meta, 0, sizeof(*meta));
    memcpy(meta->name, header, 8);
    meta->length = platter_le32(header + 8);
    memcpy(meta->md5, header + 12, sizeof(meta->md5));
    meta->flags = header[28];
    meta->data = *at + sizeof(header);
    if (meta->name[0] != '$')
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, *at, "there is no metadata block here");
    if (!platter_inside(meta->data, meta->length, end))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, *at,
                                 "the metadata block %s of %u bytes does not fit in the file", meta->name,
                                 meta->length);
    *at = meta->data + meta->length;
    return PLATTER_OK;
}

static enum platter_result mismatch(struct platter_block *file, const struct mrimgx_meta *meta,
                                    struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_DAMAGED, file->name, meta->data,
                             "the metadata block %s does not match its MD5", meta->name);
}

enum platter_result platter_mrimgx_meta_check(struct platter_block *file, const struct mrimgx_meta *meta,
                                              struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    gcry_md_hd_t hash;
    uint8_t *piece = malloc(CHECK_PIECE);

    if (!piece || gcry_md_open(&hash, GCRY_MD_MD5, 0)) {
        free(piece);
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    }
    for (uint32_t done = 0; done < meta->length && result == PLATTER_OK;) {
        uint32_t length = meta->length - done < CHECK_PIECE ? meta->length - done : CHECK_PIECE;

        result = platter_block_read(file, piece, length, meta->data + done, err);
        if (result == PLATTER_OK)
            gcry_md_write(hash, piece, length);
        done += length;
    }
    if (result == PLATTER_OK && memcmp(gcry_md_read(hash, GCRY_MD_MD5), meta->md5, sizeof(meta->md5)) != 0)
        result = mismatch(file, meta, err);
    gcry_md_close(hash);
    free(piece);
    return result;
}

/* Replaces *data by what it unpacks to. */
static enum platter_result unpack(struct platter_block *file, const struct mrimgx_meta *meta, size_t most,
                                  uint8_t **data, size_t *length, struct platter_error *err)
{
    unsigned long long unpacked = ZSTD_getFrameContentSize(*data, *length);
    size_t frame = ZSTD_findFrameCompressedSize(*data, *length), got;
    uint8_t *out;

    if (unpacked == ZSTD_CONTENTSIZE_ERROR || unpacked == ZSTD_CONTENTSIZE_UNKNOWN || ZSTD_isError(frame))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, meta->data,
                                 "the metadata block %s is said to be compressed, but holds no whole zstd frame",
                                 meta->name);
    if (unpacked > most)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, meta->data,
                                 "the metadata block %s would unpack to %llu bytes, more than it can have", meta->name,
                                 unpacked);
    out = malloc(unpacked ? (size_t)unpacked : 1);
    if (!out)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    got = ZSTD_decompress(out, (size_t)unpacked, *data, frame);
    if (ZSTD_isError(got)) {
        free(out);
        return platter_error_set(err, PLATTER_E_DAMAGED, file->name, meta->data,
                                 "the metadata block %s does not unpack: %s", meta->name, ZSTD_getErrorName(got));
    }
    free(*data);
    *data = out;
    *length = got;
    return PLATTER_OK;
}

enum platter_result platter_mrimgx_meta_load(struct platter_block *file, const struct mrimgx_meta *meta,
                                             const struct mrimgx_key *key, size_t most, uint8_t **data, size_t *length,
                                             struct platter_error *err)
{
    enum platter_result result;
    uint8_t *made, md5[16];

    *data = NULL;
    *length = 0;
    if (meta->length == 0)
        return PLATTER_OK;
    /* What does not compress grows a little, and AES pads. */
    if (meta->length > most + most / 128 + 1024)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, meta->data,
                                 "the metadata block %s has %u bytes, more than it can have", meta->name, meta->length);
    if ((meta->flags & MRIMGX_META_ENCRYPTED) && key->bytes == 0)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, meta->data,
                                 "the metadata block %s is encrypted, and nothing says how", meta->name);
    made = malloc(meta->length);
    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    *length = meta->length;
    result = platter_block_read(file, made, meta->length, meta->data, err);
    if (result)
        goto fail;
    platter_mrimgx_md5(made, meta->length, md5);
    if (memcmp(md5, meta->md5, sizeof(md5)) != 0) {
        result = mismatch(file, meta, err);
        goto fail;
    }
    if ((meta->flags & MRIMGX_META_ENCRYPTED) && !platter_mrimgx_decrypt_meta(key, made, meta->length)) {
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, meta->data,
                                   "the metadata block %s has no length that could be decrypted", meta->name);
        goto fail;
    }
    if (meta->flags & MRIMGX_META_PACKED)
        result = unpack(file, meta, most, &made, length, err);
    if (result)
        goto fail;
    *data = made;
    return PLATTER_OK;
fail:
    free(made);
    return result;
}

enum platter_result platter_mrimgx_layout_read(struct platter_block *file, struct mrimgx_layout *layout,
                                               struct platter_error *err)
{
    static const struct mrimgx_key no_key;
    struct mrimgx_meta meta = {.flags = 0};
    enum platter_result result;
    uint8_t *json, at_bytes[8];
    size_t length;
    uint64_t at;

    memset(layout, 0, sizeof(*layout));
    if (!platter_mrimgx_footer_present(file))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "does not end as a Macrium Reflect X file does");
    result = platter_block_read(file, at_bytes, sizeof(at_bytes), platter_block_size(file) - MRIMGX_FOOTER, err);
    if (result)
        return result;
    at = platter_le64(at_bytes);
    for (unsigned i = 0; i < LIST_MOST && !(meta.flags & MRIMGX_META_LAST); i++) {
        result = platter_mrimgx_meta_next(file, &at, &meta, err);
        if (result)
            return result;
        if (memcmp(meta.name, "$JSON   ", 8) != 0)
            continue;
        result = platter_mrimgx_meta_load(file, &meta, &no_key, JSON_MOST, &json, &length, err);
        if (result)
            return result;
        result = platter_mrimgx_layout_parse((const char *)json, length, file->name, layout, err);
        if (result)
            platter_mrimgx_layout_free(layout);
        free(json);
        return result;
    }
    return platter_error_set(err, PLATTER_E_FORMAT, file->name, at, "there is no description ($JSON) of the backup");
}
