/*
 * The judge of histories, judged: it must accept whatever a counter can have
 * done, and find out each way in which one can go wrong. The histories come
 * from a toy that is a counter by construction and can be told to break a
 * promise; or what it wrote down is tampered with afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/history.h"
#include "lib/testing.h"

enum { SEEDS = 200, CLIENTS = 4, OPS_MAX = 4096, BATCH_MAX = 4, STEP = 100 };

/* What the toy does wrong, to one operation in the middle. */
typedef enum {
    NOTHING,
    APPLIES_TWICE,
    LOSES_UPDATE,
    APPLIES_FAILED,
    APPLIES_UNKNOWN_TWICE,
    RESURRECTS,
    KEEPS_DESTROYED
} fault;

/* What a history is made of; in percent of operations or transactions. */
typedef struct {
    unsigned transactions, unknown, destroys, sets, reads, batches;
    bool present_at_start;
    int32_t version;
    fault fault;
} recipe;

static const recipe plain = {.transactions = 300, .sets = 10, .reads = 10};
static const recipe rich = {.transactions = 300,
                            .unknown = 5,
                            .destroys = 3,
                            .sets = 10,
                            .reads = 10,
                            .batches = 50,
                            .present_at_start = true};

static history_op ops[OPS_MAX];
static size_t count;
static history_ends ends;

static struct {
    recipe r;
    unsigned seed;
    bool present, sinned;
    int64_t value, zxid, czxid, mzxid, moment;
    int32_t version;
} toy;

static unsigned dice(unsigned sides)
{
    return (unsigned)rand_r(&toy.seed) % sides;
}

/* Sums of some of these can be told from the sums of others, most likely. */
static int64_t a_delta(void)
{
    return (1 << 30) + (int64_t)dice(1 << 30);
}

/* --- the toy --- */

/* Whether it is time for @s. */
static bool sins(fault s)
{
    bool now = toy.r.fault == s && !toy.sinned && count > toy.r.transactions / 2;

    toy.sinned = toy.sinned || now;
    return now;
}

static void change(int64_t value)
{
    toy.value = value;
    toy.present = true;
}

/* Carry out @op, with its result. What is not applied has the same result, but no effect. */
static void carry_out(history_op *op, bool applied)
{
    int64_t before = toy.present ? toy.value : 0;
    bool present = toy.present;

    op->value = before;
    switch (op->kind) {
    case HISTORY_ADD:
        op->value = before + op->argument;
        change(op->value);
        break;
    case HISTORY_SET:
        change(op->argument);
        break;
    case HISTORY_COMPARE_SET:
        if (!present || before != op->argument) {
            op->status = present ? CORRAL_ECONFLICT : CORRAL_ENOENT;
        } else {
            change(op->desired);
        }
        break;
    case HISTORY_DESTROY:
        op->status = present ? CORRAL_OK : CORRAL_ENOENT;
        toy.present = false;
        break;
    case HISTORY_READ:
        op->status = present ? CORRAL_OK : CORRAL_ENOENT;
        break;
    }
    if (!applied) {
        toy.value = before;
        toy.present = present;
    }
}

static void choose(history_op *op)
{
    unsigned what = dice(100);

    if (what < toy.r.sets) {
        bool fitting = dice(2) == 0;

        op->kind = dice(2) == 0 ? HISTORY_SET : HISTORY_COMPARE_SET;
        op->argument = op->kind == HISTORY_COMPARE_SET && fitting ? toy.value : 1 + dice(1000);
        op->desired = 1000 + dice(1000);
    } else {
        op->kind = HISTORY_ADD;
        op->argument = a_delta();
    }
}

static history_op *begin(uint32_t client)
{
    history_op *op = &ops[count++];

    *op =
        (history_op){.client = client, .invoked = toy.moment - dice(250), .returned = toy.moment + dice(250)};
    return op;
}

static void destroy(uint32_t client)
{
    history_op *op = begin(client);

    op->kind = HISTORY_DESTROY;
    carry_out(op, !toy.present || !sins(KEEPS_DESTROYED));
    toy.zxid++;
    if (op->status == CORRAL_OK && dice(100) < toy.r.unknown) {
        op->status = CORRAL_EUNCERTAIN;
    }
}

static void read(uint32_t client)
{
    history_op *op = begin(client);

    op->kind = HISTORY_READ;
    carry_out(op, true);
    op->stamp = (corral_stamp){.czxid = toy.czxid, .mzxid = toy.mzxid, .version = toy.version};
}

/* The stamps of a transaction that has changed something; its operations are the last @size. */
static void stamp(size_t size, bool made)
{
    toy.mzxid = ++toy.zxid;
    if (made || toy.version == -2) {
        toy.czxid = toy.mzxid;
        toy.version = 0;
    } else {
        toy.version = (int32_t)((uint32_t)toy.version + 1);
    }
    for (size_t i = 0; i < size; i++) {
        history_op *op = &ops[count - size + i];

        op->stamp = (corral_stamp){toy.czxid, toy.mzxid, toy.version, (uint32_t)i};
    }
}

static bool is_change(const history_op *op)
{
    return op->status == CORRAL_OK &&
           (op->kind == HISTORY_ADD || op->kind == HISTORY_SET || op->kind == HISTORY_COMPARE_SET);
}

/* A transaction of changes: applied or not, and known to be or not. */
static void batch(uint32_t client)
{
    size_t size = dice(100) < toy.r.batches ? 1 + dice(BATCH_MAX) : 1, changes = 0;
    bool unknown = dice(100) < toy.r.unknown, applied = !unknown || dice(2) == 0;
    bool was_present = toy.present;
    int64_t old = toy.value;

    if (!was_present && sins(RESURRECTS)) {
        toy.present = true;
    }
    for (size_t i = 0; i < size; i++) {
        history_op *op = begin(client);

        choose(op);
        carry_out(op, true);
        changes += is_change(op);
        if (is_change(op) && applied && sins(APPLIES_TWICE)) {
            toy.value += op->argument;
        }
        /* Of one whose caller has given up, while the others have waited on. */
        if (is_change(op) && (unknown || dice(100) < toy.r.unknown)) {
            op->status = CORRAL_EUNCERTAIN;
        }
    }
    if (!applied) {
        /* Those that failed were tried again, alone: they tell what is so now. */
        for (size_t i = 0; i < size; i++) {
            history_op *op = &ops[count - size + i];

            op->status = op->status == CORRAL_EUNCERTAIN ? op->status : CORRAL_ETIMEDOUT;
        }
        toy.value = old;
        toy.present = was_present;
    } else if (changes > 0) {
        stamp(size, !was_present);
        if (is_change(&ops[count - 1]) && sins(LOSES_UPDATE)) {
            toy.value = old;
        }
    }
}

static void tell_of_failures(uint32_t client)
{
    if (sins(APPLIES_FAILED)) {
        history_op *op = begin(client);

        op->kind = HISTORY_ADD;
        op->argument = a_delta();
        carry_out(op, true);
        stamp(1, false);
        op->status = CORRAL_ETIMEDOUT;
    }
    if (sins(APPLIES_UNKNOWN_TWICE)) {
        history_op *op = begin(client);

        op->kind = HISTORY_ADD;
        op->argument = a_delta();
        carry_out(op, true);
        stamp(1, false);
        carry_out(op, true);
        stamp(1, false);
        op->status = CORRAL_EUNCERTAIN;
    }
}

static void generate(const recipe *r, unsigned seed)
{
    memset(&toy, 0, sizeof toy);
    toy.r = *r;
    toy.seed = seed;
    toy.zxid = 100;
    toy.czxid = r->version == 0 ? 100 : 50;
    toy.mzxid = 100;
    toy.present = r->present_at_start;
    toy.value = r->present_at_start ? 5 : 0;
    toy.version = r->version;
    ends = (history_ends){.present_at_start = toy.present, .value_at_start = toy.value};
    count = 0;
    for (unsigned t = 0; t < r->transactions; t++) {
        uint32_t client = dice(CLIENTS);
        unsigned what = dice(100);

        toy.moment += STEP;
        tell_of_failures(client);
        if (what < r->destroys) {
            destroy(client);
        } else if (what < r->destroys + r->reads) {
            read(client);
        } else {
            batch(client);
        }
    }
    ends.present_at_end = toy.present;
    ends.value_at_end = toy.value;
}

/* --- right ones --- */

/* Judge all of @r's; how many are wrong, and why the first. */
static void assert_right(const recipe *r)
{
    unsigned rejected = 0;

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        generate(r, seed);
        const char *verdict = history_check(ops, count, &ends);

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
    recipe r = plain;

    r.batches = 100;
    assert_right(&r);
}

static void right_with_unknown_outcomes(void)
{
    recipe r = plain;

    r.batches = 50;
    r.unknown = 5;
    assert_right(&r);
}

static void right_with_destroys(void)
{
    recipe r = plain;

    r.destroys = 10;
    r.present_at_start = true;
    assert_right(&r);
}

static void right_with_versions_that_run_out(void)
{
    recipe r = plain;

    r.unknown = 10;
    r.present_at_start = true;
    r.version = -50;
    assert_right(&r);
    r.version = INT32_MAX - 50;
    assert_right(&r);
}

static void right_with_everything(void)
{
    assert_right(&rich);
}

static void right_without_any_operation(void)
{
    ends = (history_ends){0};
    CU_ASSERT_PTR_NULL(history_check(ops, 0, &ends));
}

/* --- wrong ones --- */

/*
 * Tamper with a right history. False: it has nothing to do that to. The
 * operations are as the toy wrote them: in order.
 */
typedef bool (*tampering)(void);

static void assert_found_out(const recipe *r, tampering tamper)
{
    unsigned tampered = 0, accepted = 0, refused = 0, first = 0;

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        generate(r, seed);
        if (tamper != NULL ? !tamper() : !toy.sinned) {
            continue;
        }
        tampered++;
        const char *verdict = history_check(ops, count, &ends);

        first = verdict == NULL && accepted == 0 ? seed : first;
        accepted += verdict == NULL;
        refused += verdict != NULL && strncmp(verdict, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0;
    }
    if (accepted > 0) {
        printf("seed %u of %u ", first, tampered);
    }
    ASSERT_INT64(accepted, 0);
    ASSERT_INT64(refused, 0);
    CU_ASSERT(tampered >= SEEDS / 4);
}

static void assert_sin_found_out(recipe r, fault s)
{
    r.fault = s;
    assert_found_out(&r, NULL);
}

/* The first that @fits accepts, from the middle on. NULL: none. */
static history_op *find(bool (*fits)(const history_op *op))
{
    for (size_t i = count / 2; i < count; i++) {
        if (fits(&ops[i])) {
            return &ops[i];
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
    return op + 1 < ops + count && is_add(op) && is_add(op + 1);
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
    return op > ops && op->kind == HISTORY_READ && op->status == CORRAL_OK && is_add(op - 1);
}

static bool is_applied_unknown(const history_op *op)
{
    return op->kind == HISTORY_ADD && op->status == CORRAL_EUNCERTAIN && op->stamp.mzxid != 0 &&
           op + 10 < ops + count;
}

static bool is_conflict(const history_op *op)
{
    return op->status == CORRAL_ECONFLICT;
}

static bool is_destroy(const history_op *op)
{
    return op->kind == HISTORY_DESTROY && op->status == CORRAL_OK;
}

static bool drop_one(void)
{
    history_op *op = find(is_add);

    if (op != NULL) {
        memmove(op, op + 1, (size_t)(ops + --count - op) * sizeof *op);
    }
    return op != NULL;
}

static bool swap_results(void)
{
    history_op *op = find(is_first_of_two_batches);

    if (op != NULL) {
        corral_stamp stamp = op->stamp;

        op->stamp = op[1].stamp;
        op[1].stamp = stamp;
    }
    return op != NULL;
}

static bool swap_indexes(void)
{
    history_op *op = find(is_first_of_two_adds_in_batch);

    if (op != NULL) {
        op->stamp.index++;
        op[1].stamp.index--;
    }
    return op != NULL;
}

static bool change_value(void)
{
    history_op *op = find(is_add);

    if (op != NULL) {
        op->value++;
    }
    return op != NULL;
}

static bool invoke_after_the_next(void)
{
    history_op *op = find(is_first_of_two_batches);

    if (op != NULL) {
        op->invoked = op[1].returned + 1;
        op->returned = op->invoked + STEP;
    }
    return op != NULL;
}

static bool repeat_place(void)
{
    history_op *op = find(is_first_of_two_batches);

    if (op != NULL) {
        op[1].stamp = op->stamp;
        op[1].client = op->client;
    }
    return op != NULL;
}

static bool skip_a_version(void)
{
    history_op *op = find(is_first_of_two_batches);

    for (history_op *later = op + 1; op != NULL && later < ops + count; later++) {
        later->stamp.version += later->stamp.czxid == op->stamp.czxid;
    }
    return op != NULL;
}

static bool mix_clients(void)
{
    history_op *op = find(is_first_of_two_adds_in_batch);

    if (op != NULL) {
        op->client++;
    }
    return op != NULL;
}

/* It tells what was before the change that had been acknowledged before it was invoked. */
static bool read_the_past(void)
{
    history_op *op = find(is_read_after_change);
    history_op *before = op != NULL && is_add(op - 2) ? op - 2 : NULL;

    if (before == NULL || before->stamp.mzxid == op->stamp.mzxid) {
        return false;
    }
    op->invoked = op[-1].returned + 1;
    op->returned = op->invoked + STEP;
    op->value = before->value;
    op->stamp = before->stamp;
    op->stamp.index = 0;
    return true;
}

static bool read_another_value(void)
{
    history_op *op = find(is_read_after_change);

    if (op != NULL) {
        op->value--;
    }
    return op != NULL;
}

static bool change_the_end(void)
{
    ends.value_at_end++;
    return ends.present_at_end;
}

static bool end_absent(void)
{
    bool present = ends.present_at_end;

    ends.present_at_end = false;
    return present;
}

/* What was applied had not been asked for yet. */
static bool invoke_after_its_effect(void)
{
    history_op *op = find(is_applied_unknown);

    if (op != NULL) {
        op->invoked = op[9].returned + 10 * STEP;
        op->returned = op->invoked + STEP;
    }
    return op != NULL;
}

static bool conflict_with_anything(void)
{
    history_op *op = find(is_conflict);

    if (op != NULL) {
        op->value = 77;
    }
    return op != NULL;
}

static bool miss_what_is_there(void)
{
    history_op *op = find(is_conflict);

    if (op != NULL) {
        op->status = CORRAL_ENOENT;
    }
    return op != NULL;
}

static bool keep_incarnation(void)
{
    history_op *op = find(is_destroy);

    for (history_op *later = op; op != NULL && later < ops + count; later++) {
        later->stamp.czxid = later->stamp.czxid > 0 ? ops[0].stamp.czxid : 0;
    }
    return op != NULL && ops[0].stamp.czxid > 0;
}

static recipe without_doubt(void)
{
    recipe r = rich;

    r.unknown = 0;
    return r;
}

static recipe without_end(void)
{
    recipe r = without_doubt();

    r.destroys = 0;
    return r;
}

static recipe of_adds(void)
{
    return (recipe){.transactions = 300, .unknown = 3, .reads = 10, .batches = 50, .present_at_start = true};
}

static void wrong_dropped(void)
{
    recipe r = without_end();

    r.sets = r.batches = 0;
    assert_found_out(&r, drop_one);
}

static void wrong_doubled(void)
{
    recipe r = of_adds();

    assert_sin_found_out(r, APPLIES_TWICE);
}

static void wrong_order(void)
{
    recipe r = without_doubt(), uncertain = of_adds();

    assert_found_out(&r, swap_results);
    assert_found_out(&uncertain, swap_results);
}

static void wrong_place_in_batch(void)
{
    recipe r = without_doubt();

    assert_found_out(&r, swap_indexes);
}

static void wrong_value(void)
{
    recipe r = without_doubt();

    assert_found_out(&r, change_value);
}

static void wrong_time(void)
{
    assert_found_out(&rich, invoke_after_the_next);
}

static void wrong_same_place(void)
{
    assert_found_out(&rich, repeat_place);
}

static void wrong_version(void)
{
    recipe r = without_doubt();

    assert_found_out(&r, skip_a_version);
}

static void wrong_client_in_batch(void)
{
    assert_found_out(&rich, mix_clients);
}

static void wrong_lost_update(void)
{
    assert_sin_found_out(of_adds(), LOSES_UPDATE);
}

static void wrong_failed_applied(void)
{
    assert_sin_found_out(of_adds(), APPLIES_FAILED);
}

static void wrong_unknown_applied_twice(void)
{
    assert_sin_found_out(of_adds(), APPLIES_UNKNOWN_TWICE);
}

static void wrong_unknown_applied_early(void)
{
    recipe r = of_adds();

    r.unknown = 10;
    assert_found_out(&r, invoke_after_its_effect);
}

static void wrong_stale_read(void)
{
    recipe r = without_end();

    assert_found_out(&r, read_the_past);
}

static void wrong_read(void)
{
    recipe r = without_doubt();

    assert_found_out(&r, read_another_value);
}

static void wrong_end(void)
{
    recipe r = of_adds();

    assert_found_out(&r, change_the_end);
    assert_found_out(&r, end_absent);
}

static void wrong_conflict(void)
{
    recipe r = without_doubt();

    assert_found_out(&r, conflict_with_anything);
    r.destroys = 0;
    assert_found_out(&r, miss_what_is_there);
}

static void wrong_resurrection(void)
{
    recipe r = without_doubt();

    r.destroys = 10;
    assert_sin_found_out(r, RESURRECTS);
}

static void wrong_destroy_without_effect(void)
{
    recipe r = without_doubt();

    r.destroys = 10;
    assert_sin_found_out(r, KEEPS_DESTROYED);
}

static void wrong_incarnation(void)
{
    recipe r = without_doubt();

    r.destroys = 10;
    assert_found_out(&r, keep_incarnation);
}

/* --- limits --- */

/* The same read is right if nobody has asked for more. */
static void stale_read_is_right_where_allowed(void)
{
    recipe r = without_end();
    unsigned tampered = 0, rejected = 0;

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        generate(&r, seed);
        if (read_the_past()) {
            find(is_read_after_change)->stale = true;
            tampered++;
            rejected += history_check(ops, count, &ends) != NULL;
        }
    }
    CU_ASSERT(tampered > 0);
    ASSERT_INT64(rejected, 0);
}

/* Nobody can tell which of so many small steps lead to a number that none of them leads to. */
static void too_much_doubt_is_not_judged(void)
{
    ends = (history_ends){.present_at_start = true, .present_at_end = true, .value_at_end = 1001};
    count = 80;
    for (size_t i = 0; i < count; i++) {
        ops[i] = (history_op){.kind = HISTORY_ADD,
                              .argument = 2 * (int64_t)(i + 1),
                              .status = CORRAL_EUNCERTAIN,
                              .returned = INT64_MAX};
    }
    const char *verdict = history_check(ops, count, &ends);

    CU_ASSERT(verdict != NULL && strncmp(verdict, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0);
}

static void another_counter_is_told(void)
{
    generate(&plain, 1);
    ops[count - 1].counter = 1;
    CU_ASSERT_PTR_NOT_NULL(history_check(ops, count, &ends));
}

static CU_TestInfo right[] = {
    {"one at a time", right_one_at_a_time},
    {"in batches", right_in_batches},
    {"with unknown outcomes", right_with_unknown_outcomes},
    {"with destroys", right_with_destroys},
    {"with versions that run out", right_with_versions_that_run_out},
    {"with everything", right_with_everything},
    {"without any operation", right_without_any_operation},
    {"stale read where allowed", stale_read_is_right_where_allowed},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo wrong[] = {
    {"dropped", wrong_dropped},
    {"doubled", wrong_doubled},
    {"order", wrong_order},
    {"place in batch", wrong_place_in_batch},
    {"value", wrong_value},
    {"time", wrong_time},
    {"same place", wrong_same_place},
    {"version", wrong_version},
    {"client in batch", wrong_client_in_batch},
    {"lost update", wrong_lost_update},
    {"failed but applied", wrong_failed_applied},
    {"unknown applied twice", wrong_unknown_applied_twice},
    {"unknown applied early", wrong_unknown_applied_early},
    {"stale read", wrong_stale_read},
    {"read", wrong_read},
    {"end", wrong_end},
    {"conflict", wrong_conflict},
    {"resurrection", wrong_resurrection},
    {"destroy without effect", wrong_destroy_without_effect},
    {"incarnation", wrong_incarnation},
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
