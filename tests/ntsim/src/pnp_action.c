/* SPDX-License-Identifier: MIT */
/* The PnP manager's one thread, which does all that is asked of it in turn, as in Windows. */
#include "internal.h"

typedef struct _ACTION {
    NTSTATUS (*Routine)(PSIM_DEVNODE, PVOID);
    PSIM_DEVNODE Node;
    PVOID Context;
    NTSTATUS Status;
    KEVENT Done;
    BOOLEAN Detached;
    struct _ACTION *Next;
} ACTION;

static ACTION *First, **Last = &First;
static KEVENT Work;
static PSIM_THREAD Thread;
static BOOLEAN Stopping, Busy;

static VOID Run(void *context)
{
    (void)context;
    for (;;) {
        ACTION *action;
        while (!First) {
            if (Stopping)
                return;
            SimEventWait(&Work, "PnP actions");
        }
        action = First;
        First = action->Next;
        if (!First)
            Last = &First;
        Busy = TRUE;
        SIM_ACQUIRE(action);
        Sim.Current->Depth++;
        /* A device that went while the request for it waited. */
        action->Status =
            action->Node && action->Node->Gone ? STATUS_NO_SUCH_DEVICE : action->Routine(action->Node, action->Context);
        Sim.Current->Depth--;
        Busy = FALSE;
        if (action->Detached)
            free(action);
        else
            SimEventSet(&action->Done);
    }
}

static VOID Queue(ACTION *action)
{
    SIM_RELEASE(action);
    *Last = action;
    Last = &action->Next;
    SimEventSet(&Work);
}

NTSTATUS SimPnpDo(NTSTATUS (*Routine)(PSIM_DEVNODE, PVOID), PSIM_DEVNODE Node, PVOID Context)
{
    ACTION action = {.Routine = Routine, .Node = Node, .Context = Context};

    SimEventInit(&action.Done, NotificationEvent);
    Queue(&action);
    SimEventWait(&action.Done, "the PnP manager");
    return action.Status;
}

VOID SimPnpDoLater(NTSTATUS (*Routine)(PSIM_DEVNODE, PVOID), PSIM_DEVNODE Node, PVOID Context)
{
    ACTION *action = calloc(1, sizeof(*action));

    action->Routine = Routine;
    action->Node = Node;
    action->Context = Context;
    action->Detached = TRUE;
    Queue(action);
}

BOOLEAN SimPnpIdle(VOID)
{
    return !First && !Busy;
}

VOID SimPnpActionsStart(VOID)
{
    First = NULL;
    Last = &First;
    Stopping = Busy = FALSE;
    SimEventInit(&Work, SynchronizationEvent);
    Thread = SimThreadStart(Sim.SystemProcess, "pnp", TRUE, Run, NULL);
}

VOID SimPnpActionsStop(VOID)
{
    Stopping = TRUE;
    SimEventSet(&Work);
    SimThreadJoin(Thread);
}
