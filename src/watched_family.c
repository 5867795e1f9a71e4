/*
 * Children with their data: a family listens to the list of a znode's children,
 * and as a member to each one's data. Both are watched like any other's, so they
 * are shared with whoever else watches them.
 *
 *     list told --> next --- all members known ---> adopted --> members join and leave
 *                                                                        |
 *     data told ------------ all members known ---> offered <------------+
 *
 * A list waits until the data of the one before it have all come: else there
 * would always be some missing where children come and go fast.
 *
 * A state is offered without its data, which are filled in when the first one
 * delivers it. So many changes between two deliveries cost little, whatever the number
 * of children; and what has been delivered does not change any more.
 */
#include <string.h>

#include "alloc.h"
#include "watch.h"

typedef struct {
    corrali_listener listener; /* to its data */
    corrali_family *family;
    const char *name;        /* in family.list */
    corrali_snapshot *state; /* NULL: not known yet */
    bool awaited;            /* it is to be told of before the next state */
} member;

struct corrali_family {
    corral_client *client;
    corrali_link due;          /* in client.families_due */
    corrali_listener listener; /* to the list */
    corrali_link listeners;
    corrali_snapshot *next; /* a list that is to be adopted; NULL: none */
    corrali_snapshot *list; /* adopted; NULL: none yet */
    member **members;       /* one for each of its children, in that order */
    size_t count;
    size_t missing;        /* so many of them are awaited */
    bool joined;           /* by somebody, since when the list has not been told */
    int status;            /* why there are no members; 0: they are there */
    uint64_t list_changes; /* of the list, that are counted, */
    uint64_t changes;      /* ... and of all */
    uint64_t serial;       /* of the last state */
    bool changed;          /* since @current was made */
    corrali_snapshot *current;
};

static void due_locked(corrali_family *own)
{
    corrali_list_remove(&own->due);
    corrali_list_append(&own->client->families_due, &own->due);
}

/* Let *@place refer to @state. */
static void hold_locked(corrali_snapshot **place, corrali_snapshot *state)
{
    corrali_snapshot *before = *place;

    state->refs++;
    *place = state;
    corrali_snapshot_unref_locked(before);
}

/* --- members --- */

static void await_locked(member *one)
{
    one->family->missing += !one->awaited;
    one->awaited = true;
}

static void member_told(corrali_listener *listener, corrali_snapshot *state)
{
    member *one = CORRALI_CONTAINER(listener, member, listener);
    corrali_family *own = one->family;
    const corrali_snapshot *before = one->state;

    own->missing -= one->awaited;
    one->awaited = false;
    if (before != NULL && !corrali_snapshot_same(before, state)) {
        /* That it is gone, or another one, the list will tell, and count. */
        own->changed = own->changed || state->status != CORRAL_OK || state->exists;
        own->changes +=
            state->exists && state->stamp.czxid == before->stamp.czxid ? state->changes - before->changes : 0;
    }
    hold_locked(&one->state, state);
    due_locked(own);
}

static void member_ended(corrali_listener *listener, int status)
{
    /* The list tells it. */
    (void)listener;
    (void)status;
}

static void drop_member_locked(member *one)
{
    one->family->missing -= one->awaited;
    corrali_watched_leave_locked(&one->listener);
    corrali_snapshot_unref_locked(one->state);
    corrali_free(one);
}

static int add_member_locked(corrali_family *own, const char *name, member **ret_member)
{
    const char *directory = own->listener.watched->path;
    char *path = corrali_asprintf("%s/%s", directory, name);
    member *one = corrali_alloc(sizeof *one);
    int status = CORRAL_ENOMEM;

    if (path != NULL && one != NULL) {
        one->family = own;
        one->listener.listed = true;
        one->listener.told_locked = member_told;
        one->listener.ended_locked = member_ended;
        await_locked(one);
        status = corrali_watched_join_locked(own->client, path, false, &one->listener);
        own->missing -= status != CORRAL_OK;
    }
    if (status == CORRAL_OK) {
        *ret_member = one;
    } else {
        corrali_free(one);
    }
    corrali_free(path);
    return status;
}

static void drop_members_locked(corrali_family *own)
{
    for (size_t i = 0; i < own->count; i++) {
        if (own->members[i] != NULL) {
            drop_member_locked(own->members[i]);
        }
    }
    corrali_free(own->members);
    own->members = NULL;
    own->count = 0;
}

/* Have those who are missing in @members room, if nobody else watches them? Else reading some would be in
 * vain. */
static bool have_room_locked(const corrali_family *own, member *const *members, const corrali_snapshot *list)
{
    size_t directory = strlen(own->listener.watched->path) + 1;
    size_t count = 0;
    size_t length = 0;

    for (size_t i = 0; i < list->child_count; i++) {
        if (members[i] == NULL) {
            count++;
            length += directory + strlen(list->children[i].name);
        }
    }
    return corrali_watched_room_locked(own->client, count, length);
}

/* It is in a list that is newer than its absence, unless a watch had told: what it is now has to come. */
static void doubt_absence_locked(member *one)
{
    const corrali_snapshot *state = one->state;
    corrali_watched *watched = one->listener.watched;

    if (state->status == CORRAL_OK && !state->exists && !watched->armed) {
        await_locked(one);
        if (!watched->reading) {
            corrali_watched_read_locked(watched);
        }
    }
}

/*
 * Move those who are in @list, too, to @members, and drop the others. Then fill
 * what is left of @members. Returns 0, CORRAL_EEXHAUSTED or CORRAL_ENOMEM.
 */
static int fill_members_locked(corrali_family *own, member **members, const corrali_snapshot *list)
{
    size_t old = 0;
    int status;

    for (size_t i = 0; i < list->child_count; i++) {
        while (old < own->count && strcmp(own->members[old]->name, list->children[i].name) < 0) {
            old++;
        }
        if (old < own->count && strcmp(own->members[old]->name, list->children[i].name) == 0) {
            members[i] = own->members[old];
            own->members[old++] = NULL;
            members[i]->name = list->children[i].name;
            doubt_absence_locked(members[i]);
        }
    }
    drop_members_locked(own);
    own->members = members;
    own->count = list->child_count;
    status = have_room_locked(own, members, list) ? CORRAL_OK : CORRAL_EEXHAUSTED;
    for (size_t i = 0; i < own->count && status == CORRAL_OK; i++) {
        if (members[i] == NULL) {
            status = add_member_locked(own, list->children[i].name, &members[i]);
            if (status == CORRAL_OK) {
                members[i]->name = list->children[i].name;
            }
        }
    }
    if (status != CORRAL_OK) {
        drop_members_locked(own);
    }
    return status;
}

/* Who has joined may have been told that some have changed, if not yet what they are. */
static void await_reads_locked(corrali_family *own)
{
    for (size_t i = 0; i < own->count; i++) {
        if (own->members[i]->listener.watched->reading) {
            await_locked(own->members[i]);
        }
    }
}

/* --- lists --- */

static int make_members_locked(corrali_family *own, const corrali_snapshot *list)
{
    member **members = corrali_alloc((list->child_count + 1) * sizeof *members);

    return members == NULL ? CORRAL_ENOMEM : fill_members_locked(own, members, list);
}

/* Make @next the list. False: there was no memory. */
static bool adopt_locked(corrali_family *own)
{
    corrali_snapshot *next = own->next;
    bool same = own->list != NULL && own->status == CORRAL_OK && corrali_snapshot_same(own->list, next);
    int status;

    if (!same && own->current != NULL) {
        corrali_family_fill_locked(own->current);
    }
    own->next = NULL;
    own->changes += next->changes - own->list_changes;
    own->list_changes = next->changes;
    if (same) {
        corrali_snapshot_unref_locked(next);
        return true;
    }
    status = make_members_locked(own, next);
    if (status == CORRAL_ENOMEM) {
        drop_members_locked(own);
        corrali_snapshot_unref_locked(own->list);
        corrali_snapshot_unref_locked(next);
        own->list = NULL;
        return false;
    }
    own->changed = own->changed || status == CORRAL_OK || status != own->status;
    own->status = status;
    hold_locked(&own->list, next);
    corrali_snapshot_unref_locked(next);
    return true;
}

static void list_told(corrali_listener *listener, corrali_snapshot *state)
{
    corrali_family *own = CORRALI_CONTAINER(listener, corrali_family, listener);

    hold_locked(&own->next, state);
    if (own->joined) {
        own->joined = false;
        await_reads_locked(own);
    }
    due_locked(own);
}

static void list_ended(corrali_listener *listener, int status)
{
    corrali_family *own = CORRALI_CONTAINER(listener, corrali_family, listener);

    for (corrali_link *link = own->listeners.next; link != &own->listeners; link = link->next) {
        corrali_listener *each = CORRALI_CONTAINER(link, corrali_listener, link);

        each->ended_locked(each, status);
    }
}

/* --- states --- */

void corrali_family_fill_locked(corrali_snapshot *state)
{
    const corrali_family *own = state->family;

    if (own == NULL) {
        return;
    }
    state->family = NULL;
    /* More than when it was made, if members that are awaited have held a newer one up. */
    state->changes = own->changes;
    for (size_t i = 0; i < own->count; i++) {
        const member *one = own->members[i];
        const corrali_snapshot *data = one->state;

        if (data->status != CORRAL_OK || data->exists) {
            state->children[state->child_count++] =
                (corral_watch_child){.name = one->name,
                                     .status = data->status,
                                     .value = data->length > 0 ? data->value : NULL,
                                     .length = data->length,
                                     .stamp = data->stamp};
            hold_locked(&state->parts[state->part_count++], one->state);
        }
    }
    hold_locked(&state->parts[state->part_count++], own->list);
}

/* Have @current say what is known. False: no memory. */
static bool renew_current_locked(corrali_family *own)
{
    if (own->current == NULL || own->current->family == NULL) {
        corrali_snapshot *state = corrali_snapshot_of_family(own->count);

        if (state == NULL) {
            return false;
        }
        corrali_snapshot_unref_locked(own->current);
        own->current = state;
        state->family = own;
        state->status = own->status != CORRAL_OK ? own->status : own->list->status;
        state->exists = state->status == CORRAL_OK && own->list->exists;
        state->stamp = state->exists ? own->list->stamp : (corral_stamp){0};
    }
    own->current->serial = ++own->serial;
    own->current->changes = own->changes;
    own->changed = false;
    return true;
}

static void step_locked(corrali_family *own)
{
    bool good;

    if (own->joined) {
        return;
    }
    good = own->missing > 0 || own->next == NULL || adopt_locked(own);
    if (good && own->missing == 0 && own->list != NULL) {
        good = !own->changed || renew_current_locked(own);
        for (corrali_link *link = own->listeners.next; good && link != &own->listeners; link = link->next) {
            corrali_listener *listener = CORRALI_CONTAINER(link, corrali_listener, link);

            listener->told_locked(listener, own->current);
        }
    }
    if (!good) {
        corrali_watched_repeat_locked(own->listener.watched);
    }
}

void corrali_families_settle_locked(corral_client *client)
{
    corrali_link *link;

    while ((link = corrali_list_pop(&client->families_due)) != NULL) {
        step_locked(CORRALI_CONTAINER(link, corrali_family, due));
    }
}

/* --- life --- */

static int make_locked(corral_client *client, const char *path, corrali_family **ret_family)
{
    corrali_family *own = corrali_alloc(sizeof *own);
    int status;

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->client = client;
    own->listener.told_locked = list_told;
    own->listener.ended_locked = list_ended;
    corrali_list_init(&own->due);
    corrali_list_init(&own->listeners);
    status = corrali_watched_join_locked(client, path, true, &own->listener);
    if (status != CORRAL_OK) {
        corrali_free(own);
        return status;
    }
    own->listener.watched->family = own;
    *ret_family = own;
    return CORRAL_OK;
}

int corrali_family_join_locked(corral_client *client, const char *path, corrali_listener *listener,
                               corrali_family **ret_family)
{
    corrali_watched *list = corrali_watched_find_locked(client, path, true);
    corrali_family *own = list == NULL ? NULL : list->family;
    int status = own != NULL ? CORRAL_OK : make_locked(client, path, &own);

    if (status != CORRAL_OK) {
        return status;
    }
    list = own->listener.watched;
    corrali_list_append(&own->listeners, &listener->link);
    *ret_family = own;
    if (list->armed && client->ready) {
        await_reads_locked(own);
        due_locked(own);
        corrali_families_settle_locked(client);
        return CORRAL_OK;
    }
    own->joined = true;
    if (!list->reading) {
        corrali_watched_read_locked(list);
    }
    return CORRAL_OK;
}

void corrali_family_leave_locked(corrali_family *own, corrali_listener *listener)
{
    corrali_list_remove(&listener->link);
    if (!corrali_list_empty(&own->listeners)) {
        return;
    }
    corrali_list_remove(&own->due);
    drop_members_locked(own);
    own->listener.watched->family = NULL;
    corrali_watched_leave_locked(&own->listener);
    corrali_snapshot_unref_locked(own->next);
    corrali_snapshot_unref_locked(own->list);
    corrali_snapshot_unref_locked(own->current);
    corrali_free(own);
}
