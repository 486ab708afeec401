/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "image.h"
#include "progress.h"
#include "../mount/text.h"

#include <stdio.h>
#include <stdlib.h>

/* A hostile image could have a finding in every sector; the counts go on, the list does not. */
#define MOST_FINDINGS 1000
#define MOST_RANGES 65536 /* of the disk whose owners are looked for */

const struct cli_option cli_verify_options[] = {CLI_IMAGE_OPTIONS, {NULL, NULL, NULL}};

struct verification {
    struct platter_range *damage;
    size_t damage_count, damage_room;
    uint64_t damage_omitted; /* ranges */
    uint64_t owners;
    json_t *owned; /* NULL: as text */
    struct cli_progress progress;
    json_t *findings; /* NULL: as text */
    uint64_t count;
};

static void finding(void *context, bool fatal, const struct platter_error *found)
{
    struct verification *verification = context;
    char text[sizeof(found->file) + sizeof(found->message) + 64];

    if (verification->count++ >= MOST_FINDINGS)
        return;
    if (verification->findings) {
        json_t *object = platter_json_element(verification->findings);

        platter_json_text(object, "severity", fatal ? "error" : "warning");
        platter_json_text(object, "message", found->message);
        platter_json_text(object, "file", found->file[0] ? found->file : NULL);
        platter_json_number(object, "offset", found->offset);
        return;
    }
    cli_progress_end(&verification->progress);
    platter_error_text(found, text, sizeof(text));
    cli_print(CLI_OUT, "%s: %s\n", fatal ? "error" : "warning", platter_printable(text));
    cli_flush(CLI_OUT);
}

static void damaged(void *context, uint64_t offset, uint64_t length)
{
    struct verification *verification = context;

    if (verification->damage_count == verification->damage_room) {
        size_t room = verification->damage_room ? verification->damage_room * 2 : 64;
        struct platter_range *grown = room <= MOST_RANGES ? realloc(verification->damage, room * sizeof(*grown)) : NULL;

        if (!grown) {
            verification->damage_omitted++;
            return;
        }
        verification->damage = grown;
        verification->damage_room = room;
    }
    verification->damage[verification->damage_count++] = (struct platter_range){offset, length};
}

static void owner_json(json_t *object, const struct platter_owner *owner)
{
    static const char *const kinds[] = {
        [PLATTER_OWNER_FILE] = "file",       [PLATTER_OWNER_METADATA] = "metadata", [PLATTER_OWNER_FREE] = "free",
        [PLATTER_OWNER_UNKNOWN] = "unknown", [PLATTER_OWNER_OUTSIDE] = "outside",
    };

    platter_json_number(object, "offset", owner->offset);
    platter_json_number(object, "length", owner->length);
    if (owner->kind == PLATTER_OWNER_OUTSIDE)
        platter_json_null(object, "partition");
    else
        platter_json_number(object, "partition", owner->partition);
    platter_json_text(object, "filesystem", owner->filesystem[0] ? owner->filesystem : NULL);
    platter_json_text(object, "kind", kinds[owner->kind]);
    platter_json_text(object, "name", owner->name[0] ? owner->name : NULL);
    if (owner->kind == PLATTER_OWNER_FILE || owner->kind == PLATTER_OWNER_METADATA)
        platter_json_number(object, "file_offset", owner->file_offset);
    else
        platter_json_null(object, "file_offset");
}

static void owned(void *context, const struct platter_owner *owner)
{
    struct verification *verification = context;
    char place[96] = "", size[PLATTER_SIZE_TEXT], name[8192];

    if (verification->owners++ >= MOST_FINDINGS)
        return;
    if (verification->owned) {
        owner_json(platter_json_element(verification->owned), owner);
        return;
    }
    cli_progress_end(&verification->progress);
    (void)snprintf(name, sizeof(name), "%s", owner->name);
    if (owner->kind != PLATTER_OWNER_OUTSIDE && owner->partition)
        (void)snprintf(place, sizeof(place), "partition %u, ", (unsigned)owner->partition);
    cli_print(CLI_OUT, "damaged: %s at byte %llu of the disk: %s", platter_size_text(owner->length, size),
              (unsigned long long)owner->offset, place);
    switch (owner->kind) {
    case PLATTER_OWNER_FILE:
        cli_print(CLI_OUT, "file %s, from its byte %llu on\n", platter_printable(name),
                  (unsigned long long)owner->file_offset);
        break;
    case PLATTER_OWNER_METADATA:
        cli_print(CLI_OUT, "the file system's own: %s\n", platter_printable(name));
        break;
    case PLATTER_OWNER_FREE:
        cli_print(CLI_OUT, "no file\n");
        break;
    case PLATTER_OWNER_UNKNOWN:
    case PLATTER_OWNER_OUTSIDE:
        cli_print(CLI_OUT, "%s\n", platter_printable(name));
        break;
    }
    cli_flush(CLI_OUT);
}

static bool step(void *context, uint64_t done, uint64_t total)
{
    struct verification *verification = context;

    return cli_progress_step(&verification->progress, done, total);
}

static void tell(const char *image, struct cli_reply *reply, const struct platter_verify_report *report,
                 const struct verification *verification)
{
    uint64_t count = verification->count, owners = verification->owners;
    uint64_t omitted = count > MOST_FINDINGS ? count - MOST_FINDINGS : 0;
    uint64_t owners_omitted = (owners > MOST_FINDINGS ? owners - MOST_FINDINGS : 0) + verification->damage_omitted;
    char size[PLATTER_SIZE_TEXT];

    if (reply->json) {
        platter_json_number(reply->root, "bytes_checked", report->bytes_checked);
        platter_json_bool(reply->root, "checksums", report->checksums);
        platter_json_number(reply->root, "errors", report->errors);
        platter_json_number(reply->root, "warnings", report->warnings);
        platter_json_number(reply->root, "findings_omitted", omitted);
        platter_json_number(reply->root, "damaged_omitted", owners_omitted);
        return;
    }
    if (omitted > 0)
        cli_print(CLI_OUT, "... and %llu more findings\n", (unsigned long long)omitted);
    if (owners_omitted > 0)
        cli_print(CLI_OUT, "... and %llu more damaged places\n", (unsigned long long)owners_omitted);
    cli_print_name(CLI_OUT, image);
    cli_print(CLI_OUT, ": %s checked%s: ", platter_size_text(report->bytes_checked, size),
              report->checksums ? " against checksums" : " (there are no checksums of the data)");
    if (report->errors == 0 && report->warnings == 0)
        cli_print(CLI_OUT, "no errors\n");
    else
        cli_print(CLI_OUT, "%llu error%s, %llu warning%s\n", (unsigned long long)report->errors,
                  report->errors == 1 ? "" : "s", (unsigned long long)report->warnings,
                  report->warnings == 1 ? "" : "s");
}

enum platter_result cli_verify(const struct cli_arguments *arguments, struct cli_reply *reply,
                               struct platter_error *err)
{
    struct verification verification = {.count = 0};
    const struct platter_progress progress = {step, &verification};
    struct platter_verify_report report = {0};
    struct platter_image *image = NULL;
    enum platter_result result = cli_image_open(arguments, 0, &image, err);

    if (result != PLATTER_OK)
        return result;
    if (reply->json) {
        platter_json_text(reply->root, "image", arguments->operands[0]);
        verification.findings = platter_json_array(reply->root, "findings");
        verification.owned = platter_json_array(reply->root, "damaged");
    }
    cli_interrupt_catch(NULL, NULL);
    cli_progress_begin(&verification.progress);
    result = platter_image_verify_damage(image, finding, damaged, &verification, &progress, &report, err);
    if (result == PLATTER_OK)
        result = platter_owners_find(platter_image_block(image), verification.damage, verification.damage_count, owned,
                                     &verification, &progress, err);
    cli_progress_end(&verification.progress);
    cli_interrupt_done();
    platter_image_close(image);
    free(verification.damage);
    if (result != PLATTER_OK)
        return result;
    tell(arguments->operands[0], reply, &report, &verification);
    if (report.errors == 0)
        return PLATTER_OK;
    reply->reported = true;
    return PLATTER_E_DAMAGED;
}
