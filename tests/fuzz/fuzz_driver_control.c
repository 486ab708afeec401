/* SPDX-License-Identifier: MIT */
/* Any sequence of control codes with any bytes and lengths, from two handles of two users. */
#include "driver_machine.h"

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
    static UCHAR buffer[1024], out[16384];
    static ULONG64 last; /* volume the machine has made */
    HANDLE controls[2];
    ULONG64 base;

    if (MachineBegin((RIG_ROUTE)(Byte(&in) % 3), NULL, data, size))
        last = 0;
    base = last;
    memset(buffer, 0, sizeof(buffer)); /* what an input does must not depend on those before it */
    controls[0] = CtlOpenHello(Rig.User);
    controls[1] = CtlOpen(Rig.Other);
    for (int step = 0; in.Left && step < 24; step++) {
        uint8_t what = Byte(&in);
        PSIM_PROCESS who = what & 0x80 ? Rig.Other : Rig.User;
        HANDLE control = controls[what >> 7];
        PSIM_IO io;
        ULONG code = codes[(what & 0x3f) % 7];
        ULONG inbytes = (ULONG)Number(&in, 2) % 1024, outbytes = (ULONG)Number(&in, 2) % 16384;
        if (what & 0x40) { /* nearly right, so that something gets mounted */
            memcpy(buffer, &shape, sizeof(shape));
            buffer[Byte(&in) % 128] ^= Byte(&in);
            inbytes = code == PLATTER_IOCTL_VOLUME_CREATE ? sizeof(shape) : 16;
            outbytes = 9000;
            if (code == PLATTER_IOCTL_VOLUME_START || code == PLATTER_IOCTL_VOLUME_REMOVE) {
                ULONG64 id = base + Byte(&in) % 8;
                memset(buffer, 0, 16);
                memcpy(buffer, &id, sizeof(id));
            }
        } else {
            Fill(&in, buffer, inbytes);
        }
        io = SimIoctlStart(who, control, code, buffer, inbytes, out, outbytes);
        if (!SimIoWaitFor(io, 1))
            SimIoCancel(io);
        if (SimIoWait(io, NULL) == STATUS_SUCCESS && code == PLATTER_IOCTL_VOLUME_CREATE)
            memcpy(&last, &((struct platter_volume_create_out *)out)->volume_id, sizeof(last));
    }
    SimClose(Rig.User, controls[0]);
    SimClose(Rig.Other, controls[1]);
    MachineEnd(TRUE);
    return 0;
}
