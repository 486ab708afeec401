/* SPDX-License-Identifier: MIT */
#include "session.h"
#include "error_log.h"
#include "pool.h"
#include "queue.h"
#include "transact.h"
#include "volume.h"

PSESSION
SessionCreate(void)
{
    PSESSION session = PoolAllocate(sizeof(*session), POOL_SESSION);
    KIRQL irql;

    if (session == NULL)
        return NULL;
    session->References = 1;
    KeInitializeSpinLock(&session->Lock);
    QueueInitialize(session);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    InsertTailList(&Platter.Sessions, &session->Link);
    KeReleaseSpinLock(&Platter.Lock, irql);
    return session;
}

void
SessionReference(PSESSION Session)
{
    InterlockedIncrement(&Session->References);
}

void
SessionDereference(PSESSION Session)
{
    KIRQL irql;
    BOOLEAN last;

    /* Under the lock, so that the timer, which walks the list under it, never meets a session on its way out. */
    KeAcquireSpinLock(&Platter.Lock, &irql);
    last = InterlockedDecrement(&Session->References) == 0;
    if (last)
        RemoveEntryList(&Session->Link);
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (last)
        PoolFree(Session, POOL_SESSION);
}

void
SessionTearDown(PSESSION Session)
{
    PVOLUME volume;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    Session->Closed = TRUE; /* from here on no volume is created, so the loop below ends */
    KeReleaseSpinLock(&Session->Lock, irql);
    while ((volume = VolumeReferenceNextOf(Session)) != NULL)
    {
        if (VolumeState(volume) == PLATTER_STATE_RUNNING)
            ErrorLogProviderGone(volume); /* while it still has its letter */
        VolumeBeginRemove(volume);
        VolumeDereference(volume);
    }
    SessionWakeAll(Session);
}

void
SessionWakeAll(PSESSION Session)
{
    PIRP irp;

    while ((irp = QueueTakeWaiting(Session)) != NULL)
        TransactFinish(Session, irp);
}

void
SessionsForgetAll(void)
{
    PSESSION session;
    KIRQL irql;

    for (;;)
    {
        KeAcquireSpinLock(&Platter.Lock, &irql);
        session =
            IsListEmpty(&Platter.Sessions) ? NULL : CONTAINING_RECORD(RemoveHeadList(&Platter.Sessions), SESSION, Link);
        KeReleaseSpinLock(&Platter.Lock, irql);
        if (session == NULL)
            break;
        PoolFree(session, POOL_SESSION);
    }
}
