/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "image.h"
#include "progress.h"
#include "text.h"

/* A hostile image could have a finding in every sector; the counts go on, the list does not. */
#define MOST_FINDINGS 1000

const struct cli_option cli_verify_options[] = {CLI_IMAGE_OPTIONS, {NULL, NULL, NULL}};

struct verification {
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
        json_t *object = cli_json_element(verification->findings);

        cli_json_text(object, "severity", fatal ? "error" : "warning");
        cli_json_text(object, "message", found->message);
        cli_json_text(object, "file", found->file[0] ? found->file : NULL);
        cli_json_number(object, "offset", found->offset);
        return;
    }
    cli_progress_end(&verification->progress);
    platter_error_text(found, text, sizeof(text));
    cli_print(CLI_OUT, "%s: %s\n", fatal ? "error" : "warning", cli_printable(text));
    cli_flush(CLI_OUT);
}

static bool step(void *context, uint64_t done, uint64_t total)
{
    struct verification *verification = context;

    return cli_progress_step(&verification->progress, done, total);
}

static void tell(const char *image, struct cli_reply *reply, const struct platter_verify_report *report, uint64_t count)
{
    uint64_t omitted = count > MOST_FINDINGS ? count - MOST_FINDINGS : 0;
    char size[CLI_SIZE_TEXT];

    if (reply->json) {
        cli_json_number(reply->root, "bytes_checked", report->bytes_checked);
        cli_json_bool(reply->root, "checksums", report->checksums);
        cli_json_number(reply->root, "errors", report->errors);
        cli_json_number(reply->root, "warnings", report->warnings);
        cli_json_number(reply->root, "findings_omitted", omitted);
        return;
    }
    if (omitted > 0)
        cli_print(CLI_OUT, "... and %llu more\n", (unsigned long long)omitted);
    cli_print(CLI_OUT, "%s: %s checked%s: ", image, cli_size_text(report->bytes_checked, size),
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
        cli_json_text(reply->root, "image", arguments->operands[0]);
        verification.findings = cli_json_array(reply->root, "findings");
    }
    cli_interrupt_catch(NULL, NULL);
    cli_progress_begin(&verification.progress);
    result = platter_image_verify(image, finding, &verification, &progress, &report, err);
    cli_progress_end(&verification.progress);
    cli_interrupt_done();
    platter_image_close(image);
    if (result != PLATTER_OK)
        return result;
    tell(arguments->operands[0], reply, &report, verification.count);
    if (report.errors == 0)
        return PLATTER_OK;
    reply->reported = true;
    return PLATTER_E_DAMAGED;
}
