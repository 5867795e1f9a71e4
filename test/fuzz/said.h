/** What the tool says on standard error, for the targets that run parts of it. */
#ifndef TEST_FUZZ_SAID_H
#define TEST_FUZZ_SAID_H

#include <stdbool.h>

/** From here on standard error is kept, and standard output is thrown away. */
void said_begin(void);

/** No longer. It must have been one line that begins "corral: " if there was an @error, nothing otherwise. */
void said_end(bool error);

#endif
