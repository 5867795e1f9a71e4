/*
 * Some znodes, and directories with children, which the first thread of each
 * worker changes, while each thread has a subscription to one of them. Every now
 * and then that is ended, and another one opened.
 *
 * A change is noted down before it is made: the worker may be killed at any
 * time. What is delivered is kept until the thread, in whose journal it belongs,
 * notes it down. One worker's changes have deadlines, now and then: then nobody
 * knows whether they were made.
 */
#include <stdbool.h>
#include <time.h>

#include "watch.h"
#include "work.h"

enum { DEADLINE_LEAST_MS = 5, DEADLINE_MOST_MS = 600, LIMITED = 4 };
/* A subscription lasts for so many calls, more or less; a writer stays with a znode for so many at most. */
enum { SUBSCRIPTION_CALLS = 500, STAY_MOST = 128 };
/* After so many events a callback takes so long: meanwhile the others of its client wait. */
enum { SLOW_EVERY = 16, SLOW_MS = 30 };

_Static_assert(4096 % sizeof(watch_note) == 0, "a kill meets no note half written: none is in two pages");

/* A thread's subscription, one after another. */
typedef struct {
    corral_watch *watch;
    watch_note common; /* what the notes of its events have in common */
    unsigned events;
    pthread_mutex_t mutex;
    watch_note *notes; /* of what was delivered, and is not in the journal yet */
    size_t count, capacity;
} subscriber;

/* A thread's changes. */
typedef struct {
    unsigned place, left; /* where it stays for so many more */
    uint64_t number;
    corral_stamp last[WATCH_ZNODES]; /* seen */
    watch_note note;                 /* the change that is being made */
    int64_t timeout;
} writer;

static corral_client *the_client;
static corral_value *values[WATCH_PLACES];
static subscriber subscribers[THREADS];
static writer writers[THREADS];

static call_end complain(const hand *h, const char *what, int kind, int status)
{
    fprintf(stderr, "worker %u: %s of kind %d has ended %s\n", h->worker, what, kind,
            corral_status_name(status));
    return CALL_WRONG;
}

static watch_state state_of(const corral_stamp *stamp, uint64_t payload)
{
    return (watch_state){.czxid = stamp->czxid,
                         .mzxid = stamp->mzxid,
                         .payload = payload,
                         .version = stamp->version,
                         .exists = stamp->mzxid != 0};
}

/* --- events --- */

/* Put a child into its place. Nobody makes any with other names. */
static void fill_child(watch_note *n, const corral_watch_child *child)
{
    unsigned number;
    char rest;

    if (sscanf(child->name, WATCH_CHILD "%u%c", &number, &rest) != 1 || number >= WATCH_CHILDREN ||
        n->children[number].exists) {
        n->status = CORRAL_ECORRUPT;
        return;
    }
    n->status = child->status != CORRAL_OK ? child->status : n->status;
    n->children[number] = (watch_state){.exists = true};
    if (n->what == CORRAL_WATCH_CHILDREN_DATA) {
        n->children[number] = state_of(&child->stamp, watch_value_parse(child->value, child->length));
    }
}

static void keep(subscriber *s, const watch_note *note)
{
    pthread_mutex_lock(&s->mutex);
    if (s->count == s->capacity) {
        s->capacity = 2 * s->capacity + 64;
        s->notes = realloc(s->notes, s->capacity * sizeof *s->notes);
        if (s->notes == NULL) {
            abort();
        }
    }
    s->notes[s->count++] = *note;
    pthread_mutex_unlock(&s->mutex);
}

static void on_event(const corral_watch_event *event, void *arg)
{
    subscriber *s = arg;
    watch_note n = s->common;

    n.begin = hand_now();
    n.status = event->status;
    n.skipped = event->skipped;
    if (event->exists) {
        bool has_data = n.what == CORRAL_WATCH_DATA;

        n.state = state_of(&event->stamp, has_data ? watch_value_parse(event->value, event->length) : 0);
    }
    for (size_t i = 0; i < event->child_count; i++) {
        fill_child(&n, &event->children[i]);
    }
    keep(s, &n);
    if (++s->events % SLOW_EVERY == 0) {
        nanosleep(&(struct timespec){.tv_nsec = SLOW_MS * 1000000}, NULL);
    }
}

static void note_events(hand *h)
{
    subscriber *s = &subscribers[h->number];

    pthread_mutex_lock(&s->mutex);
    if (s->count > 0) {
        hand_note(h, s->notes, s->count * sizeof *s->notes);
    }
    s->count = 0;
    pthread_mutex_unlock(&s->mutex);
}

/* The first subscriptions are of all kinds; later ones as chance has it. */
static void choose_subscription(hand *h, watch_note *common)
{
    unsigned what = common->subscription == 0 ? h->number : hand_dice(h, THREADS);

    common->what = what == 2   ? CORRAL_WATCH_CHILDREN
                   : what == 3 ? CORRAL_WATCH_CHILDREN_DATA
                               : CORRAL_WATCH_DATA;
    common->place =
        (uint16_t)(common->what == CORRAL_WATCH_DATA ? hand_dice(h, WATCH_ZNODES)
                                                     : WATCH_ZNODES + hand_dice(h, WATCH_DIRECTORIES));
}

static void note_subscription(hand *h, watch_note_kind kind)
{
    watch_note n = subscribers[h->number].common;

    n.kind = kind;
    n.begin = hand_now();
    hand_note(h, &n, sizeof n);
}

static void unsubscribe(hand *h)
{
    subscriber *s = &subscribers[h->number];

    if (s->watch != NULL) {
        note_subscription(h, WATCH_CLOSE);
        corral_watch_close(s->watch);
        s->watch = NULL;
    }
}

static int subscribe(hand *h)
{
    subscriber *s = &subscribers[h->number];
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    char path[PATH_SIZE];
    uint32_t before = s->common.subscription + (s->watch != NULL);

    unsubscribe(h);
    s->common = (watch_note){.kind = WATCH_EVENT,
                             .worker = (uint16_t)h->worker,
                             .life = (uint16_t)h->life,
                             .thread = (uint16_t)h->number,
                             .subscription = before};
    choose_subscription(h, &s->common);
    options.kind = s->common.what;
    watch_path(s->common.place, path);
    return corral_watch_open(the_client, path, &options, on_event, s, &s->watch);
}

/* --- changes --- */

/* Of a hundred changes of a znode. */
static watch_change choose_change(hand *h, bool is_child)
{
    unsigned what = hand_dice(h, 100);

    return what < 10                     ? WATCH_READ
           : what < 20                   ? WATCH_CREATE
           : what < (is_child ? 50 : 26) ? WATCH_DESTROY
           : what < 75                   ? WATCH_COMPARE_SET
                                         : WATCH_SET;
}

static void choose(hand *h, writer *w)
{
    bool is_directory = hand_dice(h, 100) < 4;

    if (w->left == 0) {
        w->place = hand_dice(h, WATCH_ZNODES);
        w->left = 1 + hand_dice(h, STAY_MOST);
    }
    w->left--;
    unsigned place = is_directory ? WATCH_ZNODES + hand_dice(h, WATCH_DIRECTORIES) : w->place;
    w->note = (watch_note){.kind = WATCH_CHANGE,
                           .place = (uint16_t)place,
                           .worker = (uint16_t)h->worker,
                           .life = (uint16_t)h->life,
                           .thread = (uint16_t)h->number,
                           .how = is_directory ? WATCH_DESTROY : choose_change(h, place >= WATCH_ALONE)};
    if (w->note.how == WATCH_COMPARE_SET) {
        w->note.expected = w->last[place].mzxid;
        w->note.how = w->note.expected == 0 ? WATCH_READ : WATCH_COMPARE_SET;
    }
    if (w->note.how != WATCH_READ && w->note.how != WATCH_DESTROY) {
        w->note.state.payload = (uint64_t)(h->worker + 1) << 56 | (uint64_t)h->life << 40 | ++w->number;
    }
    w->timeout = CORRAL_FOREVER;
    if (h->worker == 0 && hand_dice(h, LIMITED) == 0) {
        w->timeout = DEADLINE_LEAST_MS + hand_dice(h, DEADLINE_MOST_MS - DEADLINE_LEAST_MS);
    }
}

static int read_value(corral_value *value, int64_t timeout, watch_state *ret_state)
{
    void *data = NULL;
    size_t length;
    corral_stamp stamp;
    int status = corral_value_get(value, CORRAL_READ_LINEARIZABLE, timeout, &data, &length, &stamp);

    if (status == CORRAL_OK) {
        *ret_state = state_of(&stamp, watch_value_parse(data, length));
    }
    corral_value_free(data);
    return status;
}

/* Make the change. What it made, or found in its way, goes to the note. */
static int make_change(writer *w)
{
    watch_note *n = &w->note;
    corral_value *value = values[n->place];
    corral_stamp stamp = {0};
    char text[WATCH_VALUE_SIZE + 1];
    size_t length = watch_value_print(n->state.payload, text);
    int status;

    switch (n->how) {
    case WATCH_READ:
        return read_value(value, w->timeout, &n->state);
    case WATCH_DESTROY:
        return corral_value_destroy(value, w->timeout);
    case WATCH_SET:
        status = corral_value_set(value, text, length, w->timeout, &stamp);
        break;
    default:
        status = corral_value_compare_set(value, n->how == WATCH_CREATE ? NULL : &w->last[n->place], text,
                                          length, w->timeout, &stamp);
    }
    if (status == CORRAL_OK || status == CORRAL_ECONFLICT) {
        n->state = state_of(&stamp, status == CORRAL_OK ? n->state.payload : 0);
    }
    return status;
}

/* What this thread knows last is what its later compare_set expects. */
static void remember(writer *w)
{
    const watch_note *n = &w->note;

    if (n->place < WATCH_ZNODES &&
        (n->state.exists || n->status == CORRAL_OK || n->status == CORRAL_ENOENT)) {
        w->last[n->place] =
            (corral_stamp){.czxid = n->state.czxid, .mzxid = n->state.mzxid, .version = n->state.version};
    }
}

/* May it have ended like that? What nobody limits has to become known. */
static bool may_end(const writer *w)
{
    const watch_note *n = &w->note;

    switch (n->status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ENOENT:
        return n->how == WATCH_READ || n->how == WATCH_COMPARE_SET || n->how == WATCH_DESTROY;
    case CORRAL_ECONFLICT:
        return n->how == WATCH_COMPARE_SET || n->how == WATCH_CREATE || n->place >= WATCH_ZNODES;
    case CORRAL_ETIMEDOUT:
        return w->timeout != CORRAL_FOREVER;
    case CORRAL_EUNCERTAIN:
        return w->timeout != CORRAL_FOREVER && n->how != WATCH_READ;
    default:
        return false;
    }
}

static call_end change(hand *h)
{
    writer *w = &writers[h->number];
    watch_note *n = &w->note;

    choose(h, w);
    n->begin = hand_now();
    hand_note(h, n, sizeof *n);
    n->status = make_change(w);
    n->end = hand_now();
    hand_amend(h, n, sizeof *n);
    remember(w);
    if (!may_end(w)) {
        return complain(h, "a change", (int)n->how, n->status);
    }
    return n->status == CORRAL_ETIMEDOUT || n->status == CORRAL_EUNCERTAIN ? CALL_GIVEN_UP : CALL_ANSWERED;
}

/* --- the whole --- */

static call_end make_call(hand *h)
{
    call_end end = h->number == 0 ? change(h) : CALL_UNASKED;

    if (subscribers[h->number].watch == NULL || hand_dice(h, SUBSCRIPTION_CALLS) == 0) {
        int status = subscribe(h);
        end = status == CORRAL_OK
                  ? end
                  : complain(h, "a subscription", (int)subscribers[h->number].common.what, status);
    }
    note_events(h);
    return end;
}

static void rest(hand *h, bool first)
{
    if (first) {
        note_subscription(h, WATCH_REST);
    }
    note_events(h);
}

static int open_all(corral_client *client)
{
    int status = CORRAL_OK;

    the_client = client;
    for (unsigned place = 0; place < WATCH_PLACES && status == CORRAL_OK; place++) {
        char path[PATH_SIZE];

        watch_path(place, path);
        status = corral_value_open(client, path, NULL, &values[place]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_mutex_init(&subscribers[i].mutex, NULL);
    }
    return status;
}

static void close_all(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        corral_watch_close(subscribers[i].watch);
        free(subscribers[i].notes);
        pthread_mutex_destroy(&subscribers[i].mutex);
    }
    for (unsigned place = 0; place < WATCH_PLACES; place++) {
        corral_value_close(values[place]);
    }
}

const work watch_work = {
    .name = "watch", .open = open_all, .call = make_call, .rest = rest, .close = close_all};
