/* SPDX-License-Identifier: MIT */
/* What a transport implements; transport.c is the only caller. */
#ifndef PLATTER_PROVIDER_TRANSPORT_H
#define PLATTER_PROVIDER_TRANSPORT_H

#include <platter/provider.h>

struct platter_transport_ops {
    /* *returned is never NULL and starts at 0. Any number of threads at once. */
    enum platter_result (*control)(struct platter_transport *transport, uint32_t code, const void *input,
                                   uint32_t input_length, void *output, uint32_t output_length, uint32_t *returned,
                                   struct platter_error *err);
    void (*shutdown)(struct platter_transport *transport);
    void (*close)(struct platter_transport *transport);
};

/* First member of each transport's own structure. */
struct platter_transport {
    const struct platter_transport_ops *ops;
};

/* Says HELLO and checks the answer. May be said again on a handle that has said it. */
enum platter_result provider_hello(struct platter_transport *transport, struct platter_hello_out *hello,
                                   struct platter_error *err);

#endif
