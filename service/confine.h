/* SPDX-License-Identifier: MIT */
/* How a worker is to be confined: what each Windows offers, and what is given up, in order, where a worker does not start so. */
#ifndef PLATTER_SERVICE_CONFINE_H
#define PLATTER_SERVICE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct service_system {
    uint32_t major, minor, build; /* of Windows: 6.1.7601, 10.0.22631 */
    bool app_containers;          /* it has a function that makes their tokens */
};

/* What is asked for besides restricted token and job, which each worker has. */
struct service_confinement {
    bool app_container;   /* no network, and nothing that is not open to all applications of that kind */
    bool no_children;     /* PROC_THREAD_ATTRIBUTE_CHILD_PROCESS_POLICY; the job's limit of one process holds anyway */
    uint64_t mitigations; /* PROC_THREAD_ATTRIBUTE_MITIGATION_POLICY; 0: that attribute is left away */
};

/*
 * Rung 0 is all that this system has for this image; each further one gives up more: first the mitigations, then the
 * AppContainer instead, then both. False: there are no more rungs. `remote`: the image is on a server, so its worker keeps
 * the network (an AppContainer would keep it from servers of this machine, whatever its capabilities).
 */
bool service_confinement_plan(const struct service_system *system, bool remote, unsigned rung,
                              struct service_confinement *plan);
/* Why rung 0 has no AppContainer, as the end of "restricted token only, because ..."; NULL: it has. */
const char *service_confinement_why_not(const struct service_system *system, bool remote);

#endif
