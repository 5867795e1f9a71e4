#include "said.h"

#include "fuzz.h"

static FILE *real_stderr;
static FILE *real_stdout;
static char *text;
static size_t length;

void said_begin(void)
{
    static FILE *nowhere;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
        FUZZ_CHECK(nowhere != NULL);
    }
    real_stdout = stdout;
    real_stderr = stderr;
    stdout = nowhere;
    stderr = open_memstream(&text, &length);
    FUZZ_CHECK(stderr != NULL);
}

void said_end(bool error)
{
    fclose(stderr);
    stderr = real_stderr;
    stdout = real_stdout;
    if (!error) {
        FUZZ_CHECK(length == 0);
    } else {
        FUZZ_CHECK(length == strlen(text) && strncmp(text, "corral: ", 8) == 0);
        FUZZ_CHECK(text[length - 1] == '\n');
        for (size_t i = 0; i < length - 1; i++) {
            FUZZ_CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
        }
    }
    free(text);
}
