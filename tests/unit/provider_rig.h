/* SPDX-License-Identifier: MIT */
/* What the provider's tests share: a loopback, a provider on it, and client threads. */
#ifndef PLATTER_TESTS_PROVIDER_RIG_H
#define PLATTER_TESTS_PROVIDER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <platter/provider.h>

#include "memory_block.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

struct rig {
    struct platter_loopback *loopback;
    struct platter_provider *provider;
    struct platter_volume_info info; /* of the first volume, as announced */
};

/* Serves `count` blocks on a new loopback, all announced. Takes the blocks over: the provider has the only references. */
void rig_open(struct rig *rig, struct platter_block **blocks, size_t count, uint32_t deadline_ms,
              const struct platter_provider_options *options);
void rig_close(struct rig *rig);

/* A handle on which HELLO has been said. */
struct platter_transport *rig_connect(struct platter_loopback *loopback);
/* A volume of 16 MiB that no driver has a reason to refuse, and VOLUME_CREATE of one. */
struct platter_volume_create_in rig_sound_create(void);
enum platter_result rig_create_volume(struct platter_transport *handle, const struct platter_volume_create_in *create,
                                      uint64_t *id, struct platter_error *err);
/* Fills *info as VOLUME_LIST tells it; false when the volume is not listed. */
bool rig_info(struct platter_loopback *loopback, uint64_t volume_id, struct platter_volume_info *info);
/* Ids of all volumes by ascending id; returns how many there are. */
size_t rig_list(struct platter_loopback *loopback, uint64_t *ids, size_t room);
/* Waits (10 s at most) until `volume_id` has at least `count` requests in flight. */
void rig_wait_in_flight(struct platter_loopback *loopback, uint64_t volume_id, uint32_t count);

void rig_sleep_ms(unsigned milliseconds);
uint64_t rig_now_ms(void);

/* xorshift64*: the same numbers in every run. */
uint64_t rig_random(uint64_t *state);

/* One client thread that does one request. */
struct rig_client {
    struct platter_loopback *loopback;
    uint64_t volume_id;
    enum platter_op op;
    void *buffer;
    uint64_t offset, length;
    uint32_t status; /* after rig_client_join */
    unsigned long thread;
    void *gate; /* a pthread_barrier_t to wait at before the request; NULL: none */
};
void rig_client_start(struct rig_client *client);
uint32_t rig_client_join(struct rig_client *client);

#define assert_result(call, wanted) assert_int_equal((call), (wanted))
#define assert_text(err, part) rig_assert_text(&(err), part, __FILE__, __LINE__)
void rig_assert_text(const struct platter_error *err, const char *part, const char *file, int line);

#endif
