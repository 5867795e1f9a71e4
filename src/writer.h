/*
 * A client as a writer: its directory HOME/writers/GUID with the lanes.
 *
 * A lane is a small persistent znode of this client alone. A batch that must
 * be applied exactly once writes its number there in the same multi, at the
 * lane's version, lane first. When its reply is lost the same multi is sent
 * again, and where it fails tells what became of the first attempt. A batch
 * borrows a lane until its outcome is known, so there are as many lanes as
 * batches in flight.
 *
 * A lane is made before it is lent, the first one together with the directory.
 * Made in the multi of the batch, it could not be told from one that somebody
 * has deleted since, and a resend would make it, and count, again. Names of
 * lanes are never used again, for the same reason.
 *
 * Beside the lanes there is LIVE, an ephemeral of the present session: while
 * it is there nobody may sweep the lanes away.
 */
#ifndef CORRALI_WRITER_H
#define CORRALI_WRITER_H

#include <corral/client.h>

#include "backend.h"
#include "list.h"

/* Batches of one client in flight at once; further ones wait for a lane. */
#define CORRALI_LANES_MAX 256

typedef struct {
    corrali_link link; /* in writer.free_lanes */
    corral_client *client;
    char *path;
    int32_t version;
    uint64_t batches;        /* written to it; the last one's number is its data */
    corrali_request request; /* that makes or deletes the znode */
} corrali_lane;

typedef struct corrali_borrower corrali_borrower;
struct corrali_borrower {
    corrali_link link;
    /* @lane, or NULL with the reason: a status, and the znode it is about (valid during the call). */
    void (*lent_locked)(corrali_borrower *, corrali_lane *lane, int status, const char *path);
};

typedef enum {
    CORRALI_WRITER_NONE,
    CORRALI_WRITER_REGISTERING,
    CORRALI_WRITER_REGISTERED
} corrali_writer_state;

typedef struct {
    char *directory;
    char *live;
    corrali_writer_state state;
    bool touched;            /* a registration was sent: the directory may exist */
    corrali_request request; /* the registration, the farewell */
    corrali_lane *first;     /* REGISTERING: the lane made together with the directory */
    corrali_link free_lanes;
    corrali_link waiting; /* borrowers */
    size_t waiting_count;
    size_t lanes;  /* being made, free, lent, being deleted */
    size_t making; /* the first of these */
    uint64_t next_lane;
    bool lending; /* a borrower is being told */
    void (*farewell_done_locked)(corral_client *);
} corrali_writer;

int corrali_writer_init(corral_client *client);
void corrali_writer_destroy(corral_client *client);

/*
 * Borrow a lane. 0: there it is, or *@ret_lane is NULL and the borrower is told
 * later; CORRAL_ENOMEM.
 */
int corrali_lane_borrow_locked(corral_client *client, corrali_borrower *borrower, corrali_lane **ret_lane);
/* Stop waiting. */
void corrali_lane_forget_locked(corral_client *client, corrali_borrower *borrower);
/* Give back a lane whose version is known. */
void corrali_lane_return_locked(corrali_lane *lane);
/* Give back a lane whose version is not known, or which is worn out: it is deleted. */
void corrali_lane_retire_locked(corrali_lane *lane);
/* The directory was found missing: register anew before the next lane is lent. */
void corrali_writer_reset_locked(corral_client *client);

/* Delete all that this writer made, then call @done_locked: at once when there is nothing. */
void corrali_writer_farewell_locked(corral_client *client, void (*done_locked)(corral_client *));

#endif
