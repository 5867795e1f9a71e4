#include "faults.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {
#define FAULT_NAME(name, text, what) text,
    FAULT_MAP(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const texts[] = {
#define FAULT_TEXT(name, text, what) what,
    FAULT_MAP(FAULT_TEXT)
#undef FAULT_TEXT
};

const char *fault_name(fault_kind kind)
{
    return names[kind];
}

const char *fault_text(fault_kind kind)
{
    return texts[kind];
}

bool fault_parse(const char *list, bool chosen[FAULT_KINDS])
{
    bool any = false;

    memset(chosen, 0, FAULT_KINDS * sizeof *chosen);
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        bool known = false;

        for (fault_kind k = 0; k < FAULT_KINDS; k++) {
            bool meant = (length == strlen(names[k]) && strncmp(at, names[k], length) == 0) ||
                         (length == 3 && strncmp(at, "all", length) == 0);

            chosen[k] = chosen[k] || meant;
            known = known || meant;
        }
        if (!known) {
            return false;
        }
        any = true;
        at += length;
    }
    return any;
}

int64_t faults_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * FAULTS_SECOND + t.tv_nsec;
}

void faults_wait_until(int64_t moment)
{
    struct timespec until = {moment / FAULTS_SECOND, moment % FAULTS_SECOND};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

void faults_append(faults *f, const fault *made)
{
    if (f->count == f->capacity) {
        f->capacity = 2 * f->capacity + 64;
        f->list = realloc(f->list, f->capacity * sizeof *f->list);
        if (f->list == NULL) {
            abort();
        }
    }
    f->list[f->count++] = *made;
    f->made[made->kind] += made->part == FAULT_ALONE;
    f->overlapped[made->kind] += made->part != FAULT_ALONE;
    f->pairs += made->part == FAULT_SECOND;
    f->bitten[made->kind] += made->bit;
}

bool faults_all_bit(const faults *f, const bool chosen[FAULT_KINDS])
{
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        if (chosen[k] && f->bitten[k] == 0) {
            return false;
        }
    }
    return true;
}
