/*
 * The sweep: what clients that crashed have left under HOME/writers (see
 * writer.h) is deleted by those that live, when it is a day old.
 *
 * Once an hour a registered client renews its own directory, whose mtime then
 * says both that the client lived, and what the time is by the server's
 * calendar. Then it looks at the mtime of HOME/sweep: the time of the last
 * sweep, by whomever. Who finds that an hour has passed, and is the first to
 * set it again at the version seen, sweeps for all.
 *
 *     (timer) --> BEAT --> LOOK --> CLAIM --> LIST --> each writer --> (timer)
 *
 *     each writer: its children --> stat of it --> stat of each lane
 *                      --> delete each lane --> delete it
 *
 * A writer is passed over if LIVE is there, or if its directory or one of its
 * lanes is young; and it is left alone after any failure. Each deletion is one
 * multi that creates and deletes LIVE first: where the writer has come back
 * meanwhile it fails, and so it does, by its version, where the lane was
 * written to. All reads may be of a server that lags behind: what they say
 * has to be old and unchanged, or the deletion fails.
 *
 * A writer that comes back after it was swept finds its lanes missing. Its new
 * batches take others, and since names of lanes are never used again, one that
 * it repeats cannot be applied a second time: it ends EUNCERTAIN.
 */
#ifndef CORRALI_SWEEP_H
#define CORRALI_SWEEP_H

#include <corral/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "timer.h"

/* Names of children, in one piece of memory. */
typedef struct {
    char **items;
    size_t count;
    size_t next; /* the one being worked on */
} corrali_names;

/* What to do when a request has been answered, with that status. */
typedef void corrali_sweep_step(corral_client *client, int status);

typedef struct {
    bool started; /* there was a registration */
    corrali_timer timer;
    corrali_request request; /* the one thing under way */
    corrali_sweep_step *then_locked;

    /* Paths, in one piece of memory, which begins with the first. */
    char *mark;      /* HOME/sweep */
    char *parent;    /* HOME/writers */
    char *directory; /* of the writer being swept, as the next two */
    char *live;
    char *lane;

    int64_t now_ms; /* by the server's calendar, a little ago */
    corrali_names writers;
    corrali_names lanes;
    int32_t directory_version;
    int32_t *lane_versions;
    size_t swept_writers;
    size_t swept_lanes;
} corrali_sweep;

/* The client has registered as a writer: sweep from time to time. Harmless when it does already. */
void corrali_sweep_start_locked(corral_client *client);
/* The client is being closed: ask for nothing more. A reply that is under way may still come. */
void corrali_sweep_stop_locked(corral_client *client);
void corrali_sweep_destroy(corral_client *client);

/* For tests, before clients are opened: how old things must be, and the time between sweeps. 0: as usual. */
void corrali_sweep_configure(int64_t age_ms, int64_t interval_ms);

#endif
