#include "lib/id_order.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const id_call *a = left;
    const id_call *b = right;

    return a->id < b->id ? -1 : a->id > b->id;
}

const char *id_order_judge_unique(id_call *calls, size_t count)
{
    qsort(calls, count, sizeof *calls, compare);
    for (size_t i = 1; i < count; i++) {
        if (calls[i].id - calls[i - 1].id <= calls[i - 1].more) {
            return "an ID was given twice";
        }
    }
    return NULL;
}

const char *id_order_judge(id_call *calls, size_t count)
{
    const char *wrong = id_order_judge_unique(calls, count);
    int64_t greater_ended = INT64_MAX; /* the first call that got a greater ID, at that */

    for (size_t i = count; i-- > 0 && wrong == NULL;) {
        if (greater_ended < calls[i].begin) {
            return "a greater ID was given before";
        }
        greater_ended = calls[i].end < greater_ended ? calls[i].end : greater_ended;
    }
    return wrong;
}
