/*
 * A generator of each kind. A thread takes numbers through a handle that all
 * threads of its worker share, or through one of its own: several by one call,
 * or one by one. Before the next call, and before what it asks for, it notes
 * down what it was given: the worker may be killed at any time.
 *
 * One thread's calls have short deadlines: some of them are given up in the
 * middle, and then nobody knows whether their numbers are taken.
 */
#include <stdbool.h>

#include "ids.h"
#include "work.h"

enum { DEADLINE_LEAST_MS = 5, DEADLINE_MOST_MS = 600, FIXED_BLOCK = 1000, WORKER_BITS = 6 };
/* Numbers at a time; one by one from a shared handle. */
enum { MOST = 2000, SHARED_MOST = 100 };

_Static_assert(4096 % sizeof(id_note) == 0, "a kill meets no note half written: none is in two pages");

/* The first is shared, the others are the threads'. */
enum { HANDLES = 1 + THREADS };

static const struct {
    unsigned often; /* of a hundred calls */
    uint32_t most;  /* numbers at a time */
    bool asks;      /* a server, for each call */
} habits[ID_KINDS] = {[CORRAL_IDS_BLOCK] = {20, MOST, false},
                      [CORRAL_IDS_SEQUENCE] = {40, 20, true},
                      [CORRAL_IDS_ZNODE] = {20, 10, true},
                      [CORRAL_IDS_SNOWFLAKE] = {20, 100, false}};

/* A thread's. */
typedef struct {
    id_note note; /* the last one, and what the next ones have in common with it */
    corral_ids *ids;
    int64_t timeout;
    uint64_t numbers[MOST];
} call;

static corral_ids *handles[ID_KINDS][HANDLES];
static call calls[THREADS];

static bool is_limited(const hand *h)
{
    return h->number == 0;
}

static call_end complain(const hand *h, const call *c, const char *what)
{
    fprintf(stderr, "worker %u: of kind %d %s\n", h->worker, (int)c->note.kind, what);
    return CALL_WRONG;
}

static void choose(hand *h, call *c, bool *ret_one_by_one)
{
    unsigned what = hand_dice(h, 100), kind = 0;

    while (what >= habits[kind].often) {
        what -= habits[kind++].often;
    }
    *ret_one_by_one = hand_dice(h, 2) == 0;
    c->note = (id_note){.wanted = 1 + hand_dice(h, habits[kind].most),
                        .kind = (corral_ids_kind)kind,
                        .worker = h->worker,
                        .life = h->life,
                        .thread = h->number,
                        .handle = hand_dice(h, 2) == 0 ? 0 : 1 + h->number};
    c->ids = handles[kind][c->note.handle];
    c->timeout = CORRAL_FOREVER;
    if (is_limited(h)) {
        c->timeout = DEADLINE_LEAST_MS + hand_dice(h, DEADLINE_MOST_MS - DEADLINE_LEAST_MS);
    }
}

static call_end end_of(const hand *h, const call *c)
{
    corral_ids_kind kind = c->note.kind;
    bool allowed = false;

    switch (c->note.status) {
    case CORRAL_OK:
        return habits[kind].asks ? CALL_ANSWERED : CALL_UNASKED;
    case CORRAL_ETIMEDOUT:
        allowed = is_limited(h);
        break;
    case CORRAL_EUNCERTAIN:
        allowed = is_limited(h) && (kind == CORRAL_IDS_SEQUENCE || kind == CORRAL_IDS_BLOCK);
        break;
    case CORRAL_EBUSY:
        allowed = is_limited(h) && kind == CORRAL_IDS_SNOWFLAKE;
        break;
    default:
        break;
    }
    return allowed ? CALL_GIVEN_UP : complain(h, c, corral_status_name(c->note.status));
}

/* Where the row of numbers ends that begins there. */
static uint64_t row_end(const call *c, uint64_t begin, uint64_t count)
{
    uint64_t end = begin + 1;

    while (end < count && c->numbers[end] == c->numbers[end - 1] + 1) {
        end++;
    }
    return end;
}

/* Put what was given into the note of the call, and into more notes if not all is in a row. */
static call_end note_numbers(hand *h, call *c)
{
    id_note *n = &c->note;
    uint64_t count = n->wanted;

    for (uint64_t begin = 0; begin < count;) {
        uint64_t end = row_end(c, begin, count);

        n->first = c->numbers[begin];
        n->count = end - begin;
        if (begin == 0) {
            hand_amend(h, n, sizeof *n);
            n->wanted = 0;
        } else {
            hand_note(h, n, sizeof *n);
        }
        if (end < count && c->numbers[end] <= c->numbers[end - 1]) {
            return complain(h, c, "the numbers of a call do not increase");
        }
        begin = end;
    }
    return end_of(h, c);
}

static call_end take_together(hand *h, call *c)
{
    id_note *n = &c->note;

    n->begin = hand_now();
    hand_note(h, n, sizeof *n);
    int status = n->wanted == 1 ? corral_ids_next(c->ids, c->timeout, c->numbers)
                                : corral_ids_next_many(c->ids, n->wanted, c->timeout, c->numbers);
    n->end = hand_now();
    n->status = status;
    if (status == CORRAL_OK) {
        return note_numbers(h, c);
    }
    hand_amend(h, n, sizeof *n);
    return end_of(h, c);
}

/*
 * Each is noted down before the next one is asked for. Those in a row share a
 * note, which lasts from the first call to the last, unless the handle is shared,
 * too: then it matters when each of them began.
 */
static call_end take_one_by_one(hand *h, call *c)
{
    id_note *n = &c->note;
    bool shared = n->handle == 0;
    uint64_t wanted = shared ? n->wanted % SHARED_MOST + 1 : n->wanted;
    call_end end = CALL_UNASKED;

    n->wanted = 1;
    for (uint64_t i = 0; i < wanted && end == CALL_UNASKED; i++) {
        id_note one = *n;

        one.count = 0;
        one.begin = hand_now();
        one.status = corral_ids_next(c->ids, c->timeout, &one.first);
        one.end = hand_now();
        one.count = one.status == CORRAL_OK;
        if (!shared && n->count > 0 && one.count > 0 && one.first == n->first + n->count) {
            n->end = one.end;
            n->count++;
            n->wanted++;
            hand_amend(h, n, sizeof *n);
        } else {
            one.wanted = 1;
            hand_note(h, &one, sizeof one);
            *n = one;
        }
        end = end_of(h, c);
    }
    return end;
}

static call_end make_call(hand *h)
{
    call *c = &calls[h->number];
    bool one_by_one;

    choose(h, c, &one_by_one);
    return one_by_one && !habits[c->note.kind].asks ? take_one_by_one(h, c) : take_together(h, c);
}

static int open_kind(corral_client *client, corral_ids_kind kind)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    int status = CORRAL_OK;
    char path[PATH_SIZE];

    ids_path(kind, path);
    options.kind = kind;
    options.worker_bits = WORKER_BITS; /* so few that the numbers of those who were killed are needed again */
    for (unsigned i = 0; i < HANDLES && status == CORRAL_OK; i++) {
        options.block_size = i % 2 == 0 ? 0 : FIXED_BLOCK;
        status = corral_ids_open(client, path, &options, &handles[kind][i]);
    }
    return status;
}

static int open_all(corral_client *client)
{
    int status = CORRAL_OK;

    for (unsigned kind = 0; kind < ID_KINDS && status == CORRAL_OK; kind++) {
        status = open_kind(client, (corral_ids_kind)kind);
    }
    return status;
}

static void close_all(void)
{
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        for (unsigned i = 0; i < HANDLES; i++) {
            corral_ids_close(handles[kind][i]);
        }
    }
}

const work ids_work = {.name = "ids", .open = open_all, .call = make_call, .close = close_all};
