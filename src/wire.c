#include "wire.h"

#include <search.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "watch.h"

/* A path with wires. */
typedef struct {
    corrali_link wires;
    char path[];
} site;

static int compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* The tree's keys are the paths within sites. */
static site *find_locked(const corral_client *client, const char *path)
{
    char *const *found = tfind(path, &client->wire_tree, compare);

    return found == NULL ? NULL : CORRALI_CONTAINER(*found, site, path);
}

static int make_site_locked(corral_client *client, const char *path, site **ret_site)
{
    size_t size = strlen(path) + 1;
    int status = corrali_watched_reserve_locked(client, path);
    site *own;

    if (status != CORRAL_OK) {
        return status;
    }
    own = corrali_alloc(sizeof *own + size);
    if (own != NULL) {
        memcpy(own->path, path, size);
        corrali_list_init(&own->wires);
    }
    if (own == NULL || tsearch(own->path, &client->wire_tree, compare) == NULL) {
        corrali_watched_unreserve_locked(client, path);
        corrali_free(own);
        return CORRAL_ENOMEM;
    }
    *ret_site = own;
    return CORRAL_OK;
}

static void free_site_locked(corral_client *client, site *own)
{
    (void)tdelete(own->path, &client->wire_tree, compare);
    corrali_watched_unreserve_locked(client, own->path);
    corrali_free(own);
}

void corrali_wire_init(corrali_wire *wire, void (*tripped_locked)(corrali_wire *, bool deleted))
{
    corrali_list_init(&wire->link);
    wire->site = NULL;
    wire->tripped_locked = tripped_locked;
}

int corrali_wire_lay_locked(corral_client *client, corrali_wire *wire, const char *path)
{
    site *at = find_locked(client, path);
    int status = at != NULL ? CORRAL_OK : make_site_locked(client, path, &at);

    if (status == CORRAL_OK) {
        wire->client = client;
        wire->site = at;
        corrali_list_append(&at->wires, &wire->link);
    }
    return status;
}

void corrali_wire_cut_locked(corrali_wire *wire)
{
    site *at = wire->site;

    corrali_list_remove(&wire->link);
    wire->site = NULL;
    if (at != NULL && corrali_list_empty(&at->wires)) {
        corrali_unwatch_locked(wire->client, at->path, true);
        corrali_unwatch_locked(wire->client, at->path, false);
        free_site_locked(wire->client, at);
    }
}

bool corrali_wired_locked(const corral_client *client, const char *path)
{
    return find_locked(client, path) != NULL;
}

void corrali_wires_changed_locked(corral_client *client, const char *path, bool deleted)
{
    site *at = find_locked(client, path);
    corrali_link tripped;
    corrali_link *link;

    if (at == NULL) {
        return;
    }
    corrali_list_init(&tripped);
    corrali_list_prepend_all(&tripped, &at->wires);
    for (link = tripped.next; link != &tripped; link = link->next) {
        CORRALI_CONTAINER(link, corrali_wire, link)->site = NULL;
    }
    free_site_locked(client, at);
    /* Each may cut others of them. */
    while ((link = corrali_list_pop(&tripped)) != NULL) {
        corrali_wire *wire = CORRALI_CONTAINER(link, corrali_wire, link);

        wire->tripped_locked(wire, deleted);
    }
}
