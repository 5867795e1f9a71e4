/*
 * A range of numbers that any number of threads take from without a lock, and
 * that their owner replaces by another one, under a lock of its own.
 *
 * Takers count up one cursor, which never goes back, so that no two get the
 * same position. A range gives numbers to the positions from @begin to before
 * @end: each is the position plus @shift. A position that no range is there for
 * is lost to who has got it, and no number with it: the next range begins with
 * the position that the cursor has come to. Only who gets a position just when a range is
 * put in place may find it too early, and waste its number.
 *
 * The owner writes @begin, @shift and @end in this order; takers read them in the
 * opposite one, after they have got their position. So who has read the end of a range
 * reads a shift and a beginning of this range or of later ones; and later ones begin behind that
 * end. Hence a position that is found between a beginning and an end lies in the
 * range that all three words are of. Who was delayed so long that their range was
 * replaced find the beginning behind their position, and waste it.
 */
#ifndef CORRALI_IDS_RANGE_H
#define CORRALI_IDS_RANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* At least a cache line of the processors that there are. */
enum { CORRALI_LINE = 64 };

/* All of it zero: a range that is used up. */
typedef struct {
    char before[CORRALI_LINE]; /* so that nothing else moves whenever the cursor does */
    _Atomic uint64_t cursor;   /* the next position */
    char after[CORRALI_LINE];
    _Atomic uint64_t begin; /* the owner's to write, as is the rest */
    _Atomic uint64_t shift;
    _Atomic uint64_t end;
} corrali_ids_range;

/* Are the @count positions from @position on in the range? Then the first one's number goes to @ret_first. */
static inline bool corrali_ids_range_resolve(corrali_ids_range *range, uint64_t position, uint64_t count,
                                             uint64_t *ret_first)
{
    uint64_t end = atomic_load_explicit(&range->end, memory_order_acquire);
    uint64_t shift = atomic_load_explicit(&range->shift, memory_order_acquire);
    uint64_t begin = atomic_load_explicit(&range->begin, memory_order_relaxed);

    if (position < begin || position >= end || count > end - position) {
        return false;
    }
    *ret_first = position + shift;
    return true;
}

/* Take the next number; false: there is none. Any thread. */
static inline bool corrali_ids_range_take(corrali_ids_range *range, uint64_t *ret_number)
{
    uint64_t position = atomic_fetch_add_explicit(&range->cursor, 1, memory_order_acq_rel);

    return corrali_ids_range_resolve(range, position, 1, ret_number);
}

/* Take the next @count numbers; false: there are fewer, which stay there. Any thread. */
bool corrali_ids_range_take_many(corrali_ids_range *range, uint64_t count, uint64_t *ret_first);

/* --- the owner's --- */

/* Take all numbers that are left. Returns how many. */
uint64_t corrali_ids_range_drain(corrali_ids_range *range, uint64_t *ret_first);

/* Let the @size numbers from @first on be taken. There must be none left of the last range. */
void corrali_ids_range_fill(corrali_ids_range *range, uint64_t first, uint64_t size);

/* Let no numbers be taken any more, whatever is left; for ever. */
void corrali_ids_range_stop(corrali_ids_range *range);

#endif
