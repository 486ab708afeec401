/* SPDX-License-Identifier: MIT */
/* What only kernel components send: every major function, volume information, IRPs built by drivers above. */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddvol.h>

enum { MAJORS = IRP_MJ_MAXIMUM_FUNCTION + 1 };

static NTSTATUS Send(PDEVICE_OBJECT device, SIM_KERNEL_REQUEST request, ULONG_PTR *information)
{
    return SimKernelRequest(device, NULL, &request, information);
}

/* "FILE_FS_DEVICE_INFORMATION", "FILE_FS_SIZE_INFORMATION", "ZwQueryVolumeInformationFile" (WDK). */
static void volume_information(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(3 * MIB);
    FILE_FS_DEVICE_INFORMATION device = {0};
    FILE_FS_SIZE_INFORMATION size = {0};
    UCHAR out[128];
    ULONG_PTR got;
    PDEVICE_OBJECT volume;
    PROVIDER p;

    (void)state;
    shape.sector_size = 4096;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, 3 * MIB, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    volume = SimDeviceByName(p.Device);
    for (ULONG class = 0; class < 16; class ++)
        for (ULONG length = 0; length < 40; length++) {
            ULONG need = class == FileFsDeviceInformation ? sizeof(device)
                         : class == FileFsSizeInformation ? sizeof(size)
                                                          : 0;
            SIM_KERNEL_REQUEST request = {
                .Major = IRP_MJ_QUERY_VOLUME_INFORMATION, .Code = class, .Output = out, .OutBytes = length};
            NTSTATUS status;
            memset(out, 0xee, sizeof(out));
            status = Send(volume, request, &got);
            assert_status(!need             ? STATUS_INVALID_DEVICE_REQUEST
                          : (length < need) ? STATUS_INFO_LENGTH_MISMATCH
                                            : STATUS_SUCCESS,
                          status);
            assert_int_equal(got, NT_SUCCESS(status) ? need : 0);
            assert_int_equal(out[got], 0xee);
            if (NT_SUCCESS(status) && class == FileFsDeviceInformation)
                memcpy(&device, out, sizeof(device));
            else if (NT_SUCCESS(status))
                memcpy(&size, out, sizeof(size));
        }
    assert_int_equal(device.DeviceType, FILE_DEVICE_DISK);
    assert_int_equal(device.Characteristics, volume->Characteristics);
    assert_int_equal(size.BytesPerSector, 4096);
    assert_int_equal(size.TotalAllocationUnits.QuadPart * size.SectorsPerAllocationUnit * size.BytesPerSector, 3 * MIB);
    ProviderStop(&p);
    RigStop();
}

/* "A driver must set a dispatch routine for each; others are refused with STATUS_INVALID_DEVICE_REQUEST" (WDK). */
static void every_major_function(void **state)
{
    static const UCHAR served[] = {
        IRP_MJ_READ,     IRP_MJ_WRITE,  IRP_MJ_FLUSH_BUFFERS,  IRP_MJ_DEVICE_CONTROL,
        IRP_MJ_PNP,      IRP_MJ_POWER,  IRP_MJ_SYSTEM_CONTROL, IRP_MJ_QUERY_VOLUME_INFORMATION,
        IRP_MJ_SHUTDOWN, IRP_MJ_CREATE, IRP_MJ_CLEANUP,        IRP_MJ_CLOSE};
    PDEVICE_OBJECT volume, control, bus;
    ULONG_PTR got;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    volume = SimDeviceByName(p.Device);
    control = SimDeviceByName(PLATTER_CONTROL_DEVICE_NAME);
    bus = SimPnpPdo(Rig.Bus)->AttachedDevice;
    for (UCHAR major = 0; major < MAJORS; major++) {
        BOOLEAN known = memchr(served, major, sizeof(served)) != NULL;
        if (!known) {
            assert_status(STATUS_INVALID_DEVICE_REQUEST, Send(volume, (SIM_KERNEL_REQUEST){.Major = major}, &got));
            assert_int_equal(got, 0);
        }
        if (major == IRP_MJ_CREATE || major == IRP_MJ_CLEANUP || major == IRP_MJ_CLOSE ||
            major == IRP_MJ_DEVICE_CONTROL)
            continue; /* these come with a file object */
        assert_status(STATUS_INVALID_DEVICE_REQUEST, Send(control, (SIM_KERNEL_REQUEST){.Major = major}, NULL));
        if (major != IRP_MJ_PNP && major != IRP_MJ_POWER && major != IRP_MJ_SYSTEM_CONTROL)
            assert_status(STATUS_INVALID_DEVICE_REQUEST, Send(bus, (SIM_KERNEL_REQUEST){.Major = major}, NULL));
    }
    /* There is nothing to be written back at shutdown; WMI: a PDO that offers nothing completes it as it came. */
    assert_status(STATUS_SUCCESS, Send(volume, (SIM_KERNEL_REQUEST){.Major = IRP_MJ_SHUTDOWN}, NULL));
    got = 7;
    assert_status(STATUS_NOT_SUPPORTED, Send(volume, (SIM_KERNEL_REQUEST){.Major = IRP_MJ_SYSTEM_CONTROL}, &got));
    assert_int_equal(got, 7);
    assert_false(NT_SUCCESS(Send(bus, (SIM_KERNEL_REQUEST){.Major = IRP_MJ_SYSTEM_CONTROL}, NULL)));
    /* Power requests it does not know stay as they came ("IRP_MN_WAIT_WAKE", WDK). */
    assert_status(STATUS_NOT_SUPPORTED,
                  Send(volume, (SIM_KERNEL_REQUEST){.Major = IRP_MJ_POWER, .Minor = IRP_MN_WAIT_WAKE}, NULL));
    /* One that comes without a file object belongs to nobody's session. */
    assert_status(
        STATUS_INVALID_HANDLE,
        Send(control, (SIM_KERNEL_REQUEST){.Major = IRP_MJ_DEVICE_CONTROL, .Code = PLATTER_IOCTL_HELLO}, NULL));
    ProviderStop(&p);
    RigStop();
}

/* Before its probe read has passed there is nothing to be opened or read ("announce only when it works"). */
static void nothing_is_served_before_it_runs(void **state)
{
    static const UCHAR majors[] = {IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_DEVICE_CONTROL};
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    struct platter_volume_start_in start = {0};
    struct platter_volume_info info;
    char device[64];
    UCHAR data[512];
    HANDLE volume;
    PSIM_IO io = NULL;
    PROVIDER p;

    (void)state;
    for (int probing = 0; probing < 2; probing++) {
        RigStart(RigPnp);
        ProviderStart(&p, Rig.User, MIB, 1);
        p.Conduct = ConductSilent;
        p.OnlyOp = PLATTER_OP_READ;
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        DeviceNameOf(out.device_name, device, sizeof(device));
        start.volume_id = p.VolumeId = out.volume_id;
        if (probing) {
            io = SimIoctlStart(Rig.User, p.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info,
                               sizeof(info));
            SimSettle();
            assert_int_equal(p.Probes, 1);
            /* Started once is enough. */
            assert_status(STATUS_INVALID_DEVICE_STATE, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
        }
        assert_status(STATUS_DEVICE_NOT_READY, SimOpen(Rig.User, device, RW, &volume));
        assert_status(STATUS_DEVICE_NOT_READY, SimOpen(Rig.System, device, FILE_READ_ATTRIBUTES, &volume));
        for (unsigned i = 0; i < sizeof(majors); i++) {
            SIM_KERNEL_REQUEST request = {.Major = majors[i], .Data = data, .Bytes = 512};
            if (majors[i] == IRP_MJ_DEVICE_CONTROL)
                request.Code = IOCTL_DISK_CHECK_VERIFY;
            assert_status(STATUS_DEVICE_NOT_READY, Send(SimDeviceByName(device), request, NULL));
        }
        if (probing) {
            /* A probe that nobody answers ends at its deadline; the volume may be tried again. */
            assert_status(STATUS_IO_DEVICE_ERROR, SimIoWait(io, NULL));
            assert_true(CtlInfo(Rig.User, out.volume_id, &info));
            assert_int_equal(info.state, PLATTER_STATE_CREATED);
            p.Conduct = ConductHonest;
            assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
            assert_int_equal(info.letter, 'P');
            assert_status(STATUS_INVALID_DEVICE_STATE, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
        }
        ProviderStop(&p);
        RigStop();
    }
}

/* The locked buffer counts, not the number ("Using Direct I/O", WDK: the MDL describes the buffer). */
static void short_buffers_are_refused(void **state)
{
    static const ULONG locked[] = {1, 511, 512, 1024, 4095};
    UCHAR data[8192] = {0};
    PDEVICE_OBJECT volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    volume = SimDeviceByName(p.Device);
    for (int write = 0; write < 2; write++) {
        SIM_KERNEL_REQUEST request = {.Major = write ? IRP_MJ_WRITE : IRP_MJ_READ, .Bytes = 4096};
        ULONG before = p.Requests;
        assert_status(STATUS_INVALID_PARAMETER, Send(volume, request, NULL)); /* none at all */
        request.Data = data;
        for (unsigned i = 0; i < sizeof(locked) / sizeof(locked[0]); i++) {
            UCHAR *exact = malloc(locked[i]); /* so that the sanitizer sees the first byte behind it */
            memset(exact, 0, locked[i]);
            request.Data = exact;
            request.LockedBytes = locked[i];
            assert_status(STATUS_INVALID_PARAMETER, Send(volume, request, NULL));
            free(exact);
        }
        assert_int_equal(p.Requests, before);
        request.Data = data;
        request.LockedBytes = 4096;
        assert_status(STATUS_SUCCESS, Send(volume, request, NULL));
        request.LockedBytes = 8192;
        assert_status(STATUS_SUCCESS, Send(volume, request, NULL));
    }
    ProviderStop(&p);
    RigStop();
}

/* "Canceling IRPs" (WDK): an IRP may be cancelled before the driver gets it. It ends at once, and nobody serves it. */
static void cancelled_before_they_come(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    struct platter_volume_info info;
    struct {
        DEVICE_MANAGE_DATA_SET_ATTRIBUTES Head;
        DEVICE_DATA_SET_RANGE Range;
    } trim = {.Head = {.Size = sizeof(trim.Head), .Action = 1, .DataSetRangesLength = sizeof(trim.Range)},
              .Range = {0, 4096}};
    VERIFY_INFORMATION verify = {.StartingOffset.QuadPart = 512, .Length = 8192};
    UCHAR data[512] = {0};
    SIM_KERNEL_REQUEST requests[] = {
        {.Major = IRP_MJ_READ, .Data = data, .Bytes = 512},
        {.Major = IRP_MJ_WRITE, .Data = data, .Bytes = 512},
        {.Major = IRP_MJ_FLUSH_BUFFERS},
        {.Major = IRP_MJ_DEVICE_CONTROL, .Code = IOCTL_DISK_VERIFY, .Data = &verify, .Bytes = sizeof(verify)},
        {.Major = IRP_MJ_DEVICE_CONTROL,
         .Code = IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES,
         .Data = &trim,
         .Bytes = sizeof(trim)},
    };
    struct platter_volume_start_in start = {0};
    struct platter_volume_remove_in remove = {0};
    SIM_KERNEL_REQUEST control = {.Major = IRP_MJ_DEVICE_CONTROL, .Cancelled = TRUE};
    PROVIDER p;

    (void)state;
    trim.Head.DataSetRangesOffset = (ULONG)((UCHAR *)&trim.Range - (UCHAR *)&trim);
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    shape.flags = PLATTER_VOLUME_TRIM;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    p.Requests = 0;
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        requests[i].Cancelled = TRUE;
        assert_status(STATUS_CANCELLED, Send(SimDeviceByName(p.Device), requests[i], NULL));
        assert_int_equal(p.Requests, 0);
        requests[i].Cancelled = FALSE;
        assert_status(STATUS_SUCCESS, Send(SimDeviceByName(p.Device), requests[i], NULL));
        assert_true(p.Requests > 0);
        p.Requests = 0;
    }
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.in_flight, 0);
    assert_int_equal(info.failed_requests, 0);
    /* A start that was cancelled leaves the volume as it was; a removal goes on, only nobody waits for it. */
    shape.letter = 'Q';
    shape.unique_id[1] = 1;
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
    start.volume_id = remove.volume_id = out.volume_id;
    control.Code = PLATTER_IOCTL_VOLUME_START;
    control.Data = &start;
    control.Bytes = sizeof(start);
    control.Output = &info;
    control.OutBytes = sizeof(info);
    assert_status(STATUS_CANCELLED,
                  SimKernelRequest(SimDeviceOf(Rig.User, p.Control), SimFileOf(Rig.User, p.Control), &control, NULL));
    assert_true(CtlInfo(Rig.User, out.volume_id, &info));
    assert_int_equal(info.state, PLATTER_STATE_CREATED);
    assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
    control.Code = PLATTER_IOCTL_VOLUME_REMOVE;
    control.Data = &remove;
    control.Output = NULL;
    control.OutBytes = 0;
    assert_status(STATUS_CANCELLED,
                  SimKernelRequest(SimDeviceOf(Rig.User, p.Control), SimFileOf(Rig.User, p.Control), &control, NULL));
    SimSettle();
    assert_false(CtlInfo(Rig.User, out.volume_id, &info));
    assert_int_equal(CtlCount(Rig.User), 1);
    ProviderStop(&p);
    RigStop();
}

/* Between CLEANUP and CLOSE the file object lives, if a driver holds it: nothing new is taken from it. */
static void a_handle_that_is_gone_mounts_nothing(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    SIM_KERNEL_REQUEST create = {.Major = IRP_MJ_DEVICE_CONTROL,
                                 .Code = PLATTER_IOCTL_VOLUME_CREATE,
                                 .Data = &shape,
                                 .Bytes = sizeof(shape),
                                 .Output = &out,
                                 .OutBytes = sizeof(out)};
    PFILE_OBJECT file;
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    file = SimFileOf(Rig.User, control);
    ObReferenceObject(file);
    assert_status(STATUS_SUCCESS, SimClose(Rig.User, control));
    assert_status(STATUS_FILE_CLOSED, SimKernelRequest(file->DeviceObject, file, &create, NULL));
    ObDereferenceObject(file);
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    RigStop();
}

/* A batch with room for one of two: the second waits for the next, whole. */
static void what_does_not_fit_waits(void **state)
{
    UCHAR *data = malloc(2 * 8192);
    PSIM_IO ios[2];
    ULONG_PTR bytes;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStartBatch(&p, Rig.User, MIB, 1, PLATTER_TRANSACT_DATA_OFFSET + 12288, 8);
    ProviderMountDefault(&p);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, p.Device, RW, &volume));
    p.Conduct = ConductLate; /* so that both are there when it comes again */
    p.LateMs = 10;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 2; i++)
            ios[i] = SimReadStart(Rig.User, volume, (ULONG64)i * 65536, data + i * 8192, 8192);
        for (int i = 0; i < 2; i++) {
            assert_status(STATUS_SUCCESS, SimIoWait(ios[i], &bytes));
            assert_int_equal(bytes, 8192);
            assert_memory_equal(data + i * 8192, p.Image + (size_t)i * 65536, 8192);
        }
    }
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
    free(data);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(volume_information),
        RIG_TEST(every_major_function),
        RIG_TEST(nothing_is_served_before_it_runs),
        RIG_TEST(short_buffers_are_refused),
        RIG_TEST(cancelled_before_they_come),
        RIG_TEST(a_handle_that_is_gone_mounts_nothing),
        RIG_TEST(what_does_not_fit_waits),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
