/** What all workers have noted down: records, all of one size. */
#ifndef TORTURE_JOURNAL_H
#define TORTURE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    void *records;
    size_t size, count;
} journal;

/**
 * Read the journals of @workers, each in its @lives, in @directory, of records of
 * @size bytes. False: said why. Free records.
 */
bool journal_read(journal *j, const char *directory, const unsigned *lives, unsigned workers, size_t size);

const void *journal_record(const journal *j, size_t i);

#endif
