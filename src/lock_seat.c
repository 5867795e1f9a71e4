/* Seats: the callers of one handle behind one znode, and the lock's way from one to the next. */
#include "alloc.h"
#include "lock.h"

static const corrali_contender_class seat_class;
static const corrali_contender_class gate_class;

static corrali_seat *seat_of(corrali_contender *contender)
{
    return CORRALI_CONTAINER(contender, corrali_seat, contender);
}

static corrali_seat *seat_of_gate(corrali_contender *gate)
{
    return CORRALI_CONTAINER(gate, corrali_seat, gate);
}

/* --- taking one --- */

static void free_seat(corrali_seat *seat)
{
    corrali_contender_destroy(&seat->contender);
    corrali_contender_destroy(&seat->gate);
    corrali_free(seat);
}

static corrali_seat *new_seat_locked(corral_lock *lock)
{
    corral_client *client = lock->object.client;
    corrali_seat *seat = corrali_alloc(sizeof *seat);

    if (seat == NULL) {
        return NULL;
    }
    if (corrali_contender_init_locked(&seat->contender, &seat_class, client, &lock->contest) != CORRAL_OK ||
        (lock->contest.permits > 0 &&
         corrali_contender_init_locked(&seat->gate, &gate_class, client, &lock->gate) != CORRAL_OK)) {
        free_seat(seat);
        return NULL;
    }
    seat->lock = lock;
    corrali_list_init(&seat->acquires);
    corrali_list_append(&lock->seats, &seat->link);
    corrali_object_ref_locked(&lock->object);
    return seat;
}

/* The newest, if it can be handed on once more than those who sit there need; NULL: none. */
static corrali_seat *open_seat_locked(const corral_lock *lock)
{
    corrali_seat *newest =
        corrali_list_empty(&lock->seats) ? NULL : CORRALI_CONTAINER(lock->seats.previous, corrali_seat, link);
    bool open =
        newest != NULL && !lock->contest.kind->shared && newest->taken <= lock->handoffs && !newest->leaving;

    return open ? newest : NULL;
}

static void start_locked(corrali_seat *seat, corrali_contender *contender)
{
    seat->contending++;
    corrali_contender_start_locked(contender);
}

int corrali_seat_take_locked(corral_lock *lock, corral_op *op)
{
    corrali_seat *seat = open_seat_locked(lock);
    bool made = seat == NULL;

    if (made) {
        seat = new_seat_locked(lock);
        if (seat == NULL) {
            return CORRAL_ENOMEM;
        }
    }
    seat->taken++;
    op->lock.seat = seat;
    corrali_list_append(&seat->acquires, &op->task.link);
    if (made) {
        start_locked(seat, lock->contest.permits > 0 ? &seat->gate : &seat->contender);
    }
    return CORRAL_OK;
}

/* --- leaving it --- */

static bool is_started(const corrali_contender *contender)
{
    return contender->client != NULL && !corrali_list_empty(&contender->link);
}

/* One of its contenders is gone; with the last one goes the seat. */
static void part_gone_locked(corrali_seat *seat)
{
    corral_lock *lock = seat->lock;
    corral_client *last;

    if (--seat->contending > 0) {
        return;
    }
    corrali_list_remove(&seat->link);
    free_seat(seat);
    last = corrali_object_unref_locked(&lock->object);
    if (last != NULL) {
        corrali_client_unref(last); /* not its last reference: events come only before it is closed */
    }
}

/* Nobody sits there any more. */
static void leave_locked(corrali_seat *seat)
{
    seat->leaving = true;
    seat->contending++; /* it is needed until we are done */
    if (is_started(&seat->gate)) {
        corrali_contender_leave_locked(&seat->gate);
    }
    if (is_started(&seat->contender)) {
        corrali_contender_leave_locked(&seat->contender);
    }
    part_gone_locked(seat);
}

/* --- ending --- */

static void end_locked(corral_op *op, int status, const char *path)
{
    corral_grant *grant = op->lock.grant;

    op->lock.grant = NULL;
    corrali_list_remove(&op->task.link);
    (void)corrali_object_unref_locked(&grant->object); /* the operation keeps the lock */
    if (path != NULL) {
        corrali_op_end_at_locked(op, status, status, path);
    } else {
        corrali_op_end_locked(op, status, status);
    }
}

bool corrali_seat_busy_locked(const corral_op *op)
{
    const corrali_seat *seat = op->lock.seat;

    return seat->contender.client->ready && (seat->blocked || seat->grant != NULL);
}

/* It is of no use any more: those who wait there sit down elsewhere, in their order. */
static void leave_and_move_locked(corrali_seat *seat)
{
    corral_lock *lock = seat->lock;
    corrali_link waiting;
    corrali_link *link;

    corrali_list_init(&waiting);
    corrali_list_prepend_all(&waiting, &seat->acquires);
    leave_locked(seat);
    while ((link = corrali_list_pop(&waiting)) != NULL) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link); /* which keeps the lock */

        if (corrali_seat_take_locked(lock, op) != CORRAL_OK) {
            end_locked(op, CORRAL_ENOMEM, NULL);
        }
    }
}

/* --- the lock's way --- */

static void give_locked(corrali_seat *seat)
{
    corrali_link *link = corrali_list_pop(&seat->acquires);
    corral_op *op;

    if (link == NULL) {
        leave_locked(seat);
        return;
    }
    op = CORRALI_CONTAINER(link, corral_op, task.link);
    seat->grant = op->lock.grant;
    seat->grant->turn = seat->turn++;
    corrali_grant_begin_locked(seat->grant, seat);
    corrali_op_end_locked(op, CORRAL_OK, CORRAL_OK);
}

/* The last holder is done, and so are its changes, or nobody is there who needs to see them done. */
static void pass_on_locked(corrali_seat *seat)
{
    corral_grant *last = seat->grant;
    bool held = last->lost == CORRAL_OK && seat->contender.phase == CORRALI_CONTENDER_FIRST &&
                corrali_pulse_fresh_locked(seat->contender.client, seat->lock->contest.margin_ms);

    seat->vacated = false;
    seat->grant = NULL;
    if (held && !corrali_list_empty(&seat->acquires)) {
        corrali_grant_gone_locked(last, CORRAL_OK);
        give_locked(seat);
    } else {
        seat->last = last;
        leave_and_move_locked(seat);
    }
}

void corrali_seat_vacate_locked(corrali_seat *seat)
{
    if (seat->guarded > 0 && !corrali_list_empty(&seat->acquires)) {
        seat->vacated = true; /* the next one must see them done */
    } else {
        pass_on_locked(seat);
    }
}

void corrali_seat_lost_locked(corrali_seat *seat)
{
    seat->last = seat->grant;
    seat->grant = NULL;
    seat->vacated = false;
    leave_and_move_locked(seat);
}

void corrali_seat_guarded_locked(corrali_seat *seat)
{
    if (--seat->guarded == 0 && seat->vacated) {
        pass_on_locked(seat);
    }
}

void corrali_seat_quit_locked(corral_op *op)
{
    corrali_seat *seat = op->lock.seat;

    corrali_list_remove(&op->task.link);
    if (!corrali_list_empty(&seat->acquires)) {
        return;
    }
    if (seat->grant == NULL) {
        leave_locked(seat);
    } else if (seat->vacated) {
        pass_on_locked(seat);
    }
}

/* --- what the contenders tell --- */

static void first_locked(corrali_contender *contender)
{
    corrali_seat *seat = seat_of(contender);

    seat->blocked = false;
    if (is_started(&seat->gate)) {
        corrali_contender_leave_locked(&seat->gate); /* it is for the next one */
    }
    give_locked(seat);
}

/* Whoever would not wait does not. */
static void blocked(corrali_seat *seat)
{
    corrali_link *next;

    seat->blocked = true;
    for (corrali_link *link = seat->acquires.next; link != &seat->acquires; link = next) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        next = link->next;
        if (op->lock.immediate) {
            end_locked(op, CORRAL_EBUSY, NULL);
        }
    }
    if (corrali_list_empty(&seat->acquires)) {
        leave_locked(seat);
    }
}

static void blocked_locked(corrali_contender *contender)
{
    blocked(seat_of(contender));
}

static void lost_locked(corrali_contender *contender, int status)
{
    corrali_grant_lose_locked(seat_of(contender)->grant, status);
}

static void failed(corrali_seat *seat, int status, const char *path)
{
    while (!corrali_list_empty(&seat->acquires)) {
        end_locked(CORRALI_CONTAINER(seat->acquires.next, corral_op, task.link), status, path);
    }
    if (seat->grant != NULL) {
        corrali_grant_lose_locked(seat->grant, CORRAL_ELOST);
    } else {
        leave_locked(seat);
    }
}

static void failed_locked(corrali_contender *contender, int status, const char *path)
{
    failed(seat_of(contender), status, path);
}

static void left_locked(corrali_contender *contender, int status)
{
    corrali_seat *seat = seat_of(contender);

    if (seat->last != NULL) {
        corrali_grant_gone_locked(seat->last, status);
        seat->last = NULL;
    }
}

static void gone_locked(corrali_contender *contender)
{
    part_gone_locked(seat_of(contender));
}

static const corrali_contender_class seat_class = {.first_locked = first_locked,
                                                   .blocked_locked = blocked_locked,
                                                   .lost_locked = lost_locked,
                                                   .failed_locked = failed_locked,
                                                   .left_locked = left_locked,
                                                   .gone_locked = gone_locked};

static void gate_first_locked(corrali_contender *gate)
{
    corrali_seat *seat = seat_of_gate(gate);

    start_locked(seat, &seat->contender);
}

static void gate_blocked_locked(corrali_contender *gate)
{
    blocked(seat_of_gate(gate));
}

/* Another one may have passed it by now; if both stayed, both would wait for ever. */
static void gate_lost_locked(corrali_contender *gate, int status)
{
    (void)status;
    leave_and_move_locked(seat_of_gate(gate));
}

static void gate_failed_locked(corrali_contender *gate, int status, const char *path)
{
    failed(seat_of_gate(gate), status, path);
}

static void gate_left_locked(corrali_contender *gate, int status)
{
    (void)gate; /* nobody waits for that */
    (void)status;
}

static void gate_gone_locked(corrali_contender *gate)
{
    part_gone_locked(seat_of_gate(gate));
}

static const corrali_contender_class gate_class = {.first_locked = gate_first_locked,
                                                   .blocked_locked = gate_blocked_locked,
                                                   .lost_locked = gate_lost_locked,
                                                   .failed_locked = gate_failed_locked,
                                                   .left_locked = gate_left_locked,
                                                   .gone_locked = gate_gone_locked};
