/* What the names in a lock's directory say. */
#include <string.h>

#include "alloc.h"
#include "contender.h"

/* Is it of ours, by its GUID? */
static bool is_ours(const corrali_contender *own, const char *name)
{
    size_t directory = strlen(own->contest->directory) + 1;

    return strncmp(name, own->prefix + directory, own->prefix_length - directory) == 0;
}

void corrali_contender_collect_locked(corrali_contender *own, const char *const *names, size_t count)
{
    corrali_lock_name parsed;

    own->extra_count = 0;
    for (size_t i = 0; i < count && own->extra_count < CORRALI_EXTRAS_MAX; i++) {
        if (is_ours(own, names[i]) && corrali_lock_name_parse(names[i], &parsed) &&
            !(own->made && parsed.sequence == own->sequence)) {
            own->extras[own->extra_count++] = parsed.sequence;
        }
    }
}

/* The lowest of the extras, which there must be, becomes @node, if it can be. */
static void adopt_lowest_locked(corrali_contender *own)
{
    size_t lowest = 0;

    for (size_t i = 1; i < own->extra_count; i++) {
        lowest = own->extras[i] < own->extras[lowest] ? i : lowest;
    }
    corrali_contender_name_locked(own, own->extras[lowest]);
    own->extras[lowest] = own->extras[--own->extra_count];
    corrali_contender_adopt_locked(own);
}

void corrali_contender_disown_locked(corrali_contender *own)
{
    own->made = false;
    if (own->extra_count > 0) {
        adopt_lowest_locked(own);
    } else {
        corrali_contender_requeue_locked(own);
    }
}

/* Who is before us and behind, as the names say. */
typedef struct {
    const char *nearest;
    uint32_t sequence;
    size_t count;
    const char *last; /* of those behind */
    uint32_t last_sequence;
    size_t behind;
    size_t all;   /* contenders of our scheme */
    bool present; /* we are there */
    bool others;  /* so are others, before us or behind */
    bool foreign; /* names of another scheme are; once we wait, before us */
} order;

static order read_order(const corrali_contender *own, const char *const *names, size_t count)
{
    const corrali_lock_kind *kind = own->contest->kind;
    bool entering = own->phase == CORRALI_CONTENDER_ENTERING;
    order found = {.nearest = NULL};
    corrali_lock_name parsed;

    for (size_t i = 0; i < count; i++) {
        if (!corrali_lock_name_parse(names[i], &parsed)) {
            continue; /* somebody's own business */
        }
        found.foreign =
            found.foreign || (parsed.scheme != kind->scheme && (entering || parsed.sequence < own->sequence));
        if (parsed.sequence == own->sequence && is_ours(own, names[i])) {
            found.present = true;
            found.all++;
            continue;
        }
        found.all += parsed.scheme == kind->scheme && !is_ours(own, names[i]);
        found.others = found.others || !is_ours(own, names[i]);
        if (parsed.scheme == kind->scheme && parsed.sequence <= own->sequence &&
            corrali_lock_blocks(&parsed, kind)) {
            if (found.nearest == NULL || parsed.sequence > found.sequence) {
                found.nearest = names[i];
                found.sequence = parsed.sequence;
            }
            found.count++;
        } else if (parsed.scheme == kind->scheme && !is_ours(own, names[i])) {
            if (found.last == NULL || parsed.sequence > found.last_sequence) {
                found.last = names[i];
                found.last_sequence = parsed.sequence;
            }
            found.behind++;
        }
    }
    return found;
}

/*
 * We are first: whoever contends by this handle next will be behind the last
 * one, unless they may share. If that is the only one, it is not noted: behind it alone, a listing makes an
 * heir.
 */
static void note_tail_locked(corrali_contest *contest, const order *found)
{
    const corrali_lock_kind *kind = contest->kind;

    corrali_contest_forget(contest);
    if (found->behind > 1 && contest->checked && !kind->shared && kind->scheme != CORRALI_SCHEME_READ_WRITE) {
        contest->tail = corrali_asprintf("%s/%s", contest->directory, found->last); /* or it is not known */
    }
}

void corrali_contender_read_locked(corrali_contender *own, const char *const *names, size_t count)
{
    bool entering = !own->listed;
    order found;

    if (own->doubtful) {
        own->made = false;
        own->searching = false;
        corrali_contender_collect_locked(own, names, count);
        own->doubtful = false;
        own->doubts = 0;
        if (own->extra_count == 0) {
            corrali_contender_requeue_locked(own);
        } else {
            adopt_lowest_locked(own);
        }
        return;
    }
    found = read_order(own, names, count);
    own->listed = true;
    if (entering && found.foreign) {
        corrali_contender_fail_locked(own, CORRAL_ECONFLICT, own->contest->directory);
    } else if (!found.present) {
        corrali_contender_requeue_locked(own);
    } else if (entering && corrali_contender_stand_back_locked(own, found.others)) {
        return;
    } else if (own->contest->permits > 0 && found.all > own->contest->permits) {
        corrali_contender_is_crowded_locked(own);
    } else if (own->contest->permits > 0 || found.nearest == NULL) {
        note_tail_locked(own->contest, &found);
        corrali_contender_is_first_locked(own);
    } else {
        corrali_contender_is_behind_locked(own, found.nearest, found.count == 1);
    }
}
