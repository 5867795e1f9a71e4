/* The children of PATH/workers: whose number is free, and what a mark says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "decimal.h"
#include "ids_snowflake.h"

static const char lease_suffix[] = ".lease";

/* --- names --- */

typedef struct {
    uint32_t number;
    bool leased;
} entry;

/* The first @length bytes of @name are a worker's number, in the one way there is to spell it. */
static bool parse_number(const char *name, size_t length, uint32_t *ret_number)
{
    int64_t number;

    if (!corrali_decimal_decode(name, length, &number) || number < 0 || number > UINT32_MAX ||
        (name[0] == '0' && length > 1)) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

bool corrali_lease_name_parse(const char *name, uint32_t *ret_number)
{
    const char *dot = strchr(name, '.');

    return dot != NULL && strcmp(dot, lease_suffix) == 0 &&
           parse_number(name, (size_t)(dot - name), ret_number);
}

static bool parse(const char *name, entry *each)
{
    each->leased = corrali_lease_name_parse(name, &each->number);
    return each->leased || parse_number(name, strlen(name), &each->number);
}

/* By number; of the same one the lease first. */
static int compare(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;

    return a->number != b->number ? (a->number > b->number) - (a->number < b->number) : b->leased - a->leased;
}

/* --- the roster --- */

/* Those whose lease is not there. Returns how many numbers there are, which become the first entries. */
static size_t take_free(corrali_roster *roster, entry *entries, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        if (known > 0 && entries[known - 1].number == entries[i].number) {
            continue; /* the mark of a number that is leased */
        }
        if (!entries[i].leased) {
            roster->free[roster->free_count++] = entries[i].number;
        }
        entries[known++] = entries[i];
    }
    return known;
}

static void choose_fresh(corrali_roster *roster, const entry *known, size_t count, uint64_t all,
                         uint64_t choice)
{
    uint64_t absent = all - count;
    uint64_t number;

    roster->has_fresh = absent > 0;
    if (!roster->has_fresh) {
        return;
    }
    number = choice % absent;
    for (size_t i = 0; i < count && known[i].number <= number; i++) {
        number++;
    }
    roster->fresh = (uint32_t)number;
}

int corrali_roster_read(corrali_roster *ret_roster, const char *const *names, size_t count,
                        uint32_t worker_bits, uint64_t random, uint32_t spread)
{
    uint64_t all = UINT64_C(1) << worker_bits;
    entry *entries = corrali_alloc((count + 1) * sizeof *entries);
    size_t known = 0;

    *ret_roster = (corrali_roster){.free = corrali_alloc((count + 1) * sizeof *ret_roster->free)};
    if (entries == NULL || ret_roster->free == NULL) {
        corrali_free(entries);
        corrali_roster_clear(ret_roster);
        return CORRAL_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        known += parse(names[i], &entries[known]) && entries[known].number < all;
    }
    qsort(entries, known, sizeof *entries, compare);
    known = take_free(ret_roster, entries, known);
    choose_fresh(ret_roster, entries, known, all, random % spread);
    corrali_free(entries);
    return CORRAL_OK;
}

void corrali_roster_clear(corrali_roster *roster)
{
    corrali_free(roster->free);
    *roster = (corrali_roster){.free = NULL};
}

/* --- marks --- */

bool corrali_mark_parse(const char *data, size_t length, int64_t *ret_ms)
{
    const char *blank = length == 0 ? NULL : memchr(data, ' ', length);

    return blank != NULL && corrali_decimal_decode(data, (size_t)(blank - data), ret_ms) && *ret_ms >= 0;
}

size_t corrali_mark_spell(int64_t ms, const char *tag, char text[CORRALI_MARK_SIZE])
{
    return (size_t)snprintf(text, CORRALI_MARK_SIZE, "%" PRId64 " %s", ms, tag);
}
