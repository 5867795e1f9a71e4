/* The verdict on a lock: one holder at a time, all writes in the order of the grants, nothing left. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "judge.h"
#include "lock.h"

/* The whole log. */
typedef struct {
    lock_slot *slots;
    size_t count;
} log_read;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The page goes by CLOCK_MONOTONIC, and who holds a lock by CLOCK_BOOTTIME. */
static judge_call call_of(const void *record)
{
    static int64_t ahead;
    const lock_note *note = record;

    if (ahead == 0) {
        ahead = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC);
    }
    return (judge_call){note->invoked - ahead, note->returned - ahead, note->status == CORRAL_OK, false};
}

/* --- the log --- */

static judgement cannot_read(const char *path, int status)
{
    fprintf(stderr, "torture: reading %s: %s\n", path, zerror(status));
    return NOT_JUDGED;
}

static judgement read_slot(raw *reader, int64_t place, lock_slot *ret_slot)
{
    char path[PATH_SIZE], text[LOCK_SLOT_SIZE];
    struct Stat stat;

    lock_slot_path(place, path);
    int status = raw_get(reader, path, text, sizeof text, &stat);
    if (status == ZNONODE) {
        printf("%s: there is none, but later ones\n", path);
        return JUDGED_WRONG;
    }
    if (status != ZOK) {
        return cannot_read(path, status);
    }
    *ret_slot = (lock_slot){.czxid = stat.czxid};
    if (stat.version != 0 || lock_slot_parse(ret_slot, text) != 6) {
        printf("%s: nobody writes \"%s\", at version %d\n", path, text, stat.version);
        return JUDGED_WRONG;
    }
    return JUDGED_RIGHT;
}

/* Of the log itself: each write makes a slot and a version of it, the first version 0. */
static judgement read_count(raw *reader, size_t *ret_count)
{
    struct Stat stat;
    int64_t number = 0;
    int status = raw_exists(reader, LOCK_LOG, &stat);

    if (status == ZOK) {
        status = raw_get_number(reader, LOCK_LOG, &number);
    }
    if (status != ZOK) {
        return cannot_read(LOCK_LOG, status);
    }
    *ret_count = (size_t)number;
    if (stat.numChildren != number || stat.version != number - 1) {
        printf("%s: %" PRId64 " writes, but %d slots, and version %d\n", LOCK_LOG, number, stat.numChildren,
               stat.version);
        return JUDGED_WRONG;
    }
    return JUDGED_RIGHT;
}

static judgement read_log(raw *reader, log_read *log)
{
    judgement read = read_count(reader, &log->count);

    log->slots = calloc(log->count + 1, sizeof *log->slots);
    if (log->slots == NULL) {
        abort();
    }
    for (size_t i = 0; i < log->count && read == JUDGED_RIGHT; i++) {
        read = read_slot(reader, (int64_t)i + 1, &log->slots[i]);
    }
    return read;
}

/* --- the verdict --- */

/* Nobody holds it any more, and nobody waits. That its directory goes is the servers' part. */
static judgement check_left(raw *reader)
{
    struct Stat stat;
    int status = raw_exists(reader, LOCK_PATH, &stat);

    if (status != ZOK && status != ZNONODE) {
        return cannot_read(LOCK_PATH, status);
    }
    if (status == ZOK && stat.numChildren > 0) {
        printf("%s: %d znodes are left\n", LOCK_PATH, stat.numChildren);
        return JUDGED_WRONG;
    }
    return JUDGED_RIGHT;
}

static judgement judge_all(journal *j, arena *a)
{
    raw *reader = arena_reader(a);
    log_read log = {0};

    if (reader == NULL) {
        return NOT_JUDGED;
    }
    judgement left = check_left(reader), judged = read_log(reader, &log);
    raw_close(reader);
    if (judged == JUDGED_RIGHT) {
        const char *wrong = lock_history_check(j->records, j->count, log.slots, log.count);

        if (wrong != NULL) {
            printf("%s: %s\n", LOCK_PATH, wrong);
            judged = JUDGED_WRONG;
        }
    }
    free(log.slots);
    return left > judged ? left : judged;
}

static void describe(const void *record, FILE *file)
{
    fprintf(file, "%s\n", lock_history_describe(record));
}

/* --- figures --- */

/* How many calls of this kind ended with which status. */
static void print_statuses(const journal *j, lock_note_kind kind, const char *name)
{
    enum { STATUSES = 32 };
    const lock_note *notes = j->records;
    size_t counts[STATUSES] = {0};

    for (size_t i = 0; i < j->count; i++) {
        if (notes[i].kind == kind) {
            counts[-notes[i].status % STATUSES]++;
        }
    }
    printf("  %-12s", name);
    for (int s = 0; s < STATUSES; s++) {
        if (counts[s] > 0) {
            printf(" %zu %s", counts[s], corral_status_name(-s));
        }
    }
    printf("\n");
}

/* Of the grants, in their order once they have been judged. */
static void print(const journal *j)
{
    const lock_note *notes = j->records, *last = NULL;
    size_t grants = 0, changes = 0, handed_on = 0, lost = 0, early = 0;

    print_statuses(j, LOCK_HOLD, "acquire");
    print_statuses(j, LOCK_WRITE, "write");
    for (size_t i = 0; i < j->count; i++) {
        const lock_note *n = &notes[i];

        if (n->kind == LOCK_HOLD && n->status == CORRAL_OK) {
            grants++;
            changes += last != NULL && last->by.worker != n->by.worker;
            handed_on += n->turn > 0;
            lost += n->lost != 0;
            early += n->lost != 0 && n->lost < n->promised;
            last = n;
        }
    }
    printf("  %zu grants, %zu changes of holder between processes, %zu handed on within one\n", grants,
           changes, handed_on);
    printf("  %zu told to be lost, of which %zu before the promised time was over\n", lost, early);
}

const judge lock_judge = {.name = "lock",
                          .record_size = sizeof(lock_note),
                          .call = call_of,
                          .judge = judge_all,
                          .print = print,
                          .describe = describe};
