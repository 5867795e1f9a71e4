/** What those who contend for a lock share with who judges them. A record in a journal is a lock_note. */
#ifndef TORTURE_LOCK_H
#define TORTURE_LOCK_H

#include <inttypes.h>

#include "bulletin.h"
#include "lib/lock_history.h"

/*
 * The log's data is how many slots it has, as decimal number, and its children
 * are the slots: each made by one guarded write, which sets the log, too, at the
 * version at which its writer had read it. A slot's data is who wrote it.
 */
#define LOCK_PATH "/torture/lock"
#define LOCK_LOG "/torture/log"

enum { LOCK_SLOT_SIZE = 128 };

static inline void lock_slot_path(int64_t place, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, LOCK_LOG "/%010" PRId64, place);
}

static inline int lock_slot_print(const lock_slot *slot, char text[LOCK_SLOT_SIZE])
{
    return snprintf(text, LOCK_SLOT_SIZE,
                    "%" PRId64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32, slot->token,
                    slot->turn, slot->by.worker, slot->by.thread, slot->by.hold, slot->by.write);
}

/** Returns how many of its 6 fields @text has. */
static inline int lock_slot_parse(lock_slot *slot, const char *text)
{
    return sscanf(text, "%" SCNd64 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &slot->token,
                  &slot->turn, &slot->by.worker, &slot->by.thread, &slot->by.hold, &slot->by.write);
}

#endif
