/* The verdict on watches: nothing old, nothing twice, nothing made up, and the last state soon. */
#include <inttypes.h>
#include <stdlib.h>

#include "judge.h"
#include "watch.h"

/* After the end of all faults and changes everybody has to know the last state. */
#define LATEST_NS INT64_C(2000000000)

enum { STATUSES = 32, CHANGES = WATCH_READ + 1, WHATS = CORRAL_WATCH_CHILDREN_DATA + 1 };

static judge_call call_of(const void *record)
{
    const watch_note *n = record;

    return (judge_call){n->begin, n->end, n->status == CORRAL_OK && n->end != 0, n->kind != WATCH_CHANGE};
}

/* --- what there is in the end --- */

static judgement cannot_read(const char *path, int status)
{
    fprintf(stderr, "torture: reading %s: %s\n", path, zerror(status));
    return NOT_JUDGED;
}

static judgement read_end(raw *reader, unsigned place, watch_state *ret_state)
{
    char path[PATH_SIZE], value[WATCH_VALUE_SIZE + 2];
    struct Stat stat;
    bool is_directory = place >= WATCH_ZNODES;

    watch_path(place, path);
    int status = raw_get(reader, path, value, sizeof value, &stat);
    if (status == ZNONODE) {
        return JUDGED_RIGHT;
    }
    if (status != ZOK) {
        return cannot_read(path, status);
    }
    *ret_state = (watch_state){.czxid = stat.czxid,
                               .mzxid = is_directory ? stat.pzxid : stat.mzxid,
                               .payload = is_directory ? 0 : watch_value_parse(value, strlen(value)),
                               .version = is_directory ? stat.cversion : stat.version,
                               .exists = true};
    return JUDGED_RIGHT;
}

static judgement read_ends(arena *a, watch_history *h)
{
    raw *reader = arena_reader(a);
    judgement judged = reader == NULL ? NOT_JUDGED : JUDGED_RIGHT;

    for (unsigned place = 0; place < WATCH_PLACES && judged == JUDGED_RIGHT; place++) {
        judged = read_end(reader, place, &h->ends[place]);
    }
    if (reader != NULL) {
        raw_close(reader);
    }
    return judged;
}

/* --- the verdict --- */

static watch_measures measures; /* by the verdict */

static judgement judge_all(journal *j, arena *a)
{
    watch_history h = {.notes = j->records, .count = j->count};

    if (read_ends(a, &h) != JUDGED_RIGHT) {
        return NOT_JUDGED;
    }
    const char *wrong = watch_history_check(&h, &measures);
    if (wrong != NULL) {
        printf("%s\n", wrong);
        return JUDGED_WRONG;
    }
    if (measures.latest_ns > LATEST_NS) {
        printf("a last state was delivered too late\n");
        return JUDGED_WRONG;
    }
    return JUDGED_RIGHT;
}

static void describe(const void *record, FILE *file)
{
    fprintf(file, "%s\n", watch_history_describe(record));
}

/* --- figures --- */

typedef struct {
    size_t changes[CHANGES][STATUSES], killed[CHANGES];
    size_t events[WHATS], subscriptions[WHATS], absent;
    uint64_t skipped;
} figures;

static void count_event(figures *f, const watch_note *n, const watch_note *before)
{
    bool same = before != NULL && before->worker == n->worker && before->life == n->life &&
                before->thread == n->thread && before->subscription == n->subscription;

    f->events[n->what]++;
    f->subscriptions[n->what] += !same;
    f->absent += !n->state.exists;
    f->skipped += n->skipped;
}

static figures count(const journal *j)
{
    const watch_note *notes = j->records, *event = NULL;
    figures f = {0};

    for (size_t i = 0; i < j->count; i++) {
        const watch_note *n = &notes[i];

        if (n->kind == WATCH_EVENT) {
            count_event(&f, n, event);
            event = n;
        } else if (n->kind == WATCH_CHANGE && n->end == 0) {
            f.killed[n->how]++;
        } else if (n->kind == WATCH_CHANGE) {
            f.changes[n->how][-n->status % STATUSES]++;
        }
    }
    return f;
}

static void print(const journal *j)
{
    static const char *const whats[] = {"of data", "of children", "of children with data"};
    figures f = count(j);

    for (unsigned how = 0; how < CHANGES; how++) {
        printf("  %-12s", watch_history_change((watch_change)how));
        for (int s = 0; s < STATUSES; s++) {
            if (f.changes[how][s] > 0) {
                printf(" %zu %s", f.changes[how][s], corral_status_name(-s));
            }
        }
        printf(", %zu killed\n", f.killed[how]);
    }
    for (unsigned what = 0; what < WHATS; what++) {
        printf("  %zu events %s, for %zu subscriptions\n", f.events[what], whats[what],
               f.subscriptions[what]);
    }
    printf("  %zu times there was none; %" PRIu64 " changes left out\n", f.absent, f.skipped);
    printf("  %zu subscriptions had their last state after the end of all faults and changes, by %.3f s at "
           "most\n",
           measures.late, (double)measures.latest_ns / 1e9);
    printf("  %zu answers at most between a change and its delivery\n", measures.lag);
}

const judge watch_judge = {.name = "watch",
                           .record_size = sizeof(watch_note),
                           .call = call_of,
                           .judge = judge_all,
                           .print = print,
                           .describe = describe,
                           .bears_kills = true,
                           .rests = true};
