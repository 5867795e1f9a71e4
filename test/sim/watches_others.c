/*
 * The places of the workload "watches" before it begins, and another program
 * that changes, deletes and makes them, and takes and gives permissions. It is not
 * heard of what came of that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "watches_internal.h"

/* Permissions are given back, should an election have taken that back. */
#define RESTORE_AGAIN (1 * SIM_S)

/* --- before it begins --- */

static void name_places(run *r)
{
    world *w = &r->fleet.world;
    char path[64];

    for (int i = 0; i < PLACES; i++) {
        (void)snprintf(path, sizeof path,
                       i == SHED    ? "/far/off/shed"
                       : i == HOUSE ? "/house"
                       : i >= GUEST ? "/house/guest%d"
                                    : "/house/room%d",
                       i);
        r->places[i].path = world_path(w, path);
    }
}

static void put(run *r, int number)
{
    static const int32_t versions[] = {0, INT32_MAX - 40, -60, -3};
    world *w = &r->fleet.world;

    ensemble_put(&r->fleet.ensemble, world_path_text(w, r->places[number].path), "first", 5,
                 versions[world_below(w, 4)]);
}

void watches_begin_places(run *r)
{
    world *w = &r->fleet.world;
    bool house = world_one_in(w, 2);

    name_places(r);
    if (world_one_in(w, 2)) {
        put(r, SHED);
    }
    for (int i = HOUSE; i < PLACES; i++) {
        if (house && (i == HOUSE || world_one_in(w, 2))) {
            put(r, i);
        }
    }
    tree_open(&r->beginning, w);
    tree_copy(&r->beginning, &r->fleet.ensemble.prepared);
}

/* --- another program --- */

static const znode *find(const run *r, int number)
{
    return tree_find(&r->fleet.ensemble.prepared, r->places[number].path);
}

static blob some_data(run *r)
{
    world *w = &r->fleet.world;
    char text[32];
    size_t length = (size_t)snprintf(text, sizeof text, "m%" PRIu64, ++r->meddled);

    length = world_one_in(w, 5) ? 0 : length;
    return (blob){.bytes = world_copy(w, text, length), .length = length};
}

static tree_write deletion_of(const run *r, int number)
{
    return (tree_write){
        .kind = CORRALI_DELETE, .path = r->places[number].path, .version = CORRALI_VERSION_ANY};
}

static tree_write creation_of(run *r, int number)
{
    return (tree_write){.kind = CORRALI_CREATE, .path = r->places[number].path, .data = some_data(r)};
}

/* All of the house goes; some of it, or nothing, comes again in the same moment. */
static size_t move_house(run *r, tree_write *writes)
{
    world *w = &r->fleet.world;
    bool again = world_one_in(w, 2);
    size_t count = 0;

    for (int i = PLACES - 1; i >= HOUSE; i--) {
        if (find(r, i) != NULL) {
            writes[count++] = deletion_of(r, i);
        }
    }
    for (int i = HOUSE; again && i < PLACES; i++) {
        if (i == HOUSE || world_one_in(w, 3)) {
            writes[count++] = creation_of(r, i);
        }
    }
    return count;
}

static size_t change(run *r, int number, tree_write *writes)
{
    world *w = &r->fleet.world;
    const znode *node = find(r, number);
    bool parent = !watches_is_child(number) || find(r, HOUSE) != NULL;
    size_t count = 0;

    if (node == NULL) {
        if (parent && number != SHED) {
            writes[count++] = creation_of(r, number);
        }
    } else if (number != HOUSE && world_one_in(w, 3)) {
        writes[count++] = deletion_of(r, number);
        if (world_one_in(w, 2)) {
            writes[count++] = creation_of(r, number);
        }
    } else {
        writes[count++] = (tree_write){.kind = CORRALI_SET,
                                       .path = r->places[number].path,
                                       .data = some_data(r),
                                       .version = CORRALI_VERSION_ANY};
    }
    return count;
}

static const access_list *some_permissions(world *w)
{
    access_list *some = world_alloc(w, sizeof *some);

    some->count = 1;
    some->entries = world_alloc(w, sizeof *some->entries);
    some->entries[0] = (corral_acl){.scheme = "world",
                                    .id = "anyone",
                                    .perms = CORRAL_PERM_ALL & (int32_t)world_below(w, CORRAL_PERM_ALL + 1)};
    return some;
}

static size_t restrict_or_restore(run *r, int number, tree_write *writes)
{
    const znode *node = find(r, number);

    if (node == NULL) {
        return 0;
    }
    writes[0] = (tree_write){.kind = CORRALI_SET,
                             .path = r->places[number].path,
                             .version = CORRALI_VERSION_ANY,
                             .acl_only = true};
    if (node->acl == NULL) {
        writes[0].acl = some_permissions(&r->fleet.world);
        r->places[number].restricted = true;
    }
    return 1;
}

void watches_meddle(run *r)
{
    world *w = &r->fleet.world;
    tree_write writes[2 * PLACES];
    int number = world_one_in(w, 3) ? (int)world_below(w, GUEST) : (int)world_below(w, PLACES);
    bool moves = world_one_in(w, 12);
    bool access = !moves && r->restricts && world_one_in(w, 3);
    size_t count = moves    ? move_house(r, writes)
                   : access ? restrict_or_restore(r, number, writes)
                            : change(r, number, writes);

    if (count > 0) {
        (void)ensemble_meddle(&r->fleet.ensemble, writes, count);
    }
}

void watches_restore(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    tree_write writes[1];

    for (int i = 0; i < PLACES; i++) {
        if (find(r, i) != NULL && find(r, i)->acl != NULL && restrict_or_restore(r, i, writes) > 0) {
            (void)ensemble_meddle(&r->fleet.ensemble, writes, 1);
        }
    }
    world_at(w, w->now + RESTORE_AGAIN, watches_restore, r, argument);
}
