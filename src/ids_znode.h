/*
 * ZNODE: the numbers that a server appends to the names of sequential znodes.
 *
 *     ids_znode.c             operations; waves of creations, and what comes of them
 *     ids_znode_numbers.c     an operation's numbers
 *     ids_znode_pointer.c     which epoch it is; on to the next one
 *     ids_znode_directory.c   the directories of epochs, and what is deleted of them
 *     ids_znode_behind.c      deleting behind: what was created, known or not
 *
 * A directory has 2^31 - 1 numbers, then it is of no use any more. So the
 * generator's znode holds the number of an epoch, and each epoch has a
 * directory of its own, PATH/TAG-EPOCH. A number is made by
 *
 *     multi{ check(PATH, version), create(PATH/TAG-EPOCH/GUID-, ephemeral, sequential), ... }
 *
 * so none is made in an epoch that has passed. The next one begins by
 *
 *     multi{ setData(PATH, EPOCH + 1, version), create(PATH/TAG-(EPOCH + 1)) }
 *
 * so a directory is there before anybody looks for it, and one that is missing has been deleted by
 * somebody. It is never made again, since it would begin at 0: the next epoch
 * begins instead, as it does when the generator is new, whose epoch is 0, without
 * a directory. With the tag in their names, no handle of a generator that was deleted can
 * make numbers in the directories of another one that has come in its place.
 *
 * Lost replies need no care but for order: a number that nobody got is wasted.
 * What is left of it is deleted all the same, and goes with the session at the latest.
 */
#ifndef CORRALI_IDS_ZNODE_H
#define CORRALI_IDS_ZNODE_H

#include "ids.h"

typedef struct corrali_znodes corrali_znodes;

enum {
    CORRALI_WAVE_MAX = 64, /* creations in a request */
    CORRALI_WAVES_MAX = 8  /* requests under way that create */
};

/* Room for the number of a sequential znode, with a terminating NUL. */
#define CORRALI_SEQUENCE_SIZE sizeof "-2147483648"

/* The directory of an epoch, as a handle uses it. */
typedef struct {
    corrali_znodes *owner;
    int64_t epoch;
    size_t uses;             /* waves and a search under way; and that it is the current one */
    bool superseded;         /* it is known not to be any more */
    bool doubtful;           /* a reply was lost: there may be znodes of ours that we do not know */
    bool searching;          /* for those */
    corrali_request request; /* searching */
    char *prefix;            /* of the znodes' paths, without the number */
    char path[];
} corrali_ids_directory;

/* Znodes that are created together, then deleted together. */
typedef struct {
    corrali_link link; /* in znodes.waves */
    corrali_request request;
    corrali_ids_directory *directory;
    bool creating;
    int64_t first;      /* deleting: the first one's number; the others follow; -1: any */
    int64_t session;    /* deleting: whose they are */
    size_t count;       /* of znodes */
    corral_op **owners; /* creating: who gets the numbers; NULL: nobody any more */
    char *paths;        /* deleting: of @path_size each */
    size_t path_size;
    corrali_write writes[];
} corrali_wave;

/* The state of a handle. */
struct corrali_znodes {
    corral_ids *ids;
    uint64_t guid;      /* the handle's own, in the names of its znodes */
    corrali_link queue; /* operations for which numbers are to be asked for */
    corrali_link asked; /* ... for which all have been */
    corrali_link waves;
    size_t creating; /* of these */
    bool stopped;

    bool known; /* what PATH holds, or has held since we looked: */
    int64_t epoch;
    int32_t version;
    int64_t spent;                  /* no more numbers from epochs up to this one */
    int64_t next;                   /* no directory below this one can be made */
    int32_t last_wanted;            /* a number of this and more: on to the next epoch */
    corrali_ids_directory *current; /* NULL: none yet */
    bool asking;                    /* the epoch is being read, or moved on */
    corrali_ids_directory *coming;  /* moved on: the next one's */
    corrali_request request;        /* asking */
    char text[CORRALI_IDS_CONFIG_SIZE];
};

static inline corral_client *corrali_znodes_client(const corrali_znodes *own)
{
    return own->ids->counter.object.client;
}

static inline corrali_znodes *corrali_znodes_of(const corral_op *op)
{
    return corrali_ids_of(op)->state;
}

/* --- ids_znode.c --- */

/* Keep @own for a reply; the client, when it is closed, waits for it. */
void corrali_znodes_keep_locked(corrali_znodes *own);
void corrali_znodes_drop_locked(corrali_znodes *own);
/* Do what is to be done next for the operations. */
void corrali_znodes_wake_locked(corrali_znodes *own);
/* Fail the operations of the queue, about @path (NULL: the generator). */
void corrali_znodes_fail_locked(corrali_znodes *own, int status, const char *path);

/*
 * --- ids_znode_numbers.c ---
 *
 * Of an operation, argument is how many numbers are to be asked for yet, and
 * desired how many are to come.
 */

/* Make room for those of @op. Returns 0 or CORRAL_ENOMEM. */
int corrali_numbers_gather(corral_op *op);
/* One has come; the last one ends the operation. */
void corrali_numbers_give_locked(corral_op *op, uint64_t number);
/* One that was asked for does not come. */
void corrali_numbers_ask_again_locked(corrali_znodes *own, corral_op *op);
/* End it without any, about @path (NULL: the generator). */
void corrali_numbers_fail_locked(corral_op *op, int status, const char *path);

/* --- ids_znode_pointer.c --- */

/* Read which epoch it is. */
int corrali_znodes_look_locked(corrali_znodes *own);
/* Begin the next one. Returns 0, CORRAL_EEXHAUSTED or CORRAL_ENOMEM. */
int corrali_znodes_move_on_locked(corrali_znodes *own);
/* Take back what has not been sent of that. */
void corrali_znodes_withdraw_locked(corrali_znodes *own);

/* --- ids_znode_directory.c --- */

/* That of @epoch, with one use. NULL: no memory. */
corrali_ids_directory *corrali_ids_directory_new(corrali_znodes *own, int64_t epoch);
void corrali_ids_directory_free(corrali_ids_directory *directory);
/* One use of it has ended: it may be gone. */
void corrali_ids_directory_leave_locked(corrali_ids_directory *directory);
/* Use @directory (NULL: none) from now on; the one until now has been superseded, unless the handle stops. */
void corrali_znodes_replace_locked(corrali_znodes *own, corrali_ids_directory *directory);
/* Delete the directories of all epochs before this one's that are empty. */
void corrali_znodes_clear_locked(corrali_znodes *own);

/* --- ids_znode_behind.c --- */

/* One of @count znodes in @directory, and of @before other writes. NULL: no memory. */
corrali_wave *corrali_wave_new_locked(corrali_ids_directory *directory, size_t count, size_t before);
/* It has come to its end. */
void corrali_wave_end_locked(corrali_wave *wave);
/* Delete the znodes of @wave, which have been created by the writes from @before on, and end it. */
void corrali_wave_delete_locked(corrali_wave *wave, size_t before);
/* A reply was lost: find out what is left of ours in @directory, and delete it. */
void corrali_ids_directory_search_locked(corrali_ids_directory *directory);

#endif
