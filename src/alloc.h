/*
 * The only place where the library gets memory, so that tests can make any
 * allocation fail.
 */
#ifndef CORRALI_ALLOC_H
#define CORRALI_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory, or NULL. */
void *corrali_alloc(size_t size);
char *corrali_strdup(const char *text);
/* A printf()-made string, or NULL. */
char *corrali_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void corrali_free(void *memory);
/*
 * Fill @memory with zeros. In the place of a memset() whose size is known beforehand compilers put a rep
 * stos, which is slow to start; the C library's own uses the widest stores there are.
 */
void corrali_clear(void *memory, size_t size);

/*
 * For tests: let the @nth allocation from now on fail, and every later one; 0: none. Has one failed
 * since this was last called? Any thread.
 */
bool corrali_alloc_fail_from(unsigned long nth);

#endif
