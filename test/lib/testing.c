#include "lib/testing.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cond.h"

/* Far above what all tests of one program take under the slowest tool. */
#define HANGS_AFTER_S 1200

static void on_alarm(int number)
{
    static const char message[] = "\nThe test that was named last hangs.\n";

    (void)number;
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    _exit(1);
}

static bool is_wanted(const char *suite, const char *test, int argc, char **argv)
{
    char name[256];

    snprintf(name, sizeof name, "%s/%s", suite, test);
    for (int i = 1; i < argc; i++) {
        if (strstr(name, argv[i]) != NULL) {
            return true;
        }
    }
    return argc <= 1;
}

/* Leave out the tests that are not asked for, and suites without any left. */
static void filter(int argc, char **argv)
{
    CU_pSuite suite;
    CU_pTest test;

    CU_set_fail_on_inactive(CU_FALSE);
    for (unsigned s = 1; (suite = CU_get_suite_at_pos(s)) != NULL; s++) {
        bool any = false;

        for (unsigned t = 1; (test = CU_get_test_at_pos(suite, t)) != NULL; t++) {
            bool wanted = is_wanted(suite->pName, test->pName, argc, argv);

            CU_set_test_active(test, wanted ? CU_TRUE : CU_FALSE);
            any = any || wanted;
        }
        CU_set_suite_active(suite, any ? CU_TRUE : CU_FALSE);
    }
}

int testing_run(int argc, char **argv, const CU_SuiteInfo *suites)
{
    bool good = false;

    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGALRM, on_alarm);
    alarm(HANGS_AFTER_S);
    if (CU_initialize_registry() == CUE_SUCCESS &&
        CU_register_suites((CU_SuiteInfo *)suites) == CUE_SUCCESS) {
        filter(argc, argv);
        CU_basic_set_mode(CU_BRM_VERBOSE);
        good = CU_basic_run_tests() == CUE_SUCCESS && CU_get_number_of_failure_records() == 0 &&
               CU_get_number_of_tests_run() > 0;
    } else {
        fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
    }
    CU_cleanup_registry();
    return good ? 0 : 1;
}

unsigned testing_scaled(unsigned n)
{
    const char *text = getenv("CORRAL_TEST_SCALE");
    unsigned long percent = text != NULL ? strtoul(text, NULL, 10) : 100;
    unsigned long scaled = n * percent / 100;

    return scaled > 0 ? (unsigned)scaled : 1;
}

int64_t testing_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* CUnit keeps a copy of the text. */
static bool judge(bool passed, const char *message, const char *file, unsigned line)
{
    CU_assertImplementation(passed ? CU_TRUE : CU_FALSE, line, message, file, "", CU_FALSE);
    return passed;
}

bool testing_assert_status(int actual, int expected, const char *what, const char *file, unsigned line)
{
    char message[512];

    snprintf(message, sizeof message, "%s is %s (%d), expected %s", what, corral_status_name(actual), actual,
             corral_status_name(expected));
    return judge(actual == expected, message, file, line);
}

bool testing_assert_int64(int64_t actual, int64_t expected, const char *what, const char *file, unsigned line)
{
    char message[512];

    snprintf(message, sizeof message, "%s is %lld, expected %lld", what, (long long)actual,
             (long long)expected);
    return judge(actual == expected, message, file, line);
}

int testing_wait_in_vain(int (*wait)(void *what, int64_t timeout_ms), void *what)
{
    int64_t ms = 1000;
    int status;

    while ((status = wait(what, ms)) == CORRAL_ETIMEDOUT && ms < TESTING_PATIENCE_MS) {
        ms *= 2;
    }
    return status;
}

void recorder_open(recorder *r, unsigned count)
{
    *r = (recorder){.count = count, .records = calloc(count, sizeof *r->records)};
    if (r->records == NULL) {
        abort();
    }
    for (unsigned i = 0; i < count; i++) {
        r->records[i].owner = r;
    }
    pthread_mutex_init(&r->mutex, NULL);
    cond_init(&r->called);
}

void recorder_close(recorder *r)
{
    pthread_cond_destroy(&r->called);
    pthread_mutex_destroy(&r->mutex);
    free(r->records);
}

bool recorder_wait(recorder *r, unsigned calls)
{
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);
    int error = 0;

    pthread_mutex_lock(&r->mutex);
    while (r->calls < calls && error == 0) {
        error = pthread_cond_timedwait(&r->called, &r->mutex, &until);
    }
    bool reached = r->calls >= calls;
    pthread_mutex_unlock(&r->mutex);
    return reached;
}

unsigned recorder_calls(recorder *r)
{
    pthread_mutex_lock(&r->mutex);
    unsigned calls = r->calls;
    pthread_mutex_unlock(&r->mutex);
    return calls;
}

record recorder_get(recorder *r, unsigned i)
{
    pthread_mutex_lock(&r->mutex);
    record copy = r->records[i];
    pthread_mutex_unlock(&r->mutex);
    return copy;
}

static void note(record *own, int status, int64_t value, const corral_stamp *stamp)
{
    recorder *r = own->owner;

    pthread_mutex_lock(&r->mutex);
    own->calls++;
    own->order = r->calls++;
    own->status = status;
    own->value = value;
    if (stamp != NULL) {
        own->stamp = *stamp;
    }
    pthread_cond_broadcast(&r->called);
    pthread_mutex_unlock(&r->mutex);
}

void record_int64(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    note(arg, status, value, stamp);
}

void record_status(int status, void *arg)
{
    note(arg, status, 0, NULL);
}

void record_stamp(int status, const corral_stamp *stamp, void *arg)
{
    note(arg, status, 0, stamp);
}
