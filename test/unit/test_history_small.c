/*
 * The judge of histories against another that is too simple to be wrong, and
 * too slow for more than a few operations: it tries every order of them, every
 * choice of the unknown ones, and every way to part them into transactions.
 * Both must agree on histories that are right, nearly right, and wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/history.h"
#include "lib/testing.h"

enum { CASES = 200000, OPS = 7, CLIENTS = 2 };

/* --- the simple judge --- */

/* How far an order has come. */
typedef struct {
    bool present;
    int64_t value;
    int32_t version;
    int64_t czxid, made_after; /* 0: not known yet, but it was made after this */
    int64_t mzxid;             /* the last known one */
    bool open;                 /* operations can join the last transaction */
    bool made, known;          /* it made the counter; its mzxid is known */
    bool mixed;                /* of several clients */
    uint32_t client, least_index;
} point;

static history_op ops[OPS];
static size_t count;
static history_ends ends;
static bool used[OPS];

static bool is_unknown(const history_op *op)
{
    return op->status == CORRAL_EUNCERTAIN;
}

static bool try_all(point p);

/* A stamp pins down what was not known of the transaction and of the incarnation. */
static bool pin(point *p, const corral_stamp *s, bool changes)
{
    bool made_by_this = s->czxid == s->mzxid;

    if (s->version != p->version || made_by_this != p->made || (changes && p->mixed)) {
        return false;
    }
    if (p->known ? s->mzxid != p->mzxid : s->mzxid <= p->mzxid) {
        return false;
    }
    if (p->czxid != 0 ? s->czxid != p->czxid : s->czxid <= p->made_after || s->czxid > s->mzxid) {
        return false;
    }
    if (p->czxid == 0 && !made_by_this && s->czxid <= p->mzxid && p->mzxid > p->made_after) {
        return false;
    }
    p->czxid = s->czxid;
    p->mzxid = s->mzxid;
    p->known = true;
    return true;
}

/* What @op makes of @value; @ret_told is what it says. */
static int64_t change(const history_op *op, int64_t value, int64_t *ret_told)
{
    *ret_told = op->kind == HISTORY_ADD ? value + op->argument : value;
    return op->kind == HISTORY_ADD ? *ret_told : op->kind == HISTORY_SET ? op->argument : op->desired;
}

/* Carry out a change in the transaction that @p is at. */
static bool change_in(point p, const history_op *op)
{
    int64_t told;

    p.value = change(op, p.value, &told);
    if (is_unknown(op)) {
        p.least_index++;
        return try_all(p);
    }
    if (op->value != told || op->stamp.index < p.least_index) {
        return false;
    }
    p.least_index = op->stamp.index + 1;
    return pin(&p, &op->stamp, true) && try_all(p);
}

static bool try_change(point p, const history_op *op)
{
    point fresh = p;

    if (op->kind == HISTORY_COMPARE_SET && (!p.present || p.value != op->argument)) {
        return false;
    }
    if (p.open && (op->client == p.client || (is_unknown(op) && !p.known))) {
        point joined = p;

        joined.mixed = p.mixed || op->client != p.client;
        if (change_in(joined, op)) {
            return true;
        }
    }
    fresh.open = true;
    fresh.known = fresh.mixed = false;
    fresh.client = op->client;
    fresh.least_index = 0;
    fresh.made = !p.present;
    if (p.present) {
        fresh.version++;
        return change_in(fresh, op);
    }
    fresh.present = true;
    fresh.value = 0;
    fresh.czxid = 0;
    fresh.made_after = p.mzxid;
    for (fresh.version = 0; fresh.version <= 1; fresh.version++) {
        if (change_in(fresh, op)) {
            return true;
        }
    }
    return false;
}

static bool try_one(point p, const history_op *op)
{
    if (op->status == CORRAL_ENOENT) {
        return !p.present && try_all(p);
    }
    if (op->status == CORRAL_ECONFLICT) {
        return p.present && p.value == op->value && p.value != op->argument && try_all(p);
    }
    if (op->kind != HISTORY_READ && op->kind != HISTORY_DESTROY) {
        return try_change(p, op);
    }
    if (op->kind == HISTORY_DESTROY) {
        p.open = false;
        bool was = p.present;
        p.present = false;
        p.value = 0;
        return was && try_all(p);
    }
    /* What was read is final. */
    p.open = false;
    return p.present && op->value == p.value && pin(&p, &op->stamp, false) && try_all(p);
}

static bool must_wait(const history_op *op)
{
    for (size_t i = 0; i < count; i++) {
        if (!used[i] && !is_unknown(&ops[i]) && ops[i].returned < op->invoked) {
            return true;
        }
    }
    return false;
}

static bool try_all(point p)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        all = all && (used[i] || is_unknown(&ops[i]));
    }
    if (all && p.present == ends.present_at_end && (!p.present || p.value == ends.value_at_end)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!used[i] && !must_wait(&ops[i])) {
            used[i] = true;
            bool right = try_one(p, &ops[i]);
            used[i] = false;
            if (right) {
                return true;
            }
        }
    }
    return false;
}

/* --- histories --- */

static unsigned seed;

static unsigned dice(unsigned sides)
{
    return (unsigned)rand_r(&seed) % sides;
}

/* Few values, so that there is much to confuse; few transactions, so that versions leave room. */
static void generate(void)
{
    int64_t value = 0, czxid = 0, mzxid = 10;
    int32_t version = 0;
    bool present = false, joins = false;
    uint32_t client = 0, index = 0;

    count = 2 + dice(OPS - 1);
    for (size_t i = 0; i < count; i++) {
        history_op *op = &ops[i];
        int64_t moment = 10 * (int64_t)i;
        bool applied = true;

        *op = (history_op){
            .client = dice(CLIENTS), .invoked = moment - dice(40), .returned = moment + dice(40)};
        unsigned what = dice(10);
        op->kind = what < 5   ? HISTORY_ADD
                   : what < 6 ? HISTORY_SET
                   : what < 7 ? HISTORY_COMPARE_SET
                   : what < 8 ? HISTORY_DESTROY
                              : HISTORY_READ;
        if (op->kind == HISTORY_READ) {
            joins = false;
            op->status = present ? CORRAL_OK : CORRAL_ENOENT;
            op->value = value;
            op->stamp = (corral_stamp){present ? czxid : 0, present ? mzxid : 0, present ? version : 0, 0};
            continue;
        }
        if (op->kind == HISTORY_DESTROY && !present) {
            op->status = CORRAL_ENOENT;
            continue;
        }
        op->status = dice(3) == 0 ? CORRAL_EUNCERTAIN : CORRAL_OK;
        applied = op->status == CORRAL_OK || dice(2) == 0;
        op->argument = op->kind != HISTORY_DESTROY ? (int64_t[]){1, 2, 3, -1}[dice(4)] : 0;
        op->desired = op->kind == HISTORY_COMPARE_SET ? dice(4) : 0;
        if (op->kind == HISTORY_COMPARE_SET && (!present || value != op->argument)) {
            op->status = present ? CORRAL_ECONFLICT : CORRAL_ENOENT;
            op->value = value;
            continue;
        }
        if (!applied) {
            continue;
        }
        if (op->kind == HISTORY_DESTROY) {
            present = joins = false;
            value = 0;
            mzxid += 10;
            continue;
        }
        if (joins && client == op->client && dice(2) == 0) {
            index += dice(4) == 0 ? 2 : 1;
        } else {
            mzxid += 10;
            version = present ? version + 1 : 0;
            czxid = present ? czxid : mzxid;
            index = dice(4) == 0;
            client = op->client;
            present = joins = true;
        }
        value = change(op, value, &op->value);
        op->stamp = (corral_stamp){czxid, mzxid, version, index};
        if (is_unknown(op)) {
            op->value = 0;
            op->stamp = (corral_stamp){0};
        }
    }
    ends = (history_ends){.present_at_end = present, .value_at_end = value};
}

static void spoil(void)
{
    history_op *op = &ops[dice((unsigned)count)], *other = &ops[dice((unsigned)count)];
    int64_t step = dice(2) == 0 ? 1 : -1;

    switch (dice(9)) {
    case 0:
        op->value += step;
        break;
    case 1:
        op->argument += step;
        break;
    case 2:
        op->stamp.version += (int32_t)step;
        break;
    case 3:
        op->invoked += 30;
        op->returned += 30;
        break;
    case 4:
        op->status = op->kind == HISTORY_READ ? op->status : CORRAL_EUNCERTAIN;
        break;
    case 5:
        ends.value_at_end += step;
        break;
    case 6:
        ends.present_at_end = !ends.present_at_end;
        break;
    case 7:
        op->stamp.index += 1;
        break;
    case 8: {
        corral_stamp stamp = op->stamp;

        op->stamp = other->stamp;
        other->stamp = stamp;
        break;
    }
    }
}

static void print_case(void)
{
    printf("\nend %d %lld\n", ends.present_at_end, (long long)ends.value_at_end);
    for (size_t i = 0; i < count; i++) {
        const history_op *op = &ops[i];

        printf("client %u kind %d arg %lld %lld..%lld status %d value %lld czxid %lld mzxid %lld version %d "
               "index %u\n",
               op->client, op->kind, (long long)op->argument, (long long)op->invoked, (long long)op->returned,
               op->status, (long long)op->value, (long long)op->stamp.czxid, (long long)op->stamp.mzxid,
               op->stamp.version, op->stamp.index);
    }
}

static void both_judges_agree(void)
{
    unsigned right = 0, wrong = 0, disagreed = 0;

    for (unsigned c = 0; c < testing_scaled(CASES); c++) {
        seed = c;
        generate();
        for (unsigned faults = dice(3); faults > 0; faults--) {
            spoil();
        }
        bool simple = try_all((point){0});
        const char *fault = history_check(ops, count, &ends);

        right += simple;
        wrong += !simple;
        if (simple != (fault == NULL) && disagreed++ == 0) {
            printf("case %u: %s, but: %s", c, simple ? "right" : "wrong", fault != NULL ? fault : "right");
            print_case();
        }
    }
    printf("%u right, %u wrong ", right, wrong);
    ASSERT_INT64(disagreed, 0);
    CU_ASSERT(right > wrong / 4 && wrong > right / 4);
}

static CU_TestInfo tests[] = {
    {"both judges agree", both_judges_agree},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"history", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}
