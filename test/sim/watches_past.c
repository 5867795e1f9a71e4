/*
 * What the places of the workload "watches" were like, from the beginning to the
 * end of the log.
 */
#include <stdlib.h>
#include <string.h>

#include "watches_internal.h"

/* --- moments --- */

static void add_moment(world *w, past *line, moment added)
{
    if (line->count == line->capacity) {
        moment *before = line->moments;

        line->capacity = line->capacity == 0 ? 64 : 2 * line->capacity;
        line->moments = world_alloc(w, line->capacity * sizeof *line->moments);
        if (before != NULL) {
            memcpy(line->moments, before, line->count * sizeof *before);
        }
    }
    added.changes = line->changes;
    line->moments[line->count++] = added;
    line->touched = false;
}

static void add_data(run *r, int number, const tree *t, int64_t zxid, bool meddled)
{
    place *at = &r->places[number];
    const znode *node = tree_find(t, at->path);
    moment now = {.zxid = zxid, .exists = node != NULL, .meddled = meddled};

    if (node != NULL) {
        now.stamp =
            (corral_stamp){.czxid = node->czxid, .mzxid = node->mzxid, .version = node->version, .index = 0};
        now.data = node->data;
    }
    add_moment(&r->fleet.world, &at->data, now);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void add_list(run *r, const tree *t, int64_t zxid)
{
    world *w = &r->fleet.world;
    const znode *house = tree_find(t, r->places[HOUSE].path);
    moment now = {.zxid = zxid, .exists = house != NULL};

    if (house != NULL) {
        corrali_stat stat = tree_stat(house);

        now.stamp = (corral_stamp){.czxid = stat.czxid, .mzxid = stat.pzxid, .version = stat.cversion};
        now.names = world_alloc(w, PLACES * sizeof *now.names);
        for (int i = ROOM; i < PLACES; i++) {
            if (tree_find(t, r->places[i].path) != NULL) {
                now.names[now.name_count++] = strrchr(world_path_text(w, r->places[i].path), '/') + 1;
            }
        }
        qsort(now.names, now.name_count, sizeof *now.names, compare_names);
    }
    add_moment(w, &r->list, now);
}

/* --- the log --- */

static void touch(past *line)
{
    line->touched = true;
    line->changes++;
}

static void changed(void *arg, int path, tree_change change, const access_list *acl)
{
    run *r = arg;

    (void)acl;
    for (int i = 0; i < PLACES; i++) {
        if (r->places[i].path != path) {
            continue;
        }
        touch(&r->places[i].data);
        if (change != TREE_SET && i >= HOUSE) {
            touch(&r->list);
        }
    }
}

/* Which call's was it? */
static void attribute(run *r, const tree_write *write, int64_t zxid)
{
    size_t number;

    if (write->data.length == 0 || write->data.bytes[0] != 'c') {
        return;
    }
    number = strtoul(write->data.bytes + 1, NULL, 10);
    for (int i = 0; i < GUEST; i++) {
        if (r->places[i].path == write->path && number < r->count) {
            r->calls[number].applied++;
            r->calls[number].applied_zxid = zxid;
        }
    }
}

static void look_at(run *r, const transaction *txn)
{
    for (size_t i = 0; txn->status == CORRAL_OK && txn->session != 0 && i < txn->count; i++) {
        const tree_write *write = &txn->writes[i];

        if (write->kind == CORRALI_SET || write->kind == CORRALI_CREATE) {
            attribute(r, write, txn->zxid);
        }
        for (int j = 0; write->kind == CORRALI_DELETE && j < GUEST; j++) {
            r->places[j].deleted += r->places[j].path == write->path;
        }
    }
}

void watches_look_back(run *r)
{
    const ensemble *e = &r->fleet.ensemble;
    tree *t = &r->beginning;

    for (int i = 0; i < PLACES; i++) {
        add_data(r, i, t, 0, false);
    }
    add_list(r, t, 0);
    for (size_t i = 0; i < e->committed; i++) {
        transaction *txn = &e->log[i]->txn;

        tree_apply(t, txn, changed, r);
        look_at(r, txn);
        for (int j = 0; j < PLACES; j++) {
            if (r->places[j].data.touched) {
                add_data(r, j, t, txn->zxid, txn->session == 0);
            }
        }
        if (r->list.touched) {
            add_list(r, t, txn->zxid);
        }
    }
}

/* --- finding --- */

int64_t watches_find(const past *line, bool exists, int64_t mzxid, int64_t least)
{
    for (size_t i = 0; i < line->count; i++) {
        const moment *each = &line->moments[i];
        bool over = i + 1 < line->count && line->moments[i + 1].zxid <= least;

        if (!over && each->exists == exists && (!exists || each->stamp.mzxid == mzxid)) {
            return (int64_t)i;
        }
    }
    return -1;
}

size_t watches_find_last(const run *r, const past *line, size_t found, size_t committed)
{
    const ensemble *e = &r->fleet.ensemble;
    int64_t zxid = committed == 0 ? 0 : e->log[committed - 1]->txn.zxid;
    size_t last = found;

    for (size_t i = found; i < line->count && line->moments[i].zxid <= zxid; i++) {
        if (!line->moments[i].exists && !line->moments[found].exists) {
            last = i;
        }
    }
    return last;
}
