/*
 * The judge of locks, judged: it accepts what may be told of a lock that is
 * right, and finds out what is told wrongly of it.
 */
#include <string.h>

#include "lib/lock_history_make.h"
#include "lib/testing.h"

static void assert_right(lock_history_made *m)
{
    const char *wrong = lock_history_check_made(m);

    CU_ASSERT(wrong == NULL);
    if (wrong != NULL) {
        printf("\n    %s\n", wrong);
    }
}

/* The verdict has to say @what. */
static void assert_wrong(lock_history_made *m, const char *what)
{
    const char *wrong = lock_history_check_made(m);

    CU_ASSERT(wrong != NULL && strstr(wrong, what) != NULL);
    if (wrong == NULL || strstr(wrong, what) == NULL) {
        printf("\n    \"%s\" is not in: %s\n", what, wrong == NULL ? "(nothing is wrong)" : wrong);
    }
}

/* --- what is right --- */

static void right_as_made(void)
{
    lock_history_made m;

    lock_history_make(&m);
    assert_right(&m);
    assert_right(&(lock_history_made){0});
}

/* Nobody knows of a holder that stood still whether it was alone: it was not promised. */
static void right_after_a_pause(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_note *paused = lock_history_note(&m, 6000, 0, 0);
    paused->released = lock_history_note(&m, 8000, 0, 0)->released;
    assert_right(&m);
    paused->promised = paused->doubted = paused->lost = 0;
    paused->returned = lock_history_note(&m, 6000, 0, 2)->invoked = m.now;
    lock_history_note(&m, 6000, 0, 2)->returned = m.now;
    assert_right(&m);
}

static void right_without_unknown(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_drop(&m, 3000, 1, 2);
    assert_right(&m);
}

/* It was told to be lost before the promise was over, and the next one came in between. */
static void right_after_a_loss(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 6000, 0, 0)->promised = m.now;
    assert_right(&m);
    lock_history_note(&m, 6000, 0, 0)->lost = lock_history_note(&m, 6000, 0, 0)->doubted = 0;
    assert_right(&m);
    lock_history_note(&m, 6000, 0, 0)->released = m.now;
    assert_wrong(&m, "two holders at a time");
}

/* --- what is wrong with grants --- */

static void wrong_token_again(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_rename(&m, 4000, 0, 2000, 0);
    assert_wrong(&m, "two grants of one token and turn");
    lock_history_make(&m);
    lock_history_note(&m, 5000, 1, 0)->turn = 0;
    assert_wrong(&m, "two grants of one token and turn");
}

static void wrong_token_back(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_rename(&m, 4000, 0, 999, 0);
    assert_wrong(&m, "a later grant has a lower token");
}

static void wrong_token_of_two(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 5000, 1, 0)->by.worker++;
    assert_wrong(&m, "one token in two processes");
}

static void wrong_turn(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_rename(&m, 5000, 1, 5000, 2);
    assert_wrong(&m, "a turn before it is missing");
    lock_history_make(&m);
    lock_history_note(&m, 5000, 1, 0)->handoffs = 0;
    assert_wrong(&m, "handed on more than 0 times");
    lock_history_make(&m);
    lock_history_note(&m, 5000, 1, 0)->token = 0;
    assert_wrong(&m, "a grant without a token");
}

static void wrong_overlap(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 0)->released = lock_history_note(&m, 5000, 0, 0)->returned + 1;
    assert_wrong(&m, "two holders at a time");
    /* Not with the next one, of which it became known late, but with the one after that. */
    lock_history_make(&m);
    lock_note *hold = lock_history_note(&m, 2000, 0, 0);
    for (uint32_t turn = 0; turn < 2; turn++) {
        lock_history_note(&m, 3000, turn, 0)->invoked = hold->invoked;
        lock_history_note(&m, 3000, turn, 0)->returned = m.now;
    }
    hold->promised = lock_history_note(&m, 4000, 0, 0)->returned + 1;
    hold->released = 0;
    assert_wrong(&m, "two holders at a time: worker 2 thread 0 hold 2: token 2000");
}

/* --- what is wrong with writes --- */

static void wrong_log_back(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_slot *a = lock_history_slot(&m, 2000, 0, 2), *b = lock_history_slot(&m, 4000, 0, 1), kept = *a;
    int64_t place = lock_history_note(&m, 2000, 0, 2)->place;
    *a = *b;
    *b = kept;
    b->czxid = a->czxid;
    a->czxid = kept.czxid;
    lock_history_note(&m, 2000, 0, 2)->place = lock_history_note(&m, 4000, 0, 1)->place;
    lock_history_note(&m, 4000, 0, 1)->place = place;
    assert_wrong(&m, "token 3000 turn 0 write 1 in slot 7 comes after token 4000");
}

/* Of one grant. */
static void wrong_order(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_slot *a = lock_history_slot(&m, 2000, 0, 1), *b = lock_history_slot(&m, 2000, 0, 2);
    a->by.write = lock_history_note(&m, 2000, 0, 1)->by.write = 9;
    assert_wrong(&m, "write 2 in slot 6 comes after token 2000 turn 0 write 9");
    lock_history_make(&m);
    a->czxid = b->czxid;
    assert_wrong(&m, "was committed before the one before it");
    lock_history_make(&m);
    lock_history_note(&m, 2000, 0, 1)->invoked = lock_history_note(&m, 2000, 0, 2)->returned + 1;
    assert_wrong(&m, "in the log before what had been written before");
}

static void wrong_doubled(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_insert(&m, lock_history_note(&m, 4000, 0, 2), *lock_history_slot(&m, 4000, 0, 2));
    assert_wrong(&m, "comes after token 4000 turn 0 write 2");
    /* Where the order does not tell it. */
    lock_history_make(&m);
    lock_slot again = *lock_history_slot(&m, 4000, 0, 2);
    again.token = 4500;
    lock_history_insert(&m, lock_history_note(&m, 4000, 0, 2), again);
    assert_wrong(&m, "written twice");
}

static void wrong_lost(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_drop(&m, 4000, 0, 2);
    assert_wrong(&m, "lost: ");
}

static void wrong_nobodys(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_slot more = *lock_history_slot(&m, 4000, 0, 2);
    more.by.write = 3;
    lock_history_insert(&m, lock_history_note(&m, 4000, 0, 2), more);
    assert_wrong(&m, "was written by nobody");
    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 2)->by.hold = 77;
    assert_wrong(&m, "a write of no grant");
    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 2)->by.write = 1;
    assert_wrong(&m, "two writes of one number");
}

static void wrong_refused(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 2)->status = CORRAL_ETIMEDOUT;
    assert_wrong(&m, "it failed, but");
    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 2)->status = CORRAL_ECONFLICT;
    assert_wrong(&m, "a write that met others'");
}

static void wrong_content(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 2)->place++;
    assert_wrong(&m, "is not as it was written");
    lock_history_make(&m);
    lock_history_slot(&m, 4000, 0, 2)->turn++;
    assert_wrong(&m, "is not as it was written");
}

static void wrong_writer_lost(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 0)->lost = lock_history_note(&m, 4000, 0, 2)->invoked - 1;
    assert_wrong(&m, "a write of a lost holder");
    lock_history_make(&m);
    lock_history_note(&m, 4000, 0, 0)->released = lock_history_note(&m, 4000, 0, 2)->invoked - 1;
    assert_wrong(&m, "a write of one who had released");
}

/* It does not know yet, but another one is there. */
static void wrong_writer_overtaken(void)
{
    lock_history_made m;

    lock_history_make(&m);
    lock_note *hold = lock_history_note(&m, 4000, 0, 0), *write = lock_history_note(&m, 4000, 0, 2);
    hold->promised = 0;
    lock_history_note(&m, 5000, 0, 0)->returned = write->invoked - 1;
    assert_wrong(&m, "a write of an overtaken holder");
}

static CU_TestInfo right[] = {
    {"as made", right_as_made},
    {"after a pause", right_after_a_pause},
    {"without what is unknown", right_without_unknown},
    {"after a loss", right_after_a_loss},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo wrong_grants[] = {
    {"token again", wrong_token_again},   {"token goes back", wrong_token_back},
    {"token of two", wrong_token_of_two}, {"turn", wrong_turn},
    {"overlap", wrong_overlap},           CU_TEST_INFO_NULL,
};

static CU_TestInfo wrong_writes[] = {
    {"log goes back", wrong_log_back},
    {"order", wrong_order},
    {"doubled", wrong_doubled},
    {"lost", wrong_lost},
    {"nobody's", wrong_nobodys},
    {"refused", wrong_refused},
    {"content", wrong_content},
    {"writer had lost it", wrong_writer_lost},
    {"writer was overtaken", wrong_writer_overtaken},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"right", NULL, NULL, NULL, NULL, right},
    {"wrong grants", NULL, NULL, NULL, NULL, wrong_grants},
    {"wrong writes", NULL, NULL, NULL, NULL, wrong_writes},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}
