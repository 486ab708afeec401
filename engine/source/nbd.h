/* SPDX-License-Identifier: MIT */
/* An export of an NBD server as a block. */
#ifndef PLATTER_ENGINE_SOURCE_NBD_H
#define PLATTER_ENGINE_SOURCE_NBD_H

#include "../block.h"

/* flags: enum platter_open_flag, of which only PLATTER_OPEN_WRITABLE means something here. `uri`: see nbd_uri.h. */
enum platter_result platter_nbd_open(const char *uri, uint32_t flags, struct platter_block **block,
                                     struct platter_error *err);

#endif
