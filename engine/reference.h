/* SPDX-License-Identifier: MIT */
/*
 * Names of other files that stand in images, and which of them may be followed. Who made the image chose the name, not
 * who opens it: a name on a server would make Windows sign in there with the user's credentials, whosever server it is.
 */
#ifndef PLATTER_ENGINE_REFERENCE_H
#define PLATTER_ENGINE_REFERENCE_H

#include <stdbool.h>

/*
 * NULL: `name` may be followed from the image at `child_path`. Else the reason why not, to be read after "which":
 * it names another machine than the one that the image itself was opened from, or a device. `servers`: \\server\share
 * and \\.\device are such names here, with slashes of either kind; URLs are everywhere. Pure.
 */
const char *platter_reference_refused(const char *child_path, const char *name, bool servers);

/* "scheme://..." */
bool platter_reference_is_url(const char *name);

#endif
