/* SPDX-License-Identifier: MIT */
#include "socket_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum platter_result no_memory(const char *name, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
}

enum platter_result platter_addresses_resolve(const char *host, uint16_t port, const char *name,
                                              struct platter_addresses **addresses, struct platter_error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct platter_addresses *made;
    enum platter_result result = platter_sockets_use(name, err);
    char service[8];
    int code;

    if (result)
        return result;
    made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(name, err);
    (void)snprintf(service, sizeof(service), "%u", port);
    code = getaddrinfo(host, service, &wanted, &made->list);
    if (code == 0) {
        *addresses = made;
        return PLATTER_OK;
    }
    free(made);
    return platter_sockets_unresolved(code, host, name, err);
}

enum platter_result platter_addresses_unix(const char *path, const char *name, struct platter_addresses **addresses,
                                           struct platter_error *err)
{
    struct platter_addresses *made;
    enum platter_result result = platter_sockets_use(name, err);

    if (result)
        return result;
    if (strlen(path) >= sizeof(made->local.sun_path))
        return platter_error_set(err, PLATTER_E_USAGE, name, PLATTER_NO_OFFSET,
                                 "a socket's path has at most %zu bytes; give a shorter one, perhaps a relative one",
                                 sizeof(made->local.sun_path) - 1);
    made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(name, err);
    made->local.sun_family = AF_UNIX;
    memcpy(made->local.sun_path, path, strlen(path) + 1);
    *addresses = made;
    return PLATTER_OK;
}

void platter_addresses_free(struct platter_addresses *addresses)
{
    if (!addresses)
        return;
    if (addresses->list)
        freeaddrinfo(addresses->list);
    free(addresses);
}
