/*
 * The judge of histories, judged: it must accept whatever a counter can have
 * done, and find out each way in which one can go wrong.
 */
#include <string.h>

#include "lib/history_make.h"
#include "lib/testing.h"

static const history_recipe plain = {.transactions = 300, .sets = 10, .reads = 10};

static history_made made;

/* --- right ones --- */

/* Judge all of @r's; how many are wrong, and why the first. */
static void assert_right(const history_recipe *r)
{
    unsigned rejected = 0;

    for (unsigned seed = 0; seed < HISTORY_SEEDS; seed++) {
        history_make(r, seed, &made);
        const char *verdict = history_check(made.ops, made.count, &made.ends);

        if (verdict != NULL && rejected++ == 0) {
            printf("seed %u: %s ", seed, verdict);
        }
    }
    ASSERT_INT64(rejected, 0);
}

static void right_one_at_a_time(void)
{
    assert_right(&plain);
}

static void right_in_batches(void)
{
    history_recipe r = plain;

    r.batches = 100;
    assert_right(&r);
}

static void right_with_unknown_outcomes(void)
{
    history_recipe r = plain;

    r.batches = 50;
    r.unknown = 5;
    assert_right(&r);
}

static void right_with_destroys(void)
{
    history_recipe r = plain;

    r.destroys = 10;
    r.present_at_start = true;
    assert_right(&r);
}

static void right_with_versions_that_run_out(void)
{
    history_recipe r = plain;

    r.unknown = 10;
    r.present_at_start = true;
    r.version = -50;
    assert_right(&r);
    r.version = INT32_MAX - 50;
    assert_right(&r);
}

static void right_with_everything(void)
{
    assert_right(&history_rich);
}

static void right_with_bounds(void)
{
    history_recipe r = plain;

    r.batches = 50;
    r.bounded = 20;
    assert_right(&r);
}

static void right_without_any_operation(void)
{
    made.ends = (history_ends){0};
    CU_ASSERT_PTR_NULL(history_check(made.ops, 0, &made.ends));
}

/* --- wrong ones --- */

static void assert_sin_found_out(history_recipe r, history_sin s)
{
    r.sin = s;
    history_assert_found_out(&r, NULL);
}

static void wrong_doubled(void)
{
    assert_sin_found_out(history_of_adds, HISTORY_APPLIES_TWICE);
}

static void wrong_lost_update(void)
{
    assert_sin_found_out(history_of_adds, HISTORY_LOSES_UPDATE);
}

static void wrong_failed_applied(void)
{
    assert_sin_found_out(history_of_adds, HISTORY_APPLIES_FAILED);
}

static void wrong_unknown_applied_twice(void)
{
    assert_sin_found_out(history_of_adds, HISTORY_APPLIES_UNKNOWN_TWICE);
}

static void wrong_resurrection(void)
{
    history_recipe r = history_without_doubt;

    r.destroys = 10;
    assert_sin_found_out(r, HISTORY_RESURRECTS);
}

static void wrong_destroy_without_effect(void)
{
    history_recipe r = history_without_doubt;

    r.destroys = 10;
    assert_sin_found_out(r, HISTORY_KEEPS_DESTROYED);
}

/* --- limits --- */

/* Nobody can tell which of so many small steps lead to a number that none of them leads to. */
static void too_much_doubt_is_not_judged(void)
{
    made.ends = (history_ends){.present_at_start = true, .present_at_end = true, .value_at_end = 1001};
    made.count = 80;
    for (size_t i = 0; i < made.count; i++) {
        made.ops[i] = (history_op){.kind = HISTORY_ADD,
                                   .argument = 2 * (int64_t)(i + 1),
                                   .status = CORRAL_EUNCERTAIN,
                                   .returned = INT64_MAX};
    }
    const char *verdict = history_check(made.ops, made.count, &made.ends);

    CU_ASSERT(verdict != NULL && strncmp(verdict, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0);
}

static void another_counter_is_told(void)
{
    history_make(&plain, 1, &made);
    made.ops[made.count - 1].counter = 1;
    CU_ASSERT_PTR_NOT_NULL(history_check(made.ops, made.count, &made.ends));
}

static CU_TestInfo right[] = {
    {"one at a time", right_one_at_a_time},
    {"in batches", right_in_batches},
    {"with unknown outcomes", right_with_unknown_outcomes},
    {"with destroys", right_with_destroys},
    {"with versions that run out", right_with_versions_that_run_out},
    {"with everything", right_with_everything},
    {"with bounds", right_with_bounds},
    {"without any operation", right_without_any_operation},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo wrong[] = {
    {"doubled", wrong_doubled},
    {"lost update", wrong_lost_update},
    {"failed but applied", wrong_failed_applied},
    {"unknown applied twice", wrong_unknown_applied_twice},
    {"resurrection", wrong_resurrection},
    {"destroy without effect", wrong_destroy_without_effect},
    {"too much doubt", too_much_doubt_is_not_judged},
    {"another counter", another_counter_is_told},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"right", NULL, NULL, NULL, NULL, right},
    {"wrong", NULL, NULL, NULL, NULL, wrong},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}
