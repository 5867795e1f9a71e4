/* States of what is watched. */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "watch.h"

corrali_snapshot *corrali_snapshot_new(size_t length, const void *value)
{
    corrali_snapshot *state = corrali_alloc(sizeof *state + length);

    if (state == NULL) {
        return NULL;
    }
    state->refs = 1;
    state->length = length;
    if (length > 0) {
        memcpy(state->value, value, length);
    }
    return state;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const corral_watch_child *)left)->name, ((const corral_watch_child *)right)->name);
}

/* Entries for @names, which lie behind them. NULL: no memory. */
static corral_watch_child *copy_names(size_t count, const char *const *names)
{
    size_t size = count * sizeof(corral_watch_child) + 1;
    corral_watch_child *children;
    char *at;

    for (size_t i = 0; i < count; i++) {
        size += strlen(names[i]) + 1;
    }
    children = corrali_alloc(size);
    if (children == NULL) {
        return NULL;
    }
    at = (char *)&children[count];
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;

        children[i].name = memcpy(at, names[i], length);
        at += length;
    }
    qsort(children, count, sizeof *children, compare_names);
    return children;
}

corrali_snapshot *corrali_snapshot_of_names(size_t count, const char *const *names)
{
    corrali_snapshot *state = corrali_snapshot_new(0, NULL);

    if (state == NULL) {
        return NULL;
    }
    state->children = copy_names(count, names);
    state->child_count = count;
    if (state->children == NULL) {
        corrali_free(state);
        return NULL;
    }
    return state;
}

corrali_snapshot *corrali_snapshot_of_family(size_t count)
{
    corrali_snapshot *state = corrali_snapshot_new(0, NULL);

    if (state == NULL) {
        return NULL;
    }
    state->children = corrali_alloc((count + 1) * sizeof *state->children);
    state->parts = corrali_alloc((count + 1) * sizeof *state->parts);
    if (state->children == NULL || state->parts == NULL) {
        corrali_snapshot_unref_locked(state);
        return NULL;
    }
    return state;
}

void corrali_snapshot_unref_locked(corrali_snapshot *state)
{
    if (state == NULL || --state->refs > 0) {
        return;
    }
    /* Not deep: parts have none themselves. */
    for (size_t i = 0; i < state->part_count; i++) {
        corrali_snapshot_unref_locked(state->parts[i]);
    }
    corrali_free(state->parts);
    corrali_free(state->children);
    corrali_free(state);
}

bool corrali_snapshot_same(const corrali_snapshot *a, const corrali_snapshot *b)
{
    return a->status == b->status && a->exists == b->exists && a->stamp.mzxid == b->stamp.mzxid;
}

bool corrali_snapshot_same_children(const corrali_snapshot *a, const corrali_snapshot *b)
{
    bool same = a != NULL && b != NULL && a->child_count == b->child_count;

    for (size_t i = 0; same && i < a->child_count; i++) {
        const corral_watch_child *one = &a->children[i];
        const corral_watch_child *other = &b->children[i];

        same = one->status == other->status && one->stamp.mzxid == other->stamp.mzxid &&
               strcmp(one->name, other->name) == 0;
    }
    return same;
}
