/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <stdlib.h>

#include "system.h"

struct platter_thread {
    platter_thread_fn *function;
    void *context;
#ifdef _WIN32
    HANDLE handle;
#else
    pthread_t id;
#endif
};

#ifdef _WIN32

#include <process.h>

void platter_mutex_init(struct platter_mutex *mutex)
{
    InitializeSRWLock(&mutex->lock);
}

void platter_mutex_destroy(struct platter_mutex *mutex)
{
    (void)mutex;
}

void platter_mutex_lock(struct platter_mutex *mutex)
{
    AcquireSRWLockExclusive(&mutex->lock);
}

void platter_mutex_unlock(struct platter_mutex *mutex)
{
    ReleaseSRWLockExclusive(&mutex->lock);
}

void platter_cond_init(struct platter_cond *cond)
{
    InitializeConditionVariable(&cond->variable);
}

void platter_cond_destroy(struct platter_cond *cond)
{
    (void)cond;
}

void platter_cond_wait(struct platter_cond *cond, struct platter_mutex *mutex)
{
    SleepConditionVariableSRW(&cond->variable, &mutex->lock, INFINITE, 0);
}

bool platter_cond_wait_for(struct platter_cond *cond, struct platter_mutex *mutex, uint32_t ms)
{
    return SleepConditionVariableSRW(&cond->variable, &mutex->lock, ms, 0) != 0;
}

void platter_cond_signal(struct platter_cond *cond)
{
    WakeConditionVariable(&cond->variable);
}

void platter_cond_broadcast(struct platter_cond *cond)
{
    WakeAllConditionVariable(&cond->variable);
}

void platter_rwlock_init(struct platter_rwlock *lock)
{
    InitializeSRWLock(&lock->lock);
}

void platter_rwlock_destroy(struct platter_rwlock *lock)
{
    (void)lock;
}

void platter_rwlock_read(struct platter_rwlock *lock)
{
    AcquireSRWLockShared(&lock->lock);
}

void platter_rwlock_read_unlock(struct platter_rwlock *lock)
{
    ReleaseSRWLockShared(&lock->lock);
}

void platter_rwlock_write(struct platter_rwlock *lock)
{
    AcquireSRWLockExclusive(&lock->lock);
}

void platter_rwlock_write_unlock(struct platter_rwlock *lock)
{
    ReleaseSRWLockExclusive(&lock->lock);
}

void platter_once_run(struct platter_once *once, void (*function)(void))
{
    BOOL pending = FALSE;

    if (InitOnceBeginInitialize(&once->once, 0, &pending, NULL) && pending) {
        function();
        InitOnceComplete(&once->once, 0, NULL);
    }
}

static unsigned __stdcall run(void *argument)
{
    struct platter_thread *thread = (struct platter_thread *)argument;

    thread->function(thread->context);
    return 0;
}

static int start(struct platter_thread *thread)
{
    /* Not CreateThread: the C runtime keeps state for each thread. */
    thread->handle = (HANDLE)_beginthreadex(NULL, 0, run, thread, 0, NULL);
    return thread->handle ? 0 : ERROR_NO_SYSTEM_RESOURCES;
}

static void join(struct platter_thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

#else

#include <errno.h>
#include <time.h>

void platter_mutex_init(struct platter_mutex *mutex)
{
    pthread_mutex_init(&mutex->lock, NULL);
}

void platter_mutex_destroy(struct platter_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->lock);
}

void platter_mutex_lock(struct platter_mutex *mutex)
{
    pthread_mutex_lock(&mutex->lock);
}

void platter_mutex_unlock(struct platter_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->lock);
}

void platter_cond_init(struct platter_cond *cond)
{
    pthread_cond_init(&cond->variable, NULL);
}

void platter_cond_destroy(struct platter_cond *cond)
{
    pthread_cond_destroy(&cond->variable);
}

void platter_cond_wait(struct platter_cond *cond, struct platter_mutex *mutex)
{
    pthread_cond_wait(&cond->variable, &mutex->lock);
}

bool platter_cond_wait_for(struct platter_cond *cond, struct platter_mutex *mutex, uint32_t ms)
{
    struct timespec until;

    /* The clock is named at the wait, so that a statically initialised condition works too. */
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return pthread_cond_clockwait(&cond->variable, &mutex->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT;
}

void platter_cond_signal(struct platter_cond *cond)
{
    pthread_cond_signal(&cond->variable);
}

void platter_cond_broadcast(struct platter_cond *cond)
{
    pthread_cond_broadcast(&cond->variable);
}

void platter_rwlock_init(struct platter_rwlock *lock)
{
    pthread_rwlock_init(&lock->lock, NULL);
}

void platter_rwlock_destroy(struct platter_rwlock *lock)
{
    pthread_rwlock_destroy(&lock->lock);
}

void platter_rwlock_read(struct platter_rwlock *lock)
{
    pthread_rwlock_rdlock(&lock->lock);
}

void platter_rwlock_read_unlock(struct platter_rwlock *lock)
{
    pthread_rwlock_unlock(&lock->lock);
}

void platter_rwlock_write(struct platter_rwlock *lock)
{
    pthread_rwlock_wrlock(&lock->lock);
}

void platter_rwlock_write_unlock(struct platter_rwlock *lock)
{
    pthread_rwlock_unlock(&lock->lock);
}

void platter_once_run(struct platter_once *once, void (*function)(void))
{
    pthread_once(&once->once, function);
}

static void *run(void *argument)
{
    struct platter_thread *thread = (struct platter_thread *)argument;

    thread->function(thread->context);
    return NULL;
}

static int start(struct platter_thread *thread)
{
    return pthread_create(&thread->id, NULL, run, thread);
}

static void join(struct platter_thread *thread)
{
    pthread_join(thread->id, NULL);
}

#endif

enum platter_result platter_thread_start(platter_thread_fn *function, void *context, struct platter_thread **thread,
                                         struct platter_error *err)
{
    struct platter_thread *made = calloc(1, sizeof(*made));
    int code;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    made->function = function;
    made->context = context;
    code = start(made);
    if (code) {
        free(made);
        return platter_error_set_os(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, code, "cannot start a thread");
    }
    *thread = made;
    return PLATTER_OK;
}

void platter_thread_join(struct platter_thread *thread)
{
    if (!thread)
        return;
    join(thread);
    free(thread);
}
