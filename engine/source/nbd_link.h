/* SPDX-License-Identifier: MIT */
/* The connections of one NBD source: as many as pay, made anew when they are lost. */
#ifndef PLATTER_ENGINE_SOURCE_NBD_LINK_H
#define PLATTER_ENGINE_SOURCE_NBD_LINK_H

#include "nbd_client.h"

struct platter_nbd_link;

/* Connects once. `name`: the URI as the user gave it. */
enum platter_result platter_nbd_link_open(const char *name, struct platter_nbd_link **link, struct platter_error *err);
/* No call may be under way. */
void platter_nbd_link_close(struct platter_nbd_link *link);
/* As it was at opening; it stays so, or calls fail. */
const struct platter_nbd_export *platter_nbd_link_export(const struct platter_nbd_link *link);

/*
 * One request, over whichever connection has the least to do; again over a new one when the connection is lost. Ends
 * within PLATTER_NBD_PATIENCE_MS, whatever server and network do. The error names the URI and `call`'s offset.
 */
enum platter_result platter_nbd_link_call(struct platter_nbd_link *link, struct platter_nbd_call *call,
                                          struct platter_error *err);
/*
 * Everything that was answered before is on the server's stable storage. A connection that was lost with writes not
 * flushed may have taken them with it: from then on this fails, and so do writes, until the image is opened again.
 */
enum platter_result platter_nbd_link_flush(struct platter_nbd_link *link, struct platter_error *err);

/* The driver gives up on a request after 30 s; there is to be an error before. */
#define PLATTER_NBD_PATIENCE_MS 20000u

#endif
