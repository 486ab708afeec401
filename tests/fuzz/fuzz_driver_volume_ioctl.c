/* SPDX-License-Identifier: MIT */
/* Ioctls, reads and writes of any code, length and bytes on a disk and on a disc. */
#include "driver_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ULONG types[] = {0x07, 0x2d, 'V', 'M', 0x02, 0x09};
    INPUT_BYTES in = {data, size};
    struct platter_volume_create_in shape = ShapeDefault(65536);
    UCHAR buffer[512], out[2048];
    HANDLE volume;
    PROVIDER p;
    uint8_t kind = Byte(&in);

    RigStart(kind & 0x80 ? RigPnp : RigLink);
    ProviderStartBatch(&p, Rig.User, 65536, 1, PLATTER_TRANSACT_MIN_BATCH + 4096, 8);
    if (kind & 1) {
        shape.sector_size = 2048;
        shape.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY;
    } else {
        shape.flags = kind & (PLATTER_VOLUME_TRIM | PLATTER_VOLUME_STABLE_ID);
        shape.partition_style = kind & 0x40 ? PLATTER_STYLE_GPT : PLATTER_STYLE_MBR;
        shape.partition_offset = 63 * 512;
    }
    if (ProviderMount(&p, &shape) != STATUS_SUCCESS)
        SimBug("the mount fails");
    if (SimOpen(Rig.User, p.Device, RW, &volume) != STATUS_SUCCESS)
        SimBug("the volume cannot be opened");
    for (int step = 0; in.Left && step < 64; step++) {
        uint8_t what = Byte(&in);
        ULONG inbytes = (ULONG)Number(&in, 2) % sizeof(buffer), outbytes = (ULONG)Number(&in, 2) % sizeof(out);
        Fill(&in, buffer, inbytes < in.Left ? inbytes : in.Left);
        if (what >= 0xf8)
            SimRead(Rig.User, volume, Number(&in, 8), out, outbytes, NULL);
        else if (what >= 0xf0)
            SimWrite(Rig.User, volume, Number(&in, 8), out, outbytes, NULL);
        else
            SimIoctl(Rig.User, volume,
                     CTL_CODE(types[what % 6], (ULONG)Number(&in, 2) & 0x8ff, METHOD_BUFFERED, Byte(&in) & 3), buffer,
                     inbytes, out, outbytes, NULL);
    }
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
    return 0;
}
