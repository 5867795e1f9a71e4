/* The lists of children of one directory after another, and against the children's own states. */
#include "lib/watch_states.h"

static unsigned count_bits(uint32_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* Is it as a directory is made: without children, and no change of them yet? */
static bool begins_well(const watch_seen *list)
{
    bool is_new = list->state.mzxid == list->state.czxid;

    return is_new == (list->state.version == 0) && !(is_new && list->mask != 0);
}

static const char *judge_step(const watch_seen *before, const watch_seen *list)
{
    const watch_state *a = &before->state, *b = &list->state;

    if (a->czxid != b->czxid) {
        return b->czxid <= a->mzxid ? "a directory was made before the one before it had gone" : NULL;
    }
    if (b->version <= a->version) {
        return "another list, but no greater version";
    }
    uint32_t changes = (uint32_t)b->version - (uint32_t)a->version;
    unsigned differences = count_bits(before->mask ^ list->mask);

    if (before->whole && list->whole && (differences > changes || (changes - differences) % 2 != 0)) {
        return "what has come and gone is not what the versions say";
    }
    return NULL;
}

/* Was the znode with the states of @p there when the change @zxid had just been made? */
static bool was_there(const watch_place *p, int64_t zxid)
{
    size_t after = watch_states_after(p, zxid);

    if (after > 0 && p->seen[after - 1].state.mzxid == zxid) {
        return true;
    }
    while (after < p->count && p->seen[after].state.czxid == 0) {
        after++;
    }
    return after < p->count && p->seen[after].state.czxid <= zxid;
}

static const char *judge_child(const watch_seen *list, const watch_place *child, bool listed)
{
    bool there = was_there(child, list->state.mzxid);

    if (!listed && list->whole && there) {
        return "a child is missing in the list";
    }
    if (listed && !there && child->unknown == 0 && watch_states_after(child, list->state.mzxid) == 0) {
        return "a child is in the list before it was made";
    }
    return NULL;
}

static const char *judge_list(const watch_states *s, unsigned directory, const watch_seen *list)
{
    const char *wrong = begins_well(list) ? NULL : "a new directory has no children";

    for (unsigned i = 0; i < WATCH_CHILDREN && wrong == NULL; i++) {
        wrong = judge_child(list, &s->places[watch_place_of(directory, i)], (list->mask >> i & 1) != 0);
    }
    return wrong;
}

const char *watch_lists_judge(const watch_states *s)
{
    for (unsigned directory = WATCH_ZNODES; directory < WATCH_PLACES; directory++) {
        const watch_place *p = &s->places[directory];

        for (size_t i = 0; i < p->count; i++) {
            const watch_seen *before = i > 0 ? &p->seen[i - 1] : NULL;
            const char *wrong = judge_list(s, directory, &p->seen[i]);

            wrong = wrong == NULL && before != NULL ? judge_step(before, &p->seen[i]) : wrong;
            if (wrong != NULL) {
                return watch_say(directory, wrong, p->seen[i].note, before != NULL ? before->note : NULL);
            }
        }
    }
    return NULL;
}
