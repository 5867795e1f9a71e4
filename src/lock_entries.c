#include "lock_entries.h"

#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

/* --- what is found --- */

static void free_entry(corrali_lock_entry *each)
{
    corrali_free((char *)each->told.label);
    corrali_free((char *)each->told.name);
}

void corrali_lock_entries_free(corrali_lock_entries *own)
{
    for (size_t i = 0; i < own->count; i++) {
        free_entry(&own->all[i]);
    }
    corrali_free(own->all);
}

void corrali_lock_entries_drop(corrali_lock_entries *own, size_t i)
{
    free_entry(&own->all[i]);
    own->count--;
    memmove(&own->all[i], &own->all[i + 1], (own->count - i) * sizeof *own->all);
}

/* Make room for @count more. Returns 0 or CORRAL_ENOMEM. */
static int grow(corrali_lock_entries *own, size_t count)
{
    corrali_lock_entry *all = corrali_alloc((own->count + count + 1) * sizeof *all);

    if (all == NULL) {
        return CORRAL_ENOMEM;
    }
    if (own->count > 0) {
        memcpy(all, own->all, own->count * sizeof *all);
    }
    corrali_free(own->all);
    own->all = all;
    return CORRAL_OK;
}

int corrali_lock_entries_add(corrali_lock_entries *own, const char *const *names, size_t count,
                             corrali_lock_scheme scheme, bool at_gate)
{
    corrali_lock_name parsed;
    int status = corrali_lock_names_fit(names, count, scheme) ? grow(own, count) : CORRAL_ECONFLICT;

    for (size_t i = 0; i < count && status == CORRAL_OK; i++) {
        if (corrali_lock_name_parse(names[i], &parsed)) {
            char *name = corrali_strdup(names[i]);

            own->all[own->count++] = (corrali_lock_entry){
                .at_gate = at_gate,
                .told = {.name = name, .sequence = parsed.sequence, .shared = at_gate || parsed.shared}};
            status = name == NULL ? CORRAL_ENOMEM : CORRAL_OK;
        }
    }
    return status;
}

bool corrali_lock_entries_fill(corrali_lock_entries *own, size_t i, const corrali_request *reply)
{
    corral_lock_contender *told = &own->all[i].told;

    told->token = reply->stat.czxid;
    told->session = reply->stat.ephemeral_owner;
    if (reply->kind == CORRALI_GET) {
        char *label = corrali_alloc(reply->length + 1);

        if (label == NULL) {
            return false;
        }
        if (reply->length > 0) {
            memcpy(label, reply->data, reply->length);
        }
        told->label = label;
        told->length = reply->length;
    }
    return true;
}

/* --- the list --- */

/* Those at the gate come behind all leases. */
static int compare(const void *left, const void *right)
{
    const corrali_lock_entry *a = left;
    const corrali_lock_entry *b = right;

    if (a->at_gate != b->at_gate) {
        return a->at_gate ? 1 : -1;
    }
    return (a->told.sequence > b->told.sequence) - (a->told.sequence < b->told.sequence);
}

/* Can the lease be that of the one who waits, which has gone on to it from there? */
static bool may_be_same(const corrali_lock_entry *lease, const corrali_lock_entry *waits)
{
    return lease->told.session == waits->told.session && lease->told.token > waits->told.token;
}

/* Are the @some leases that came last, in their order, those of the first at the gate? */
static bool are_same(const corrali_lock_entry *gate, size_t some)
{
    for (size_t i = 0; i < some; i++) {
        if (!may_be_same(&gate[i] - some, &gate[i])) {
            return false;
        }
    }
    return true;
}

/*
 * Who is first at the gate may have a lease already; so may some behind it, who
 * have got theirs while the list was made. They stay in it by these.
 */
static void drop_twofold(corrali_lock_entries *own)
{
    size_t leases = 0;
    size_t some = 1;

    while (leases < own->count && !own->all[leases].at_gate) {
        leases++;
    }
    while (some <= leases && leases + some <= own->count && !are_same(&own->all[leases], some)) {
        some++;
    }
    if (some <= leases && leases + some <= own->count) {
        for (; some > 0; some--) {
            corrali_lock_entries_drop(own, leases);
        }
    }
}

/* Who holds: whoever nobody before them keeps from it. */
static void tell_holders(corrali_lock_entries *own, uint32_t permits)
{
    bool exclusive = false; /* there was one before */

    for (size_t i = 0; i < own->count; i++) {
        corral_lock_contender *told = &own->all[i].told;

        if (permits > 0) {
            told->holds = !own->all[i].at_gate && i < permits;
        } else {
            told->holds = told->shared ? !exclusive : i == 0;
        }
        exclusive = exclusive || !told->shared;
    }
}

/* The entries and all their strings, in one piece. NULL: no memory. */
static corral_lock_contender *pack(const corrali_lock_entries *own)
{
    size_t size = 1;
    corral_lock_contender *list;
    char *text;

    for (size_t i = 0; i < own->count; i++) {
        size += sizeof *list + own->all[i].told.length + 1 + strlen(own->all[i].told.name) + 1;
    }
    list = corrali_alloc(size);
    if (list == NULL) {
        return NULL;
    }
    text = (char *)(list + own->count);
    for (size_t i = 0; i < own->count; i++) {
        const corral_lock_contender *told = &own->all[i].told;

        list[i] = *told;
        list[i].label = memcpy(text, told->label == NULL ? "" : told->label, told->length + 1);
        text += told->length + 1;
        list[i].name = text;
        text = stpcpy(text, told->name) + 1;
    }
    return list;
}

corral_lock_contender *corrali_lock_entries_list(corrali_lock_entries *own, uint32_t permits)
{
    if (own->count > 0) {
        qsort(own->all, own->count, sizeof *own->all, compare);
    }
    drop_twofold(own);
    tell_holders(own, permits);
    return pack(own);
}
