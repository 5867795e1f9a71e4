/* The verdict on generators of IDs: none given twice, in order where that is promised, and none lost. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ids.h"
#include "judge.h"

enum { CONFIG_SIZE = 128, ENDS = 32 };

static judge_call call_of(const void *record)
{
    const id_note *n = record;

    return (judge_call){n->begin, n->end, n->count > 0, n->wanted == 0};
}

/* The number in the generator's znode, which is its last word. Without a generator 0. */
static judgement read_counted(raw *reader, corral_ids_kind kind, uint64_t *ret_number)
{
    char path[PATH_SIZE], text[CONFIG_SIZE];

    ids_path(kind, path);
    int status = raw_get(reader, path, text, sizeof text, NULL);
    const char *number = status == ZOK ? strrchr(text, ' ') : NULL;
    if (number == NULL && status != ZNONODE) {
        fprintf(stderr, "torture: reading %s: %s\n", path, status == ZOK ? "no generator" : zerror(status));
        return NOT_JUDGED;
    }
    *ret_number = number == NULL ? 0 : strtoull(number, NULL, 10);
    return JUDGED_RIGHT;
}

static judgement judge_all(journal *j, arena *a)
{
    id_history history = {.notes = j->records, .count = j->count};
    raw *reader = arena_reader(a);
    judgement judged = reader == NULL ? NOT_JUDGED : JUDGED_RIGHT;

    for (unsigned kind = 0; kind < ID_KINDS && judged == JUDGED_RIGHT; kind++) {
        judged = read_counted(reader, (corral_ids_kind)kind, &history.counted[kind]);
    }
    if (reader != NULL) {
        raw_close(reader);
    }
    const char *wrong = judged == JUDGED_RIGHT ? id_history_check(&history) : NULL;
    if (wrong != NULL) {
        printf("%s\n", wrong);
        judged = JUDGED_WRONG;
    }
    return judged;
}

static void describe(const void *record, FILE *file)
{
    fprintf(file, "%s\n", id_history_describe(record));
}

/* --- figures --- */

/* Of a kind. */
typedef struct {
    uint64_t numbers, calls;
    uint64_t ends[ENDS]; /* calls without numbers, by their status */
    uint64_t killed;     /* ... or whose workers were killed meanwhile */
    uint64_t each[WORKERS_MAX];
    double seconds; /* from the first call of all kinds to the last */
} figures;

static figures count(const journal *j, corral_ids_kind kind)
{
    int64_t begin = INT64_MAX, end = 0;
    const id_note *notes = j->records;
    figures f = {0};

    for (size_t i = 0; i < j->count; i++) {
        const id_note *n = &notes[i];

        begin = n->begin < begin ? n->begin : begin;
        end = n->end > end ? n->end : end;
        if (n->kind == kind) {
            f.numbers += n->count;
            f.each[n->worker] += n->count;
            f.calls += n->wanted > 0;
            f.killed += n->count == 0 && n->end == 0;
            f.ends[-n->status % ENDS] += n->count == 0 && n->end != 0;
        }
    }
    f.seconds = end > begin ? (double)(end - begin) / 1e9 : 1;
    return f;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return *a < *b ? 1 : *a > *b ? -1 : 0;
}

/* The most numbers that so many workers have had, each. */
static uint64_t had_by(figures *f, unsigned workers)
{
    qsort(f->each, WORKERS_MAX, sizeof *f->each, compare);
    return f->each[workers - 1];
}

static void print(const journal *j)
{
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        figures f = count(j, (corral_ids_kind)kind);

        printf("  %-12s %" PRIu64 " numbers, %.0f/s, by %" PRIu64 " calls or rows of them",
               id_history_kind((corral_ids_kind)kind), f.numbers, (double)f.numbers / f.seconds, f.calls);
        for (int s = 0; s < ENDS; s++) {
            if (f.ends[s] > 0) {
                printf(", %" PRIu64 " %s", f.ends[s], corral_status_name(-s));
            }
        }
        printf(", %" PRIu64 " killed; each worker:", f.killed);
        for (unsigned w = 0; w < WORKERS_MAX && f.each[w] > 0; w++) {
            printf(" %" PRIu64, f.each[w]);
        }
        printf("\n");
    }
}

static void tabulate(const journal *j, FILE *page)
{
    fprintf(page, "<h2>IDs</h2>\n<table>\n<tr><th>kind<th>numbers<th>a second<th>calls, or rows of "
                  "them<th>whose outcome nobody "
                  "knows\n");
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        figures f = count(j, (corral_ids_kind)kind);

        fprintf(page, "<tr><td>%s<td>%" PRIu64 "<td>%.0f<td>%" PRIu64 "<td>%" PRIu64 "\n",
                id_history_kind((corral_ids_kind)kind), f.numbers, (double)f.numbers / f.seconds, f.calls,
                f.ends[-CORRAL_EUNCERTAIN] + f.killed);
    }
    fprintf(page, "</table>\n");
}

/* "block=8x1000000,znode=4x5000": 8 workers have had a million each, at least. */
static int has_enough(const journal *j, const char *least)
{
    bool enough = true;

    for (const char *at = least; *at != '\0';) {
        unsigned kind = 0, workers;
        uint64_t numbers;
        char name[16];
        int length = 0;

        if (sscanf(at, "%15[a-z]=%ux%" SCNu64 "%n", name, &workers, &numbers, &length) != 3) {
            return -1;
        }
        while (kind < ID_KINDS && strcmp(name, id_history_kind((corral_ids_kind)kind)) != 0) {
            kind++;
        }
        at += length;
        if (kind == ID_KINDS || workers == 0 || workers > WORKERS_MAX || (*at != '\0' && *at++ != ',')) {
            return -1;
        }
        figures f = count(j, (corral_ids_kind)kind);
        enough = had_by(&f, workers) >= numbers && enough;
    }
    return enough;
}

/* --- all numbers --- */

static bool dump_kind(const journal *j, corral_ids_kind kind, const char *directory)
{
    const id_note *notes = j->records;
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", directory, id_history_kind(kind));
    FILE *file = fopen(path, "we");
    for (size_t i = 0; i < j->count && file != NULL; i++) {
        for (uint64_t n = 0; notes[i].kind == kind && n < notes[i].count; n++) {
            fprintf(file, "%" PRIu64 "\n", notes[i].first + n);
        }
    }
    if (file == NULL || fclose(file) != 0) {
        perror(path);
        return false;
    }
    return true;
}

/* A file for each kind, with a number in each line. */
static bool dump_all(const journal *j, const char *directory)
{
    bool well = true;

    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        well = dump_kind(j, (corral_ids_kind)kind, directory) && well;
    }
    return well;
}

const judge ids_judge = {.name = "ids",
                         .record_size = sizeof(id_note),
                         .call = call_of,
                         .judge = judge_all,
                         .print = print,
                         .describe = describe,
                         .bears_kills = true,
                         .enough = has_enough,
                         .dump = dump_all,
                         .tabulate = tabulate};
