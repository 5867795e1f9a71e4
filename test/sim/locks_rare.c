/*
 * How often the library's contenders did what is rare: told from how they are,
 * and were when last looked at.
 */
#include <string.h>

#include "lock.h"
#include "locks_internal.h"

enum { SEEN_MOST = 160 };

/* What a contender was like. */
typedef struct {
    const corrali_contender *contender;
    corrali_contender_phase phase;
    bool looking;  /* listing, while it waits */
    bool unlisted; /* waiting, and has not listed yet */
    bool doubtful, unproven, homeless;
    size_t extras;
} sight;

struct locks_shadow {
    sight seen[SEEN_MOST];
    size_t count;
};

static const sight *seen_before(const struct locks_shadow *shadow, const corrali_contender *contender)
{
    static const sight nothing;

    for (size_t i = 0; i < shadow->count; i++) {
        if (shadow->seen[i].contender == contender) {
            return &shadow->seen[i];
        }
    }
    return &nothing;
}

static sight look_at(const corrali_contender *own)
{
    return (sight){.contender = own,
                   .phase = own->phase,
                   .looking = own->look_busy && own->look.kind == CORRALI_CHILDREN &&
                              own->phase == CORRALI_CONTENDER_QUEUED,
                   .unlisted = own->phase == CORRALI_CONTENDER_QUEUED && !own->listed,
                   .doubtful = own->doubtful,
                   .unproven = own->unproven && own->phase == CORRALI_CONTENDER_FIRST,
                   .homeless = own->homeless,
                   .extras = own->extra_count};
}

static void compare(uint64_t *rare, const sight *was, const sight *is)
{
    rare[RARE_CREATION_LOST] += is->doubtful && !was->doubtful && is->phase <= CORRALI_CONTENDER_ENTERING;
    rare[RARE_ADOPTED] += is->phase == CORRALI_CONTENDER_ENTERING && was->phase == CORRALI_CONTENDER_ADOPTING;
    rare[RARE_EXTRA] += is->extras < was->extras && is->phase >= CORRALI_CONTENDER_QUEUED;
    rare[RARE_TAKEN_OVER] +=
        is->phase == CORRALI_CONTENDER_FIRST && was->phase == CORRALI_CONTENDER_QUEUED && !was->looking;
    rare[RARE_RELISTED] += is->looking && !was->looking && was->phase == CORRALI_CONTENDER_QUEUED;
    rare[RARE_UNLISTED] += is->unlisted && !was->unlisted;
    rare[RARE_UNPROVEN] += is->unproven && !was->unproven;
    rare[RARE_HOMELESS] += is->homeless && !was->homeless;
    rare[RARE_STOOD_BACK] +=
        is->phase == CORRALI_CONTENDER_OUTSIDE && !is->homeless && was->phase == CORRALI_CONTENDER_ENTERING;
}

void locks_count(run *r, member *m)
{
    world *w = &r->fleet.world;
    struct locks_shadow *shadow = r->shadows[m->number];
    struct locks_shadow now = {.count = 0};
    const corrali_link *all = &m->client->contenders;

    if (shadow == NULL) {
        shadow = r->shadows[m->number] = world_alloc(w, sizeof *shadow);
    }
    for (const corrali_link *link = all->next; link != all && now.count < SEEN_MOST; link = link->next) {
        const corrali_contender *own = CORRALI_CONTAINER(link, corrali_contender, link);
        const sight *was = seen_before(shadow, own);
        sight *is = &now.seen[now.count++];

        *is = look_at(own);
        compare(w->rare, was, is);
    }
    memcpy(shadow->seen, now.seen, now.count * sizeof *now.seen);
    shadow->count = now.count;
}

/* For the trace: who is there, and what everybody waits for. */
void locks_tell(run *r)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    char text[64];

    for (int i = 0; i < 2 * r->lock_count; i++) {
        const char *directory = locks_directory(r, i / 2, i % 2, text, sizeof text);
        int path = directory == NULL ? -1 : world_path_child(w, world_path(w, directory));

        for (; path >= 0; path = world_path_sibling(w, path)) {
            if (tree_find(t, path) != NULL) {
                world_note(w, "there is %s of session %ld", world_path_text(w, path),
                           (long)tree_find(t, path)->owner);
            }
        }
    }
    for (int i = 0; i < r->change_count; i++) {
        if (!r->changes[i].ended && !r->changes[i].of->member->crashed) {
            world_note(w, "change %d of client %d has not ended", i, r->changes[i].of->member->number);
        }
    }
    for (int i = 0; i < r->fleet.member_count; i++) {
        for (const attempt *each = r->open[i]; each != NULL; each = each->next_open) {
            world_note(w, "client %d attempt %d: ended %d, granted %d, delivered %d, released %d", i,
                       each->number, each->ended, each->granted, each->delivered, each->released);
        }
    }
    for (int i = 0; i < r->fleet.member_count; i++) {
        const corral_client *client = r->fleet.members[i].client;

        if (client == NULL || r->fleet.members[i].crashed) {
            continue;
        }
        for (const corrali_link *link = client->contenders.next; link != &client->contenders;
             link = link->next) {
            const corrali_contender *own = CORRALI_CONTAINER(link, corrali_contender, link);

            world_note(w, "client %d, session %ld%s: phase %d, %s, behind %s%s", i, (long)client->session_id,
                       client->ready ? "" : " and not ready", own->phase, own->made ? own->node : "-",
                       own->blocker == NULL ? "-" : own->blocker,
                       own->phase == CORRALI_CONTENDER_QUEUED && own->blocker_wire.site == NULL
                           ? ", without a wire"
                           : "");
        }
    }
}
