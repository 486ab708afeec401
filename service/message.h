/* SPDX-License-Identifier: MIT */
/*
 * What is said to the service: one request a connection, one answer. Each is a length (four bytes, little-endian) and as
 * many bytes of JSON. Nothing of it is believed before it is here: bounded in length, depth and number, no member that is
 * not known, none twice, each of its type and in its range. The portable part, so that it can be fuzzed.
 */
#ifndef PLATTER_SERVICE_MESSAGE_H
#define PLATTER_SERVICE_MESSAGE_H

#include "../mount/json.h"
#include "../mount/options.h"

#define SERVICE_NAME "platterd"
#define SERVICE_PROTOCOL 1u              /* raised when a request changes its meaning; others are refused */
#define SERVICE_HEAD_BYTES 4u            /* the length */
#define SERVICE_REQUEST_MOST (64u << 10) /* bytes of JSON */
#define SERVICE_REPLY_MOST (32u << 20)   /* of all mounts, each with a report as long as a worker may make it */
#define SERVICE_TEXT_MOST 4096u          /* bytes of any text in a request */
#define SERVICE_DEPTH_MOST 4u
#define SERVICE_ID_CHARS 37u /* of a mount: a GUID without braces, and the zero */

enum service_request_kind {
    SERVICE_ASK_MOUNT,
    SERVICE_ASK_LIST,
    SERVICE_ASK_STATUS,
    SERVICE_ASK_FORGET,    /* what is mounted stays until it is unmounted, but does not come back */
    SERVICE_ASK_UNMOUNTED, /* the drives of this worker were unmounted: waits until that is known here, too */
};

/* A mount that the service is to keep. The texts are the JSON object's. */
struct service_options {
    json_t *json; /* owned: what is stored */
    struct platter_mount_options mount;
    bool at_boot;  /* also when its owner is not logged on */
    bool elevated; /* its owner had an administrator's rights when he asked; set by the service, never by a client */
};

struct service_request {
    json_t *json; /* owned */
    enum service_request_kind kind;
    struct service_options options; /* MOUNT */
    const char *id, *image;         /* FORGET: one of them, or `all` */
    bool all;
    uint32_t process_id; /* UNMOUNTED */
};

/* The head of a message. PLATTER_E_USAGE: nothing, or more than `most`. */
enum platter_result service_head_read(const uint8_t head[SERVICE_HEAD_BYTES], uint32_t most, uint32_t *length,
                                      struct platter_error *err);
void service_head_write(uint32_t length, uint8_t head[SERVICE_HEAD_BYTES]);

/* A JSON object and nothing else, no deeper than SERVICE_DEPTH_MOST. *object is the caller's. */
enum platter_result service_object_parse(const char *text, size_t length, json_t **object, struct platter_error *err);

/* PLATTER_E_USAGE says what is wrong with it; *request is then empty. */
enum platter_result service_request_parse(const char *text, size_t length, struct service_request *request,
                                          struct platter_error *err);
void service_request_free(struct service_request *request); /* an empty one is fine */

/* `object` is borrowed. With `stored`, what the service itself adds may be there. */
enum platter_result service_options_parse(json_t *object, bool stored, struct service_options *options,
                                          struct platter_error *err);
void service_options_free(struct service_options *options);
/* The object of such options, as a request has it; NULL without memory. */
json_t *service_options_json(const struct platter_mount_options *mount, bool at_boot);

/* Whether `text` is an id as the service gives them: lower-case hexadecimal digits, 8-4-4-4-12. */
bool service_is_id(const char *text);

#endif
