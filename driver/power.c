/* SPDX-License-Identifier: MIT */
#include "power.h"

/* PoStartNextPowerIrp and PoCallDriver: needed before Vista, harmless since, and the simplest that is right on all. */
NTSTATUS
PowerBus(PDEVICE_OBJECT Lower, PIRP Irp)
{
    PoStartNextPowerIrp(Irp);
    IoSkipCurrentIrpStackLocation(Irp);
    return PoCallDriver(Lower, Irp);
}

NTSTATUS
PowerVolume(PIRP Irp)
{
    UCHAR minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;
    NTSTATUS status = Irp->IoStatus.Status;

    if (minor == IRP_MN_SET_POWER || minor == IRP_MN_QUERY_POWER)
        status = STATUS_SUCCESS;
    PoStartNextPowerIrp(Irp);
    return CompleteIrp(Irp, status, Irp->IoStatus.Information);
}
