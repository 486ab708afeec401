/* SPDX-License-Identifier: MIT */
/* The control device \\.\Platter: one session a handle, the control codes of protocol.h. */
#ifndef PLATTER_CONTROL_H
#define PLATTER_CONTROL_H

#include "driver.h"

/* Makes device and link if they are not there. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS ControlCreate(void);
/* Takes them away; handles that are open stay so and lose their volumes. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void ControlDelete(void);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ControlOpen(_Inout_ PIRP Irp);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ControlCleanup(_Inout_ PIRP Irp);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ControlClose(_Inout_ PIRP Irp);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ControlIoctl(_Inout_ PIRP Irp);

#endif
