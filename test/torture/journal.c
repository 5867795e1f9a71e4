#include "journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bulletin.h"

/* Append one of them. */
static bool read_one(journal *j, const char *path)
{
    FILE *file = fopen(path, "re");
    bool well = file != NULL && fseek(file, 0, SEEK_END) == 0;
    long length = well ? ftell(file) : -1;

    if (length >= 0) {
        size_t more = (size_t)length / j->size;
        char *records = realloc(j->records, (j->count + more + 1) * j->size);

        well = records != NULL;
        if (well) {
            j->records = records;
            rewind(file);
            well = fread(records + j->count * j->size, j->size, more, file) == more;
            j->count += more;
        }
    }
    if (length < 0 || !well) {
        perror(path);
    }
    if (file != NULL) {
        fclose(file);
    }
    return length >= 0 && well;
}

/* Those of all its lives: the first has one in any case, and a later one that was killed at once has none. */
static bool read_all_of(journal *j, const char *directory, unsigned worker, unsigned lives)
{
    for (unsigned l = 0; l < lives; l++) {
        for (unsigned t = 0; t < THREADS; t++) {
            char path[PATH_SIZE];

            journal_path(directory, worker, l, t, path);
            if ((l == 0 || access(path, F_OK) == 0) && !read_one(j, path)) {
                return false;
            }
        }
    }
    return true;
}

bool journal_read(journal *j, const char *directory, const unsigned *lives, unsigned workers, size_t size)
{
    *j = (journal){.size = size};
    for (unsigned w = 0; w < workers; w++) {
        if (!read_all_of(j, directory, w, lives[w])) {
            return false;
        }
    }
    return true;
}

const void *journal_record(const journal *j, size_t i)
{
    return (const char *)j->records + i * j->size;
}
