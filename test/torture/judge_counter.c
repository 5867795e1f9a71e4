/* The verdict on counters: exactly once, in one order that respects real time, nothing lost. */
#include <stdlib.h>
#include <string.h>

#include "counter.h"
#include "judge.h"
#include "lib/history_search.h"

static judge_call call_of(const void *record)
{
    const history_op *op = record;

    return (judge_call){op->invoked, op->returned, op->status == CORRAL_OK, false};
}

static int by_counter(const void *left, const void *right)
{
    const history_op *a = left, *b = right;

    return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static judgement judge_one(history_op *ops, size_t count, unsigned counter, arena *a)
{
    char path[PATH_SIZE];
    history_ends ends = {0};
    const char *fault;

    counter_path(counter, path);
    int found = arena_read(a, path, &ends.value_at_end);
    if (found < 0) {
        return NOT_JUDGED;
    }
    ends.present_at_end = found > 0;
    fault = history_check(ops, count, &ends);
    if (fault == NULL) {
        return JUDGED_RIGHT;
    }
    printf("%s: %s\n", path, fault);
    return strncmp(fault, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0 ? NOT_JUDGED : JUDGED_WRONG;
}

static judgement judge_all(journal *j, arena *a)
{
    judgement worst = JUDGED_RIGHT;
    history_op *ops = j->records;
    size_t begin = 0;

    qsort(ops, j->count, sizeof *ops, by_counter);
    for (unsigned c = 0; c < COUNTERS; c++) {
        size_t end = begin;

        while (end < j->count && ops[end].counter == c) {
            end++;
        }
        judgement one = judge_one(ops + begin, end - begin, c, a);
        worst = one > worst ? one : worst;
        begin = end;
    }
    return worst;
}

static void describe(const void *record, FILE *file)
{
    const history_op *op = record;

    fprintf(file, "counter %u: %s\n", op->counter, history_describe(op));
}

/* How many operations of each kind ended with which status. */
static void print(const journal *j)
{
    static const char *const kinds[] = {"add", "set", "compare_set", "read", "destroy"};
    enum { KINDS = sizeof kinds / sizeof *kinds, STATUSES = 32 };
    const history_op *ops = j->records;
    size_t counts[KINDS][STATUSES] = {0};

    for (size_t i = 0; i < j->count; i++) {
        int status = -ops[i].status;

        counts[ops[i].kind][status >= 0 && status < STATUSES ? status : STATUSES - 1]++;
    }
    for (size_t k = 0; k < KINDS; k++) {
        printf("  %-12s", kinds[k]);
        for (int s = 0; s < STATUSES; s++) {
            if (counts[k][s] > 0) {
                printf(" %zu %s", counts[k][s], corral_status_name(-s));
            }
        }
        printf("\n");
    }
}

const judge counter_judge = {.name = "counter",
                             .record_size = sizeof(history_op),
                             .call = call_of,
                             .judge = judge_all,
                             .print = print,
                             .describe = describe};
