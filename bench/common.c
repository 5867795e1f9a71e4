#include "common.h"

#include <stdio.h>
#include <time.h>

int64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double bench_now(void)
{
    return (double)bench_now_ns() / 1e9;
}

void bench_sleep(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    /* The shortest sleep takes tens of microseconds. */
    while (seconds > 0 && nanosleep(&t, &t) != 0) {
    }
}

bool bench_fail(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

void bench_figure(const char *way, const char *pace, const char *name, unsigned round, double value)
{
    printf("%s\t%s\t%s\t%u\t%.9g\n", way, pace, name, round, value);
}
