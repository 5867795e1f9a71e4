/*
 * Another program, an operator's or one that speaks the same names, and what it
 * does to the directories of the workload "locks".
 */
#include <stdio.h>
#include <string.h>

#include "lock_names.h"
#include "locks_internal.h"

/* Names that are no contender's. */
static const char *const notes[] = {"note", "lock-7", "something-else"};
enum { NOTES = sizeof notes / sizeof *notes };

/* What it contends with has no session, and this before the marker. */
#define PEER "_c_peer"

static const char *name_of(const run *r, int path)
{
    return strrchr(world_path_text(&r->fleet.world, path), '/') + 1;
}

static bool is_peer(const run *r, int path)
{
    return strncmp(name_of(r, path), PEER, strlen(PEER)) == 0;
}

static bool is_note(const run *r, int path)
{
    corrali_lock_name parsed;

    return !corrali_lock_name_parse(name_of(r, path), &parsed);
}

static bool write_one(run *r, tree_write write)
{
    return ensemble_meddle(&r->fleet.ensemble, &write, 1);
}

/* One of the children that are there; negative: none. */
static int some_child(run *r, int directory)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    uint64_t count = 0;
    int chosen = -1;

    for (int path = world_path_child(w, directory); path >= 0; path = world_path_sibling(w, path)) {
        if (tree_find(t, path) != NULL && world_one_in(w, ++count)) {
            chosen = path;
        }
    }
    return chosen;
}

/* An event: it goes, if it is there. */
static void deletes(void *subject, int64_t path)
{
    run *r = subject;

    if (tree_find(&r->fleet.ensemble.prepared, (int)path) != NULL) {
        (void)write_one(
            r, (tree_write){.kind = CORRALI_DELETE, .path = (int)path, .version = CORRALI_VERSION_ANY});
    }
}

static void make_child(run *r, int lock, const char *directory, bool peer)
{
    static const char *const markers[][2] = {
        {"-lock-", "-lock-"}, {"-__READ__", "-__WRIT__"}, {"__rlock__", "__lock__"}};
    world *w = &r->fleet.world;
    char path[128];

    if (peer && r->worn[lock]) {
        return; /* in a worn directory it would have everybody try again and again */
    }
    if (peer) {
        (void)snprintf(path, sizeof path, "%s/%s%d%s", directory, PEER, (int)world_below(w, 3),
                       markers[r->schemes[lock]][world_below(w, 2)]);
        r->peer_seen[lock] = w->now;
    } else {
        (void)snprintf(path, sizeof path, "%s/%s", directory, notes[world_below(w, NOTES)]);
    }
    (void)write_one(r, (tree_write){.kind = CORRALI_CREATE, .path = world_path(w, path), .sequential = peer});
    if (r->worn[lock]) {
        world_at(w, w->now + world_delay(w, 0, 5 * SIM_S), deletes, r, world_path(w, path));
    }
}

/* Of those who are there, the two of the lowest numbers; false: there are not so many. */
static bool first_two(run *r, int directory, int *ret_first, int *ret_second)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    corrali_lock_name parsed;
    uint32_t first = UINT32_MAX, second = UINT32_MAX;

    for (int path = world_path_child(w, directory); path >= 0; path = world_path_sibling(w, path)) {
        if (tree_find(t, path) == NULL || !corrali_lock_name_parse(name_of(r, path), &parsed)) {
            continue;
        }
        if (parsed.sequence < first) {
            second = first;
            *ret_second = *ret_first;
            first = parsed.sequence;
            *ret_first = path;
        } else if (parsed.sequence < second) {
            second = parsed.sequence;
            *ret_second = path;
        }
    }
    return second != UINT32_MAX;
}

/* The next one is thrown out before the first is, and may be marked before. */
static void throw_out_two(run *r, int directory)
{
    world *w = &r->fleet.world;
    int first = -1, second = -1;
    int64_t when = w->now + world_delay(w, 0, 20 * SIM_MS);

    if (!first_two(r, directory, &first, &second)) {
        return;
    }
    if (world_one_in(w, 2)) {
        (void)write_one(r, (tree_write){.kind = CORRALI_SET, .path = second, .version = CORRALI_VERSION_ANY});
    }
    world_at(w, when, deletes, r, second);
    world_at(w, when + world_delay(w, 0, 20 * SIM_MS), deletes, r, first);
}

void locks_meddle(run *r)
{
    world *w = &r->fleet.world;
    int lock = (int)world_below(w, (uint64_t)r->lock_count);
    char directory[64];
    int path, child;

    if (locks_directory(r, lock, world_one_in(w, 2), directory, sizeof directory) == NULL) {
        locks_name(directory, sizeof directory, lock);
    }
    path = world_path(w, directory);
    if (tree_find(&r->fleet.ensemble.prepared, path) == NULL) {
        return;
    }
    child = some_child(r, path);
    if (child >= 0 && is_peer(r, child)) {
        r->peer_seen[lock] = w->now; /* it was there until now */
    }
    switch (world_below(w, 9)) {
    case 0:
        make_child(r, lock, directory, r->schemes[lock] != SEMAPHORE);
        break;
    case 1:
        make_child(r, lock, directory, false);
        break;
    case 2:
        if (child >= 0) {
            (void)write_one(r,
                            (tree_write){.kind = CORRALI_SET, .path = child, .version = CORRALI_VERSION_ANY});
        }
        break;
    case 3:
        /* As servers do with empty containers. */
        (void)write_one(r,
                        (tree_write){.kind = CORRALI_DELETE, .path = path, .version = CORRALI_VERSION_ANY});
        break;
    case 4:
        throw_out_two(r, path);
        break;
    default:
        if (child >= 0 && (is_peer(r, child) || is_note(r, child) || world_one_in(w, 3))) {
            (void)write_one(
                r, (tree_write){.kind = CORRALI_DELETE, .path = child, .version = CORRALI_VERSION_ANY});
        }
        break;
    }
}

/* Was there nothing to be taken back? */
static bool clear(run *r, int lock, const char *directory)
{
    world *w = &r->fleet.world;
    bool done = true;

    for (int path = world_path_child(w, world_path(w, directory)); path >= 0;
         path = world_path_sibling(w, path)) {
        if (tree_find(&r->fleet.ensemble.prepared, path) == NULL) {
            continue;
        }
        if (is_peer(r, path)) {
            r->peer_seen[lock] = w->now;
        }
        if (is_peer(r, path) || is_note(r, path)) {
            done = false; /* what is proposed may be lost with a leader: look again */
            (void)write_one(
                r, (tree_write){.kind = CORRALI_DELETE, .path = path, .version = CORRALI_VERSION_ANY});
        }
    }
    return done;
}

bool locks_clear(run *r)
{
    bool done = true;

    for (int i = 0; i < 2 * r->lock_count; i++) {
        char path[64];
        const char *directory = locks_directory(r, i / 2, i % 2, path, sizeof path);

        if (directory != NULL) {
            done = clear(r, i / 2, directory) && done;
        }
    }
    return done;
}
