/* SPDX-License-Identifier: MIT */
/* Ioctls, reads and writes of any code, length and bytes on a disk and on a disc. */
#include "driver_machine.h"

/* One of each kind, mounted when an input first asks for it. */
enum { KINDS = 256 };
static struct MOUNT {
    BOOLEAN Mounted;
    PROVIDER P;
    HANDLE Volume;
} Mounts[KINDS];

static void Unmount(struct MOUNT *mount)
{
    if (!mount->Mounted)
        return;
    SimClose(Rig.User, mount->Volume);
    ProviderStop(&mount->P);
    mount->Mounted = FALSE;
}

static void UnmountAll(void)
{
    for (int i = 0; i < KINDS; i++)
        Unmount(&Mounts[i]);
}

static void Mount(struct MOUNT *mount, uint8_t kind)
{
    struct platter_volume_create_in shape = ShapeDefault(65536);
    NTSTATUS status;

    shape.letter = 0; /* the Mount Manager finds one for each that is kept */
    shape.unique_id[15] = kind;
    ProviderStartBatch(&mount->P, Rig.User, 65536, 1, PLATTER_TRANSACT_MIN_BATCH + 4096, 8);
    if (kind & 1) {
        shape.sector_size = 2048;
        shape.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY;
    } else {
        shape.flags = kind & (PLATTER_VOLUME_TRIM | PLATTER_VOLUME_STABLE_ID);
        shape.partition_style = kind & 0x40 ? PLATTER_STYLE_GPT : PLATTER_STYLE_MBR;
        shape.partition_offset = 63 * 512;
    }
    status = ProviderMount(&mount->P, &shape);
    if (status != STATUS_SUCCESS)
        SimBug("the mount fails: %08x", status);
    if (SimOpen(Rig.User, mount->P.Device, RW, &mount->Volume) != STATUS_SUCCESS)
        SimBug("the volume cannot be opened");
    mount->Mounted = TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ULONG types[] = {0x07, 0x2d, 'V', 'M', 0x02, 0x09};
    INPUT_BYTES in = {data, size};
    static UCHAR buffer[512], out[2048];
    struct platter_volume_info info;
    uint8_t kind = Byte(&in);
    struct MOUNT *mount;
    HANDLE volume;
    BOOLEAN runs;

    kind &= kind & 1 ? 1 : 0x40 | PLATTER_VOLUME_TRIM | PLATTER_VOLUME_STABLE_ID;
    mount = &Mounts[kind];
    MachineClear = UnmountAll;
    MachineBegin(RigPnp, NULL, data, size);
    if (!mount->Mounted) {
        Mount(mount, kind);
        SimSettle();
        MachineMark();
    }
    volume = mount->Volume;
    memset(buffer, 0, sizeof(buffer)); /* what an input does must not depend on those before it */
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
    SimSettle();
    runs = (BOOLEAN)(CtlInfo(Rig.User, mount->P.VolumeId, &info) && info.state == PLATTER_STATE_RUNNING);
    if (!runs) { /* ejected */
        Unmount(mount);
        SimSettle();
        MachineMark();
    }
    MachineEnd(TRUE);
    return 0;
}
