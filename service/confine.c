/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <stddef.h>

/*
 * PROCESS_CREATION_MITIGATION_POLICY_*_ALWAYS_ON of winbase.h, and the first system that knows each; an older one refuses the
 * whole attribute. Not here: no calls of the window system, since user32.dll, which a library loads, makes some when it
 * starts, and a process without them would not. The worker asks for that later (worker_win32.c).
 */
static const struct {
    uint64_t flag;
    uint32_t major, minor, build;
} known[] = {
    {1ull << 12, 6, 2, 0},      /* a damaged heap ends the process */
    {1ull << 24, 6, 2, 0},      /* so does a handle that is none */
    {1ull << 32, 6, 2, 0},      /* no extension points */
    {1ull << 36, 6, 3, 0},      /* no code made at run time */
    {1ull << 48, 10, 0, 10240}, /* no fonts but the system's */
    {1ull << 52, 10, 0, 10586}, /* no programs from the network */
    {1ull << 56, 10, 0, 10586}, /* nor of low integrity */
    {1ull << 60, 10, 0, 14393}, /* libraries from the system's folder first */
};

static bool has(const struct service_system *system, uint32_t major, uint32_t minor, uint32_t build)
{
    if (system->major != major)
        return system->major > major;
    if (system->minor != minor)
        return system->minor > minor;
    return system->build >= build;
}

const char *service_confinement_why_not(const struct service_system *system, bool remote)
{
    if (remote)
        return "its image is on a server";
    if (!system->app_containers || !has(system, 6, 2, 0))
        return "this Windows has no AppContainers";
    return NULL;
}

bool service_confinement_plan(const struct service_system *system, bool remote, unsigned rung,
                              struct service_confinement *plan)
{
    struct service_confinement most = {.app_container = !service_confinement_why_not(system, remote),
                                       .no_children = has(system, 10, 0, 10586)};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (has(system, known[i].major, known[i].minor, known[i].build))
            most.mitigations |= known[i].flag;
    }
    for (unsigned i = 0; i < 4; i++) {
        bool contained = i < 2, mitigated = i % 2 == 0;

        if ((contained && !most.app_container) || (mitigated && !most.mitigations))
            continue;
        if (rung-- > 0)
            continue;
        plan->app_container = contained;
        plan->no_children = mitigated && most.no_children;
        plan->mitigations = mitigated ? most.mitigations : 0;
        return true;
    }
    return false;
}
