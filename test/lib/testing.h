/**
 * What all tests share: the runner, time limits, the scale of the work, and
 * records of asynchronous results.
 *
 * Assertions belong on the test's own thread: a failing CU_ASSERT_..._FATAL
 * jumps out of its function. So callbacks and helper threads only record, and
 * the test waits and judges.
 */
#ifndef TEST_TESTING_H
#define TEST_TESTING_H

#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdbool.h>

#include <corral/op.h>
#include <corral/status.h>

/** How long a test waits for what must happen soon. Reaching it is a failure, never a measurement. */
#define TESTING_PATIENCE_MS 60000

/**
 * Run @suites, an array ended by CU_SUITE_INFO_NULL. The arguments are
 * substrings of "suite/test": only tests that contain one of them run. Returns
 * the exit status: 0, or 1 when anything failed, or nothing ran at all.
 * A program that runs longer than any sane one is ended with a message.
 */
int testing_run(int argc, char **argv, const CU_SuiteInfo *suites);

/**
 * @n in the proportion that CORRAL_TEST_SCALE gives in percent (default 100):
 * tools that slow the tests down lower it. At least 1.
 */
unsigned testing_scaled(unsigned n);

/** Milliseconds of CLOCK_MONOTONIC. */
int64_t testing_now_ms(void);

/** Compare statuses by name, so that a failure says what came instead. */
#define ASSERT_STATUS(actual, expected)                                                                      \
    testing_assert_status((actual), (expected), #actual, __FILE__, __LINE__)
/** Compare numbers of up to 64 bits, with both in the message. Casts. */
#define ASSERT_INT64(actual, expected)                                                                       \
    testing_assert_int64((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
/** The same, and the test ends here if they differ. */
#define REQUIRE_STATUS(actual, expected)                                                                     \
    do {                                                                                                     \
        if (!ASSERT_STATUS(actual, expected)) {                                                              \
            CU_FAIL_FATAL("cannot go on");                                                                   \
        }                                                                                                    \
    } while (0)
#define REQUIRE(condition) CU_ASSERT_FATAL(condition)

bool testing_assert_status(int actual, int expected, const char *what, const char *file, unsigned line);
bool testing_assert_int64(int64_t actual, int64_t expected, const char *what, const char *file,
                          unsigned line);

/** One callback's story. */
typedef struct recorder recorder;
typedef struct {
    recorder *owner;
    unsigned calls; /**< 1 once it has ended; more is a bug */
    unsigned order; /**< how many of the recorder's had called back before */
    int status;
    int64_t value;
    corral_stamp stamp;
} record;

/**
 * Wait for what will not come, by @wait: for a second, or, when by then it could
 * not be told why (CORRAL_ETIMEDOUT: a server may sit on an answer for longer),
 * for twice that, and so on, up to TESTING_PATIENCE_MS. Returns the last status.
 */
int testing_wait_in_vain(int (*wait)(void *what, int64_t timeout_ms), void *what);

/** A fixed number of records and a way to wait for them. */
struct recorder {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t called;
    unsigned calls;
    unsigned count;
    record *records;
};

void recorder_open(recorder *r, unsigned count);

/** Only when no callback can come any more. */
void recorder_close(recorder *r);

/** Wait until there were @calls callbacks; false: not in TESTING_PATIENCE_MS. */
bool recorder_wait(recorder *r, unsigned calls);

/** How many calls there were until now. */
unsigned recorder_calls(recorder *r);

/** A copy of record @i. */
record recorder_get(recorder *r, unsigned i);

/** Callbacks whose arg is a record. */
void record_int64(int status, int64_t value, const corral_stamp *stamp, void *arg);
void record_status(int status, void *arg);
void record_stamp(int status, const corral_stamp *stamp, void *arg);

#endif
