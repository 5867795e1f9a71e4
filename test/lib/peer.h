/**
 * Other programs that are told by lines to their standard input what to do,
 * and answer by lines to their standard output: the counters, locks and
 * watches of Curator and Kazoo (test/java/Curator*.java, test/python/kazoo_*.py say
 * which), or this program once more. Their standard error is ours. They are killed when
 * the thread that started them ends.
 *
 * One thread at a time per program.
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct peer peer;

/** Start argv[0]. NULL: no process could be made. */
peer *peer_start(char *const argv[]);

/**
 * Curator, whose counters wait @first_ms, then ever longer up to @most_ms, and
 * give up after @retries (at most 29); and Kazoo with a first @delay in seconds
 * between tries. They get ready meanwhile: await it.
 */
peer *peer_start_curator(const char *servers, unsigned first_ms, unsigned most_ms, unsigned retries);
peer *peer_start_kazoo(const char *servers, double delay);

/** Their locks. */
peer *peer_start_curator_locks(const char *servers);
peer *peer_start_kazoo_locks(const char *servers);

/** What they have for watching a znode. */
peer *peer_start_curator_watches(const char *servers);
peer *peer_start_kazoo_watches(const char *servers);

/** Wait until it says "ready". False: it said something else, or has ended. */
bool peer_await(peer *p);

/** Send a line. False: it does not listen any more. */
bool peer_tell(peer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Receive a line, without its end, cut to @size. False: it has ended. */
bool peer_hear(peer *p, char *line, size_t size);

/** Let it end, and free @p. True if it said nothing more and ended with 0. NULL is harmless, and true. */
bool peer_stop(peer *p);

#endif
