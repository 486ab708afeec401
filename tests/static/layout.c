/* SPDX-License-Identifier: MIT */
/* Every header of the driver, for layout.py: compiled natively and by mingw-w64 with all types in the debug information. */
#include "../../driver/driver.h"
#include "../../driver/announce.h"
#include "../../driver/bus.h"
#include "../../driver/ioctl.h"
#include "../../driver/queue.h"
#include "../../driver/request.h"
#include "../../driver/sddl.h"
#include "../../driver/security.h"
#include "../../driver/session.h"
#include "../../driver/text.h"
#include "../../driver/volume.h"

#ifdef LAYOUT_PLANTED /* `long` has 64 bits here and 32 on Windows: layout.py must notice */
struct layout_planted {
    char First;
    long Second;
};
#endif

int LayoutUnit;
