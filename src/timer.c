#include "timer.h"

#include <corral/status.h>

#include <string.h>

#include "alloc.h"

static void place(corrali_timers *timers, size_t index, corrali_timer *timer)
{
    timers->heap[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(corrali_timers *timers, size_t index, corrali_timer *timer)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (timers->heap[parent]->when <= timer->when) {
            break;
        }
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, timer);
}

static void sift_down(corrali_timers *timers, size_t index, corrali_timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < timers->count && timers->heap[child + 1]->when < timers->heap[child]->when) {
            child++;
        }
        if (child >= timers->count || timers->heap[child]->when >= timer->when) {
            break;
        }
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

static int grow(corrali_timers *timers)
{
    size_t capacity = timers->capacity == 0 ? 64 : 2 * timers->capacity;
    corrali_timer **heap = corrali_alloc(capacity * sizeof *heap);

    if (heap == NULL) {
        return CORRAL_ENOMEM;
    }
    if (timers->count > 0) {
        memcpy(heap, timers->heap, timers->count * sizeof *heap);
    }
    corrali_free(timers->heap);
    timers->heap = heap;
    timers->capacity = capacity;
    return CORRAL_OK;
}

int corrali_timers_set(corrali_timers *timers, corrali_timer *timer, int64_t when)
{
    if (timers->count == timers->capacity && grow(timers) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    timer->when = when;
    timers->count++;
    sift_up(timers, timers->count - 1, timer);
    return CORRAL_OK;
}

void corrali_timers_stop(corrali_timers *timers, corrali_timer *timer)
{
    size_t index = timer->slot - 1;
    corrali_timer *last;

    if (timer->slot == 0) {
        return;
    }
    timer->slot = 0;
    timers->count--;
    last = timers->heap[timers->count];
    if (last == timer) {
        return;
    }
    if (index > 0 && last->when < timers->heap[(index - 1) / 2]->when) {
        sift_up(timers, index, last);
    } else {
        sift_down(timers, index, last);
    }
}

corrali_timer *corrali_timers_take_due(corrali_timers *timers, int64_t now)
{
    corrali_timer *first = timers->count == 0 ? NULL : timers->heap[0];

    if (first == NULL || first->when > now) {
        return NULL;
    }
    corrali_timers_stop(timers, first);
    return first;
}

void corrali_timers_destroy(corrali_timers *timers)
{
    corrali_free(timers->heap);
    memset(timers, 0, sizeof *timers);
}
