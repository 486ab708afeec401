/* SPDX-License-Identifier: MIT */
/* A bare NBD client, and a server in a thread of its own to talk to. Each failure of the plumbing fails the test. */
#ifndef PLATTER_TESTS_NBD_CLIENT_H
#define PLATTER_TESTS_NBD_CLIENT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <memory_block.h>
#include <nbd_server.h>
#include "../../engine/source/nbd_wire.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

#define NBD_RIG_DISK (4 * MIB)
#define NBD_RIG_CAPS (PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD | PLATTER_CAP_MAP)

/* A disk of NBD_RIG_DISK bytes, each of which tells where it lies. */
struct platter_block *nbd_patterned_disk(uint32_t caps);
/* Operations (enum memory_operation) that touch the byte at `offset` fail. */
void nbd_fail_disk_at(struct platter_block *block, uint32_t operations, uint64_t offset, enum platter_result result);
void nbd_delay_disk(struct platter_block *block, uint32_t operations, unsigned ms);

struct nbd_rig {
    struct platter_block *block; /* the rig's own reference */
    struct platter_nbd_server *server;
    enum platter_result outcome; /* of run, after nbd_rig_stop */
    char folder[32];
    char path[64];
    pthread_t thread;
};

/* Serves `block`, whose only reference it takes over. options may be NULL; its socket_path is the rig's. */
void nbd_rig_start(struct nbd_rig *rig, struct platter_block *block, const struct platter_nbd_options *options);
void nbd_rig_stop(struct nbd_rig *rig);

enum nbd_style { NBD_SIMPLE, NBD_STRUCTURED };

int nbd_connect(const char *path);
/* Connects and goes into transmission; NBD_STRUCTURED selects base:allocation, too. */
int nbd_open(const struct nbd_rig *rig, enum nbd_style style);
void nbd_close(int fd);

void nbd_send(int fd, const void *data, size_t length);
/* False at the end of the stream; fails the test when nothing comes for ten seconds. */
bool nbd_receive(int fd, void *data, size_t length);
/* True when the server has hung up (whatever it sent before is skipped). */
bool nbd_hung_up(int fd);

void nbd_send_option(int fd, uint32_t option, const void *data, uint32_t length);
void nbd_request(int fd, uint16_t command, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t length);
/* The error of the next simple reply, whose cookie must be this one. */
uint32_t nbd_simple_reply(int fd, uint64_t cookie);

struct nbd_chunk {
    uint16_t flags;
    uint16_t type;
    uint64_t cookie;
    uint32_t length;
    uint8_t *data; /* to be freed */
};
void nbd_receive_chunk(int fd, struct nbd_chunk *chunk);
/* Reads a whole structured reply to a READ into `buffer` (holes as zeros, only what arrived). Returns its NBD error, 0: none. */
uint32_t nbd_structured_read(int fd, uint64_t cookie, uint64_t offset, uint32_t length, uint8_t *buffer);
/* The one chunk of any other reply: its NBD error, 0: none. text (may be NULL): 256 bytes. */
uint32_t nbd_structured_reply(int fd, uint64_t cookie, char *text);

uint64_t nbd_milliseconds(void);
void nbd_sleep(unsigned ms);

#endif
