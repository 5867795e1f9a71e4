/*
 * A multi that is applied exactly once, whatever replies are lost.
 *
 * Its first write sets a borrowed lane (see writer.h) to a number, at the lane's
 * version. When the reply is lost the very same multi is sent again, and where
 * it fails tells what became of the first attempt: at the lane, that was
 * applied; elsewhere, it was not. But what the multi was refused for may change
 * again, and then the first attempt could still come, by a connection that was
 * given up. So the lane is moved on ("sealed") before a refused resend is taken
 * for the answer.
 *
 *     BORROWING --> WRITING --+-- refused, or applied
 *          ^           |      +-- resend: refused --> SEALING --> refused
 *          +-----------+      +-- resend: at the lane --> lane read --> applied
 *        somebody meddled
 *        with the lane
 *
 * Batches of a counter have a shorter way (see counter_outcome.c): what they are
 * refused for does not change again.
 */
#ifndef CORRALI_EXACT_H
#define CORRALI_EXACT_H

#include <corral/client.h>

#include <stdbool.h>

#include "backend.h"
#include "decimal.h"
#include "writer.h"

/* The lane's write; the owner's come after it. */
enum { CORRALI_EXACT_LANE, CORRALI_EXACT_FIRST };

/* What has become of it. */
typedef struct {
    int status;       /* 0: applied; EUNCERTAIN; any other: not applied, */
    int cause;        /* ... and why EUNCERTAIN, else @status */
    size_t failed;    /* not applied: because of that write; CORRALI_EXACT_LANE: of none of the owner's */
    const char *path; /* the znode the failure is about, valid during the call; NULL: none in particular */
    bool recovered;   /* applied by an attempt whose reply was lost: the writes tell no stat */
    int64_t zxid;     /* applied: its transaction */
} corrali_exact_outcome;

typedef struct corrali_exact corrali_exact;
struct corrali_exact {
    /* The owner's to set. */
    corral_client *client;
    corrali_write *writes; /* with room for the lane's in front; kept until the outcome is known */
    size_t count;          /* ... that included */
    void (*done_locked)(corrali_exact *, const corrali_exact_outcome *); /* may free or start it */

    corrali_borrower borrower;
    corrali_lane *lane; /* NULL: being waited for */
    corrali_request request;
    bool resent;                       /* an earlier attempt's outcome is not known */
    size_t failed;                     /* a resend's: the write that was refused, */
    int refusal;                       /* ... and why */
    char number[CORRALI_DECIMAL_SIZE]; /* put into the lane, */
    char seal[CORRALI_DECIMAL_SIZE];   /* ... and instead of it, so that it cannot be any more */
};

/* Begin. Returns 0, and done_locked() is called later; or CORRAL_ENOMEM. */
int corrali_exact_start_locked(corrali_exact *own);
/* May it have been applied? */
bool corrali_exact_exposed(const corrali_exact *own);
/* Take it back if nothing of it has been sent: true, and done_locked() will not be called. */
bool corrali_exact_withdraw_locked(corrali_exact *own);

#endif
