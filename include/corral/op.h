/**
 * Operations: the handle of an asynchronous call.
 *
 * corral_x_y_async() submits an operation and returns at once. When it returns
 * non-zero nothing was submitted and the callback never runs. When it returns
 * 0 the callback runs exactly once, never from inside the call, also when the
 * operation is canceled, times out, loses its session or its client is closed.
 * A NULL callback is allowed. Callbacks of one client run one after another,
 * with no lock held, on its dispatch thread or where corral_client_dispatch()
 * is called; they may submit and cancel operations but not wait: blocking calls
 * from there return CORRAL_EDEADLK.
 *
 * @timeout_ms is one deadline over everything the operation does, counted from
 * the call: CORRAL_FOREVER for none, 0 to wait for no other client (the
 * request itself still gets the client's request_timeout_ms). Any other
 * negative number is CORRAL_EINVAL.
 *
 * With @ret_op NULL the operation is floating: it frees itself. Otherwise the
 * caller owns one reference and gives it back with corral_op_unref(), before
 * or after the operation has ended, also after the client was closed.
 */
#ifndef CORRAL_OP_H
#define CORRAL_OP_H

#include <corral/export.h>

CORRAL_BEGIN_DECLS

typedef struct corral_op corral_op;

/**
 * The place of a result in the history of its znode: the creation zxid of the
 * znode's incarnation, the zxid of the change, the znode's version after it,
 * and the place within the batch that the change was part of. Results of one
 * counter, ordered by (mzxid, index), are in the order in which they took
 * effect. A field that could not be learned is 0.
 */
typedef struct {
    int64_t czxid;
    int64_t mzxid;
    int32_t version;
    uint32_t index;
} corral_stamp;

/** The result of an operation without a value. @status as of the blocking form. */
typedef void (*corral_status_cb)(int status, void *arg);

/**
 * The result of an operation on a 64-bit value. @value and @stamp are set when
 * @status is 0 (@value also with CORRAL_ECONFLICT of a compare_set); @stamp is
 * valid during the call only, and never NULL.
 */
typedef void (*corral_int64_cb)(int status, int64_t value, const corral_stamp *stamp, void *arg);

/**
 * End @op now if it has not ended. Its callback gets CORRAL_ECANCELED when
 * nothing of it can have been applied, else CORRAL_EUNCERTAIN with
 * corral_op_cause() CORRAL_ECANCELED. Harmless on an ended operation. Returns
 * 0, CORRAL_EINVAL for NULL, or CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_op_cancel(corral_op *op);

/**
 * Wait until @op has ended and its callback has returned, at most @timeout_ms
 * (0: only look). With CORRAL_DISPATCH_FD this thread runs the callbacks that
 * become due meanwhile, whichever they are. Returns 0 then, CORRAL_ETIMEDOUT otherwise; CORRAL_EDEADLK
 * from a callback of the same client; CORRAL_EINVAL; CORRAL_EFORK. The outcome
 * is told by corral_op_status(). Any thread, several at once.
 */
CORRAL_API int corral_op_wait(corral_op *op, int64_t timeout_ms);

/** The outcome of @op once it has ended; CORRAL_EBUSY before. Any thread. */
CORRAL_API int corral_op_status(const corral_op *op);

/**
 * Why @op ended: what corral_op_status() says, or, where that is
 * CORRAL_EUNCERTAIN, what ended the wait: CORRAL_ETIMEDOUT, CORRAL_ECANCELED,
 * CORRAL_ECLOSED, CORRAL_ELOST (connection lost, at-most-once mode),
 * CORRAL_ENOENT, CORRAL_ECONFLICT, CORRAL_EACCES (somebody deleted or changed
 * the znode by which the outcome was to be found, or its ACL) or CORRAL_ESERVER.
 * CORRAL_EBUSY before @op has ended. Any thread.
 */
CORRAL_API int corral_op_cause(const corral_op *op);

/**
 * The znode that a failure of @op is about, as the caller would name it
 * (relative to the chroot): mostly the object's own path, but for instance a
 * parent that may not be created, or a znode under the client's home. Valid
 * until @op is freed, never NULL; "" before @op has ended. Any thread.
 */
CORRAL_API const char *corral_op_path(const corral_op *op);

/** Give back the caller's reference. NULL is harmless. Any thread, also from callbacks. */
CORRAL_API void corral_op_unref(corral_op *op);

CORRAL_END_DECLS

#endif
