/* SPDX-License-Identifier: MIT */
/* The mounts that the service keeps: each has a thread (keeper_win32.c) that starts its worker and sees it to its end. */
#ifndef PLATTER_SERVICE_MOUNTS_H
#define PLATTER_SERVICE_MOUNTS_H

#include "identity_win32.h"
#include "message.h"

enum service_state {
    SERVICE_STATE_STARTING,
    SERVICE_STATE_MOUNTED,
    SERVICE_STATE_WAITING, /* for its owner to log on */
    SERVICE_STATE_LOST,    /* `error` says why; nothing of it is there */
    SERVICE_STATE_GONE,    /* unmounted: not listed any more */
};

struct service_mount {
    struct service_mount *next;
    LONG references; /* the list's, the keeper's, those of who looks at it */

    /* Constant. */
    char id[SERVICE_ID_CHARS];
    char owner[PLATTER_SID_TEXT];
    struct service_options options;
    int64_t since;  /* seconds since 1970, when it was asked for */
    HANDLE stop;    /* set: take the drives away and end */
    HANDLE settled; /* set once it is no longer STARTING */

    /* Under the list's lock. */
    enum service_state state;
    bool kept;      /* comes back: it is in the store */
    bool forgotten; /* while it is there, but not to come back */
    bool keeper_runs;
    uint32_t process_id; /* of the worker; 0: none */
    json_t *report;      /* what was mounted, as `platter mount --json` has it; NULL: nothing */
    struct platter_error error;

    /* The keeper's own. */
    HANDLE token;  /* of the owner, when it came with the request; else NULL */
    bool restored; /* from the store: what may come later is waited for */
};

/* Brings back what is stored. Once, before there are clients. */
void service_mounts_restore(void);
/* Somebody has logged on: those who waited for it are tried. */
void service_mounts_retry(void);
/* Takes all drives away, in order as far as `timeout_ms` allows, and ends all workers. What is stored stays so. */
void service_mounts_stop(uint32_t timeout_ms);
/* True from the call of service_mounts_stop() on. */
bool service_mounts_stopping(void);

/* Of a client, whose token is taken over. Waits until it is mounted (*report is his) or has failed; then nothing is left. */
enum platter_result service_mounts_add(struct service_client *client, struct service_options *options, json_t **report,
                                       struct platter_error *err);
/* "mounts": those that the client may see: his own, to an administrator all. */
void service_mounts_json(json_t *root, const struct service_client *client);
/* Those of the client (to an administrator all) that the request names; "forgotten": their ids. */
enum platter_result service_mounts_forget(const struct service_request *request, const struct service_client *client,
                                          json_t *root, struct platter_error *err);
/* Waits, some seconds, for the end of the mount that this worker served. "known": whether there was one. */
void service_mounts_unmounted(uint32_t process_id, const struct service_client *client, json_t *root);
unsigned service_mounts_count(void);

/* ---- For the keeper ---- */

void service_mount_set(struct service_mount *mount, enum service_state state, json_t *report, uint32_t process_id,
                       const struct platter_error *err);
/* Takes it off the list and out of the store. */
void service_mount_remove(struct service_mount *mount);
void service_mount_release(struct service_mount *mount);

#endif
