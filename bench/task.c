#include "task.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(const char *what, const char *text)
{
    fprintf(stderr, "bench: %s: %s\n", what, text);
    return false;
}

bool task_parse_number(const char *name, const char *text, unsigned long most, unsigned *ret_number)
{
    char *end;

    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || number > most) {
        return refuse(name, text);
    }
    *ret_number = (unsigned)number;
    return true;
}

/* As that, but of 1 at least. */
static bool parse_count(const char *name, const char *text, unsigned long most, unsigned *ret_number)
{
    return task_parse_number(name, text, most, ret_number) && (*ret_number > 0 || refuse(name, text));
}

static bool parse_seconds(const char *text, double *ret_seconds)
{
    char *end;

    *ret_seconds = strtod(text, &end);
    return (end != text && *end == '\0' && *ret_seconds > 0 && *ret_seconds <= 86400) ||
           refuse("seconds", text);
}

static bool parse_session(const char *value, bool *ret_apart)
{
    *ret_apart = strcmp(value, "each") == 0;
    return *ret_apart || strcmp(value, "one") == 0 || refuse("session", value);
}

static bool is_named(const char *word, const char *name)
{
    size_t length = strlen(name);

    return strncmp(word, name, length) == 0 && word[length] == '=';
}

static bool parse_option(const char *word, unsigned options, task *t)
{
    const char *value = strchr(word, '=') != NULL ? strchr(word, '=') + 1 : "";

    if ((options & TASK_OUTSTANDING) != 0 && is_named(word, "outstanding")) {
        return parse_count("outstanding", value, 1000000, &t->outstanding);
    }
    if ((options & TASK_COUNTERS) != 0 && is_named(word, "counters")) {
        return parse_count("counters", value, TASK_COUNTERS_MAX, &t->counters);
    }
    if ((options & TASK_SESSION) != 0 && is_named(word, "session")) {
        return parse_session(value, &t->apart);
    }
    if ((options & TASK_LEASES) != 0 && is_named(word, "leases")) {
        return parse_count("leases", value, 1000000, &t->leases);
    }
    if ((options & TASK_PAUSE) != 0 && is_named(word, "pause_ms")) {
        return task_parse_number("pause_ms", value, 60000, &t->pause_ms);
    }
    return refuse("not an option of this kind", word);
}

bool task_parse(char *const *words, unsigned count, unsigned options, task *ret_task)
{
    *ret_task = (task){.counters = 1, .leases = 1};
    if (count < 3) {
        return refuse("too few words", "PATH THREADS SECONDS are needed");
    }
    ret_task->path = words[0];
    if (strlen(words[0]) > TASK_PATH_SIZE - 16) {
        return refuse("too long", words[0]);
    }
    bool good = parse_count("threads", words[1], TASK_THREADS_MAX, &ret_task->threads) &&
                parse_seconds(words[2], &ret_task->seconds);
    for (unsigned i = 3; i < count && good; i++) {
        good = parse_option(words[i], options, ret_task);
    }
    if (good && ret_task->outstanding > 0 && ret_task->threads > 1) {
        return refuse("threads of calls that are kept under way by callbacks", words[1]);
    }
    return good;
}

void task_answer(const outcome *o)
{
    printf("done %" PRIu64 " 0 %.6f", o->count, o->seconds);
    if (o->latencies.count > 0) {
        printf(" p50_us=%.2f p99_us=%.2f p999_us=%.2f", histogram_percentile(&o->latencies, 0.5) / 1e3,
               histogram_percentile(&o->latencies, 0.99) / 1e3,
               histogram_percentile(&o->latencies, 0.999) / 1e3);
    }
    if (o->most > 0) {
        printf(" least=%" PRIu64 " most=%" PRIu64, o->least, o->most);
    }
    putchar('\n');
}

void task_counter_path(const task *t, unsigned number, char path[TASK_PATH_SIZE])
{
    if (t->counters == 1) {
        snprintf(path, TASK_PATH_SIZE, "%s", t->path);
    } else {
        snprintf(path, TASK_PATH_SIZE, "%s/%u", t->path, number);
    }
}
