#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulletin.h"
#include "lib/history_search.h"

/* Append a journal. */
static bool read_journal(history *h, const char *path)
{
    FILE *file = fopen(path, "re");
    bool well = file != NULL && fseek(file, 0, SEEK_END) == 0;
    long size = well ? ftell(file) : -1;

    if (size >= 0) {
        size_t more = (size_t)size / sizeof *h->ops;
        history_op *ops = realloc(h->ops, (h->count + more + 1) * sizeof *ops);

        well = ops != NULL;
        if (well) {
            h->ops = ops;
            rewind(file);
            well = fread(&ops[h->count], sizeof *ops, more, file) == more;
            h->count += more;
        }
    }
    if (size < 0 || !well) {
        perror(path);
    }
    if (file != NULL) {
        fclose(file);
    }
    return size >= 0 && well;
}

bool history_read(history *h, const char *directory)
{
    *h = (history){0};
    for (unsigned w = 0; w < WORKERS; w++) {
        for (unsigned t = 0; t < THREADS; t++) {
            char path[PATH_SIZE];

            journal_path(directory, w, t, path);
            if (!read_journal(h, path)) {
                return false;
            }
        }
    }
    return true;
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

judgement history_judge(history *h, arena *a)
{
    judgement worst = JUDGED_RIGHT;
    size_t begin = 0;

    qsort(h->ops, h->count, sizeof *h->ops, by_counter);
    for (unsigned c = 0; c < COUNTERS; c++) {
        size_t end = begin;

        while (end < h->count && h->ops[end].counter == c) {
            end++;
        }
        judgement one = judge_one(h->ops + begin, end - begin, c, a);
        worst = one > worst ? one : worst;
        begin = end;
    }
    return worst;
}

void history_dump(const history *h, const char *directory)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/history", directory);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return;
    }
    for (size_t i = 0; i < h->count; i++) {
        fprintf(file, "counter %u: %s\n", h->ops[i].counter, history_describe(&h->ops[i]));
    }
    fclose(file);
}

size_t history_adds(const history *h)
{
    size_t adds = 0;

    for (size_t i = 0; i < h->count; i++) {
        adds += h->ops[i].kind == HISTORY_ADD && h->ops[i].status == CORRAL_OK;
    }
    return adds;
}

void history_print(const history *h)
{
    static const char *const kinds[] = {"add", "set", "compare_set", "read", "destroy"};
    enum { KINDS = sizeof kinds / sizeof *kinds, STATUSES = 32 };
    size_t counts[KINDS][STATUSES] = {0};

    for (size_t i = 0; i < h->count; i++) {
        int status = -h->ops[i].status;

        counts[h->ops[i].kind][status >= 0 && status < STATUSES ? status : STATUSES - 1]++;
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
