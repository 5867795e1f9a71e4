#include "judge.h"

#include <string.h>

#include "bulletin.h"

static const judge *const judges[] = {
#define JUDGE_POINTER(name) &name##_judge,
    WORKLOAD_MAP(JUDGE_POINTER)
#undef JUDGE_POINTER
};

enum { JUDGES = sizeof judges / sizeof *judges };

const judge *judge_find(const char *name)
{
    for (size_t i = 0; i < JUDGES; i++) {
        if (strcmp(judges[i]->name, name) == 0) {
            return judges[i];
        }
    }
    return NULL;
}

void judge_list(FILE *file)
{
    for (size_t i = 0; i < JUDGES; i++) {
        fprintf(file, "  %s\n", judges[i]->name);
    }
}

void judge_dump(const judge *by, const journal *j, const char *directory)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/history", directory);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return;
    }
    for (size_t i = 0; i < j->count; i++) {
        by->describe(journal_record(j, i), file);
    }
    fclose(file);
}

size_t judge_calls(const judge *by, const journal *j, size_t *ret_succeeded)
{
    size_t calls = 0, succeeded = 0;

    for (size_t i = 0; i < j->count; i++) {
        judge_call call = by->call(journal_record(j, i));

        calls += !call.more;
        succeeded += !call.more && call.succeeded;
    }
    *ret_succeeded = succeeded;
    return calls;
}
