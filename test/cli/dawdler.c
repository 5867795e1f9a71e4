/**
 * dawdler ARG...
 *
 * The tool, but one that stands still between acquiring a lock and starting its
 * command: it says so into $DAWDLER_FIFO, and goes on when the lock is lost.
 */
#include <corral.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/** The linker has the tool's calls lead to the first one, which leads to the library's. */
int64_t __wrap_corral_grant_token(const corral_grant *grant);
int64_t __real_corral_grant_token(const corral_grant *grant);

int64_t __wrap_corral_grant_token(const corral_grant *grant)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    const char *path = getenv("DAWDLER_FIFO");
    FILE *fifo = path != NULL ? fopen(path, "w") : NULL;
    if (fifo == NULL || fputs("held\n", fifo) < 0 || fclose(fifo) != 0) {
        perror("dawdler: $DAWDLER_FIFO");
        exit(EXIT_FAILURE);
    }
    while (corral_grant_valid_ms(grant) > 0) {
        nanosleep(&moment, NULL);
    }
    return __real_corral_grant_token(grant);
}
