#include "journal.h"

#include <stdio.h>
#include <stdlib.h>

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

bool journal_read(journal *j, const char *directory, size_t size)
{
    *j = (journal){.size = size};
    for (unsigned w = 0; w < WORKERS; w++) {
        for (unsigned t = 0; t < THREADS; t++) {
            char path[PATH_SIZE];

            journal_path(directory, w, t, path);
            if (!read_one(j, path)) {
                return false;
            }
        }
    }
    return true;
}

const void *journal_record(const journal *j, size_t i)
{
    return (const char *)j->records + i * j->size;
}
