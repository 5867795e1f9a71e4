/** Many sessions in one process, and queueing with them all for one lock. One thread. */
#ifndef BENCH_LOCK_SESSIONS_H
#define BENCH_LOCK_SESSIONS_H

#include <corral.h>

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_SESSIONS_MAX = 1000 };

/** The client of that number, opened when it is needed. NULL, and a word about it: it cannot be. */
corral_client *bench_session(const char *servers, unsigned number);

/** Have the first @count acquire the lock at @path, always the same, and release it as soon as they have it.
 */
bool bench_queue_up(const char *servers, const char *path, unsigned count);

/** Wait until all have done so. */
bool bench_drain(uint64_t *ret_count);

/** Close all that was opened. */
void bench_sessions_close(void);

#endif
