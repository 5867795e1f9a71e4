/**
 * The simulated world: virtual time, one source of randomness, events in the
 * order of their time, and a record of what happened. Everything that a seed
 * does comes from here, so the same seed does the same.
 *
 * Memory is taken from an arena and lives as long as the world.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_US INT64_C(1000)
#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

/** What all calendars say when the world begins, in ms since 1970. */
#define SIM_CALENDAR_MS INT64_C(1700000000000)

typedef struct world world;

/** What an event does: @subject and @argument are as given to world_at(). */
typedef void (*world_fire)(void *subject, int64_t argument);

/** Whose workload's runs come to it. */
enum {
    OF_COUNTERS = 1,
    OF_LOCKS = 2,
    OF_IDS = 4,
    OF_WATCHES = 8,
    OF_ALL = OF_COUNTERS | OF_LOCKS | OF_IDS | OF_WATCHES
};

/** What a world has seen of what is rare; printed, and none may stay 0 in a run over many seeds. */
#define SIM_RARE_PATHS(X)                                                                                    \
    X(RESEND_APPLIED, "resend found applied", OF_ALL)                                                        \
    X(RESEND_NOT_APPLIED, "resend found not applied", OF_ALL)                                                \
    X(LANE_MISSING, "lane missing", OF_ALL)                                                                  \
    X(LANE_SWEPT, "crashed client's lanes swept", OF_COUNTERS)                                               \
    X(WRAPPED, "version wrapped", OF_COUNTERS)                                                               \
    X(UNCERTAIN, "EUNCERTAIN", OF_ALL)                                                                       \
    X(EXPIRED, "session expired", OF_ALL)                                                                    \
    X(EXPIRED_IN_FLIGHT, "session expired after lost writes", OF_ALL)                                        \
    X(EPOCH_MOVED, "stale cache refused by its epoch", OF_COUNTERS | OF_WATCHES)                             \
    X(MOVED_REFUSED, "late write of a moved session", OF_ALL)                                                \
    X(LATE_APPLIED, "late write of a lost connection applied", OF_ALL)                                       \
    X(DROPPED_COMMITS, "proposals dropped with a leader", OF_ALL)                                            \
    X(TAIL_KEPT, "proposals of a leader cut off kept by the next one", OF_ALL)                               \
    X(STALE_READ, "read from a server cut off", OF_ALL)                                                      \
    X(LAGGING_REFUSED, "connection to a lagging server refused", OF_ALL)                                     \
    X(SET_WATCH_FIRED, "watch fired when set again", OF_COUNTERS | OF_LOCKS | OF_WATCHES)                    \
    X(NO_MEMORY, "allocation failed", OF_ALL)                                                                \
    X(LOST_RACE, "race lost", OF_COUNTERS)                                                                   \
    X(OUT_OF_BOUNDS, "sum out of bounds", OF_COUNTERS)                                                       \
    X(REFUSED, "update refused by its function", OF_COUNTERS)                                                \
    X(REMADE, "counter remade by another program", OF_COUNTERS)                                              \
    X(CREATION_LOST, "reply to a contender's creation lost", OF_LOCKS)                                       \
    X(ADOPTED, "orphan adopted", OF_LOCKS)                                                                   \
    X(EXTRA, "extra znode deleted", OF_LOCKS)                                                                \
    X(ROBBED_WAITING, "own znode deleted while waiting", OF_LOCKS)                                           \
    X(ROBBED_HOLDING, "own znode deleted while holding", OF_LOCKS)                                           \
    X(TAKEN_OVER, "taken over on deletion alone", OF_LOCKS)                                                  \
    X(RELISTED, "listed again while waiting", OF_LOCKS)                                                      \
    X(UNLISTED, "queued up without a listing", OF_LOCKS)                                                     \
    X(UNPROVEN, "proof needed before a grant", OF_LOCKS)                                                     \
    X(LAPSED, "grant lapsed while its session lived", OF_LOCKS)                                              \
    X(LOST_WITH_SESSION, "session lost while holding", OF_LOCKS)                                             \
    X(LOST_UNTOLD, "grant lost before it was delivered", OF_LOCKS)                                           \
    X(CLOSED_HOLDING, "client closed while holding", OF_LOCKS)                                               \
    X(HANDED_ON, "local hand-off", OF_LOCKS)                                                                 \
    X(DRAINED, "local hand-off after a guarded change", OF_LOCKS)                                            \
    X(GUARD_REFUSED, "guarded change of a lost grant refused", OF_LOCKS)                                     \
    X(STOOD_BACK, "worn directory stood back from", OF_LOCKS)                                                \
    X(ANEW, "worn directory deleted", OF_LOCKS)                                                              \
    X(HOMELESS, "directory gone while entering", OF_LOCKS)                                                   \
    X(BUSY, "EBUSY by deadline", OF_LOCKS)                                                                   \
    X(UNREACHABLE, "acquire timed out", OF_LOCKS)                                                            \
    X(CANCELLED_ENTERING, "acquire cancelled while entering", OF_LOCKS)                                      \
    X(CLOSED_WAITING, "lock closed while waiting", OF_LOCKS)                                                 \
    X(SEVERAL, "several locks acquired at once", OF_LOCKS)                                                   \
    X(SEVERAL_LOST, "one of several locks lost before the last was there", OF_LOCKS)                         \
    X(TAKEN_AGAIN, "recursive lock acquired again", OF_LOCKS)                                                \
    X(WAITED_GONE, "waited until a lock was gone", OF_LOCKS)                                                 \
    X(LISTED, "contenders listed", OF_LOCKS)                                                                 \
    X(LISTED_CHANGING, "contenders listed while they changed", OF_LOCKS)                                     \
    X(TAKEN_QUICKLY, "IDs taken without the mutex", OF_IDS)                                                  \
    X(EXHAUSTED, "IDs exhausted", OF_IDS)                                                                    \
    X(CONFLICTING, "generator of another kind or layout refused", OF_IDS)                                    \
    X(REPLACED, "generator gone under its handle", OF_IDS)                                                   \
    X(DESTROYED, "generator destroyed by somebody", OF_IDS)                                                  \
    X(CLOSED_IN_FLIGHT, "generator closed with calls under way", OF_IDS)                                     \
    X(WORN_OUT, "epoch begun since the last directory was worn out", OF_IDS)                                 \
    X(EPOCH_GONE, "epoch begun since the last directory was gone", OF_IDS)                                   \
    X(EPOCH_SKIPPED, "epoch skipped since its directory was somebody's", OF_IDS)                             \
    X(DEAD_END, "number at the end of a directory not used", OF_IDS)                                         \
    X(SEARCHED, "numbers searched for after a lost reply", OF_IDS)                                           \
    X(DIRECTORY_DELETED, "directory of numbers deleted by somebody", OF_IDS)                                 \
    X(NUMBER_DELETED, "number deleted by somebody", OF_IDS)                                                  \
    X(LEASE_DELETED, "worker's lease deleted by somebody", OF_IDS)                                           \
    X(RECYCLED, "worker's number taken over", OF_IDS)                                                        \
    X(CROWDED, "all workers' numbers taken up to a deadline", OF_IDS)                                        \
    X(CLAIM_RESENT, "claim of a window sent again", OF_IDS)                                                  \
    X(TAKEN_ALONE, "snowflakes taken without a connection", OF_IDS)                                          \
    X(CLOCK_SET, "calendar set", OF_IDS)                                                                     \
    X(CLOCK_BACK, "calendar too far behind", OF_IDS)                                                         \
    X(CLOCK_AWAITED, "calendar waited for", OF_IDS)                                                          \
    X(LEFT_OUT, "states left out for a slow subscriber", OF_WATCHES)                                         \
    X(UNSEEN, "incarnations came and went unseen", OF_WATCHES)                                               \
    X(SMALLER, "made anew with a smaller version", OF_WATCHES)                                               \
    X(APPEARED, "absent, then there", OF_WATCHES)                                                            \
    X(REVOKED, "may not be read any more", OF_WATCHES)                                                       \
    X(RESTORED, "may be read again", OF_WATCHES)                                                             \
    X(UNTOLD, "change not told to who may not read", OF_WATCHES)                                             \
    X(CHILD_REVOKED, "child that may not be read", OF_WATCHES)                                               \
    X(CHILD_GONE, "child gone since the list was read", OF_WATCHES)                                          \
    X(CHILD_CHANGED, "data of a child changed, the list as before", OF_WATCHES)                              \
    X(CLOSED_WITHIN, "subscription closed in its own callback", OF_WATCHES)                                  \
    X(CLOSED_AFTER, "subscription closed after its client", OF_WATCHES)                                      \
    X(OPENED_WITHIN, "subscription opened in a callback", OF_WATCHES)                                        \
    X(NOT_EXPECTED, "compare_set refused", OF_WATCHES)                                                       \
    X(OVERWRITTEN, "another incarnation overwritten at the expected version", OF_WATCHES)                    \
    X(STAMP_HIDDEN, "stamp of a change hidden by later ones", OF_WATCHES)                                    \
    X(UNCOMPARABLE, "version that cannot be compared", OF_WATCHES)

typedef enum {
#define SIM_RARE_NAME(name, text, of) RARE_##name,
    SIM_RARE_PATHS(SIM_RARE_NAME)
#undef SIM_RARE_NAME
        RARE_PATHS
} rare_path;

extern const char *const rare_names[RARE_PATHS];
extern const int rare_workloads[RARE_PATHS];

struct world {
    int64_t now;         /* ns since the beginning */
    int64_t calendar_ms; /* what a server's clock says at 0; steps */
    uint64_t digest;     /* of all that happened */
    uint64_t rare[RARE_PATHS];
    uint64_t steps;
    bool tracing;

    uint64_t random;
    struct world_event *heap;
    size_t count, capacity;
    uint64_t order;
    struct world_chunk *chunks;
    struct world_path *paths;
    int path_count, path_capacity;
    int *path_table;
    size_t path_table_size;
};

void world_open(world *w, uint64_t seed, bool tracing);
void world_close(world *w);

/** Zeroed. */
void *world_alloc(world *w, size_t size);
char *world_copy(world *w, const char *bytes, size_t length);

uint64_t world_random(world *w);
/** 0 <= result < @bound. */
uint64_t world_below(world *w, uint64_t bound);
/** One time in @n. */
bool world_one_in(world *w, uint64_t n);
/** Between @least and @most, small ones far likelier. */
int64_t world_delay(world *w, int64_t least, int64_t most);

/** Have @fire called at @when, after what was asked for that time before. */
void world_at(world *w, int64_t when, world_fire fire, void *subject, int64_t argument);
/** Let the next event happen; false: there is none before @until, and it is @until now. */
bool world_step(world *w, int64_t until);

/** Note what happened: in the digest, and in the trace if there is one. */
void world_note(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- paths, as small numbers; 0 is "/" --- */

int world_path(world *w, const char *text);
const char *world_path_text(const world *w, int path);
int world_path_parent(const world *w, int path);
/** Of a path's children that were ever named: the first, and the next one of the same parent; -1: none. */
int world_path_child(const world *w, int path);
int world_path_sibling(const world *w, int path);

#endif
