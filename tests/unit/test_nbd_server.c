/* SPDX-License-Identifier: MIT */
/* Many clients of the NBD server, how it ends, and where it listens. */
#include "nbd_client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SIZE NBD_RIG_DISK
#define ALL_CAPS NBD_RIG_CAPS

/* ---- Many clients, and the end ----------------------------------------------------------------------------------- */

static void a_client_that_does_not_listen_delays_nobody(void **state)
{
    struct nbd_rig rig;
    uint8_t *buffer = malloc(SIZE);
    uint64_t began;
    int deaf[8], fd;

    (void)state;
    assert_non_null(buffer);
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    for (size_t i = 0; i < 8; i++) {
        deaf[i] = nbd_open(&rig, NBD_STRUCTURED);
        for (uint64_t request = 0; request < 16; request++)
            nbd_request(deaf[i], NBD_CMD_READ, 0, request, 0, SIZE);
    }
    fd = nbd_open(&rig, NBD_STRUCTURED);
    began = nbd_milliseconds();
    for (uint64_t i = 0; i < 20; i++) {
        nbd_request(fd, NBD_CMD_READ, 0, i, 0, SIZE);
        assert_int_equal(nbd_structured_read(fd, i, 0, SIZE, buffer), 0);
    }
    assert_in_range(nbd_milliseconds() - began, 0, 5000);
    /* Stopping does not wait for them longer than the header says. */
    began = nbd_milliseconds();
    nbd_rig_stop(&rig);
    assert_in_range(nbd_milliseconds() - began, 0, 4000);
    for (size_t i = 0; i < 8; i++)
        nbd_close(deaf[i]);
    nbd_close(fd);
    free(buffer);
}

static void requests_in_hand_are_answered_when_the_server_stops(void **state)
{
    struct nbd_rig rig;
    uint8_t buffer[512];
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    nbd_delay_disk(rig.block, MEMORY_READ, 300);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    nbd_request(fd, NBD_CMD_READ, 0, 1, 512, 512);
    while (memory_block_counts(rig.block).reads == 0)
        nbd_sleep(1);
    nbd_rig_stop(&rig);
    assert_int_equal(nbd_structured_read(fd, 1, 512, 512, buffer), 0);
    assert_int_equal(buffer[0], (uint8_t)(1 + 512));
    assert_true(nbd_hung_up(fd));
    nbd_close(fd);
}

static void a_client_killed_in_mid_write_takes_nothing_with_it(void **state)
{
    struct nbd_rig rig;
    uint8_t data[1000] = {1};
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    for (uint32_t length = 4096; length <= MIB; length *= 2) {
        fd = nbd_open(&rig, NBD_STRUCTURED);
        nbd_request(fd, NBD_CMD_WRITE, 0, 1, 0, length);
        nbd_send(fd, data, sizeof(data));
        nbd_close(fd);
    }
    fd = nbd_open(&rig, NBD_STRUCTURED);
    nbd_request(fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
    assert_int_equal(nbd_structured_reply(fd, 1, NULL), 0);
    nbd_close(fd);
    /* A piece that never came whole was never written. */
    assert_int_equal(memory_block_counts(rig.block).writes, 0);
    nbd_rig_stop(&rig);
}

static void clients_beyond_the_limit_are_turned_away(void **state)
{
    struct nbd_rig rig;
    int first, second, third;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), &(struct platter_nbd_options){.max_clients = 2});
    first = nbd_open(&rig, NBD_STRUCTURED);
    second = nbd_open(&rig, NBD_SIMPLE);
    third = nbd_connect(rig.path);
    assert_true(nbd_hung_up(third));
    nbd_close(third);
    nbd_request(first, NBD_CMD_DISC, 0, 0, 0, 0);
    assert_true(nbd_hung_up(first));
    nbd_close(first);
    third = nbd_open(&rig, NBD_STRUCTURED);
    nbd_close(second);
    nbd_close(third);
    nbd_rig_stop(&rig);
}

static void disc_comes_after_the_answers(void **state)
{
    struct nbd_rig rig;
    uint8_t buffer[512];
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    nbd_delay_disk(rig.block, MEMORY_READ, 20);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    for (uint64_t i = 0; i < 5; i++)
        nbd_request(fd, NBD_CMD_READ, 0, 9, 0, 512);
    nbd_request(fd, NBD_CMD_DISC, 0, 0, 0, 0);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(nbd_structured_read(fd, 9, 0, 512, buffer), 0);
    assert_true(nbd_hung_up(fd));
    nbd_close(fd);
    nbd_rig_stop(&rig);
}

/* ---- The socket -------------------------------------------------------------------------------------------------- */

static void the_socket_is_private_and_goes_with_the_server(void **state)
{
    struct platter_nbd_server *second = NULL;
    struct platter_block *block = nbd_patterned_disk(0);
    struct platter_nbd_options options = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct platter_error err;
    struct nbd_rig rig;
    struct stat status;
    char file[80];
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    assert_int_equal(stat(rig.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    /* A live server is left alone. */
    options.socket_path = rig.path;
    assert_int_equal(platter_nbd_server_create(block, &options, &second, &err), PLATTER_E_BUSY);
    assert_string_equal(err.file, rig.path);
    fd = nbd_open(&rig, NBD_SIMPLE);
    nbd_close(fd);

    /* So is what is not a socket. */
    (void)snprintf(file, sizeof(file), "%s/file", rig.folder);
    fclose(fopen(file, "w"));
    options.socket_path = file;
    assert_int_equal(platter_nbd_server_create(block, &options, &second, &err), PLATTER_E_EXISTS);
    assert_int_equal(unlink(file), 0);

    /* A dead one's socket is replaced. */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", file);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(platter_nbd_server_create(block, &options, &second, &err), PLATTER_OK);
    /* Never run, freed: nothing is left. */
    platter_nbd_server_free(second);
    assert_int_not_equal(stat(file, &status), 0);
    platter_block_unref(block);
    nbd_rig_stop(&rig);
}

static void two_servers_do_not_share_a_port(void **state)
{
    struct platter_block *block = nbd_patterned_disk(0);
    struct platter_nbd_server *first, *second;
    struct platter_nbd_options options = {.export_name = "a b"};
    struct platter_error err;
    char uri[64];

    (void)state;
    assert_int_equal(platter_nbd_server_create(block, &options, &first, &err), PLATTER_OK);
    options.port = platter_nbd_server_port(first);
    assert_int_not_equal(options.port, 0);
    (void)snprintf(uri, sizeof(uri), "nbd://localhost:%u/a%%20b", (unsigned)options.port);
    assert_string_equal(platter_nbd_server_uri(first), uri);
    assert_int_equal(platter_nbd_server_create(block, &options, &second, &err), PLATTER_E_BUSY);
    options.socket_path = "x";
    assert_int_equal(platter_nbd_server_create(block, &options, &second, &err), PLATTER_E_USAGE);
    /* Stopped before it runs: run ends at once. */
    platter_nbd_server_stop(first);
    assert_int_equal(platter_nbd_server_run(first, &err), PLATTER_OK);
    platter_nbd_server_free(first);
    platter_block_unref(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_does_not_listen_delays_nobody),
        cmocka_unit_test(requests_in_hand_are_answered_when_the_server_stops),
        cmocka_unit_test(a_client_killed_in_mid_write_takes_nothing_with_it),
        cmocka_unit_test(clients_beyond_the_limit_are_turned_away),
        cmocka_unit_test(disc_comes_after_the_answers),
        cmocka_unit_test(the_socket_is_private_and_goes_with_the_server),
        cmocka_unit_test(two_servers_do_not_share_a_port),
    };

    return cmocka_run_group_tests_name("nbd-server", tests, NULL, NULL);
}
