/* SPDX-License-Identifier: MIT */
/* TRANSACT: takes a worker's answers and gives it the next requests. docs/protocol.md tells the rules. */
#ifndef PLATTER_TRANSACT_H
#define PLATTER_TRANSACT_H

#include "driver.h"

/* Dispatch of PLATTER_IOCTL_TRANSACT. Completes Irp or leaves it waiting. */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS Transact(_Inout_ PSESSION Session, _Inout_ PIRP Irp);

/* Gives pending requests to waiting TRANSACTs until either runs out. The caller keeps the session alive. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void TransactPump(_Inout_ PSESSION Session);

/* Ends a TRANSACT that was taken from waiting with no request, and lets go of its reference on the session. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void TransactFinish(_Inout_ PSESSION Session, _Inout_ PIRP Irp);

#endif
