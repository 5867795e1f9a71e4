/** The page: latencies over time, with the faults, in one HTML file that needs nothing else. */
#ifndef TORTURE_REPORT_H
#define TORTURE_REPORT_H

#include "faults.h"
#include "judge.h"

typedef struct {
    const char *verdict;
    unsigned seed;
    const judge *judge;
    const journal *journal;
    const faults *faults;
    const crew *crew;
} report;

/** Write the page to @path, with files in @directory on the way. False: said why. */
bool report_write(const report *r, const char *path, const char *directory);

#endif
