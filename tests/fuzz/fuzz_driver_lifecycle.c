/* SPDX-License-Identifier: MIT */
/* Whole lives: mounts, opens, requests, PnP, deaths, faults and schedules in an order that the input chooses. */
#include "driver_machine.h"
#include <ntsim/reuse.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    INPUT_BYTES in = {data, size};
    SIM_OPTIONS options = {0};
    PROVIDER p[3];
    BOOLEAN alive[3] = {0};
    HANDLE volumes[3] = {0};
    UCHAR buffer[4096];
    BOOLEAN faults = FALSE, remembered = FALSE;
    RIG_ROUTE route = (RIG_ROUTE)(Byte(&in) % 3);

    options.Seed = Number(&in, 2);
    options.CallsOnly =
        TRUE; /* an input does the same in every build, so that the replays of make test mean something */
    options.SurpriseRemovesAtOnce = options.Seed % 2;
    options.NoAutoMount = Byte(&in) % 4 == 0;
    MachineBegin(route, &options, data, size);
    for (int step = 0; in.Left && step < 40; step++) {
        uint8_t what = Byte(&in), arg = Byte(&in);
        int n = what % 3;
        char name[16];
        snprintf(name, sizeof(name), "\\\\.\\%c:", 'M' + n);
        switch (what / 3 % 12) {
        case 0:
        case 1:
            if (!alive[n]) {
                struct platter_volume_create_in shape = ShapeDefault(65536);
                shape.letter = arg & 0x40 ? 0 : (uint32_t)('M' + (arg & 0x20 ? 0 : n));
                shape.flags = arg & 0x80 ? PLATTER_VOLUME_STABLE_ID : 0;
                remembered = (BOOLEAN)(remembered || shape.flags);
                ProviderStartBatch(&p[n], SimProcessCreate("provider", arg & 1 ? SimUserPlain : SimUserAdmin), 65536,
                                   1 + arg % 2u, PLATTER_TRANSACT_MIN_BATCH + 4096, 8);
                alive[n] = TRUE;
                SimFaultArm(arg & 0x10 ? 1u + arg % 16u : 0);
                ProviderMount(&p[n], &shape);
                faults = (BOOLEAN)(faults || SimFaultFired());
                SimFaultArm(0);
            }
            break;
        case 2:
            if (!volumes[n])
                SimOpen(Rig.Admin, name, RW, &volumes[n]);
            break;
        case 3:
            if (volumes[n])
                SimRead(Rig.Admin, volumes[n], arg * 512u, buffer, 4096, NULL);
            break;
        case 4:
            if (volumes[n])
                SimWrite(Rig.Admin, volumes[n], arg % 16u * 512u, buffer, 4096, NULL);
            break;
        case 5:
            if (volumes[n])
                SimClose(Rig.Admin, volumes[n]);
            volumes[n] = NULL;
            break;
        case 6:
            if (alive[n] && p[n].VolumeId) {
                HANDLE control = CtlOpenHello(Rig.Admin);
                CtlRemove(Rig.Admin, control, p[n].VolumeId, arg & PLATTER_REMOVE_FORCE);
                SimClose(Rig.Admin, control);
            }
            break;
        case 7:
            if (alive[n])
                ProviderKill(&p[n]);
            alive[n] = FALSE;
            break;
        case 8:
            if (alive[n])
                ProviderStop(&p[n]);
            alive[n] = FALSE;
            break;
        case 9:
            if (Rig.Bus && SimPnpChildren(Rig.Bus)) {
                char veto[64];
                PSIM_DEVNODE node = SimPnpChild(Rig.Bus, arg % SimPnpChildren(Rig.Bus));
                if (!SimPnpStarted(node))
                    break;
                if (arg & 0x80)
                    SimPnpEject(node, veto, sizeof(veto));
                else if (arg & 0x40)
                    SimPnpSendCancelRemove(node);
                else
                    SimPnpRescan(Rig.Bus);
            }
            break;
        case 10:
            if (alive[n])
                p[n].Conduct = (CONDUCT)(arg % (ConductShuffled + 1)), p[n].LateMs = 1u << arg % 12u;
            break;
        default:
            SimSleep(1u << arg % 11u);
            break;
        }
    }
    for (int n = 0; n < 3; n++)
        if (alive[n])
            ProviderKill(&p[n]);
    for (int n = 0; n < 3; n++)
        if (volumes[n])
            SimClose(Rig.Admin, volumes[n]);
    if (remembered) {
        SimSettle();
        SimMountForget();
    }
    MachineEnd((BOOLEAN)!faults); /* where a call fails that takes something back, it stays */
    return 0;
}
