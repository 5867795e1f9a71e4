/** What those who watch share with who judges them. A record in a journal is a watch_note. */
#ifndef TORTURE_WATCH_H
#define TORTURE_WATCH_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bulletin.h"
#include "lib/watch_history.h"

#define WATCH_CHILD "child-"

/* A value is the number of its change, and letters of which that number gives the count. */
enum { WATCH_NUMBER_SIZE = 16, WATCH_LETTERS = 2000, WATCH_VALUE_SIZE = WATCH_NUMBER_SIZE + WATCH_LETTERS };

/** What a value says that nobody has written. */
#define WATCH_GARBLED UINT64_MAX

static inline void watch_path(unsigned place, char path[PATH_SIZE])
{
    unsigned directory, child;

    if (watch_child_of(place, &directory, &child)) {
        snprintf(path, PATH_SIZE, "/torture/watch/directory-%u/" WATCH_CHILD "%u", directory - WATCH_ZNODES,
                 child);
    } else if (place < WATCH_ZNODES) {
        snprintf(path, PATH_SIZE, "/torture/watch/alone-%u", place);
    } else {
        snprintf(path, PATH_SIZE, "/torture/watch/directory-%u", place - WATCH_ZNODES);
    }
}

/** Returns the length. */
static inline size_t watch_value_print(uint64_t payload, char value[WATCH_VALUE_SIZE + 1])
{
    size_t letters = (size_t)(payload * UINT64_C(2654435761) % WATCH_LETTERS);

    snprintf(value, WATCH_NUMBER_SIZE + 1, "%016" PRIx64, payload);
    memset(value + WATCH_NUMBER_SIZE, 'a' + (int)(payload % 26), letters);
    return WATCH_NUMBER_SIZE + letters;
}

/** The payload; WATCH_GARBLED: not one byte may differ. */
static inline uint64_t watch_value_parse(const char *value, size_t length)
{
    char number[WATCH_NUMBER_SIZE + 1] = "", whole[WATCH_VALUE_SIZE + 1];

    memcpy(number, value, length < WATCH_NUMBER_SIZE ? length : WATCH_NUMBER_SIZE);
    uint64_t payload = strtoull(number, NULL, 16);
    size_t expected = watch_value_print(payload, whole);
    return length == expected && memcmp(value, whole, length) == 0 ? payload : WATCH_GARBLED;
}

#endif
