/* SPDX-License-Identifier: MIT */
#include "bounded_win32.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MS 1000 /* for a cancelled call to come back */

struct job {
    platter_bounded_fn *function;
    enum platter_result result;
    struct platter_error err;
    LONG holders; /* the thread and the one who waits; the last one frees */
    max_align_t context[];
};

static void release(struct job *job)
{
    if (InterlockedDecrement(&job->holders) == 0)
        free(job);
}

static DWORD WINAPI work(void *argument)
{
    struct job *job = argument;

    job->result = job->function(job->context, &job->err);
    release(job);
    return 0;
}

enum platter_result platter_bounded(platter_bounded_fn *function, void *context, size_t size, uint32_t timeout_ms,
                                    const char *what, struct platter_error *err)
{
    struct job *job = calloc(1, sizeof(*job) + size);
    enum platter_result result;
    HANDLE thread;

    if (!job)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    job->function = function;
    job->holders = 2;
    memcpy(job->context, context, size);
    thread = CreateThread(NULL, 0, work, job, 0, NULL);
    if (!thread) {
        free(job);
        return platter_error_set_os(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "cannot start a thread");
    }
    if (WaitForSingleObject(thread, timeout_ms) != WAIT_OBJECT_0) {
        CancelSynchronousIo(thread);
        if (WaitForSingleObject(thread, GRACE_MS) != WAIT_OBJECT_0) {
            result = platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                       "%s did not come within %u seconds", what, (unsigned)(timeout_ms / 1000));
            goto leave;
        }
    }
    memcpy(context, job->context, size);
    result = job->result;
    if (result != PLATTER_OK && err)
        *err = job->err;
leave:
    CloseHandle(thread);
    release(job);
    return result;
}
