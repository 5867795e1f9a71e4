#include "alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Allocations left until they fail; negative: they do not. */
static _Atomic long left = -1;

/* One has failed since that was set. */
static atomic_bool failed;

static int refused(void)
{
    long now = atomic_load_explicit(&left, memory_order_relaxed);

    while (now > 0) {
        if (atomic_compare_exchange_weak(&left, &now, now - 1)) {
            return 0;
        }
    }
    if (now == 0) {
        atomic_store_explicit(&failed, true, memory_order_relaxed);
    }
    return now == 0;
}

void *corrali_alloc(size_t size)
{
    return refused() ? NULL : calloc(1, size);
}

char *corrali_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = corrali_alloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

char *corrali_asprintf(const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = length < 0 ? NULL : corrali_alloc((size_t)length + 1);
    if (text == NULL) {
        return NULL;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void corrali_clear(void *memory, size_t size)
{
    memset(memory, 0, size);
}

void corrali_free(void *memory)
{
    free(memory);
}

bool corrali_alloc_fail_from(unsigned long nth)
{
    atomic_store(&left, nth == 0 ? -1 : (long)nth - 1);
    return atomic_exchange(&failed, false);
}
