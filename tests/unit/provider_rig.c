/* SPDX-License-Identifier: MIT */
#include "provider_rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(pthread_t) == sizeof(unsigned long), "a client keeps its thread in an unsigned long");

void rig_open(struct rig *rig, struct platter_block **blocks, size_t count, uint32_t deadline_ms,
              const struct platter_provider_options *options)
{
    struct platter_provider_volume *volumes = calloc(count, sizeof(*volumes));
    struct platter_transport *transport;
    struct platter_error err;

    assert_non_null(volumes);
    assert_result(platter_loopback_create(&rig->loopback, &err), PLATTER_OK);
    assert_result(platter_loopback_connect(rig->loopback, &transport, &err), PLATTER_OK);
    for (size_t i = 0; i < count; i++) {
        volumes[i].block = blocks[i];
        volumes[i].create.deadline_ms = deadline_ms;
    }
    assert_result(platter_provider_create(transport, volumes, count, options, &rig->provider, &err), PLATTER_OK);
    for (size_t i = 0; i < count; i++) {
        platter_block_unref(blocks[i]);
        assert_result(platter_provider_announce(rig->provider, i, i == 0 ? &rig->info : NULL, &err), PLATTER_OK);
    }
    free(volumes);
}

void rig_close(struct rig *rig)
{
    struct platter_error err;
    assert_result(platter_provider_free(rig->provider, &err), PLATTER_OK);
    platter_loopback_free(rig->loopback);
}

struct platter_transport *rig_connect(struct platter_loopback *loopback)
{
    struct platter_hello_in in = {.magic = PLATTER_HELLO_MAGIC, .protocol_version = PLATTER_PROTOCOL_VERSION};
    struct platter_hello_out out;
    struct platter_transport *transport;
    uint32_t returned;

    assert_result(platter_loopback_connect(loopback, &transport, NULL), PLATTER_OK);
    assert_result(
        platter_transport_control(transport, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), &returned, NULL),
        PLATTER_OK);
    assert_int_equal(returned, sizeof(out));
    assert_int_equal(out.accepted, 1);
    return transport;
}

struct platter_volume_create_in rig_sound_create(void)
{
    return (struct platter_volume_create_in){
        .length_bytes = 16 * MIB, .sector_size = 512, .physical_sector_size = 4096, .unique_id = {1}};
}

enum platter_result rig_create_volume(struct platter_transport *handle, const struct platter_volume_create_in *create,
                                      uint64_t *id, struct platter_error *err)
{
    struct platter_volume_create_out made;
    uint32_t returned = 0;
    enum platter_result result = platter_transport_control(handle, PLATTER_IOCTL_VOLUME_CREATE, create, sizeof(*create),
                                                           &made, sizeof(made), &returned, err);
    if (result == PLATTER_OK) {
        assert_int_equal(returned, sizeof(made));
        assert_int_equal(made.device_name[0], '\\');
        *id = made.volume_id;
    }
    return result;
}

/* Asks in pages of two, so that `more` is followed in every test that lists. */
struct page {
    struct platter_volume_list_out header;
    struct platter_volume_info volumes[2];
};

static void list_page(struct platter_transport *transport, uint64_t after, struct page *page)
{
    struct platter_volume_list_in in = {.after_id = after};
    uint32_t returned;
    assert_result(platter_transport_control(transport, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), page, sizeof(*page),
                                            &returned, NULL),
                  PLATTER_OK);
    assert_int_equal(returned, sizeof(page->header) + page->header.count * sizeof(page->volumes[0]));
}

bool rig_info(struct platter_loopback *loopback, uint64_t volume_id, struct platter_volume_info *info)
{
    struct platter_transport *transport = rig_connect(loopback);
    struct page page;
    list_page(transport, volume_id - 1, &page);
    platter_transport_close(transport);
    if (page.header.count == 0 || page.volumes[0].volume_id != volume_id)
        return false;
    *info = page.volumes[0];
    return true;
}

size_t rig_list(struct platter_loopback *loopback, uint64_t *ids, size_t room)
{
    struct platter_transport *transport = rig_connect(loopback);
    struct page page = {.header.more = 1};
    uint64_t last = 0;
    size_t count = 0;
    while (page.header.more) {
        list_page(transport, last, &page);
        for (uint32_t i = 0; i < page.header.count; i++) {
            assert_true(page.volumes[i].volume_id > last);
            last = page.volumes[i].volume_id;
            if (count < room)
                ids[count] = last;
            count++;
        }
    }
    platter_transport_close(transport);
    return count;
}

void rig_wait_in_flight(struct platter_loopback *loopback, uint64_t volume_id, uint32_t count)
{
    uint64_t end = rig_now_ms() + 10000;
    struct platter_volume_info info;
    for (;;) {
        assert_true(rig_info(loopback, volume_id, &info));
        if (info.in_flight >= count)
            return;
        assert_true(rig_now_ms() < end);
        rig_sleep_ms(1);
    }
}

void rig_sleep_ms(unsigned milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    nanosleep(&time, NULL);
}

uint64_t rig_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t rig_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static void *client_main(void *context)
{
    struct rig_client *client = context;
    if (client->gate)
        pthread_barrier_wait(client->gate);
    client->status = platter_loopback_io(client->loopback, client->volume_id, client->op, client->buffer,
                                         client->offset, client->length);
    return NULL;
}

void rig_client_start(struct rig_client *client)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, client_main, client), 0);
    client->thread = (unsigned long)thread;
}

uint32_t rig_client_join(struct rig_client *client)
{
    assert_int_equal(pthread_join((pthread_t)client->thread, NULL), 0);
    return client->status;
}

void rig_assert_text(const struct platter_error *err, const char *part, const char *file, int line)
{
    char text[2048];
    platter_error_text(err, text, sizeof(text));
    if (!strstr(text, part)) {
        print_error("the error reads \"%s\", without \"%s\"\n", text, part);
        _fail(file, line);
    }
}
