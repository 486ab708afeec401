/* SPDX-License-Identifier: MIT */
/*
 * The provider joins the engine and the driver: it serves one image to its volumes from a pool of worker threads.
 *
 * It speaks protocol.h through a transport. One transport is the driver's control device; the other is an in-process
 * loopback that plays the driver's part, with which most tests need no driver and no Windows.
 */
#ifndef PLATTER_PROVIDER_H
#define PLATTER_PROVIDER_H

#include "engine.h"
#include "protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Transports -------------------------------------------------------------------------------------------------- */

struct platter_transport;

/*
 * One control call, shaped like DeviceIoControl: `output` is in/out for TRANSACT, output only for the others.
 * Blocks until the call is complete; any number of threads may be inside at once. After platter_transport_shutdown()
 * every call, also one that is waiting, returns PLATTER_E_CANCELLED.
 * PLATTER_E_DRIVER: no driver, another version, or it refused; the message tells which.
 */
enum platter_result platter_transport_control(struct platter_transport *transport, uint32_t code, const void *input,
                                              uint32_t input_length, void *output, uint32_t output_length,
                                              uint32_t *returned, struct platter_error *err);
void platter_transport_shutdown(struct platter_transport *transport); /* idempotent; from any thread */
void platter_transport_close(struct platter_transport *transport);    /* volumes of the handle go with it */

#ifdef _WIN32
/* Opens \\.\Platter and says HELLO. *hello may be NULL. */
enum platter_result platter_transport_driver_open(struct platter_transport **transport, struct platter_hello_out *hello,
                                                  struct platter_error *err);
#endif

/* ---- Loopback: the driver's part, in process ---------------------------------------------------------------------- */

struct platter_loopback;

enum platter_result platter_loopback_create(struct platter_loopback **loopback, struct platter_error *err);
void platter_loopback_free(struct platter_loopback *loopback); /* after its transports are closed */
/* A new handle, HELLO not yet said. */
enum platter_result platter_loopback_connect(struct platter_loopback *loopback, struct platter_transport **transport,
                                             struct platter_error *err);
/*
 * What a program would do to \\.\X:. Blocks until answered, timed out (the volume's deadline) or the volume is gone.
 * Returns an enum platter_status, or PLATTER_LOOPBACK_GONE / PLATTER_LOOPBACK_TIMEOUT. length is split as the driver does.
 */
#define PLATTER_LOOPBACK_GONE 0x1000u
#define PLATTER_LOOPBACK_TIMEOUT 0x1001u
uint32_t platter_loopback_io(struct platter_loopback *loopback, uint64_t volume_id, enum platter_op op, void *buffer,
                             uint64_t offset, uint64_t length);

/* ---- Provider ---------------------------------------------------------------------------------------------------- */

struct platter_provider;

struct platter_provider_volume {
    struct platter_block *block;            /* the volume's bytes; the provider keeps its own reference */
    struct platter_volume_create_in create; /* length_bytes, sector sizes and write flags are filled from the block */
};

struct platter_provider_options {
    unsigned workers;     /* threads, at most 64; 0: a default for this machine */
    uint32_t batch_bytes; /* batch buffer of each worker; 0: a default */
};

/*
 * Says HELLO, creates the volumes and starts the workers; nothing is announced yet. Keeps `transport` (closes it in
 * free). On failure what was made is undone and `transport` stays the caller's.
 */
enum platter_result platter_provider_create(struct platter_transport *transport,
                                            const struct platter_provider_volume *volumes, size_t volume_count,
                                            const struct platter_provider_options *options,
                                            struct platter_provider **provider, struct platter_error *err);
/* VOLUME_START for volume `index` (as given to create): probe read, announce, answer. *info may be NULL. */
enum platter_result platter_provider_announce(struct platter_provider *provider, size_t index,
                                              struct platter_volume_info *info, struct platter_error *err);
/* Waits until all volumes are gone or somebody called stop; true when they are gone. timeout_ms 0: for ever. */
bool platter_provider_wait(struct platter_provider *provider, uint32_t timeout_ms);
/*
 * Makes wait return and the workers end once the requests in hand are answered. From any thread, that of a console
 * handler too (it takes a lock, so not from a POSIX signal handler itself); idempotent; returns within 0.1 s.
 */
void platter_provider_stop(struct platter_provider *provider);

struct platter_provider_stats {
    uint64_t requests; /* served, well or not */
    uint64_t failed_requests;
    uint64_t read_bytes;
    uint64_t written_bytes;
    struct platter_error last_error; /* of the last request that failed, or what ended the session; result OK: none */
};
/* What has been served so far. From any thread. */
void platter_provider_get_stats(struct platter_provider *provider, struct platter_provider_stats *stats);

/* Stops, joins the workers, flushes each block, closes the transport. Returns the flushes' worst result. */
enum platter_result platter_provider_free(struct platter_provider *provider, struct platter_error *err);

#ifdef __cplusplus
}
#endif

#endif /* PLATTER_PROVIDER_H */
