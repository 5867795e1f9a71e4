/** What those who work on counters share with who judges them. A record in a journal is a history_op. */
#ifndef TORTURE_COUNTER_H
#define TORTURE_COUNTER_H

#include "bulletin.h"
#include "lib/history.h"

enum { COUNTERS = 3 };

static inline void counter_path(unsigned counter, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/torture/counter-%u", counter);
}

#endif
