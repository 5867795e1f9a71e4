#include "lib/watch_history.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/watch_states.h"

const char *watch_history_check(const watch_history *h, watch_measures *ret_measures)
{
    watch_states states;
    const char *wrong = watch_states_collect(&states, h);

    wrong = wrong != NULL ? wrong : watch_chain_judge(&states, h);
    wrong = wrong != NULL ? wrong : watch_lists_judge(&states);
    *ret_measures = (watch_measures){0};
    wrong = wrong != NULL ? wrong : watch_told_judge(&states, h, ret_measures);
    watch_states_free(&states);
    return wrong;
}

const char *watch_history_change(watch_change how)
{
    static const char *const names[] = {"set", "compare_set", "create", "destroy", "read"};

    return names[how];
}

static int print_state(char *text, size_t size, const watch_state *state)
{
    if (!state->exists) {
        return snprintf(text, size, " (none %" PRIx64 ")", state->payload);
    }
    return snprintf(text, size, " (%" PRIx64 " of %" PRIx64 " version %" PRId32 " \"%" PRIx64 "\")",
                    (uint64_t)state->mzxid, (uint64_t)state->czxid, state->version, state->payload);
}

const char *watch_history_describe(const watch_note *n)
{
    static const char *const whats[] = {"data", "children", "children with data"};
    static char text[512];
    int length = snprintf(text, sizeof text, "worker %u.%u thread %u place %u %" PRId64 "..%" PRId64,
                          (unsigned)n->worker, (unsigned)n->life, (unsigned)n->thread, (unsigned)n->place,
                          n->begin, n->end);

    if (n->kind == WATCH_CHANGE) {
        length += snprintf(text + length, sizeof text - (size_t)length, " %s of %" PRIx64 ": %s",
                           watch_history_change(n->how), (uint64_t)n->expected,
                           n->end == 0 ? "killed" : corral_status_name(n->status));
    } else {
        length += snprintf(text + length, sizeof text - (size_t)length,
                           " subscription %" PRIu32 " to %s: %s, %" PRIu64 " left out", n->subscription,
                           whats[n->what], n->kind != WATCH_EVENT ? "the end" : corral_status_name(n->status),
                           n->skipped);
    }
    length += print_state(text + length, sizeof text - (size_t)length, &n->state);
    for (unsigned i = 0; i < WATCH_CHILDREN && n->kind == WATCH_EVENT && n->what != CORRAL_WATCH_DATA; i++) {
        length += print_state(text + length, sizeof text - (size_t)length, &n->children[i]);
    }
    return text;
}
