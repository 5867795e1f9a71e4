#include "keep.h"

#include <stdlib.h>
#include <string.h>

typedef struct item item;
struct item {
    item *next;
    char *path;
    keep_close close;
    void *kept;
};
static item *items;

static item *find(const char *path, keep_close close)
{
    item *i = items;

    while (i != NULL && (i->close != close || strcmp(i->path, path) != 0)) {
        i = i->next;
    }
    return i;
}

void *keep_find(const char *path, keep_close close)
{
    const item *found = find(path, close);

    return found != NULL ? found->kept : NULL;
}

void keep_put(const char *path, keep_close close, void *kept)
{
    item *found = find(path, close);

    if (found != NULL) {
        close(found->kept);
    } else {
        found = malloc(sizeof *found);
        if (found == NULL || (found->path = strdup(path)) == NULL) {
            abort();
        }
        found->close = close;
        found->next = items;
        items = found;
    }
    found->kept = kept;
}

void keep_drop(const char *path)
{
    item **link = &items;

    while (*link != NULL) {
        item *i = *link;

        if (path != NULL && strcmp(i->path, path) != 0) {
            link = &i->next;
            continue;
        }
        *link = i->next;
        i->close(i->kept);
        free(i->path);
        free(i);
    }
}
