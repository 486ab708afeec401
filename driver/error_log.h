/* SPDX-License-Identifier: MIT */
/*
 * What an administrator is to find in the System log afterwards, though no process was left to tell it. Texts and numbers
 * of the messages are in events.mc, which is compiled into platter.sys; the INF registers it as their source.
 *
 * At most ERROR_LOG_A_MINUTE entries are written in a minute, so that a program cannot fill the log. Where the system
 * gives no entry (no memory, Wine), nothing is written. No names of files: everybody may read the System log.
 */
#ifndef PLATTER_ERROR_LOG_H
#define PLATTER_ERROR_LOG_H

#include "driver.h"

#define ERROR_LOG_A_MINUTE 20u

/* The numbers of events.mc: severity, customer bit, facility 0x835. tests/build/events.py compares the two. */
#define ERROR_LOG_PROVIDER_GONE ((NTSTATUS)0xE8350001)
#define ERROR_LOG_PROVIDER_LATE ((NTSTATUS)0xA8350002)
#define ERROR_LOG_MOUNT_REFUSED ((NTSTATUS)0xA8350003)

/* The handle of a running volume's provider was closed with no VOLUME_REMOVE before: its process died. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void ErrorLogProviderGone(_In_ PVOLUME Volume);

/* A request was over its deadline; written for the first one of a volume only. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void ErrorLogProviderLate(_Inout_ PVOLUME Volume);

/* Machine policy refused a mount; Device is the control device. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void ErrorLogMountRefused(_In_ PDEVICE_OBJECT Device, _In_ ULONG ProcessId);

#endif
