/* Seats: the callers of one handle behind one znode, and the lock's way from one to the next. */
#include "alloc.h"
#include "lock.h"

static const corrali_contender_class seat_class;

static corrali_seat *seat_of(corrali_contender *contender)
{
    return CORRALI_CONTAINER(contender, corrali_seat, contender);
}

/* --- taking one --- */

static corrali_seat *new_seat_locked(corral_lock *lock)
{
    corrali_seat *seat = corrali_alloc(sizeof *seat);

    if (seat == NULL) {
        return NULL;
    }
    if (corrali_contender_init_locked(&seat->contender, &seat_class, lock->object.client, &lock->contest) !=
        CORRAL_OK) {
        corrali_free(seat);
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
    bool open = newest != NULL && !lock->contest.kind->shared && newest->taken <= lock->handoffs &&
                newest->contender.phase != CORRALI_CONTENDER_LEAVING;

    return open ? newest : NULL;
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
        corrali_contender_start_locked(&seat->contender);
    }
    return CORRAL_OK;
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

void corrali_seat_quit_locked(corral_op *op)
{
    corrali_seat *seat = op->lock.seat;

    corrali_list_remove(&op->task.link);
    if (corrali_list_empty(&seat->acquires) && seat->grant == NULL) {
        corrali_contender_leave_locked(&seat->contender);
    }
}

bool corrali_seat_busy_locked(const corral_op *op)
{
    const corrali_seat *seat = op->lock.seat;

    return seat->contender.client->ready && (seat->blocked || seat->grant != NULL);
}

/* The contender is of no use any more: those behind it sit down elsewhere, in their order. */
static void move_locked(corrali_seat *seat)
{
    corrali_link waiting;
    corrali_link *link;

    corrali_list_init(&waiting);
    corrali_list_prepend_all(&waiting, &seat->acquires);
    while ((link = corrali_list_pop(&waiting)) != NULL) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        if (corrali_seat_take_locked(seat->lock, op) != CORRAL_OK) {
            end_locked(op, CORRAL_ENOMEM, NULL);
        }
    }
}

static void leave_locked(corrali_seat *seat)
{
    corrali_contender_leave_locked(&seat->contender);
    move_locked(seat);
}

/* --- the lock's way --- */

static void give_locked(corrali_seat *seat)
{
    corrali_link *link = corrali_list_pop(&seat->acquires);
    corral_op *op;

    if (link == NULL) {
        corrali_contender_leave_locked(&seat->contender);
        return;
    }
    op = CORRALI_CONTAINER(link, corral_op, task.link);
    seat->grant = op->lock.grant;
    seat->grant->turn = seat->turn++;
    corrali_grant_begin_locked(seat->grant, seat);
    corrali_op_end_locked(op, CORRAL_OK, CORRAL_OK);
}

/* The last holder is done, and so are its changes. */
static void pass_on_locked(corrali_seat *seat)
{
    corral_client *client = seat->contender.client;
    int64_t until = corrali_grant_valid_until_locked(seat->grant);
    corral_grant *last = seat->grant;
    bool held = last->lost == CORRAL_OK && seat->contender.phase == CORRALI_CONTENDER_FIRST &&
                until > corrali_now_locked(client);

    seat->vacated = false;
    seat->grant = NULL;
    if (held && !corrali_list_empty(&seat->acquires)) {
        corrali_grant_gone_locked(last, CORRAL_OK);
        give_locked(seat);
    } else {
        seat->last = last;
        leave_locked(seat);
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
    leave_locked(seat);
}

void corrali_seat_guarded_locked(corrali_seat *seat)
{
    if (--seat->guarded == 0 && seat->vacated) {
        pass_on_locked(seat);
    }
}

/* --- what the contender tells --- */

static void first_locked(corrali_contender *contender)
{
    seat_of(contender)->blocked = false;
    give_locked(seat_of(contender));
}

/* Whoever would not wait does not. */
static void blocked_locked(corrali_contender *contender)
{
    corrali_seat *seat = seat_of(contender);
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
        corrali_contender_leave_locked(contender);
    }
}

static void lost_locked(corrali_contender *contender, int status)
{
    corrali_seat *seat = seat_of(contender);

    corrali_grant_lose_locked(seat->grant, status);
}

static void failed_locked(corrali_contender *contender, int status, const char *path)
{
    corrali_seat *seat = seat_of(contender);

    while (!corrali_list_empty(&seat->acquires)) {
        end_locked(CORRALI_CONTAINER(seat->acquires.next, corral_op, task.link), status, path);
    }
    if (seat->grant != NULL) {
        corrali_grant_lose_locked(seat->grant, CORRAL_ELOST);
    } else {
        corrali_contender_leave_locked(contender);
    }
}

static void gone_locked(corrali_contender *contender, int status)
{
    corrali_seat *seat = seat_of(contender);
    corral_lock *lock = seat->lock;
    corral_client *last;

    if (seat->last != NULL) {
        corrali_grant_gone_locked(seat->last, status);
    }
    corrali_list_remove(&seat->link);
    corrali_contender_destroy(contender);
    corrali_free(seat);
    last = corrali_object_unref_locked(&lock->object);
    if (last != NULL) {
        corrali_client_unref(last); /* not its last reference: events come only before it is closed */
    }
}

static const corrali_contender_class seat_class = {.first_locked = first_locked,
                                                   .blocked_locked = blocked_locked,
                                                   .lost_locked = lost_locked,
                                                   .failed_locked = failed_locked,
                                                   .gone_locked = gone_locked};
