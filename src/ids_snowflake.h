/*
 * A snowflake generator's handle: time, worker and sequence in one number.
 *
 * Each worker's number N has a mark, a time, in a znode of its own. Who moves
 * it on, by compare-and-swap, from M to M' alone may give out numbers of N with
 * M <= time < M': a window of time. So nothing depends on leases, sessions or
 * clocks for an ID to be unique. The lease, an ephemeral beside the mark, keeps
 * workers from moving each other's mark; a clock that runs behind what has been
 * given out makes callers wait.
 *
 *     PATH/workers/N          the mark: ms since 1970, and the tag of who has set it
 *     PATH/workers/N.lease    the tag of who has N, and their label; ephemeral
 */
#ifndef CORRALI_IDS_SNOWFLAKE_H
#define CORRALI_IDS_SNOWFLAKE_H

#include "ids.h"

typedef struct corrali_snowflake corrali_snowflake;

/* --- ids_roster.c --- */

/* The workers' numbers that may be taken. */
typedef struct {
    uint32_t *free; /* without a lease, but with a mark; lowest first */
    size_t free_count;
    bool has_fresh; /* there are numbers that nobody has ever had; */
    uint32_t fresh; /* ... one of them */
} corrali_roster;

/*
 * Find them among @names, the children of PATH/workers. The fresh number is one
 * of the @spread lowest ones, as @random wants it. Returns 0 or CORRAL_ENOMEM.
 */
int corrali_roster_read(corrali_roster *ret_roster, const char *const *names, size_t count,
                        uint32_t worker_bits, uint64_t random, uint32_t spread);
void corrali_roster_clear(corrali_roster *roster);

/* The number of the worker whose lease is called @name goes to @ret_number; false: it is none. */
bool corrali_lease_name_parse(const char *name, uint32_t *ret_number);

/* Room for a tag and a blank. */
enum { CORRALI_TAG_LENGTH = 17 };

/* What a mark's znode holds; the time, which is not negative, goes to @ret_ms. False: something else. */
bool corrali_mark_parse(const char *data, size_t length, int64_t *ret_ms);

/* Room for it, with a terminating NUL. */
#define CORRALI_MARK_SIZE 48

/* Spell it; returns the length. */
size_t corrali_mark_spell(int64_t ms, const char *tag, char text[CORRALI_MARK_SIZE]);

/* --- ids_worker*.c --- */

/* The worker's number that is ours, its lease and its mark. One request at a time. */
typedef struct {
    char *directory; /* PATH/workers */
    char *mark_path; /* room for that of any worker, as in the next one */
    char *lease_path;
    char *lease_text; /* the tag and the label */
    size_t room;      /* of the paths */
    corrali_request request;
    void (*step_locked)(corrali_snowflake *, int status); /* what its reply leads to */
    bool busy;                                            /* it is under way, or @again is set */
    bool resent;         /* ... and not for the first time: what became of it before is not known */
    bool stopped;        /* the handle is closed: the number is to be given back */
    bool crowded;        /* all numbers are taken */
    corrali_timer again; /* look once more whether one is free */
    corrali_timer renew; /* the window is half used */

    uint32_t spread;       /* others are taking numbers, too: choose among so many */
    corrali_roster roster; /* while one is being chosen; */
    size_t start, next;    /* ... at which of the free ones we have begun, how many were looked at, */
    bool has_nearest;      /* ... and whether none of these has its mark in the past; */
    uint32_t nearest;      /* ... whose is the earliest then, */
    int64_t nearest_ms;    /* ... and which; */
    uint32_t ahead;        /* ... what these were when there was no better one last time */
    int64_t ahead_ms;

    bool held;       /* the lease is made, */
    int64_t session; /* ... in this session */
    uint32_t number;
    char tag[CORRALI_TAG_LENGTH]; /* of this tenure */
    int64_t found_ms;             /* the mark that it has begun with; */
    bool claimed;                 /* ... it has been moved since, */
    int64_t mark_ms;              /* ... to there; */
    int32_t version;              /* ... its version, */
    int64_t czxid;                /* ... and creation */
    int64_t next_ms;              /* where it is being moved to, */
    char text[CORRALI_MARK_SIZE]; /* ... as it will be spelled */
    uint64_t seen;                /* the last number given out when it was moved */
    int64_t last_ms;              /* stopped: the time of the last number given out */
    int afterwards;               /* when the lease has been given back: end what waits with this, */
    const char *about;            /* ... because of that; 0: try anew */
} corrali_worker;

/* Returns 0 or CORRAL_ENOMEM. */
int corrali_worker_init(corrali_snowflake *own);
void corrali_worker_clear(corrali_snowflake *own);
/* The window is used up: have another one, unless that is under way. */
void corrali_worker_want_locked(corrali_snowflake *own);
/* Give the number back; nothing is given out any more, and @last_ms was the last one's time, if any was. */
void corrali_worker_stop_locked(corrali_snowflake *own, int64_t last_ms);

/* --- ids_snowflake.c --- */

struct corrali_snowflake {
    corral_ids *ids;
    unsigned time_shift;
    uint64_t sequence_mask;
    uint64_t worker_mask;
    int64_t epoch_ms;
    int64_t end_ms;                         /* when the bits for the time are used up */
    int64_t (*calendar)(corrali_backend *); /* the backend's */

    /* Without the mutex. All IDs come out of @last, so the worker's number is in there, too. */
    _Atomic uint64_t last;  /* given out, or as if it had been; CORRALI_SNOWFLAKE_NONE: there is no window */
    _Atomic uint64_t limit; /* all that are given out are below; set while there is none, or moved up */

    corrali_link waiting;  /* operations; */
    corrali_link listings; /* ... those that want the workers */
    corrali_timer tick;    /* the ms comes that they wait for */
    corrali_worker worker;
};

#define CORRALI_SNOWFLAKE_NONE UINT64_MAX

static inline corral_client *corrali_snowflake_client(const corrali_snowflake *own)
{
    return own->ids->counter.object.client;
}

/* The window of worker @number from @from_ms to before @to_ms may be used. */
void corrali_snowflake_open_locked(corrali_snowflake *own, uint32_t number, int64_t from_ms, int64_t to_ms);
/* The window may be used on, to before @to_ms. */
void corrali_snowflake_extend_locked(corrali_snowflake *own, int64_t to_ms);
/* There will be no window for those who wait, because of @path. */
void corrali_snowflake_fail_locked(corrali_snowflake *own, int status, const char *path);

/* --- ids_workers.c --- */

/* The kind's list_locked(). */
void corrali_workers_list_locked(corral_op *op);
/* End the listing @op with @cause. */
void corrali_workers_abort_locked(corral_op *op, int cause);

#endif
