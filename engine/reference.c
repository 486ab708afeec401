/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <stddef.h>
#include <string.h>

#include "ascii.h"
#include "bytes.h"

enum kind { PLACE_FILE, PLACE_SERVER, PLACE_DEVICE };

struct place {
    enum kind kind;
    const char *host; /* of a server; a URL's is all of it up to the path */
    size_t length;
};

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool same_text(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (platter_ascii_lower(a[i]) != platter_ascii_lower(b[i]) || !a[i])
            return false;
    }
    return true;
}

/* Bytes of "scheme://" at the start of `name`; 0: it is no URL. */
static size_t scheme_length(const char *name)
{
    size_t at = 0;

    while (is_letter(name[at]) || (at && (strchr("+-.", name[at]) || (name[at] >= '0' && name[at] <= '9')) && name[at]))
        at++;
    return at >= 2 && strncmp(name + at, "://", 3) == 0 ? at + 3 : 0;
}

bool platter_reference_is_url(const char *name)
{
    return scheme_length(name) != 0;
}

static struct place server(const char *host)
{
    return (struct place){PLACE_SERVER, host, strcspn(host, "/\\")};
}

/* What follows \\?\, \\.\ or \??\: drives and volumes are files' own, a server is one by another name. */
static struct place after_prefix(const char *rest)
{
    const char *brace;

    if (same_text(rest, "UNC", 3) && is_slash(rest[3]))
        return server(rest + 4);
    if (is_letter(rest[0]) && rest[1] == ':' && is_slash(rest[2]))
        return (struct place){PLACE_FILE, NULL, 0};
    brace = same_text(rest, "Volume{", 7) ? strchr(rest, '}') : NULL;
    if (brace && is_slash(brace[1]) && brace[2])
        return (struct place){PLACE_FILE, NULL, 0};
    return (struct place){PLACE_DEVICE, NULL, 0};
}

static struct place find_place(const char *name, bool servers)
{
    size_t scheme = scheme_length(name);

    if (scheme) {
        size_t length = scheme + strcspn(name + scheme, "/?#");

        /* Without a host, as nbd+unix:///?socket=..., the rest tells where it is. */
        return (struct place){PLACE_SERVER, name, length > scheme ? length : strlen(name)};
    }
    if (!servers || !is_slash(name[0]))
        return (struct place){PLACE_FILE, NULL, 0};
    if (strncmp(name + 1, "??", 2) == 0 && is_slash(name[3]))
        return after_prefix(name + 4);
    if (!is_slash(name[1]))
        return (struct place){PLACE_FILE, NULL, 0};
    if ((name[2] == '?' || name[2] == '.') && is_slash(name[3]))
        return after_prefix(name + 4);
    return name[2] == '?' || (name[2] == '.' && !name[3]) ? (struct place){PLACE_DEVICE, NULL, 0} : server(name + 2);
}

const char *platter_reference_refused(const char *child_path, const char *name, bool servers)
{
    struct place there = find_place(name, servers), here;

    if (there.kind == PLACE_FILE)
        return NULL;
    if (there.kind == PLACE_DEVICE)
        return "is a device";
    here = find_place(child_path, servers);
    if (here.kind == PLACE_SERVER && there.length > 0 && here.length == there.length &&
        same_text(here.host, there.host, there.length))
        return NULL;
    return "is on another machine";
}
