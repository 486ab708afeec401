/* SPDX-License-Identifier: MIT */
/* One side of an NBD connection as a fuzz target's input has it: bytes to be received; what is sent goes nowhere. */
#ifndef PLATTER_TESTS_NBD_SCRIPT_H
#define PLATTER_TESTS_NBD_SCRIPT_H

#include "source/nbd_stream.h"

struct nbd_script {
    struct nbd_stream stream; /* its receive buffer is large for a stack */
    const uint8_t *parts[2];  /* received one after the other */
    size_t left[2];           /* bytes of each */
    size_t at_a_time;         /* bytes that are received at once, at most */
};

/* A script of `data` alone; bits 4 to 7 of `first` are the logarithm of at_a_time. */
void nbd_script_init(struct nbd_script *script, uint8_t first, const uint8_t *data, size_t size);

#endif
