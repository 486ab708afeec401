/* SPDX-License-Identifier: MIT */
/* Stands in for libFuzzer where there is none: runs a fuzz target over the files and folders it is given, prints TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count;

static _Noreturn void bail_out(const char *path)
{
    printf("not ok %u - cannot read %s\n1..%u\n", count + 1, path, count + 1);
    exit(1);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;

    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    /* Exactly as long as the input, so that the sanitizer sees every read beyond it. */
    if (size >= 0)
        data = malloc(size ? (size_t)size : 1);
    if (!data || fseek(file, 0, SEEK_SET) != 0 || fread(data, 1, (size_t)size, file) != (size_t)size)
        bail_out(path);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    printf("ok %u - %s\n", ++count, path);
    fflush(stdout); /* the next one may be the end of us */
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_path(const char *path)
{
    struct dirent **entries;
    int found = scandir(path, &entries, is_visible, alphasort);
    char name[4096];
    int i;

    if (found < 0) {
        run_file(path);
        return;
    }
    for (i = 0; i < found; i++) {
        if (snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name) >= (int)sizeof(name))
            bail_out(path);
        run_path(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++)
        run_path(argv[i]);
    if (count == 0)
        fprintf(stderr, "usage: %s FILE-OR-FOLDER-OF-INPUTS...\n", argv[0]);
    printf("1..%u\n", count);
    return count ? 0 : 1;
}
