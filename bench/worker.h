/** A process of ours that adds, told what to do as Curator's and Kazoo's are. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

/** The argument that makes a program a worker: PROGRAM BENCH_WORKER SERVERS. */
#define BENCH_WORKER "--worker"

/**
 * Say "ready" on standard output once connected to @servers, and then take
 * commands from standard input, one a line:
 *
 *     run KIND PATH THREADS SECONDS
 *
 * is answered by "done ADDED FAILED SECONDS". KIND is `corral`, or `bare`: one
 * thread's loop of zoo_set2(). Returns the exit status at the end of the input;
 * 1 for anything unexpected.
 */
int bench_work(const char *servers);

#endif
