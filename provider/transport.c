/* SPDX-License-Identifier: MIT */
#include "transport.h"

enum platter_result platter_transport_control(struct platter_transport *transport, uint32_t code, const void *input,
                                              uint32_t input_length, void *output, uint32_t output_length,
                                              uint32_t *returned, struct platter_error *err)
{
    uint32_t count = 0;
    enum platter_result result =
        transport->ops->control(transport, code, input, input_length, output, output_length, &count, err);
    if (returned)
        *returned = count;
    return result;
}

void platter_transport_shutdown(struct platter_transport *transport)
{
    transport->ops->shutdown(transport);
}

void platter_transport_close(struct platter_transport *transport)
{
    if (!transport)
        return;
    transport->ops->shutdown(transport);
    transport->ops->close(transport);
}

enum platter_result provider_hello(struct platter_transport *transport, struct platter_hello_out *hello,
                                   struct platter_error *err)
{
    struct platter_hello_in in = {.magic = PLATTER_HELLO_MAGIC, .protocol_version = PLATTER_PROTOCOL_VERSION};
    uint32_t returned;
    enum platter_result result = platter_transport_control(transport, PLATTER_IOCTL_HELLO, &in, sizeof(in), hello,
                                                           sizeof(*hello), &returned, err);
    if (result != PLATTER_OK)
        return result;
    if (returned < sizeof(*hello))
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver answered HELLO with %u bytes instead of %u", (unsigned)returned,
                                 (unsigned)sizeof(*hello));
    if (hello->accepted != 1 || hello->protocol_version != PLATTER_PROTOCOL_VERSION)
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver (%u.%u.%u) speaks protocol version %u and this program version "
                                 "%u; install driver and program of the same release",
                                 (unsigned)(hello->driver_version >> 16), (unsigned)(hello->driver_version >> 8 & 0xff),
                                 (unsigned)(hello->driver_version & 0xff), (unsigned)hello->protocol_version,
                                 PLATTER_PROTOCOL_VERSION);
    return PLATTER_OK;
}
