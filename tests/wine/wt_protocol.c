/* SPDX-License-Identifier: MIT */
/* The boundary as a stranger meets it: versions, refusals, listing, removal. usage: wt_protocol LETTER */
#include "wt_session.h"
#include <stdio.h>
#include <string.h>

static void test_versions(void)
{
    struct platter_hello_out hello;
    unsigned char list[2000];
    struct platter_volume_list_in after = {0};
    HANDLE control = wt_open_control();

    DWORD error = wt_control(control, PLATTER_IOCTL_VOLUME_LIST, &after, sizeof after, list, sizeof list, NULL);
    wt_ok(error == ERROR_REVISION_MISMATCH, "before HELLO everything is refused (error %lu)", error);

    memset(&hello, 0xff, sizeof hello);
    error = wt_hello(control, PLATTER_PROTOCOL_VERSION + 1, &hello);
    wt_ok(error == 0 && hello.accepted == 0 && hello.protocol_version == PLATTER_PROTOCOL_VERSION,
          "another version is told the driver's own and not accepted (error %lu)", error);
    error = wt_control(control, PLATTER_IOCTL_VOLUME_LIST, &after, sizeof after, list, sizeof list, NULL);
    wt_ok(error == ERROR_REVISION_MISMATCH, "and everything stays refused (error %lu)", error);

    struct platter_hello_in in = {.magic = 0x12345678, .protocol_version = PLATTER_PROTOCOL_VERSION};
    error = wt_control(control, PLATTER_IOCTL_HELLO, &in, sizeof in, &hello, sizeof hello, NULL);
    wt_ok(error != 0, "a stranger's magic is refused (error %lu)", error);
    in.magic = PLATTER_HELLO_MAGIC;
    in.reserved[1] = 1;
    error = wt_control(control, PLATTER_IOCTL_HELLO, &in, sizeof in, &hello, sizeof hello, NULL);
    wt_ok(error == ERROR_INVALID_PARAMETER, "a reserved field that is not zero is refused (error %lu)", error);
    in.reserved[1] = 0;
    error = wt_control(control, PLATTER_IOCTL_HELLO, &in, sizeof in - 1, &hello, sizeof hello, NULL);
    wt_ok(error != 0, "a short HELLO is refused (error %lu)", error);
    error = wt_control(control, PLATTER_IOCTL_HELLO, &in, sizeof in, &hello, sizeof hello - 1, NULL);
    wt_ok(error != 0, "a short answer buffer is refused (error %lu)", error);

    error = wt_hello(control, PLATTER_PROTOCOL_VERSION, &hello);
    wt_ok(error == 0 && hello.accepted == 1 && hello.max_transfer == PLATTER_MAX_TRANSFER &&
              hello.max_batch == PLATTER_MAX_BATCH && hello.driver_version != 0,
          "the right version is accepted (error %lu)", error);
    wt_ok(hello.routes & PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK), "the plain link is offered (routes 0x%lx)",
          (unsigned long)hello.routes);
    error = wt_control(control, CTL_CODE(PLATTER_DEVICE_TYPE, 0x8ff, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, NULL,
                       0, NULL);
    wt_ok(error == ERROR_INVALID_FUNCTION, "an unknown control code is refused (error %lu)", error);
    CloseHandle(control);
}

static void refused(HANDLE control, const struct platter_volume_create_in *in, const char *what)
{
    struct platter_volume_create_out out;
    DWORD error = wt_volume_create(control, in, &out);
    wt_ok(error == ERROR_INVALID_PARAMETER, "a volume with %s is refused (error %lu)", what, error);
    if (error == 0)
        wt_volume_remove(control, out.volume_id, PLATTER_REMOVE_FORCE);
}

static void test_create_refusals(HANDLE control)
{
    const struct platter_volume_create_in good = wt_volume(1 << 20);
    struct platter_volume_create_in in;
    struct platter_volume_create_out out;

#define REFUSED(what, change)                                                                                          \
    do {                                                                                                               \
        in = good;                                                                                                     \
        change;                                                                                                        \
        refused(control, &in, what);                                                                                   \
    } while (0)
    REFUSED("no length", in.length_bytes = 0);
    REFUSED("half a sector", in.length_bytes = 1000);
    REFUSED("more than the largest length", in.length_bytes = PLATTER_MAX_VOLUME_BYTES + 512);
    REFUSED("a length that looks negative", in.length_bytes = 0xfffffffffffffe00ull);
    REFUSED("100-byte sectors", in.sector_size = 100);
    REFUSED("8192-byte sectors", in.sector_size = in.physical_sector_size = 8192);
    REFUSED("physical sectors smaller than logical ones", in.sector_size = 4096; in.length_bytes = 1 << 20);
    REFUSED("physical sectors of 1000 bytes", in.physical_sector_size = 1000);
    REFUSED("unknown flags", in.flags |= 0x80000000u);
    REFUSED("the letter '1'", in.flags = 0; in.letter = '1');
    REFUSED("a small letter", in.flags = 0; in.letter = 'x');
    REFUSED("a deadline of one millisecond", in.deadline_ms = 1);
    REFUSED("a deadline of a year", in.deadline_ms = 0x7fffffff);
    REFUSED("an unknown partition style", in.partition_style = 9);
    REFUSED("no unique id", memset(in.unique_id, 0, sizeof in.unique_id));
    REFUSED("a label without an end", memset(in.label, 'x', sizeof in.label));
    REFUSED("an image name without an end", memset(in.image_name, 'x', sizeof in.image_name));
    REFUSED("an MBR type but no MBR", in.mbr_type = 7);
#undef REFUSED
    DWORD error = wt_control(control, PLATTER_IOCTL_VOLUME_CREATE, &good, sizeof good - 1, &out, sizeof out, NULL);
    wt_ok(error != 0, "a short request is refused (error %lu)", error);
    error = wt_control(control, PLATTER_IOCTL_VOLUME_CREATE, &good, sizeof good, &out, sizeof out - 1, NULL);
    wt_ok(error != 0, "a short answer buffer is refused (error %lu)", error);
}

static void test_transact_refusals(HANDLE control)
{
    static unsigned char batch[PLATTER_TRANSACT_MIN_BATCH];
    struct platter_transact_in in = {.flags = PLATTER_TRANSACT_NO_WAIT, .fetch_max = 1};
    DWORD done = 0;

    DWORD error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch, &done);
    wt_ok(error == 0 && done >= sizeof(struct platter_transact_out), "a fetch with NO_WAIT returns at once (error %lu)",
          error);
    error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch - 1, NULL);
    wt_ok(error != 0, "a batch buffer that is too small is refused (error %lu)", error);
    in.answer_count = 1;
    error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch, NULL);
    wt_ok(error != 0, "an answer that is counted and not there is refused (error %lu)", error);
    in.answer_count = 0xffffffffu;
    error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch, NULL);
    wt_ok(error != 0, "a count that overflows is refused (error %lu)", error);
    in.answer_count = 0;
    in.fetch_max = PLATTER_MAX_BATCH + 1;
    error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch, NULL);
    wt_ok(error != 0, "fetching more than the limit is refused (error %lu)", error);
    in.fetch_max = 1;
    in.reserved = 1;
    error = wt_control(control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch, NULL);
    wt_ok(error == ERROR_INVALID_PARAMETER, "a reserved field that is not zero is refused (error %lu)", error);
}

static void test_list_and_remove(char letter)
{
    struct wt_session session;
    struct platter_volume_info info;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, 4 << 20, 0);
    DWORD error = wt_volume_info(session.control, disk->volume_id, &info);
    wt_ok(error == 0 && info.length_bytes == disk->length && info.letter == (uint32_t)letter &&
              info.state == PLATTER_STATE_RUNNING && info.owner_process_id == GetCurrentProcessId() &&
              info.may_remove == 1 && info.sector_size == 512,
          "the list tells length, letter, state and owner (error %lu)", error);
    wt_ok(wcscmp(info.label, L"test") == 0 && wcscmp(info.image_name, L"Z:\\test") == 0, "and label and image name");
    wt_note("route %lu", (unsigned long)info.route);

    HANDLE other = wt_open_control();
    struct platter_hello_out hello;
    wt_hello(other, PLATTER_PROTOCOL_VERSION, &hello);
    wt_ok(hello.volumes >= 1, "another handle is told how many volumes there are");
    error = wt_volume_start(other, disk->volume_id, &info);
    wt_ok(error != 0, "another handle cannot start it (error %lu)", error);
    error = wt_volume_start(session.control, disk->volume_id, &info);
    wt_ok(error != 0, "nor can its own a second time (error %lu)", error);
    error = wt_volume_remove(other, disk->volume_id + 1000, 0);
    wt_ok(error != 0, "a volume that is not there cannot be removed (error %lu)", error);
    error = wt_volume_remove(other, disk->volume_id, 0x100);
    wt_ok(error == ERROR_INVALID_PARAMETER, "unknown flags of removal are refused (error %lu)", error);

    HANDLE drive = wt_open_drive(letter, GENERIC_READ);
    char sector[512];
    wt_read(drive, sector, sizeof sector, 0, NULL); /* now the open has surely reached the driver */
    error = wt_volume_remove(other, disk->volume_id, 0);
    wt_ok(error == ERROR_BUSY, "with an open handle it is busy (error %lu)", error);
    wt_ok(wt_drive_exists(letter) && wt_read(drive, sector, sizeof sector, 0, NULL) == 0,
          "and goes on working after the refusal");
    error = wt_volume_remove(other, disk->volume_id, PLATTER_REMOVE_FORCE);
    wt_ok(error == 0, "by force it goes (error %lu)", error);
    wt_ok(wt_wait_drive(letter, false, 5000), "the letter is gone");
    error = wt_read(drive, sector, sizeof sector, 0, NULL);
    wt_ok(error != 0, "the old handle fails (error %lu)", error);
    CloseHandle(drive);
    error = wt_volume_info(session.control, disk->volume_id, &info);
    wt_ok(error == ERROR_NOT_FOUND, "it is listed no more (error %lu)", error);
    wt_session_drop(&session);

    wt_session_open(&session);
    disk = wt_session_mount(&session, letter, 4 << 20, 0);
    error = wt_volume_remove(other, disk->volume_id, 0);
    wt_ok(error == 0 && wt_wait_drive(letter, false, 5000), "unused, it goes without force (error %lu)", error);
    wt_session_drop(&session);
    CloseHandle(other);
}

static void test_many(void)
{
    struct wt_session session;
    struct platter_volume_info info;
    unsigned listed = 0;
    unsigned char out[sizeof(struct platter_volume_list_out) + 3 * sizeof info];
    struct platter_volume_list_in after = {0};
    struct platter_volume_list_out head = {.more = 1};
    bool ordered = true;

    wt_session_open(&session);
    for (int i = 0; i < 10; i++) {
        struct platter_volume_create_in in = wt_volume(1 << 20);
        wt_session_add(&session, &in);
    }
    while (head.more && listed < 100) {
        if (wt_control(session.control, PLATTER_IOCTL_VOLUME_LIST, &after, sizeof after, out, sizeof out, NULL) != 0)
            break;
        memcpy(&head, out, sizeof head);
        for (uint32_t i = 0; i < head.count && i < 3; i++) {
            memcpy(&info, out + sizeof head + i * sizeof info, sizeof info);
            ordered = ordered && info.volume_id > after.after_id;
            after.after_id = info.volume_id;
            listed++;
        }
    }
    wt_ok(listed == 10 && ordered && !head.more, "ten volumes are listed in pages of three, ascending (%u)", listed);
    wt_session_drop(&session);
    HANDLE control = wt_open_control();
    struct platter_hello_out hello = {.volumes = 99};
    for (int i = 0; i < 100 && hello.volumes != 0; i++) {
        wt_hello(control, PLATTER_PROTOCOL_VERSION, &hello);
        Sleep(20);
    }
    wt_ok(hello.volumes == 0, "they went with their handle (%lu left)", (unsigned long)hello.volumes);
    CloseHandle(control);
}

int wmain(int argc, wchar_t **argv)
{
    struct platter_hello_out hello;
    if (argc != 2)
        wt_bail("usage: wt_protocol LETTER");
    wt_watchdog(60);
    test_versions();
    HANDLE control = wt_open_control();
    wt_hello(control, PLATTER_PROTOCOL_VERSION, &hello);
    test_create_refusals(control);
    test_transact_refusals(control);
    CloseHandle(control);
    test_list_and_remove((char)argv[1][0]);
    test_many();
    return wt_finish();
}
