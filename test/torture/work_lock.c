/*
 * One lock, which all threads of all workers want: through a handle that hands
 * it on among them, or through one that does not. Who has it writes a few times
 * into a log, each time on top of what was read there, and gives it back.
 *
 * Some go on writing after they have given it back, some keep it for longer than
 * a session lasts, and some give up their writes in the middle. And some stand
 * still for so long that they lose it, in the middle of whatever they do: the
 * driver's pauses seldom meet the holder.
 */
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "work.h"

/* Of a thousand holds or writes. */
enum { LONG = 3, STANDING_STILL = 2, GIVING_UP = 150, LATE_WRITE = 100 };
enum {
    WRITES_MOST = 3,
    LINGER_US = 3000,
    STILL_WITHIN_US = 10000,
    LONG_MS = SESSION_MS + 500,
    DEADLINE_MOST_MS = 600,
    WRITE_MOST_MS = 8
};

/* A thread's. */
typedef struct {
    uint32_t holds, writes; /* how many it has made; writes: in this hold */
    lock_note note;         /* the hold */
    corral_grant *grant;
    bool limited;    /* the acquire has a deadline */
    bool giving_up;  /* the writes have deadlines */
    bool has_read;   /* ... the log, as follows */
    int read_status; /* ENOENT: there was none yet */
    int64_t slots;
    int32_t version;
    call_end end;
} stay;

/* Of a grant that one of the threads has. */
typedef struct {
    int64_t token; /* 0: none */
    uint32_t turn;
    int64_t at;
    bool wrong; /* it was not told as it has to be */
} loss;

static const uint32_t handoffs[] = {0, 16};

enum { HANDLES = sizeof handoffs / sizeof *handoffs };

static corral_lock *handles[HANDLES];
static corral_counter *lock_log; /* to read it */
static stay stays[THREADS];
static loss losses[THREADS];
static pthread_mutex_t losses_mutex = PTHREAD_MUTEX_INITIALIZER;

/* By the clock of corral_grant_valid_ms(), and one for all processes. */
static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void linger(int64_t ns)
{
    nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

static void complain(hand *h, stay *s, const char *what, int status)
{
    fprintf(stderr, "worker %u: %s has ended %s\n", h->worker, what, corral_status_name(status));
    s->end = CALL_WRONG;
}

/* --- losses --- */

static loss *find_loss_locked(int64_t token, uint32_t turn)
{
    for (unsigned i = 0; i < THREADS; i++) {
        if (losses[i].token == token && losses[i].turn == turn) {
            return &losses[i];
        }
    }
    return NULL;
}

/* It may be told before the thread knows that it has the grant; so its token and turn tell whose it is. */
static void on_lost(corral_grant *grant, int status, void *arg)
{
    loss told = {.token = corral_grant_token(grant), .turn = corral_grant_turn(grant), .at = now()};

    (void)arg;
    pthread_mutex_lock(&losses_mutex);
    loss *at = find_loss_locked(told.token, told.turn);
    told.wrong = status != CORRAL_ELOST || at != NULL;
    at = at == NULL ? find_loss_locked(0, 0) : at;
    if (at == NULL) {
        fprintf(stderr, "worker: more losses than grants\n");
        abort();
    }
    *at = told;
    pthread_mutex_unlock(&losses_mutex);
}

/* Once the grant is freed: so none can come any more. */
static void take_loss(hand *h, stay *s)
{
    pthread_mutex_lock(&losses_mutex);
    loss *at = find_loss_locked(s->note.token, s->note.turn);
    if (at != NULL) {
        s->note.lost = at->at;
        if (at->wrong) {
            fprintf(stderr, "worker %u: a loss was told twice, or with another status\n", h->worker);
            s->end = CALL_WRONG;
        }
        *at = (loss){0};
    }
    pthread_mutex_unlock(&losses_mutex);
}

/* --- holding it --- */

static void acquire(hand *h, stay *s)
{
    unsigned what = hand_dice(h, 10), handle = hand_dice(h, HANDLES);
    int64_t timeout = CORRAL_FOREVER;
    lock_note *n = &s->note;

    if (what < 3) {
        timeout = what == 0 ? 0 : 5 + hand_dice(h, DEADLINE_MOST_MS);
    }
    *s = (stay){.holds = s->holds + 1, .limited = timeout != CORRAL_FOREVER, .end = CALL_GIVEN_UP};
    *n = (lock_note){.kind = LOCK_HOLD,
                     .by = {h->worker, h->number, s->holds, 0},
                     .handoffs = handoffs[handle],
                     .invoked = now()};
    n->status = corral_lock_acquire(handles[handle], timeout, &s->grant);
    n->returned = now();
    if (n->status == CORRAL_OK) {
        n->token = corral_grant_token(s->grant);
        n->turn = corral_grant_turn(s->grant);
        s->end = CALL_ANSWERED;
    } else if (!s->limited || (n->status != CORRAL_EBUSY && n->status != CORRAL_ETIMEDOUT)) {
        complain(h, s, "an acquire", n->status);
    }
}

/*
 * Stop this process, at once or, with @soon, in the middle of something, and let
 * it go on when its session is over. The child does it, which lives through
 * that, and calls nothing but the system.
 */
static void stand_still(hand *h, bool soon)
{
    int64_t moment = hand_dice(h, STILL_WITHIN_US) * INT64_C(1000);
    int64_t length = (SESSION_MS + hand_dice(h, SESSION_MS)) * INT64_C(1000000);
    pid_t self = getpid(), child = fork();

    if (child == 0) {
        if (soon) {
            linger(moment);
        }
        if (getppid() == self && (!soon || kill(self, SIGSTOP) == 0)) {
            linger(length);
            kill(self, SIGCONT);
        }
        _exit(EXIT_SUCCESS);
    }
    if (child > 0 && !soon) {
        kill(self, SIGSTOP);
    }
}

/* What is certain now? */
static void look(stay *s)
{
    int64_t before = now(), valid_ms = corral_grant_valid_ms(s->grant);

    if (valid_ms > 0) {
        s->note.promised = before + valid_ms * 1000000;
    } else if (s->note.doubted == 0) {
        s->note.doubted = before;
    }
}

static void on_read(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    stay *s = arg;

    s->read_status = status;
    s->slots = value;
    s->version = stamp->version;
}

/* Like the blocking call, but that does not tell a stamp. */
static bool read_log(hand *h, stay *s)
{
    corral_op *op;
    int status =
        corral_counter_get_async(lock_log, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, on_read, s, &op);

    if (status == CORRAL_OK) {
        corral_op_wait(op, CORRAL_FOREVER);
        corral_op_unref(op);
        status = s->read_status;
    }
    if (status == CORRAL_ENOENT) {
        s->slots = 0;
    } else if (status != CORRAL_OK) {
        complain(h, s, "a read", status);
        return false;
    }
    s->has_read = true;
    return true;
}

static int fill(corral_txn *txn, const stay *s, const lock_note *write)
{
    char path[PATH_SIZE], who[LOCK_SLOT_SIZE], number[24];
    lock_slot slot = {.by = write->by, .turn = write->turn, .token = write->token};
    size_t length = (size_t)snprintf(number, sizeof number, "%" PRId64, write->place);
    int status = s->slots == 0 ? corral_txn_create(txn, LOCK_LOG, number, length)
                               : corral_txn_set(txn, LOCK_LOG, number, length, s->version);

    lock_slot_path(write->place, path);
    int size = lock_slot_print(&slot, who);
    return status != CORRAL_OK ? status : corral_txn_create(txn, path, who, (size_t)size);
}

/* May a write? That it met another one, none may, but that is for the judge, who knows which. */
static bool may_end(int status, bool limited)
{
    switch (status) {
    case CORRAL_OK:
    case CORRAL_ELOST:
    case CORRAL_ECONFLICT:
    case CORRAL_EEXIST:
    case CORRAL_ENOENT:
        return true;
    case CORRAL_ETIMEDOUT:
    case CORRAL_EUNCERTAIN:
        return limited;
    default:
        return false;
    }
}

static int write_slot(hand *h, stay *s)
{
    bool limited = s->giving_up;
    int64_t timeout = CORRAL_FOREVER;
    corral_txn *txn = NULL;
    lock_note write = {.kind = LOCK_WRITE,
                       .by = s->note.by,
                       .token = s->note.token,
                       .turn = s->note.turn,
                       .place = s->slots + 1};

    if (limited) {
        timeout = 1 + hand_dice(h, WRITE_MOST_MS);
    }
    write.by.write = ++s->writes;
    write.status = corral_txn_new(&txn);
    if (write.status == CORRAL_OK) {
        write.status = fill(txn, s, &write);
    }
    if (hand_dice(h, 1000) < STANDING_STILL) {
        stand_still(h, false); /* what it sends then may come before it learns that it has lost the lock */
    }
    write.invoked = now();
    if (write.status == CORRAL_OK) {
        write.status = corral_grant_multi(s->grant, txn, timeout);
    }
    write.returned = now();
    corral_txn_free(txn);
    hand_note(h, &write, sizeof write);
    if (!may_end(write.status, limited)) {
        complain(h, s, "a write", write.status);
    }
    return write.status;
}

/* With an outcome that is not known, what is there cannot be built upon. */
static bool write_some(hand *h, stay *s)
{
    unsigned count = hand_dice(h, WRITES_MOST + 1);

    s->giving_up = hand_dice(h, 1000) < GIVING_UP;
    for (unsigned i = 0; i < count; i++) {
        if (!s->has_read && !read_log(h, s)) {
            return false;
        }
        int status = write_slot(h, s);
        if (status != CORRAL_OK && status != CORRAL_ETIMEDOUT) {
            return false;
        }
        if (status == CORRAL_OK) {
            s->slots++;
            s->version = s->slots == 1 ? 0 : s->version + 1;
        }
        look(s);
    }
    return true;
}

static void give_back(hand *h, stay *s, bool may_write)
{
    unsigned way = hand_dice(h, 3);
    int status = CORRAL_OK;

    s->note.released = now();
    if (way == 0) {
        status = corral_lock_release(s->grant);
    } else if (way == 1) {
        status = corral_lock_release_wait(s->grant, CORRAL_FOREVER);
    }
    if (status != CORRAL_OK) {
        complain(h, s, "a release", status);
    }
    if (way < 2 && may_write && s->has_read && hand_dice(h, 1000) < LATE_WRITE &&
        (status = write_slot(h, s)) != CORRAL_ELOST) {
        complain(h, s, "a write after the release", status);
    }
    corral_grant_free(s->grant);
    take_loss(h, s);
}

static call_end make_call(hand *h)
{
    stay *s = &stays[h->number];

    acquire(h, s);
    if (s->note.status == CORRAL_OK) {
        look(s);
        if (hand_dice(h, 1000) < STANDING_STILL) {
            stand_still(h, true);
        }
        linger(hand_dice(h, 2) == 0 ? 0 : hand_dice(h, LINGER_US) * INT64_C(1000));
        bool may_write = write_some(h, s);
        if (hand_dice(h, 1000) < LONG) {
            linger(LONG_MS * INT64_C(1000000));
            look(s);
            may_write = may_write && write_some(h, s);
        }
        look(s);
        give_back(h, s, may_write);
    }
    hand_note(h, &s->note, sizeof s->note);
    return s->end;
}

static int open_all(corral_client *client)
{
    int status = corral_counter_open(client, LOCK_LOG, NULL, &lock_log);

    signal(SIGCHLD, SIG_IGN); /* nobody waits for those who make it stand still */
    for (unsigned i = 0; i < HANDLES && status == CORRAL_OK; i++) {
        corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;

        options.handoffs = handoffs[i];
        options.on_lost = on_lost;
        status = corral_lock_open(client, LOCK_PATH, &options, &handles[i]);
    }
    return status;
}

static void close_all(void)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        corral_lock_close(handles[i]);
    }
    corral_counter_close(lock_log);
}

const work lock_work = {.name = "lock", .open = open_all, .call = make_call, .close = close_all};
