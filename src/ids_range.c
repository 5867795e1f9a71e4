#include "ids_range.h"

bool corrali_ids_range_take_many(corrali_ids_range *range, uint64_t count, uint64_t *ret_first)
{
    uint64_t position = atomic_load_explicit(&range->cursor, memory_order_acquire);
    uint64_t first;

    /* Not by adding: what is left when it is too little is to be of use to others. */
    do {
        if (!corrali_ids_range_resolve(range, position, count, &first)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&range->cursor, &position, position + count,
                                                    memory_order_acq_rel, memory_order_acquire));
    *ret_first = first;
    return true;
}

uint64_t corrali_ids_range_drain(corrali_ids_range *range, uint64_t *ret_first)
{
    uint64_t end = atomic_load_explicit(&range->end, memory_order_relaxed);
    uint64_t seen = atomic_load_explicit(&range->cursor, memory_order_relaxed);
    uint64_t position;

    if (seen >= end) {
        return 0;
    }
    /* Others move the cursor on meanwhile, so this is enough to bring it to the end, or beyond. */
    position = atomic_fetch_add_explicit(&range->cursor, end - seen, memory_order_acq_rel);
    if (position >= end) {
        return 0;
    }
    *ret_first = position + atomic_load_explicit(&range->shift, memory_order_relaxed);
    return end - position;
}

void corrali_ids_range_fill(corrali_ids_range *range, uint64_t first, uint64_t size)
{
    uint64_t begin = atomic_load_explicit(&range->cursor, memory_order_acquire);

    atomic_store_explicit(&range->begin, begin, memory_order_relaxed);
    atomic_store_explicit(&range->shift, first - begin, memory_order_release);
    atomic_store_explicit(&range->end, begin + size, memory_order_release);
}

void corrali_ids_range_stop(corrali_ids_range *range)
{
    atomic_store_explicit(&range->end, 0, memory_order_relaxed);
}
