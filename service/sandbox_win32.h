/* SPDX-License-Identifier: MIT */
/*
 * A worker: platterd.exe again, with as few rights as serve an image. It gets one handle, its end of a private pipe, and
 * what the service hands it later; by itself it can open next to nothing:
 *   token: the owner's with all privileges but one gone, administrators' groups for denying only, restricted to Everyone,
 *          Users and RESTRICTED (what only the owner may open is closed), low integrity; where the plan says so, that of an
 *          AppContainer of its own without capabilities besides;
 *   job:   ends with the service, one process, bounded memory, no desktop, clipboard or shutdown;
 *   mitigations: those of the plan (confine.h) from its first instruction on, later, by itself, more (worker_win32.c).
 * docs/service.md says what of this each Windows gives, launch_win32.h in which order it is tried.
 */
#ifndef PLATTER_SERVICE_SANDBOX_H
#define PLATTER_SERVICE_SANDBOX_H

#include "channel_win32.h"
#include "confine.h"

struct service_worker {
    struct service_channel channel;
    HANDLE process, job;
    uint32_t process_id;
};

/* `owner`: a primary token. `network`: its environment lets it find Winsock, else it has none. All of the plan, or nothing. */
enum platter_result service_worker_start(HANDLE owner, bool network, const struct service_confinement *plan,
                                         struct service_worker *worker, struct platter_error *err);
/* Ends the process if it has not ended, and closes all. */
void service_worker_close(struct service_worker *worker);

#endif
