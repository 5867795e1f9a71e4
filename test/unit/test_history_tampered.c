/*
 * The judge of histories, judged: it must find out what is told wrongly of a
 * counter that has done nothing wrong.
 */
#include <string.h>

#include "lib/history_make.h"
#include "lib/testing.h"

/* What a tampering can rely on before and behind the operation that it has found. */
enum { OTHERS = 10 };

/* --- what can be tampered with --- */

/* The first that @fits accepts, from the middle on, with others around it. NULL: none. */
static history_op *find(history_made *made, bool (*fits)(const history_op *op))
{
    for (size_t i = made->count / 2; i + OTHERS < made->count; i++) {
        if (fits(&made->ops[i])) {
            return &made->ops[i];
        }
    }
    return NULL;
}

static bool is_add(const history_op *op)
{
    return op->kind == HISTORY_ADD && op->status == CORRAL_OK;
}

static bool is_first_of_two_adds(const history_op *op)
{
    return is_add(op) && is_add(op + 1);
}

static bool is_first_of_two_adds_in_batch(const history_op *op)
{
    return is_first_of_two_adds(op) && op->stamp.mzxid == op[1].stamp.mzxid;
}

static bool is_first_of_two_batches(const history_op *op)
{
    return is_first_of_two_adds(op) && op->stamp.mzxid != op[1].stamp.mzxid &&
           op->stamp.czxid == op[1].stamp.czxid;
}

static bool is_read_after_change(const history_op *op)
{
    return op->kind == HISTORY_READ && op->status == CORRAL_OK && is_add(op - 1);
}

static bool is_applied_unknown(const history_op *op)
{
    return op->kind == HISTORY_ADD && op->status == CORRAL_EUNCERTAIN && op->stamp.mzxid != 0;
}

static bool is_conflict(const history_op *op)
{
    return op->status == CORRAL_ECONFLICT;
}

static bool is_out_of_bounds(const history_op *op)
{
    return op->status == CORRAL_ERANGE;
}

static bool is_destroy(const history_op *op)
{
    return op->kind == HISTORY_DESTROY && op->status == CORRAL_OK;
}

/* --- tamperings --- */

static bool drop_one(history_made *made)
{
    history_op *op = find(made, is_add);

    if (op != NULL) {
        memmove(op, op + 1, (size_t)(made->ops + --made->count - op) * sizeof *op);
    }
    return op != NULL;
}

static bool swap_results(history_made *made)
{
    history_op *op = find(made, is_first_of_two_batches);

    if (op != NULL) {
        corral_stamp stamp = op->stamp;

        op->stamp = op[1].stamp;
        op[1].stamp = stamp;
    }
    return op != NULL;
}

static bool swap_indexes(history_made *made)
{
    history_op *op = find(made, is_first_of_two_adds_in_batch);

    if (op != NULL) {
        op->stamp.index++;
        op[1].stamp.index--;
    }
    return op != NULL;
}

static bool change_value(history_made *made)
{
    history_op *op = find(made, is_add);

    if (op != NULL) {
        op->value++;
    }
    return op != NULL;
}

static bool invoke_after_the_next(history_made *made)
{
    history_op *op = find(made, is_first_of_two_batches);

    if (op != NULL) {
        op->invoked = op[1].returned + 1;
        op->returned = op->invoked + HISTORY_STEP;
    }
    return op != NULL;
}

static bool repeat_place(history_made *made)
{
    history_op *op = find(made, is_first_of_two_batches);

    if (op != NULL) {
        op[1].stamp = op->stamp;
        op[1].client = op->client;
    }
    return op != NULL;
}

static bool skip_a_version(history_made *made)
{
    history_op *op = find(made, is_first_of_two_batches);

    for (history_op *later = op + 1; op != NULL && later < made->ops + made->count; later++) {
        later->stamp.version += later->stamp.czxid == op->stamp.czxid;
    }
    return op != NULL;
}

static bool mix_clients(history_made *made)
{
    history_op *op = find(made, is_first_of_two_adds_in_batch);

    if (op != NULL) {
        op->client++;
    }
    return op != NULL;
}

/* It tells what was before the change that had been acknowledged before it was invoked. */
static bool read_the_past(history_made *made)
{
    history_op *op = find(made, is_read_after_change);
    history_op *before = op != NULL && is_add(op - 2) ? op - 2 : NULL;

    if (before == NULL || before->stamp.mzxid == op->stamp.mzxid) {
        return false;
    }
    op->invoked = op[-1].returned + 1;
    op->returned = op->invoked + HISTORY_STEP;
    op->value = before->value;
    op->stamp = before->stamp;
    op->stamp.index = 0;
    return true;
}

static bool read_another_value(history_made *made)
{
    history_op *op = find(made, is_read_after_change);

    if (op != NULL) {
        op->value--;
    }
    return op != NULL;
}

static bool change_the_end(history_made *made)
{
    made->ends.value_at_end++;
    return made->ends.present_at_end;
}

static bool end_absent(history_made *made)
{
    bool present = made->ends.present_at_end;

    made->ends.present_at_end = false;
    return present;
}

/* What was applied had not been asked for yet. */
static bool invoke_after_its_effect(history_made *made)
{
    history_op *op = find(made, is_applied_unknown);

    if (op != NULL) {
        op->invoked = op[OTHERS - 1].returned + OTHERS * HISTORY_STEP;
        op->returned = op->invoked + HISTORY_STEP;
    }
    return op != NULL;
}

static bool conflict_with_anything(history_made *made)
{
    history_op *op = find(made, is_conflict);

    if (op != NULL) {
        op->value = 77;
    }
    return op != NULL;
}

static bool refuse_what_has_room(history_made *made)
{
    history_op *op = find(made, is_out_of_bounds);

    if (op != NULL) {
        op->max = INT64_MAX;
    }
    return op != NULL;
}

static bool miss_what_is_there(history_made *made)
{
    history_op *op = find(made, is_conflict);

    if (op != NULL) {
        op->status = CORRAL_ENOENT;
    }
    return op != NULL;
}

static bool keep_incarnation(history_made *made)
{
    history_op *op = find(made, is_destroy);

    for (history_op *later = op; op != NULL && later < made->ops + made->count; later++) {
        later->stamp.czxid = later->stamp.czxid > 0 ? made->ops[0].stamp.czxid : 0;
    }
    return op != NULL && made->ops[0].stamp.czxid > 0;
}

/* --- tests --- */

static history_recipe without_end(void)
{
    history_recipe r = history_without_doubt;

    r.destroys = 0;
    return r;
}

static void wrong_dropped(void)
{
    history_recipe r = without_end();

    r.sets = r.batches = 0;
    history_assert_found_out(&r, drop_one);
}

static void wrong_order(void)
{
    history_assert_found_out(&history_without_doubt, swap_results);
    history_assert_found_out(&history_of_adds, swap_results);
}

static void wrong_place_in_batch(void)
{
    history_assert_found_out(&history_without_doubt, swap_indexes);
}

static void wrong_value(void)
{
    history_assert_found_out(&history_without_doubt, change_value);
}

static void wrong_time(void)
{
    history_assert_found_out(&history_rich, invoke_after_the_next);
}

static void wrong_same_place(void)
{
    history_assert_found_out(&history_rich, repeat_place);
}

static void wrong_version(void)
{
    history_assert_found_out(&history_without_doubt, skip_a_version);
}

static void wrong_client_in_batch(void)
{
    history_assert_found_out(&history_rich, mix_clients);
}

static void wrong_unknown_applied_early(void)
{
    history_recipe r = history_of_adds;

    r.unknown = 10;
    history_assert_found_out(&r, invoke_after_its_effect);
}

static void wrong_stale_read(void)
{
    history_recipe r = without_end();

    history_assert_found_out(&r, read_the_past);
}

static void wrong_read(void)
{
    history_assert_found_out(&history_without_doubt, read_another_value);
}

static void wrong_end(void)
{
    history_assert_found_out(&history_of_adds, change_the_end);
    history_assert_found_out(&history_of_adds, end_absent);
}

static void wrong_conflict(void)
{
    history_recipe r = history_without_doubt;

    history_assert_found_out(&r, conflict_with_anything);
    r.destroys = 0;
    history_assert_found_out(&r, miss_what_is_there);
}

static void wrong_bounds(void)
{
    history_recipe r = history_without_doubt;

    r.bounded = 20;
    history_assert_found_out(&r, refuse_what_has_room);
}

static void wrong_incarnation(void)
{
    history_recipe r = history_without_doubt;

    r.destroys = 10;
    history_assert_found_out(&r, keep_incarnation);
}

/* The same read is right if nobody has asked for more. */
static void stale_read_is_right_where_allowed(void)
{
    static history_made made;
    history_recipe r = without_end();
    unsigned tampered = 0, rejected = 0;

    for (unsigned seed = 0; seed < HISTORY_SEEDS; seed++) {
        history_make(&r, seed, &made);
        if (read_the_past(&made)) {
            find(&made, is_read_after_change)->stale = true;
            tampered++;
            rejected += history_check(made.ops, made.count, &made.ends) != NULL;
        }
    }
    CU_ASSERT(tampered > 0);
    ASSERT_INT64(rejected, 0);
}

static CU_TestInfo right[] = {
    {"stale read where allowed", stale_read_is_right_where_allowed},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo wrong[] = {
    {"dropped", wrong_dropped},
    {"order", wrong_order},
    {"place in batch", wrong_place_in_batch},
    {"value", wrong_value},
    {"time", wrong_time},
    {"same place", wrong_same_place},
    {"version", wrong_version},
    {"client in batch", wrong_client_in_batch},
    {"unknown applied early", wrong_unknown_applied_early},
    {"stale read", wrong_stale_read},
    {"read", wrong_read},
    {"end", wrong_end},
    {"conflict", wrong_conflict},
    {"bounds", wrong_bounds},
    {"incarnation", wrong_incarnation},
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
