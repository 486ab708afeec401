/* SPDX-License-Identifier: MIT */
/*
 * Everything a process can send to the driver's part, in process: a volume whose probe read is waiting, and then the
 * input's control calls. Each is: one byte for the code, one for the output buffer's size, two (little-endian) for the
 * input's length, and the input. What would wait is told not to: TRANSACT gets PLATTER_TRANSACT_NO_WAIT, START is only
 * made here.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <platter/provider.h>

#include "os/thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t codes[] = {PLATTER_IOCTL_TRANSACT, PLATTER_IOCTL_HELLO, PLATTER_IOCTL_VOLUME_LIST,
                                 PLATTER_IOCTL_VOLUME_CREATE, PLATTER_IOCTL_VOLUME_REMOVE};

/* Makes one START for each input, which waits for the probe's answer. One thread does for all: making one costs more. */
static struct starter {
    struct platter_mutex lock;
    struct platter_cond changed;
    struct platter_thread *thread;
    struct platter_transport *handle; /* NULL: nothing to do */
    uint64_t volume_id;
} starter = {.lock = PLATTER_MUTEX_INIT, .changed = PLATTER_COND_INIT};

static void start_all(void *context)
{
    (void)context;
    platter_mutex_lock(&starter.lock);
    for (;;) {
        struct platter_volume_start_in in = {0};
        struct platter_volume_info info;

        while (!starter.handle)
            platter_cond_wait(&starter.changed, &starter.lock);
        in.volume_id = starter.volume_id;
        platter_mutex_unlock(&starter.lock);
        platter_transport_control(starter.handle, PLATTER_IOCTL_VOLUME_START, &in, sizeof(in), &info, sizeof(info),
                                  NULL, NULL);
        platter_mutex_lock(&starter.lock);
        starter.handle = NULL;
        platter_cond_broadcast(&starter.changed);
    }
}

static void start(struct platter_transport *handle, uint64_t volume_id)
{
    platter_mutex_lock(&starter.lock);
    if (!starter.thread && platter_thread_start(start_all, NULL, &starter.thread, NULL) != PLATTER_OK)
        abort();
    starter.handle = handle;
    starter.volume_id = volume_id;
    platter_cond_broadcast(&starter.changed);
    platter_mutex_unlock(&starter.lock);
}

static void await_started(void)
{
    platter_mutex_lock(&starter.lock);
    while (starter.handle)
        platter_cond_wait(&starter.changed, &starter.lock);
    platter_mutex_unlock(&starter.lock);
}

/* Waits until the probe read can be fetched. */
static void await_probe(struct platter_transport *handle)
{
    struct platter_volume_list_in in = {0};
    struct {
        struct platter_volume_list_out header;
        struct platter_volume_info info;
    } out;
    do {
        sched_yield(); /* to the thread that is to queue it */
        if (platter_transport_control(handle, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &out, sizeof(out), NULL,
                                      NULL) != PLATTER_OK)
            abort();
    } while (out.header.count == 0 || out.info.in_flight == 0);
}

/* One call of the input. Returns the bytes it took. */
static size_t call(struct platter_transport *handle, const uint8_t *data, size_t size)
{
    uint32_t code = codes[data[0] % (sizeof(codes) / sizeof(codes[0]))];
    uint32_t output_length = data[1] < 128 ? data[1] * 64u : PLATTER_TRANSACT_MIN_BATCH + data[1] * 512u;
    size_t length = data[2] | (size_t)data[3] << 8, left = size - 4;
    uint32_t returned = 0;

    if (length > left)
        length = left;
    /* Exactly as long as they claim to be, so that a byte too far is seen. */
    uint8_t *input = malloc(length ? length : 1), *output = calloc(1, output_length ? output_length : 1);
    if (!input || !output)
        abort();
    memcpy(input, data + 4, length);
    if (code == PLATTER_IOCTL_TRANSACT && length > offsetof(struct platter_transact_in, flags))
        input[offsetof(struct platter_transact_in, flags)] |= PLATTER_TRANSACT_NO_WAIT;
    if (platter_transport_control(handle, code, input, (uint32_t)length, output, output_length, &returned, NULL) ==
            PLATTER_OK &&
        returned > output_length)
        abort();
    free(output);
    free(input);
    return 4 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct platter_hello_in hello = {.magic = PLATTER_HELLO_MAGIC, .protocol_version = PLATTER_PROTOCOL_VERSION};
    const struct platter_volume_create_in create = {
        .length_bytes = 1 << 20, .sector_size = 512, .physical_sector_size = 512, .unique_id = {1}};
    struct platter_volume_create_out made;
    struct platter_hello_out greeting;
    struct platter_loopback *loopback;
    struct platter_transport *handle;

    if (platter_loopback_create(&loopback, NULL) != PLATTER_OK ||
        platter_loopback_connect(loopback, &handle, NULL) != PLATTER_OK ||
        platter_transport_control(handle, PLATTER_IOCTL_HELLO, &hello, sizeof(hello), &greeting, sizeof(greeting), NULL,
                                  NULL) != PLATTER_OK ||
        platter_transport_control(handle, PLATTER_IOCTL_VOLUME_CREATE, &create, sizeof(create), &made, sizeof(made),
                                  NULL, NULL) != PLATTER_OK)
        abort();
    start(handle, made.volume_id);
    await_probe(handle);
    while (size >= 4) {
        size_t taken = call(handle, data, size);
        data += taken;
        size -= taken;
    }
    platter_transport_shutdown(handle);
    await_started();
    platter_transport_close(handle);
    platter_loopback_free(loopback);
    return 0;
}
