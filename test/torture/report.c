/*
 * Gnuplot draws the picture twice, for wide and for narrow screens, and the
 * page shows the one that fits. Its colours follow the page's.
 */
#include "report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static const struct {
    const char *name, *size;
    unsigned font;
} shapes[] = {{"wide", "1200,460", 15}, {"narrow", "380,420", 12}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* To be told apart on white and on black. */
static const char *const colors[FAULT_KINDS] = {"#e5484d", "#e38e1c", "#b9a414", "#46a758", "#12a594",
                                                "#3e8ed0", "#8e6fd8", "#d6409f", "#8d8d8d"};

/* --- latencies --- */

typedef struct {
    int64_t second; /* of the answer */
    int64_t took;
} answer;

static int compare(const void *left, const void *right)
{
    const answer *a = left, *b = right;

    if (a->second != b->second) {
        return a->second < b->second ? -1 : 1;
    }
    return a->took < b->took ? -1 : a->took > b->took;
}

static int64_t beginning(const report *r)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < r->journal->count; i++) {
        int64_t invoked = r->judge->call(journal_record(r->journal, i)).invoked;

        first = invoked < first ? invoked : first;
    }
    return first;
}

/* A line for each second: when, median, 99th percentile, most; in milliseconds. An empty one where none came.
 */
static void write_latencies(const report *r, int64_t start, FILE *file)
{
    answer *answers = calloc(r->journal->count + 1, sizeof *answers);
    size_t count = 0, begin = 0;
    int64_t expected = 0;

    if (answers == NULL) {
        abort();
    }
    for (size_t i = 0; i < r->journal->count; i++) {
        judge_call call = r->judge->call(journal_record(r->journal, i));

        if (call.succeeded && !call.more) {
            answers[count++] = (answer){(call.returned - start) / SECOND, call.returned - call.invoked};
        }
    }
    qsort(answers, count, sizeof *answers, compare);
    while (begin < count) {
        size_t end = begin, n;

        while (end < count && answers[end].second == answers[begin].second) {
            end++;
        }
        n = end - begin;
        if (answers[begin].second != expected) {
            fprintf(file, "\n");
        }
        expected = answers[begin].second + 1;
        /* Twice, so that a second between others without any answer can be seen. */
        for (int tenth = 1; tenth <= 9; tenth += 8) {
            fprintf(file, "%" PRId64 ".%d %.3f %.3f %.3f\n", answers[begin].second, tenth,
                    (double)answers[begin + n / 2].took / 1e6,
                    (double)answers[begin + n * 99 / 100].took / 1e6, (double)answers[end - 1].took / 1e6);
        }
        begin = end;
    }
    free(answers);
}

/* --- the picture --- */

/* Of two that overlap, each has half of the height: one above the other both can be seen. */
static void write_bands(const faults *f, int64_t start, FILE *file)
{
    for (size_t i = 0; i < f->count; i++) {
        const fault *one = &f->list[i];

        fprintf(file,
                "set object rectangle from %.2f, graph %s to %.2f, graph %s fillcolor rgb '%s' "
                "fillstyle transparent solid 0.28 noborder behind\n",
                (double)(one->begin - start) / 1e9, one->part == FAULT_FIRST ? "0.5" : "0",
                (double)(one->end - start) / 1e9, one->part == FAULT_SECOND ? "0.5" : "1", colors[one->kind]);
    }
}

static bool write_script(const report *r, const char *directory)
{
    int64_t start = beginning(r);
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/plot", directory);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return false;
    }
    fprintf(file, "$latencies << END\n");
    write_latencies(r, start, file);
    fprintf(file, "END\n"
                  "set logscale y\n"
                  "set format y '%%g'\n"
                  "set xlabel 'time since the start, in seconds'\n"
                  "set ylabel 'latency, in milliseconds'\n"
                  "set grid ytics linetype 1 linecolor rgb '#808080' linewidth 0.4\n"
                  "set key above\n"
                  "set xrange [0:*] noextend\n");
    write_bands(r->faults, start, file);
    for (int i = 0; i < SHAPES; i++) {
        fprintf(file,
                "set terminal svg size %s fixed font 'sans-serif,%u'\n"
                "set output '%s.svg'\n"
                "plot $latencies using 1:4 with lines lw 1.2 lc rgb '#e5484d' title 'max', "
                "'' using 1:3 with lines lw 1.6 lc rgb '#e38e1c' title '99 %%', "
                "'' using 1:2 with lines lw 2 lc rgb '#3e8ed0' title 'median'\n",
                shapes[i].size, shapes[i].font, shapes[i].name);
    }
    if (fclose(file) != 0) {
        perror(path);
        return false;
    }
    return true;
}

/* In the directory, so that its name need not be quoted for gnuplot. */
static bool run_gnuplot(const char *directory)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (chdir(directory) == 0) {
            execlp("gnuplot", "gnuplot", "plot", (char *)NULL);
        }
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "torture: gnuplot failed (Debian: apt install gnuplot-nox)\n");
        return false;
    }
    return true;
}

/* Copy a picture into the page: without what only a file of its own needs, and what two of them cannot share.
 */
static bool copy_picture(const char *directory, const char *name, FILE *page)
{
    char path[PATH_SIZE], line[8192];
    bool inside = false, skipping = false;

    snprintf(path, sizeof path, "%s/%s.svg", directory, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return false;
    }
    fprintf(page, "<div class=\"%s\">\n", name);
    while (fgets(line, sizeof line, file) != NULL) {
        inside = inside || strncmp(line, "<svg", 4) == 0;
        skipping = skipping || strncmp(line, "<defs>", 6) == 0;
        bool has_id = strstr(line, "id=\"gnuplot_canvas\"") != NULL;
        if (inside && !skipping) {
            fputs(has_id ? "<g>\n" : line, page);
        }
        skipping = skipping && strncmp(line, "</defs>", 7) != 0;
    }
    fprintf(page, "</div>\n");
    fclose(file);
    return true;
}

/* --- the page --- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Corral under torture</title>\n<style>\n"
    ":root { color-scheme: light dark; --text: #1c1c1c; --page: #fff; --rule: #ccc; }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --page: #161616; --rule: #444; } }\n"
    "body { margin: 0 auto; padding: 1rem; max-width: 75rem; color: var(--text); background: var(--page);\n"
    "       font: 1rem/1.45 sans-serif; }\n"
    "h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; }\n"
    "svg { width: 100%; height: auto; display: block; }\n"
    "svg g { color: inherit; } svg [fill=\"black\"] { fill: currentColor; }\n"
    "svg [stroke=\"black\"] { stroke: currentColor; }\n"
    ".narrow { display: none; }\n"
    "@media (max-width: 45rem) { .wide { display: none; } .narrow { display: block; } }\n"
    "ul { list-style: none; padding: 0; }\n"
    "li i { display: inline-block; width: 1em; height: 1em; margin-right: .5em; vertical-align: -.1em; }\n"
    "table { border-collapse: collapse; } td, th { text-align: right; padding: .15rem .6rem .15rem 0;\n"
    "       border-bottom: 1px solid var(--rule); } td:first-child, th:first-child { text-align: left; }\n"
    "</style>\n</head>\n<body>\n<h1>Corral under torture</h1>\n";

static void write_summary(const report *r, FILE *page)
{
    static const struct {
        const char *what;
        size_t member;
    } rows[] = {{"transactions", offsetof(bulletin, batches)},
                {"lost races", offsetof(bulletin, lost_races)},
                {"sessions", offsetof(bulletin, sessions)},
                {"resends", offsetof(bulletin, resends)},
                {"found applied", offsetof(bulletin, resends_applied)},
                {"found not applied", offsetof(bulletin, resends_not_applied)}};

    size_t succeeded, calls = judge_calls(r->judge, r->journal, &succeeded);

    fprintf(page, "<p>Verdict on the workload &ldquo;%s&rdquo;: <strong>%s</strong> (seed %u)</p>\n<table>\n",
            r->judge->name, r->verdict, r->seed);
    fprintf(page, "<tr><td>operations<td>%zu\n<tr><td>... that succeeded<td>%zu\n", calls, succeeded);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fprintf(page, "<tr><td>%s<td>%" PRIu64 "\n", rows[i].what, crew_sum(r->crew, rows[i].member));
    }
    fprintf(page, "</table>\n");
}

static void write_legend(const faults *f, FILE *page)
{
    fprintf(page, "<h2>Faults</h2>\n<ul>\n");
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        if (f->made[k] + f->overlapped[k] > 0) {
            fprintf(page, "<li><i style=\"background:%s\"></i>%u &times; %s: %s\n", colors[k],
                    f->made[k] + f->overlapped[k], fault_name(k), fault_text(k));
        }
    }
    fprintf(page, "</ul>\n");
    if (f->pairs > 0) {
        fprintf(page,
                "<p>Two that overlapped (%u times): each has half of the height, the first the upper.</p>\n",
                f->pairs);
    }
}

bool report_write(const report *r, const char *path, const char *directory)
{
    if (!write_script(r, directory) || !run_gnuplot(directory)) {
        return false;
    }
    FILE *page = fopen(path, "we");
    if (page == NULL) {
        perror(path);
        return false;
    }
    fputs(head, page);
    write_summary(r, page);
    if (r->judge->tabulate != NULL) {
        r->judge->tabulate(r->journal, page);
    }
    fprintf(page, "<h2>Latency of what succeeded, by the second of its answer</h2>\n");
    bool well = true;
    for (int i = 0; i < SHAPES; i++) {
        well = copy_picture(directory, shapes[i].name, page) && well;
    }
    write_legend(r->faults, page);
    fprintf(page, "</body>\n</html>\n");
    if (fclose(page) != 0) {
        perror(path);
        return false;
    }
    return well;
}
