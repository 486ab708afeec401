/* SPDX-License-Identifier: MIT */
/* Threads, mutexes and conditions: pthreads, or what Windows 7 has. */
#ifndef PLATTER_ENGINE_OS_THREAD_H
#define PLATTER_ENGINE_OS_THREAD_H

#include <platter/engine.h>

#ifdef _WIN32
#include <windows.h>
struct platter_mutex {
    SRWLOCK lock;
};
struct platter_cond {
    CONDITION_VARIABLE variable;
};
struct platter_once {
    INIT_ONCE once;
};
#define PLATTER_MUTEX_INIT                                                                                             \
    {                                                                                                                  \
        SRWLOCK_INIT                                                                                                   \
    }
#define PLATTER_COND_INIT                                                                                              \
    {                                                                                                                  \
        CONDITION_VARIABLE_INIT                                                                                        \
    }
#define PLATTER_ONCE_INIT                                                                                              \
    {                                                                                                                  \
        INIT_ONCE_STATIC_INIT                                                                                          \
    }
#else
#include <pthread.h>
struct platter_mutex {
    pthread_mutex_t lock;
};
struct platter_cond {
    pthread_cond_t variable;
};
struct platter_once {
    pthread_once_t once;
};
#define PLATTER_MUTEX_INIT                                                                                             \
    {                                                                                                                  \
        PTHREAD_MUTEX_INITIALIZER                                                                                      \
    }
#define PLATTER_COND_INIT                                                                                              \
    {                                                                                                                  \
        PTHREAD_COND_INITIALIZER                                                                                       \
    }
#define PLATTER_ONCE_INIT                                                                                              \
    {                                                                                                                  \
        PTHREAD_ONCE_INIT                                                                                              \
    }
#endif

/* Not recursive. init cannot fail; destroy wants it unlocked. */
void platter_mutex_init(struct platter_mutex *mutex);
void platter_mutex_destroy(struct platter_mutex *mutex);
void platter_mutex_lock(struct platter_mutex *mutex);
void platter_mutex_unlock(struct platter_mutex *mutex);

void platter_cond_init(struct platter_cond *cond);
void platter_cond_destroy(struct platter_cond *cond);
/* Called with `mutex` held, which is given up meanwhile. May wake without cause. */
void platter_cond_wait(struct platter_cond *cond, struct platter_mutex *mutex);
/* False when `ms` milliseconds went by first. */
bool platter_cond_wait_for(struct platter_cond *cond, struct platter_mutex *mutex, uint32_t ms);
void platter_cond_signal(struct platter_cond *cond);
void platter_cond_broadcast(struct platter_cond *cond);

void platter_once_run(struct platter_once *once, void (*function)(void));

/* Many readers or one writer. Not recursive. A reader does not become a writer. */
struct platter_rwlock {
#ifdef _WIN32
    SRWLOCK lock;
#else
    pthread_rwlock_t lock;
#endif
};
void platter_rwlock_init(struct platter_rwlock *lock);
void platter_rwlock_destroy(struct platter_rwlock *lock);
void platter_rwlock_read(struct platter_rwlock *lock);
void platter_rwlock_read_unlock(struct platter_rwlock *lock);
void platter_rwlock_write(struct platter_rwlock *lock);
void platter_rwlock_write_unlock(struct platter_rwlock *lock);

struct platter_thread;
typedef void platter_thread_fn(void *context);
enum platter_result platter_thread_start(platter_thread_fn *function, void *context, struct platter_thread **thread,
                                         struct platter_error *err);
void platter_thread_join(struct platter_thread *thread); /* waits for its end and frees it; NULL is fine */

#endif
