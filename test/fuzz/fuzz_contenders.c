/**
 * Names of children of a lock's directory: what is taken for a contender's
 * ends in a marker and ten digits, and says what these say.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "lock_names.h"

enum { DIGITS = 10 };

static bool is_directory(const char *name)
{
    return strcmp(name, "leases") == 0 || strcmp(name, "locks") == 0;
}

/** Is that what stands before the number? */
static bool is_marked(const char *name, const char *marker)
{
    size_t size = strlen(marker);
    size_t length = strlen(name) - DIGITS;
    return length >= size && strncmp(name + length - size, marker, size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = fuzz_string(data, size);
    corrali_lock_name parsed;

    if (corrali_lock_name_parse(name, &parsed) && !is_directory(name)) {
        char number[DIGITS + 1];
        FUZZ_CHECK(strlen(name) > DIGITS);
        snprintf(number, sizeof number, "%010" PRIu32, parsed.sequence);
        FUZZ_CHECK(parsed.sequence <= INT32_MAX && strcmp(name + strlen(name) - DIGITS, number) == 0);
        bool read = is_marked(name, "__READ__");
        bool reader = is_marked(name, "__rlock__");
        bool lease = is_marked(name, "lease-");
        FUZZ_CHECK(parsed.shared == (read || reader || lease));
        FUZZ_CHECK(read || reader || lease || is_marked(name, "__WRIT__") || is_marked(name, "__lock__") ||
                   is_marked(name, "lock-"));
    }
    free(name);
    return 0;
}
