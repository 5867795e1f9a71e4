/**
 * Unique IDs: numbers of 64 bits that nobody is given twice.
 *
 * A generator is a znode; its data say of which kind it is, and with which
 * options it was made. Those who open it with others are refused, so that no two
 * processes can hand out the same numbers by different rules.
 *
 *     CORRAL_IDS_BLOCK      ranges are leased, and used up without asking anybody
 *     CORRAL_IDS_SEQUENCE   one after another, no gaps but those of callers that crashed
 *     CORRAL_IDS_ZNODE      the numbers of sequential znodes, as other recipes have them
 *     CORRAL_IDS_SNOWFLAKE  time, worker and sequence in one number
 *
 * Whatever kind: a number that a call may have been given, but whose reply was
 * lost, is never given again. IDs of SEQUENCE and ZNODE increase in real time
 * across all clients: a call that begins after another one has ended gets a greater one. Those of
 * BLOCK increase within one handle, and those of SNOWFLAKE within one handle and with the clock.
 *
 * A call that was given up may have taken numbers already. Of SEQUENCE, which has no other
 * gaps, it ends with CORRAL_EUNCERTAIN then; of the other kinds with what it was given up
 * for, since nothing is lost but numbers. All IDs are less than 2^63.
 *
 * Deleting the znode ends the generator: handles that are open fail with
 * CORRAL_ECORRUPT once they notice, and one that is opened afterwards makes a new
 * generator, which begins anew and so repeats the numbers of the old one. What is below the
 * znode is the generator's memory; nobody is to delete or change it while the generator lives.
 */
#ifndef CORRAL_IDS_H
#define CORRAL_IDS_H

#include <corral/client.h>
#include <corral/op.h>

#include <stddef.h>

CORRAL_BEGIN_DECLS

typedef struct corral_ids corral_ids;

typedef enum {
    CORRAL_IDS_BLOCK,
    CORRAL_IDS_SEQUENCE,
    CORRAL_IDS_ZNODE,
    CORRAL_IDS_SNOWFLAKE,
    CORRAL_IDS_STORED /**< whatever the generator is, with its own options; a new one becomes a SEQUENCE */
} corral_ids_kind;

#define CORRAL_IDS_OPTIONS_VERSION 1

/** Options of a generator. Everything is copied. */
typedef struct {
    uint32_t version; /**< CORRAL_IDS_OPTIONS_VERSION */
    uint32_t flags;   /**< 0 */
    corral_ids_kind kind;
    uint64_t block_size;    /**< BLOCK: how many to lease at a time, no sooner than they are wanted, and more only for a
                                 call that wants more; default, 0: as many as last for about a second at the rate
                                 seen, the next ones ahead of time */
    int64_t epoch_ms;       /**< SNOWFLAKE: what its time is counted from, in ms since 1970 (UTC); kept with the
                                 generator, as are the next two */
    uint32_t worker_bits;   /**< SNOWFLAKE: 2^this workers at a time, at most */
    uint32_t sequence_bits; /**< SNOWFLAKE: 2^this IDs in a ms, of each worker */
    int64_t clock_wait_ms;  /**< SNOWFLAKE: if the clock is behind what was given out, wait for it; by
                                 more than this it is CORRAL_ECLOCK */
    const char *label;      /**< SNOWFLAKE: who we are, for others to see; at most 1,023 bytes; may be NULL */
} corral_ids_options;

/** 41 bits of time from 2024 on, which last until 2093, 1,024 workers, 4,096 IDs in a ms. */
#define CORRAL_IDS_OPTIONS_INIT { CORRAL_IDS_OPTIONS_VERSION, 0, CORRAL_IDS_BLOCK, 0, INT64_C(1704067200000), \
    10, 12, 1000, NULL }

/**
 * Make a handle for the generator at @path, which is as corral_counter_open()
 * has it. Sends nothing: the znode is read, or made, with the parents it needs,
 * by the first call. @options may be NULL. Any thread.
 *
 * Returns 0; CORRAL_EINVAL (path, options; time gets fewer than 32 bits, or an epoch that is in the future);
 * CORRAL_ECLOSED; CORRAL_ENOMEM; CORRAL_EFORK.
 */
CORRAL_API int corral_ids_open(corral_client *client, const char *path, const corral_ids_options *options,
                               corral_ids **ret_ids);

/**
 * End the operations of @ids and free it, as corral_counter_close() does. IDs of a
 * range that are left over are wasted. NULL is harmless. Returns 0 or CORRAL_EFORK.
 */
CORRAL_API int corral_ids_close(corral_ids *ids);

/**
 * Tell what the generator is: its kind, and of a SNOWFLAKE the epoch and the bits that it was made with, go to
 * @ret_options, in which all else is as in CORRAL_IDS_OPTIONS_INIT. Nothing is made. What @ids has begun with
 * is told at once; before that the znode is read. Open @ids with CORRAL_IDS_STORED to ask whatever it may be.
 * Any thread.
 *
 * Returns 0; CORRAL_ENOENT: there is none; CORRAL_ECONFLICT, CORRAL_ECORRUPT, CORRAL_EACCES, CORRAL_EINVAL,
 * CORRAL_ETIMEDOUT, CORRAL_ECLOSED, CORRAL_ESERVER, CORRAL_ENOMEM, CORRAL_EDEADLK, CORRAL_EFORK: as
 * corral_ids_next(), and nothing was changed.
 */
CORRAL_API int corral_ids_info(corral_ids *ids, int64_t timeout_ms, corral_ids_options *ret_options);

/**
 * Get one ID. Any thread.
 *
 * Returns 0; CORRAL_ECONFLICT: @path is a generator of another kind, or made with
 * other options; CORRAL_ECORRUPT: it is no generator, or not the one any more
 * that this handle has begun with; CORRAL_EEXHAUSTED: there are no numbers left;
 * CORRAL_EBUSY (SNOWFLAKE): all workers' numbers were taken, up to the deadline (see corral_ids_workers());
 * CORRAL_ECLOCK (SNOWFLAKE): the clock has been set back too far; CORRAL_EINVAL; CORRAL_ETIMEDOUT,
 * CORRAL_ECANCELED, CORRAL_ECLOSED: none was given; CORRAL_EUNCERTAIN (SEQUENCE): one was
 * taken, perhaps, and is wasted; CORRAL_EACCES; CORRAL_ENOTSUP (a parent is ephemeral);
 * CORRAL_ESERVER; CORRAL_ENOMEM; CORRAL_EDEADLK; CORRAL_EFORK.
 */
CORRAL_API int corral_ids_next(corral_ids *ids, int64_t timeout_ms, uint64_t *ret_id);

/** How many IDs can be had by one call. */
#define CORRAL_IDS_MANY_MAX 1000000

/**
 * Get @count of them, in increasing order, to @ret_ids: all or none. CORRAL_EINVAL:
 * also for 0, or more than CORRAL_IDS_MANY_MAX.
 */
CORRAL_API int corral_ids_next_many(corral_ids *ids, size_t count, int64_t timeout_ms, uint64_t *ret_ids);

/** @ids: @count of them, valid during the call, when @status is 0; else NULL. */
typedef void (*corral_ids_cb)(int status, const uint64_t *ids, size_t count, void *arg);

/** The same, asynchronous. */
CORRAL_API int corral_ids_next_async(corral_ids *ids, int64_t timeout_ms, corral_ids_cb cb, void *arg,
                                     corral_op **ret_op);
CORRAL_API int corral_ids_next_many_async(corral_ids *ids, size_t count, int64_t timeout_ms, corral_ids_cb cb,
                                          void *arg, corral_op **ret_op);

/** Room for an ID as text, with a terminating NUL. */
#define CORRAL_ID_TEXT_SIZE 14

/**
 * Spell @id in 13 characters that sort, byte by byte, as the numbers do:
 * Crockford's base 32, upper case, most significant first. Any thread.
 */
CORRAL_API void corral_id_format(uint64_t id, char ret_text[CORRAL_ID_TEXT_SIZE]);

/**
 * Read what corral_id_format() has spelled, in either case, with O for 0 and I or L for 1.
 * Returns 0, or CORRAL_EINVAL, and @ret_id is untouched. Any thread.
 */
CORRAL_API int corral_id_parse(const char *text, uint64_t *ret_id);

/** A process, or rather a handle, that has a worker's number of a SNOWFLAKE generator. */
typedef struct {
    uint32_t worker;   /**< its number */
    int64_t session;   /**< its session */
    size_t length;     /**< of its label, without the NUL */
    const char *label; /**< as its options have it, with a NUL behind; "" if it may not be read */
} corral_ids_worker;

/**
 * List who has a worker's number now, by number, as a server that has caught up
 * sees it. There is no telling whether it is still so when this returns; who has
 * just lost it may give out numbers for some seconds more, of a window of time that nobody else gets.
 *
 * The list, in @ret_count entries, is the caller's, to be freed with
 * corral_ids_workers_free(). It may be empty. Returns 0; CORRAL_ENOENT: there is no
 * generator, and none is made; CORRAL_ECONFLICT: it is one of another kind; else what
 * corral_ids_info() does. Any thread.
 */
CORRAL_API int corral_ids_workers(corral_ids *ids, int64_t timeout_ms, corral_ids_worker **ret_workers,
                                  size_t *ret_count);

/** Free a list. NULL is harmless. */
CORRAL_API void corral_ids_workers_free(corral_ids_worker *workers);

/** The parts of a snowflake ID. */
typedef struct {
    int64_t time_ms; /**< since 1970 (UTC) */
    uint32_t worker;
    uint32_t sequence;
} corral_snowflake;

/**
 * Take the snowflake @id apart, whose generator has the epoch and the bits of
 * @options (NULL: the defaults). Returns 0, or CORRAL_EINVAL: the options make
 * no sense, or @id has its highest bit set. Any thread.
 */
CORRAL_API int corral_snowflake_decode(uint64_t id, const corral_ids_options *options,
                                       corral_snowflake *ret_parts);

CORRAL_END_DECLS

#endif
