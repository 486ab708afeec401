/* SPDX-License-Identifier: MIT */
/* Providers that come and go under readers that never pause. */
#include "provider_rig.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITABLE (PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD)

struct storm {
    struct platter_loopback *loopback;
    atomic_bool over;
    pthread_t thread;
};

/* Reads whatever volumes there are, without a pause. */
static void *storm_reader(void *context)
{
    struct storm *storm = context;
    uint8_t sector[4096];
    for (uint64_t id = 1; !atomic_load(&storm->over); id = id % 450 + 1)
        platter_loopback_io(storm->loopback, id, PLATTER_OP_READ, sector, 0, sizeof(sector));
    return NULL;
}

static void *stopper(void *context)
{
    platter_provider_stop(context);
    return NULL;
}

static void closed(void *context)
{
    ++*(unsigned *)context;
}

static void two_hundred_lives_in_a_storm(void **state)
{
    enum { READERS = 4, LIVES = 200 };
    struct platter_loopback *loopback;
    struct storm storms[READERS];
    unsigned closes = 0;
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    for (unsigned i = 0; i < READERS; i++) {
        storms[i].loopback = loopback;
        atomic_init(&storms[i].over, false);
        assert_int_equal(pthread_create(&storms[i].thread, NULL, storm_reader, &storms[i]), 0);
    }
    for (unsigned i = 0; i < LIVES; i++) {
        struct platter_provider_volume volumes[2] = {{.block = memory_block_create(64 * KIB, 512, 0)},
                                                     {.block = memory_block_create(64 * KIB, 4096, WRITABLE)}};
        const struct platter_provider_options options = {.workers = 1 + i % 4};
        struct platter_transport *transport;
        struct platter_provider *provider;
        pthread_t thread;
        assert_result(platter_loopback_connect(loopback, &transport, NULL), PLATTER_OK);
        assert_result(platter_provider_create(transport, volumes, 2, &options, &provider, NULL), PLATTER_OK);
        for (unsigned j = 0; j < 2; j++) {
            memory_block_on_close(volumes[j].block, closed, &closes);
            platter_block_unref(volumes[j].block);
        }
        assert_result(platter_provider_announce(provider, 0, NULL, NULL), PLATTER_OK);
        if (i % 3)
            assert_result(platter_provider_announce(provider, 1, NULL, NULL), PLATTER_OK);
        if (i % 2) {
            assert_int_equal(pthread_create(&thread, NULL, stopper, provider), 0);
            platter_provider_stop(provider);
            assert_int_equal(pthread_join(thread, NULL), 0);
        }
        assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
        assert_int_equal(closes, 2 * (i + 1));
    }
    for (unsigned i = 0; i < READERS; i++) {
        atomic_store(&storms[i].over, true);
        assert_int_equal(pthread_join(storms[i].thread, NULL), 0);
    }
    assert_int_equal(rig_list(loopback, NULL, 0), 0);
    platter_loopback_free(loopback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_lives_in_a_storm),
    };
    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
