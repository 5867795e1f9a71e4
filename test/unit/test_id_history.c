/** The judge of generators of IDs, judged: what it must let pass, and what it must not. */
#include <string.h>

#include "lib/id_history.h"
#include "lib/testing.h"

/*
 * Calls of each kind in turn, of two workers with two handles each. Each begins
 * before the one before it ends, but after the one before that, and gets three
 * numbers in a row.
 */
enum { EACH = 40, NOTES = ID_KINDS * EACH, WANTED = 3, STEP = 10, LENGTH = 15 };

static id_note notes[NOTES];
static id_history history;

static id_note *note_at(corral_ids_kind kind, size_t i)
{
    return &notes[(size_t)kind * EACH + i];
}

static void make(void)
{
    for (size_t i = 0; i < NOTES; i++) {
        size_t turn = i % EACH;

        notes[i] = (id_note){.begin = STEP * ((int64_t)turn + 1),
                             .end = STEP * ((int64_t)turn + 1) + LENGTH,
                             .first = turn * WANTED + 1,
                             .count = WANTED,
                             .wanted = WANTED,
                             .kind = (corral_ids_kind)(i / EACH),
                             .worker = (uint32_t)(turn / 2 % 2),
                             .handle = (uint32_t)(turn % 2)};
    }
    history = (id_history){.notes = notes, .count = NOTES};
    history.counted[CORRAL_IDS_SEQUENCE] = history.counted[CORRAL_IDS_BLOCK] = EACH * WANTED;
}

static void assert_right(void)
{
    const char *wrong = id_history_check(&history);

    CU_ASSERT(wrong == NULL);
    if (wrong != NULL) {
        printf("\n    %s\n", wrong);
    }
}

/* The verdict has to say @what. */
static void assert_wrong(const char *what)
{
    const char *wrong = id_history_check(&history);

    CU_ASSERT(wrong != NULL && strstr(wrong, what) != NULL);
    if (wrong == NULL || strstr(wrong, what) == NULL) {
        printf("\n    \"%s\" is not in: %s\n", what, wrong == NULL ? "(nothing is wrong)" : wrong);
    }
}

static void swap(corral_ids_kind kind, size_t i, size_t j)
{
    uint64_t first = note_at(kind, i)->first;

    note_at(kind, i)->first = note_at(kind, j)->first;
    note_at(kind, j)->first = first;
}

/* Nobody knows any more what this one was given. */
static id_note *forget(corral_ids_kind kind, size_t i, int status)
{
    id_note *n = note_at(kind, i);

    n->count = 0;
    n->first = 0;
    n->status = status;
    n->end = status == CORRAL_OK ? 0 : n->end;
    return n;
}

/* --- what is right --- */

static void right_as_made(void)
{
    make();
    assert_right();
    history.count = 0;
    history.counted[CORRAL_IDS_SEQUENCE] = history.counted[CORRAL_IDS_BLOCK] = 0;
    assert_right();
}

static void right_at_the_same_time(void)
{
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        for (size_t i = 0; i + 1 < EACH; i++) {
            make();
            swap((corral_ids_kind)kind, i, i + 1);
            assert_right();
        }
    }
}

static void right_in_another_handle(void)
{
    make();
    swap(CORRAL_IDS_BLOCK, 4, 7);
    swap(CORRAL_IDS_SNOWFLAKE, 4, 6);
    swap(CORRAL_IDS_SNOWFLAKE, 8, 12);
    note_at(CORRAL_IDS_SNOWFLAKE, 12)->life = 1;
    assert_right();
}

static void right_if_explained(void)
{
    for (size_t i = 0; i < EACH; i++) {
        make();
        forget(CORRAL_IDS_SEQUENCE, i, CORRAL_OK);
        assert_right();
        make();
        forget(CORRAL_IDS_SEQUENCE, i, CORRAL_EUNCERTAIN);
        assert_right();
    }
}

/* Of the others nobody asks for what is missing. */
static void right_with_gaps(void)
{
    make();
    for (size_t i = 10; i < EACH; i++) {
        note_at(CORRAL_IDS_BLOCK, i)->first += 1000;
        note_at(CORRAL_IDS_ZNODE, i)->first += 1000;
        note_at(CORRAL_IDS_SNOWFLAKE, i)->first += 1000;
    }
    history.counted[CORRAL_IDS_BLOCK] += 2000;
    assert_right();
}

/* --- what is wrong --- */

static void wrong_twice(void)
{
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        for (size_t i = 1; i < EACH; i++) {
            make();
            note_at((corral_ids_kind)kind, i)->first--;
            assert_wrong("an ID was given twice");
        }
    }
}

/* Not even by one that was killed before, or with the same number at the other end of all. */
static void wrong_twice_far_off(void)
{
    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        make();
        note_at((corral_ids_kind)kind, EACH - 1)->first = 1;
        note_at((corral_ids_kind)kind, EACH - 1)->life = 1;
        assert_wrong("an ID was given twice");
    }
}

static void wrong_swapped(void)
{
    for (size_t i = 0; i + 2 < EACH; i++) {
        make();
        swap(CORRAL_IDS_SEQUENCE, i, i + 2);
        assert_wrong("sequence: a greater ID was given before");
        make();
        swap(CORRAL_IDS_ZNODE, i, i + 2);
        assert_wrong("znode: a greater ID was given before");
    }
}

static void wrong_swapped_in_a_handle(void)
{
    for (size_t i = 0; i + 4 < EACH; i++) {
        make();
        swap(CORRAL_IDS_BLOCK, i, i + 4);
        assert_wrong("block: a greater ID was given before");
        make();
        swap(CORRAL_IDS_SNOWFLAKE, i, i + 4);
        assert_wrong("snowflake: a greater ID was given before");
    }
}

static void wrong_gap(void)
{
    for (size_t i = 0; i < EACH; i++) {
        make();
        forget(CORRAL_IDS_SEQUENCE, i, CORRAL_ETIMEDOUT);
        assert_wrong("sequence: an ID is missing");
        make();
        note_at(CORRAL_IDS_SEQUENCE, i)->count--;
        assert_wrong("sequence: an ID is missing");
    }
    make();
    history.counted[CORRAL_IDS_SEQUENCE]++;
    assert_wrong("sequence: an ID is missing");
}

/* By a call that wanted less, that is of another kind, that has explained another gap, or that came later. */
static void wrong_explanation(void)
{
    make();
    forget(CORRAL_IDS_SEQUENCE, 5, CORRAL_OK)->wanted--;
    assert_wrong("sequence: an ID is missing");
    make();
    forget(CORRAL_IDS_SEQUENCE, 5, CORRAL_OK)->kind = CORRAL_IDS_BLOCK;
    assert_wrong("sequence: an ID is missing");
    make();
    forget(CORRAL_IDS_SEQUENCE, 5, CORRAL_OK);
    note_at(CORRAL_IDS_SEQUENCE, 20)->count--;
    assert_wrong("sequence: an ID is missing");
    make();
    forget(CORRAL_IDS_SEQUENCE, 5, CORRAL_OK)->begin = note_at(CORRAL_IDS_SEQUENCE, 6)->end + 1;
    assert_wrong("sequence: an ID is missing");
}

static void wrong_not_counted(void)
{
    make();
    history.counted[CORRAL_IDS_BLOCK]--;
    assert_wrong("block: an ID was given that has not been counted");
    make();
    history.counted[CORRAL_IDS_SEQUENCE]--;
    assert_wrong("sequence: an ID was given that has not been counted");
    make();
    note_at(CORRAL_IDS_BLOCK, 0)->first = 0;
    assert_wrong("block: 0 was given out");
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"right: as made", right_as_made},
                           {"right: in any order at the same time", right_at_the_same_time},
                           {"right: in any order in different handles", right_in_another_handle},
                           {"right: a gap that is explained", right_if_explained},
                           {"right: gaps of other kinds", right_with_gaps},
                           {"wrong: an ID given twice", wrong_twice},
                           {"wrong: an ID given twice, far off", wrong_twice_far_off},
                           {"wrong: a swapped pair", wrong_swapped},
                           {"wrong: a swapped pair in a handle", wrong_swapped_in_a_handle},
                           {"wrong: a gap", wrong_gap},
                           {"wrong: a gap with a bad explanation", wrong_explanation},
                           {"wrong: what was never counted", wrong_not_counted},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"id history", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}
