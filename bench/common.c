#include "common.h"

#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "cli/devserver.h"

int64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double bench_now(void)
{
    return (double)bench_now_ns() / 1e9;
}

void bench_sleep(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0) {
    }
}

bool bench_fail(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

double bench_median(const double *figures, unsigned count)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, figures, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

bool bench_judge(const char *what, const double *figures, unsigned count, double wanted, bool at_most)
{
    double median = bench_median(figures, count), least = median, greatest = median;

    for (unsigned i = 0; i < count; i++) {
        least = figures[i] < least ? figures[i] : least;
        greatest = figures[i] > greatest ? figures[i] : greatest;
    }
    bool good = wanted == 0 || (at_most ? median <= wanted : median >= wanted);
    printf("%-76s %7.2f  %.2f..%.2f", what, median, least, greatest);
    if (wanted > 0) {
        printf("   (at %s %.4g)%s", at_most ? "most" : "least", wanted, good ? "" : "  MISSED");
    }
    putchar('\n');
    return good;
}

/** The number that @text is, from @least to @most; -1, and a word about it, if it is none. */
static double parse_number(const char *option, const char *text, double least, double most)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !(number >= least && number <= most)) {
        fprintf(stderr, "bench: --%s is not a number from %g to %g: %s\n", option, least, most, text);
        return -1;
    }
    return number;
}

/** The same for a whole number; 0 if it is none. */
static unsigned parse_count(const char *option, const char *text, unsigned most)
{
    double number = parse_number(option, text, 1, most);

    if (number > 0 && number != (unsigned)number) {
        fprintf(stderr, "bench: --%s is not a whole number: %s\n", option, text);
        number = -1;
    }
    return number < 0 ? 0 : (unsigned)number;
}

static int usage(FILE *to, const char *program, const char *other_name)
{
    fprintf(to,
            "usage: %s [--seconds S] [--rounds N] [--check]%s%s%s\n"
            "  --seconds S  how long each way is measured in a round, 0.01 to 3600\n"
            "  --rounds N   how many rounds, 1 to %d\n"
            "  --check      exit 1 when a median misses what is wanted\n",
            program, other_name != NULL ? " [--" : "", other_name != NULL ? other_name : "",
            other_name != NULL ? " N]" : "", BENCH_ROUNDS_MAX);
    return to == stdout ? 1 : 3;
}

int bench_options(int argc, char **argv, bench_settings *settings, const char *other_name, unsigned *other)
{
    const struct option options[] = {
        {"seconds", required_argument, NULL, 's'},  {"rounds", required_argument, NULL, 'r'},
        {"check", no_argument, NULL, 'c'},          {"help", no_argument, NULL, 'h'},
        {other_name, required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            settings->seconds = parse_number("seconds", optarg, 0.01, 3600);
            break;
        case 'r':
            settings->rounds = parse_count("rounds", optarg, BENCH_ROUNDS_MAX);
            break;
        case 'c':
            settings->check = true;
            break;
        case 'o':
            *other = parse_count(other_name, optarg, 10000000);
            break;
        default:
            return usage(option == 'h' ? stdout : stderr, argv[0], other_name);
        }
        if (settings->seconds < 0 || settings->rounds == 0 || (option == 'o' && *other == 0)) {
            return 3;
        }
    }
    return optind < argc ? usage(stderr, argv[0], other_name) : 0;
}

/* Each write waits for the disk, whoever asks for it: in memory more is left of a difference. */
static void print_medium(void)
{
    const char *directory = getenv("TMPDIR");
    struct statfs fs = {0};

    if (directory == NULL || *directory == '\0') {
        directory = "/tmp";
    }
    printf("the server's data are in %s: %s\n", directory,
           statfs(directory, &fs) == 0 && fs.f_type == TMPFS_MAGIC ? "in memory" : "on disk");
}

int bench_run(int (*run)(const char *servers, const bench_settings *settings), const bench_settings *settings)
{
    const char *servers = getenv("CORRAL_SERVERS");
    bench_settings own = *settings;
    dev_ensemble *ensemble = NULL;
    char error[512];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (servers == NULL || *servers == '\0') {
        if (dev_start(&(dev_options){.nodes = 1, .disk = true}, &ensemble, error, sizeof error) != 0) {
            fprintf(stderr, "bench: %s\n", error);
            return 1;
        }
        servers = dev_connect_string(ensemble);
        own.own_server = true;
        print_medium();
    }
    int status = run(servers, &own);
    dev_stop(ensemble);
    return status == 2 ? settings->check : status;
}
