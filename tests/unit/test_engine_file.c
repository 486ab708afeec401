/* SPDX-License-Identifier: MIT */
/* A file whose flush fails: linked with --wrap for fdatasync. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../engine/source/file.h"

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static int failures; /* so many flushes fail from now on */

int __wrap_fdatasync(int fd)
{
    if (failures == 0)
        return __real_fdatasync(fd);
    failures--;
    errno = EIO;
    return -1;
}

static struct platter_block *open_file(const char *path)
{
    struct platter_block *block;
    struct platter_error error;

    assert_int_equal(platter_file_open(path, PLATTER_OPEN_WRITABLE, &block, &error), PLATTER_OK);
    return block;
}

/* The system forgets what it could not write, and says yes to the next flush: who believes it loses data unseen. */
static void a_flush_that_failed_is_not_forgotten(void **state)
{
    char path[] = "/tmp/platter-test-file.XXXXXX";
    int fd = mkstemp(path);
    struct platter_block *block;
    struct platter_error error;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    block = open_file(path);
    assert_int_equal(platter_block_write(block, "one", 3, 0, &error), PLATTER_OK);
    assert_int_equal(platter_block_flush(block, &error), PLATTER_OK);
    failures = 1;
    assert_int_equal(platter_block_flush(block, &error), PLATTER_E_IO);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(platter_block_flush(block, &error), PLATTER_E_IO);
        assert_non_null(strstr(error.message, "an earlier flush failed"));
        assert_string_equal(error.file, path);
    }
    assert_int_equal(failures, 0);
    platter_block_unref(block);
    block = open_file(path);
    assert_int_equal(platter_block_flush(block, &error), PLATTER_OK);
    platter_block_unref(block);
    unlink(path);
    close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(a_flush_that_failed_is_not_forgotten)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
