/* SPDX-License-Identifier: MIT */
/* The mounts that the service keeps: each has a thread (keeper_win32.c) that starts its worker and sees it to its end. */
#ifndef PLATTER_SERVICE_MOUNTS_H
#define PLATTER_SERVICE_MOUNTS_H

#include "entry.h"
#include "identity_win32.h"

struct service_mount {
    struct service_mount *next;
    LONG references; /* the list's, the keeper's, those of who looks at it */
    struct service_entry entry;

    /* Constant. */
    HANDLE stop;    /* set: take the drives away and end */
    HANDLE settled; /* set once it is no longer STARTING */
    bool restored;  /* from the store: what may come later is waited for */

    bool keeper_runs; /* under the list's lock */
    bool logged_on;   /* likewise: somebody has, since the keeper was started */
    HANDLE token;     /* the keeper's own: of the owner, NULL until there is one */
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
/* "mounts": those that he may see: his own, to an administrator all. */
void service_mounts_json(json_t *root, const struct service_asker *asker);
/* Those of his (to an administrator all) that the request names; "forgotten": their ids. */
enum platter_result service_mounts_forget(const struct service_request *request, const struct service_asker *asker,
                                          json_t *root, struct platter_error *err);
/* Waits, some seconds, for the end of the mount that this worker served. "known": whether there was one. */
void service_mounts_unmounted(uint32_t process_id, const struct service_asker *asker, json_t *root);
unsigned service_mounts_count(void);

/* ---- For the keeper: each takes the list's lock ---- */

void service_mount_set(struct service_mount *mount, enum service_state state, json_t *report, uint32_t process_id,
                       const struct platter_error *err);
/* How its worker is confined now (launch_win32.h). */
void service_mount_confined(struct service_mount *mount, const char *confined);
/* From RETRYING to STARTING. False: it is not wanted any more: stopped, forgotten, or mounted anew by somebody. */
bool service_mount_again(struct service_mount *mount);
/* Writes it to the store with these options, unless it was forgotten meanwhile. */
enum platter_result service_mount_keep(struct service_mount *mount, const json_t *options, struct platter_error *err);
bool service_mount_is_forgotten(struct service_mount *mount);
/* Takes it off the list and out of the store. */
void service_mount_remove(struct service_mount *mount);
/* The keeper's last word: its thread ends, and its reference with it. */
void service_mount_end(struct service_mount *mount);
void service_mount_release(struct service_mount *mount);

#endif
