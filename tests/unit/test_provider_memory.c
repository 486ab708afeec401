/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of a provider's life fails once, and every thread it starts: nothing crashes, nothing leaks, and
 * each failure is told. The linker puts the functions below in place of the system's (--wrap).
 */
#include "provider_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Calls to go until one fails; 0: none does. */
static atomic_long countdown;

static bool fails_now(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *context);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *context);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return fails_now() ? 12 : __real_posix_memalign(memory, alignment, size); /* ENOMEM */
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *context)
{
    return fails_now() ? 11 : __real_pthread_create(thread, attributes, function, context); /* EAGAIN */
}

/* A whole life on `block` with the n-th allocation failing. Returns what the first call that failed returned. */
static enum platter_result live(struct platter_block *block, long n)
{
    const struct platter_provider_options options = {.workers = 3};
    const struct platter_provider_volume volumes[2] = {{.block = block}, {.block = block}};
    struct platter_loopback *loopback = NULL;
    struct platter_transport *transport = NULL;
    struct platter_provider *provider = NULL;
    struct platter_volume_info info;
    struct platter_error err = {0};
    uint8_t buffer[8 * KIB];

    atomic_store(&countdown, n);
    enum platter_result result = platter_loopback_create(&loopback, &err);
    if (result != PLATTER_OK)
        goto check;
    result = platter_loopback_connect(loopback, &transport, &err);
    if (result != PLATTER_OK)
        goto free_loopback;
    result = platter_provider_create(transport, volumes, 2, &options, &provider, &err);
    if (result != PLATTER_OK) {
        platter_transport_close(transport);
        goto free_loopback;
    }
    result = platter_provider_announce(provider, 1, &info, &err);
    for (unsigned i = 0; i < 4 && result == PLATTER_OK; i++) {
        uint32_t status = platter_loopback_io(loopback, info.volume_id, i % 2 ? PLATTER_OP_READ : PLATTER_OP_WRITE,
                                              buffer, 0, sizeof(buffer));
        if (status != PLATTER_STATUS_OK)
            result =
                platter_error_set(&err, status == PLATTER_STATUS_NO_MEMORY ? PLATTER_E_NO_MEMORY : PLATTER_E_FAILED,
                                  NULL, PLATTER_NO_OFFSET, "status %u", (unsigned)status);
    }
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
free_loopback:
    platter_loopback_free(loopback);
check:
    if (result != PLATTER_OK) {
        assert_int_equal(err.result, result);
        assert_string_not_equal(err.message, "");
    }
    return result;
}

static void closed(void *context)
{
    *(bool *)context = true;
}

static void each_failing_allocation_is_told_and_leaves_nothing(void **state)
{
    bool done = false;
    long n = 0, failed = 0;
    (void)state;

    while (!done) {
        struct platter_block *block = memory_block_create(64 * KIB, 512, PLATTER_CAP_WRITE);
        bool gone = false;
        memory_block_on_close(block, closed, &gone);
        enum platter_result result = live(block, ++n);
        done = atomic_load(&countdown) > 0; /* the life had fewer allocations than n */
        atomic_store(&countdown, 0);
        failed += result != PLATTER_OK;
        if (done)
            assert_result(result, PLATTER_OK);
        else
            assert_true(result != PLATTER_OK);
        platter_block_unref(block);
        assert_true(gone); /* nobody kept a reference */
        assert_true(n < 1000);
    }
    /* Loopback, session, provider, volumes, workers, three times buffer and thread, two volumes, five requests. */
    assert_true(failed >= 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failing_allocation_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
