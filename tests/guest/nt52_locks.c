/* SPDX-License-Identifier: MIT */
/*
 * Windows' locks of Vista for NT 5.2: slim reader/writer locks, condition variables, one-time initialisation.
 * Whoever must wait parks: he puts himself on one list, under one lock, and sleeps on an event of his own. Simple
 * rather than fast; see nt52.h for what this is for.
 */
#include "nt52.h"

struct waiter {
    struct waiter *next;
    const void *on; /* the lock or variable */
    HANDLE event;
    BOOL woken;
};

static struct waiter *waiters;
static volatile LONG list_lock;

/* Held for a few instructions, so it is spun for. It needs no initialisation, which nobody would be first to do. */
static void lock_list(void)
{
    while (InterlockedExchange(&list_lock, 1) != 0)
        Sleep(0);
}

static void unlock_list(void)
{
    InterlockedExchange(&list_lock, 0);
}

/* The three below: list locked. */
static void park(struct waiter *waiter, const void *on)
{
    struct waiter **end = &waiters;

    while (*end)
        end = &(*end)->next;
    waiter->next = NULL;
    waiter->on = on;
    waiter->woken = FALSE;
    *end = waiter;
}

static void wake(const void *on, BOOL all)
{
    struct waiter **at = &waiters;

    while (*at) {
        struct waiter *waiter = *at;

        if (waiter->on != on) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->woken = TRUE;
        SetEvent(waiter->event); /* before the list is unlocked: afterwards the waiter may be gone */
        if (!all)
            break;
    }
}

static void leave(struct waiter *waiter)
{
    struct waiter **at = &waiters;

    while (*at && *at != waiter)
        at = &(*at)->next;
    if (*at)
        *at = waiter->next;
}

static HANDLE new_event(void)
{
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);

    if (!event)
        ExitProcess(ERROR_NOT_ENOUGH_MEMORY); /* a lock has no way to fail */
    return event;
}

/* ---- Slim reader/writer locks: -1 held by a writer, otherwise the number of readers ------------------------------- */

static BOOL try_acquire(SRWLOCK *lock, BOOL shared)
{
    LONG_PTR state = (LONG_PTR)lock->Ptr;

    if (state < 0 || (state > 0 && !shared))
        return FALSE;
    lock->Ptr = (void *)(shared ? state + 1 : -1);
    return TRUE;
}

static void acquire(SRWLOCK *lock, BOOL shared)
{
    struct waiter waiter = {0};

    lock_list();
    while (!try_acquire(lock, shared)) {
        if (!waiter.event)
            waiter.event = new_event();
        park(&waiter, lock);
        unlock_list();
        WaitForSingleObject(waiter.event, INFINITE);
        lock_list();
    }
    unlock_list();
    if (waiter.event)
        CloseHandle(waiter.event);
}

static void release(SRWLOCK *lock)
{
    LONG_PTR state;

    lock_list();
    state = (LONG_PTR)lock->Ptr;
    state = state < 0 ? 0 : state - 1;
    lock->Ptr = (void *)state;
    if (state == 0)
        wake(lock, TRUE);
    unlock_list();
}

void WINAPI InitializeSRWLock(SRWLOCK *lock)
{
    lock->Ptr = NULL;
}
void WINAPI AcquireSRWLockExclusive(SRWLOCK *lock)
{
    acquire(lock, FALSE);
}
void WINAPI AcquireSRWLockShared(SRWLOCK *lock)
{
    acquire(lock, TRUE);
}
void WINAPI ReleaseSRWLockExclusive(SRWLOCK *lock)
{
    release(lock);
}
void WINAPI ReleaseSRWLockShared(SRWLOCK *lock)
{
    release(lock);
}

/* ---- Condition variables ------------------------------------------------------------------------------------------ */

void WINAPI InitializeConditionVariable(CONDITION_VARIABLE *variable)
{
    variable->Ptr = NULL;
}

BOOL WINAPI SleepConditionVariableSRW(CONDITION_VARIABLE *variable, SRWLOCK *lock, DWORD milliseconds, ULONG flags)
{
    struct waiter waiter = {.event = new_event()};
    BOOL shared = (flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0;

    lock_list();
    park(&waiter, variable);
    unlock_list();
    release(lock);
    WaitForSingleObject(waiter.event, milliseconds);
    lock_list();
    if (!waiter.woken)
        leave(&waiter);
    unlock_list();
    CloseHandle(waiter.event);
    acquire(lock, shared);
    if (!waiter.woken)
        SetLastError(ERROR_TIMEOUT);
    return waiter.woken;
}

void WINAPI WakeConditionVariable(CONDITION_VARIABLE *variable)
{
    lock_list();
    wake(variable, FALSE);
    unlock_list();
}

void WINAPI WakeAllConditionVariable(CONDITION_VARIABLE *variable)
{
    lock_list();
    wake(variable, TRUE);
    unlock_list();
}

/* ---- One-time initialisation: 0 not begun, 1 begun, 2 done --------------------------------------------------------- */

BOOL WINAPI InitOnceBeginInitialize(INIT_ONCE *once, DWORD flags, BOOL *pending, void **context)
{
    struct waiter waiter = {0};

    (void)flags;
    (void)context;
    lock_list();
    while (once->Ptr == (void *)1) {
        if (!waiter.event)
            waiter.event = new_event();
        park(&waiter, once);
        unlock_list();
        WaitForSingleObject(waiter.event, INFINITE);
        lock_list();
    }
    *pending = once->Ptr == NULL;
    if (*pending)
        once->Ptr = (void *)1;
    unlock_list();
    if (waiter.event)
        CloseHandle(waiter.event);
    return TRUE;
}

BOOL WINAPI InitOnceComplete(INIT_ONCE *once, DWORD flags, void *context)
{
    (void)flags;
    (void)context;
    lock_list();
    once->Ptr = (void *)2;
    wake(once, TRUE);
    unlock_list();
    return TRUE;
}

NT52_IMPORT(InitializeSRWLock, 4);
NT52_IMPORT(AcquireSRWLockExclusive, 4);
NT52_IMPORT(AcquireSRWLockShared, 4);
NT52_IMPORT(ReleaseSRWLockExclusive, 4);
NT52_IMPORT(ReleaseSRWLockShared, 4);
NT52_IMPORT(InitializeConditionVariable, 4);
NT52_IMPORT(SleepConditionVariableSRW, 16);
NT52_IMPORT(WakeConditionVariable, 4);
NT52_IMPORT(WakeAllConditionVariable, 4);
NT52_IMPORT(InitOnceBeginInitialize, 16);
NT52_IMPORT(InitOnceComplete, 12);
