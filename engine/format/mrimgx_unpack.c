/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: blocks as they are stored, to blocks of the disk: read, decrypted, unpacked, and checked. */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "../md5_lanes.h"
#include "mrimgx.h"

/* Blocks that lie one behind the other are read together, up to this. */
#define READ_MOST (1u << 20)
#define TOGETHER 64u
/* So few MD5s take as long one by one as eight in lanes. */
#define LANES_WORTH 3u

/* What one thread needs to unpack; kept for the next one. */
struct mrimgx_worker {
    struct mrimgx_worker *next;
    ZSTD_DCtx *zstd;
    struct mrimgx_cipher *cipher; /* NULL when nothing is encrypted */
    uint8_t *in;
    size_t room;
};

static void worker_free(struct mrimgx_worker *worker)
{
    platter_mrimgx_cipher_free(worker->cipher);
    ZSTD_freeDCtx(worker->zstd);
    free(worker->in);
    free(worker);
}

struct mrimgx_worker *platter_mrimgx_worker_get(struct mrimgx *m)
{
    struct mrimgx_worker *worker;

    platter_mutex_lock(&m->idle_lock);
    worker = m->idle;
    if (worker)
        m->idle = worker->next;
    platter_mutex_unlock(&m->idle_lock);
    if (worker)
        return worker;
    worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->zstd = ZSTD_createDCtx();
    if (m->key.bytes)
        worker->cipher = platter_mrimgx_cipher_create(&m->key);
    if (!worker->zstd || (m->key.bytes && !worker->cipher)) {
        worker_free(worker);
        return NULL;
    }
    return worker;
}

void platter_mrimgx_worker_put(struct mrimgx *m, struct mrimgx_worker *worker)
{
    platter_mutex_lock(&m->idle_lock);
    worker->next = m->idle;
    m->idle = worker;
    platter_mutex_unlock(&m->idle_lock);
}

void platter_mrimgx_workers_free(struct mrimgx *m)
{
    while (m->idle) {
        struct mrimgx_worker *worker = m->idle;

        m->idle = worker->next;
        worker_free(worker);
    }
}

static bool make_room(struct mrimgx_worker *worker, size_t bytes)
{
    uint8_t *grown;

    if (bytes <= worker->room)
        return true;
    grown = malloc(bytes);
    if (!grown)
        return false;
    free(worker->in);
    worker->in = grown;
    worker->room = bytes;
    return true;
}

static enum platter_result damaged(const struct mrimgx_region *region, uint32_t block,
                                   const struct mrimgx_element *element, const char *why, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_DAMAGED, element->file->block->name, element->position,
                             "the block of disk byte %llu %s",
                             (unsigned long long)(region->start + (uint64_t)block * region->block_size), why);
}

/* `in`: the block as stored, changed by decrypting; may be `out`. *unpacked: its length, not yet compared with its MD5. */
static enum platter_result decode(struct mrimgx *m, struct mrimgx_worker *worker, const struct mrimgx_region *region,
                                  uint32_t block, const struct mrimgx_element *element, uint8_t *in, uint8_t *out,
                                  size_t *unpacked, struct platter_error *err)
{
    const struct mrimgx_layout *layout = &element->file->layout;
    size_t length = element->length;

    if (layout->key_bytes && !platter_mrimgx_decrypt(worker->cipher, layout->image_id, mrimgx_disk(m)->number,
                                                     region->partition, block, in, length))
        return damaged(region, block, element, "is encrypted, and has no length that could be decrypted", err);
    if (layout->packed) {
        /* Encrypted ones are padded. */
        size_t frame = ZSTD_findFrameCompressedSize(in, length);

        length = ZSTD_isError(frame) ? frame : ZSTD_decompressDCtx(worker->zstd, out, region->block_size, in, frame);
        if (ZSTD_isError(length))
            return damaged(region, block, element, "does not unpack", err);
    } else {
        if (length > region->block_size)
            return damaged(region, block, element, "is longer than a block", err);
        if (in != out)
            memcpy(out, in, length);
    }
    *unpacked = length;
    return PLATTER_OK;
}

/* MD5s of `count` blocks in `out`: together where they are alike and that is faster. */
static void digest(const struct mrimgx_region *region, const uint8_t *out, const size_t *unpacked, uint32_t count,
                   uint8_t md5[PLATTER_MD5_LANES][16])
{
    const uint8_t *lanes[PLATTER_MD5_LANES];
    bool alike = count >= LANES_WORTH && region->block_size % 64 == 0 && platter_md5_lanes_present();

    for (uint32_t i = 0; i < PLATTER_MD5_LANES; i++) {
        /* Lanes that are left over do something again. */
        lanes[i] = out + (size_t)(i < count ? i : 0) * region->block_size;
        alike = alike && unpacked[i < count ? i : 0] == region->block_size;
    }
    if (alike) {
        platter_md5_lanes_first(lanes, count, region->block_size, md5);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        platter_mrimgx_md5(lanes[i], unpacked[i], md5[i]);
}

/* At most PLATTER_MD5_LANES blocks that were decoded to `out`. */
static enum platter_result check(const struct mrimgx_region *region, uint32_t block,
                                 const struct mrimgx_element *elements, uint8_t *out, const size_t *unpacked,
                                 uint32_t count, struct platter_error *err)
{
    uint8_t md5[PLATTER_MD5_LANES][16];

    digest(region, out, unpacked, count, md5);
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(md5[i], elements[i].md5, sizeof(md5[i])) != 0)
            return damaged(region, block + i, &elements[i], "does not match its MD5", err);
        /* A shorter one would shift all reserved sectors behind it; of data it leaves the rest as if not stored. */
        if (unpacked[i] == region->block_size)
            continue;
        if (region->reserved && block + i + 1 < region->table.count)
            return damaged(region, block + i, &elements[i], "is shorter than the others", err);
        memset(out + (size_t)i * region->block_size + unpacked[i], 0, region->block_size - unpacked[i]);
    }
    return PLATTER_OK;
}

/* The elements of blocks that lie one behind the other in a file, `elements` as many at most; *bytes: of all together. */
static enum platter_result gather(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block, uint32_t count,
                                  struct mrimgx_element *elements, uint32_t *found, size_t *bytes,
                                  struct platter_error *err)
{
    enum platter_result result = platter_mrimgx_element(m, region, block, &elements[0], err);

    *bytes = elements[0].length;
    /* What is wrong with the next is told to whoever asks for that. */
    for (*found = 1; result == PLATTER_OK && *found < count; ++*found) {
        struct mrimgx_element *next = &elements[*found];

        if (platter_mrimgx_element(m, region, block + *found, next, NULL) || next->length == 0 ||
            next->file != elements[0].file || next->position != elements[0].position + *bytes ||
            *bytes + next->length > READ_MOST)
            break;
        *bytes += next->length;
    }
    return result;
}

enum platter_result platter_mrimgx_unpack(struct mrimgx *m, struct mrimgx_worker *worker,
                                          const struct mrimgx_region *region, uint32_t block, uint32_t count,
                                          uint8_t *out, uint32_t *done, struct platter_error *err)
{
    struct mrimgx_element elements[TOGETHER];
    size_t unpacked[TOGETHER], bytes, at = 0;
    enum platter_result result;
    uint32_t found, group;
    bool direct;

    result = gather(m, region, block, count < TOGETHER ? count : TOGETHER, elements, &found, &bytes, err);
    if (result)
        return result;
    direct = !elements[0].file->layout.packed && bytes == (size_t)found * region->block_size;
    if (!direct && !make_room(worker, bytes))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, m->base.name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_block_read(elements[0].file->block, direct ? out : worker->in, bytes, elements[0].position, err);
    for (*done = 0; *done < found && result == PLATTER_OK; *done += group) {
        group = found - *done < PLATTER_MD5_LANES ? found - *done : PLATTER_MD5_LANES;
        for (uint32_t i = *done; i < *done + group && result == PLATTER_OK; at += elements[i++].length) {
            uint8_t *to = out + (size_t)i * region->block_size;

            result = decode(m, worker, region, block + i, &elements[i], direct ? to : worker->in + at, to, &unpacked[i],
                            err);
        }
        if (result == PLATTER_OK)
            result = check(region, block + *done, &elements[*done], out + (size_t)*done * region->block_size,
                           &unpacked[*done], group, err);
    }
    return result;
}

uint64_t platter_mrimgx_first_length(struct mrimgx *m, const struct mrimgx_region *region,
                                     const struct mrimgx_element *element)
{
    uint8_t head[32];
    size_t length = element->length < sizeof(head) ? element->length : sizeof(head);
    struct mrimgx_worker *worker;
    unsigned long long content;
    bool whole = true;

    if (length == 0 || !element->file->layout.packed)
        return element->length;
    if (platter_block_read(element->file->block, head, length, element->position, NULL))
        return 0;
    if (element->file->layout.key_bytes) {
        worker = platter_mrimgx_worker_get(m);
        if (!worker)
            return 0;
        whole = platter_mrimgx_decrypt(worker->cipher, element->file->layout.image_id, mrimgx_disk(m)->number,
                                       region->partition, 0, head, length);
        platter_mrimgx_worker_put(m, worker);
    }
    content = whole ? ZSTD_getFrameContentSize(head, length) : ZSTD_CONTENTSIZE_ERROR;
    return content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN ? 0 : content;
}
