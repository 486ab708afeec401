/* SPDX-License-Identifier: MIT */
/* Any sequence of control codes with any bytes and lengths, from two handles of two users. */
#include "driver_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ULONG codes[] = {PLATTER_IOCTL_HELLO,
                                  PLATTER_IOCTL_VOLUME_LIST,
                                  PLATTER_IOCTL_VOLUME_CREATE,
                                  PLATTER_IOCTL_VOLUME_START,
                                  PLATTER_IOCTL_VOLUME_REMOVE,
                                  PLATTER_IOCTL_TRANSACT,
                                  0x83502000u};
    INPUT_BYTES in = {data, size};
    struct platter_volume_create_in shape = ShapeDefault(65536);
    UCHAR *buffer = calloc(1, 16384), *out = calloc(1, 16384);
    HANDLE controls[2];
    PSIM_IO ios[16];
    ULONG pending = 0;

    RigStart((RIG_ROUTE)(Byte(&in) % 3));
    controls[0] = CtlOpenHello(Rig.User);
    controls[1] = CtlOpen(Rig.Other);
    for (int step = 0; in.Left && step < 24; step++) {
        uint8_t what = Byte(&in);
        PSIM_PROCESS who = what & 0x80 ? Rig.Other : Rig.User;
        HANDLE control = controls[what >> 7];
        ULONG code = codes[(what & 0x3f) % 7];
        ULONG inbytes = (ULONG)Number(&in, 2) % 1024, outbytes = (ULONG)Number(&in, 2) % 16384;
        if (what & 0x40) { /* nearly right, so that something gets mounted */
            memcpy(buffer, &shape, sizeof(shape));
            buffer[Byte(&in) % 128] ^= Byte(&in);
            inbytes = code == PLATTER_IOCTL_VOLUME_CREATE ? sizeof(shape) : 16;
            outbytes = 9000;
            if (code == PLATTER_IOCTL_VOLUME_START || code == PLATTER_IOCTL_VOLUME_REMOVE) {
                memset(buffer, 0, 16);
                buffer[0] = Byte(&in) % 8;
            }
        } else {
            Fill(&in, buffer, inbytes);
        }
        if (pending < 16) {
            UCHAR *own = calloc(1, 16384);
            ios[pending] = SimIoctlStart(who, control, code, buffer, inbytes, own, outbytes);
            if (SimIoWaitFor(ios[pending], 1)) {
                SimIoWait(ios[pending], NULL);
                free(own);
            } else {
                SimIoCancel(ios[pending]);
                SimIoWait(ios[pending], NULL);
                free(own);
            }
        }
    }
    SimClose(Rig.User, controls[0]);
    SimClose(Rig.Other, controls[1]);
    RigStop();
    free(buffer);
    free(out);
    return 0;
}
