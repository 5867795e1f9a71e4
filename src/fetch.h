/*
 * A read of a znode as fresh as the caller wants it: a get, behind a sync or a
 * quorum operation where need be. Both are sent at once; the server keeps their
 * order. If either is lost, both are sent again.
 */
#ifndef CORRALI_FETCH_H
#define CORRALI_FETCH_H

#include <corral/counter.h>

#include <stdbool.h>

#include "backend.h"

typedef struct corrali_fetch corrali_fetch;
struct corrali_fetch {
    /* The owner's to set. */
    corral_client *client;
    const char *path;
    corral_read level;
    corrali_request_kind kind; /* GET or EXISTS */
    int (*got_locked)(
        corrali_fetch *); /* take the answer in @get, which may come more than once; its status */
    void (*done_locked)(corrali_fetch *); /* may free or start it */

    int status; /* 0, or why there is no answer */

    corrali_request first; /* unless LOCAL */
    corrali_request get;
    unsigned awaited; /* replies */
    bool lost;        /* one of them was */
    bool stopped;     /* nobody wants the answer */
    int refusal;      /* what @first was refused with */
};

/* Begin: done_locked() is called later. */
void corrali_fetch_start_locked(corrali_fetch *own);
/* Take back what has not been sent. True: nothing is under way any more, and done_locked() will not be
 * called. */
bool corrali_fetch_stop_locked(corrali_fetch *own);

#endif
