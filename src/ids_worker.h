/* The worker's number of a handle, as the files see each other that get it, keep it and give it back. */
#ifndef CORRALI_IDS_WORKER_H
#define CORRALI_IDS_WORKER_H

#include "ids_snowflake.h"

typedef void (*corrali_worker_step)(corrali_snowflake *, int status);

/* How far ahead of the calendar the mark goes. */
enum { CORRALI_WINDOW_MS = 3000 };

/* --- ids_worker.c --- */

/* Send a request, again when its reply is lost; then take that step. There must be none under way. */
void corrali_worker_read_locked(corrali_snowflake *own, corrali_request_kind kind, const char *path,
                                corrali_worker_step step_locked);
void corrali_worker_write_locked(corrali_snowflake *own, const corrali_write *writes, size_t count,
                                 corrali_worker_step step_locked);
/* Is what has just been read our lease? */
bool corrali_worker_is_our_lease(const corrali_snowflake *own);
/* Delete the lease, if it is ours; then end those who wait with @status about @path, or, if it is 0, try
 * anew. */
void corrali_worker_drop_locked(corrali_snowflake *own, int status, const char *path);
/* The handle is closed: give back what there is. False: it is not. */
bool corrali_worker_leave_locked(corrali_snowflake *own);

/* --- ids_worker_hold.c --- */

/* Go for that number, which seems to be free. */
void corrali_worker_lease_locked(corrali_snowflake *own, uint32_t number);
/* Have the next window: from the mark on. */
void corrali_worker_claim_locked(corrali_snowflake *own);

/* --- ids_worker_choose.c --- */

/* Room for the paths of any worker. Returns 0 or CORRAL_ENOMEM. */
int corrali_worker_make_room(corrali_worker *worker);
/* Let the number, the paths of mark and lease be those of that worker. */
void corrali_worker_name(corrali_snowflake *own, uint32_t number);
/* Choose a number, then go for it. */
void corrali_worker_choose_locked(corrali_snowflake *own);
/* corrali_worker.again has fired. */
void corrali_worker_looks_again(corrali_timer *timer);

#endif
