/** A process of ours that acquires locks, told what to do as Curator's and Kazoo's are. */
#ifndef BENCH_LOCK_WORKER_H
#define BENCH_LOCK_WORKER_H

/** The argument that makes a program a worker: PROGRAM BENCH_LOCK_WORKER SERVERS. */
#define BENCH_LOCK_WORKER "--worker"

/**
 * Say "ready" on standard output, and then take commands from standard input,
 * one a line:
 *
 *     run KIND PATH THREADS SECONDS  acquire and release, with so many threads, for so long
 *     queue PATH SESSIONS            have so many sessions acquire, and release at once when they have
 *     drain                          wait until all these have done so
 *
 * Each is answered by "done ACQUIRED 0 SECONDS". KIND is
 *
 *     handle         all threads use one handle
 *     sessions       each has its own session
 *     pass, race     so, and SECONDS are from releases to the next acquires, summed up;
 *                    holders wait for a moment before they release, or do not
 *     bare, ahead    bench_bare_loop(), awaiting deletions or not, in one thread
 *     bare-pass, bare-race   bench_bare_pass(), as pass and race do
 *
 * That two hold at once is a failure. Returns the exit status at the end of the
 * input; 1 for anything unexpected.
 */
int bench_lock_work(const char *servers);

#endif
