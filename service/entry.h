/* SPDX-License-Identifier: MIT */
/* What the service knows of a mount, what it tells of it, and to whom. The portable part, so that it can be tested. */
#ifndef PLATTER_SERVICE_ENTRY_H
#define PLATTER_SERVICE_ENTRY_H

#include "message.h"

#include "../mount/sid.h"

#define SERVICE_CONFINED_TEXT 400u /* bytes of "AppContainer" or "restricted token only, because ..." */

#define SERVICE_MOUNTS_MOST 256u
#define SERVICE_MOUNTS_OF_ONE 64u

enum service_state {
    SERVICE_STATE_STARTING,
    SERVICE_STATE_MOUNTED,
    SERVICE_STATE_WAITING,  /* for its owner to log on */
    SERVICE_STATE_RETRYING, /* as LOST, and will be tried again (retry.h) */
    SERVICE_STATE_LOST,     /* `error` says why; nothing of it is there */
    SERVICE_STATE_GONE,     /* unmounted: not listed any more, and never anything else again */
};

/* Who asks. */
struct service_asker {
    char sid[PLATTER_SID_TEXT];
    bool administrator; /* with an administrator's rights in force, not merely a member */
};

struct service_entry {
    /* Constant. */
    char id[SERVICE_ID_CHARS];
    char owner[PLATTER_SID_TEXT];
    struct service_options options;
    int64_t since; /* seconds since 1970, when it was asked for */

    /* Under the list's lock (mounts_win32.h). */
    enum service_state state;
    bool kept;                            /* it is in the store */
    bool forgotten;                       /* while it is there, but not to come back */
    uint32_t process_id;                  /* of the worker; 0: none */
    char confined[SERVICE_CONFINED_TEXT]; /* how the worker is, or was the last time; "": there was none */
    json_t *report;                       /* what was mounted, as `platter mount --json` has it; NULL: nothing */
    struct platter_error error;
};

/* Whether it is his, or he is an administrator. Who may not see a mount may not change it either. */
bool service_entry_is_for(const struct service_entry *entry, const struct service_asker *asker);
/*
 * Whether one more mount may be kept, where there are `all`, and `own` of who asks. PLATTER_E_UNSUPPORTED says how many may. Of
 * one owner no more than SERVICE_MOUNTS_OF_ONE, and ordinary users together leave that many places to administrators.
 */
enum platter_result service_mounts_check(unsigned all, unsigned own, bool administrator, struct platter_error *err);
/* Appends it to `array`, if it is for who asks. */
void service_entry_json(json_t *array, const struct service_entry *entry, const struct service_asker *asker);
/* Whether `forget` means it, and who asks may say so. */
bool service_entry_is_meant(const struct service_entry *entry, const struct service_request *request,
                            const struct service_asker *asker);

#endif
