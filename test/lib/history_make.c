#include "lib/history_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/testing.h"

enum { CLIENTS = 4, BATCH_MAX = 4 };

const history_recipe history_rich = {.transactions = 300,
                                     .unknown = 5,
                                     .destroys = 3,
                                     .sets = 10,
                                     .reads = 10,
                                     .batches = 50,
                                     .present_at_start = true};
const history_recipe history_without_doubt = {
    .transactions = 300, .destroys = 3, .sets = 10, .reads = 10, .batches = 50, .present_at_start = true};
const history_recipe history_of_adds = {
    .transactions = 300, .unknown = 3, .reads = 10, .batches = 50, .present_at_start = true};

/* --- the toy --- */

static struct {
    history_recipe r;
    history_made *told;
    unsigned seed;
    bool present;
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

/* Whether it is time for @s. */
static bool sins(history_sin s)
{
    bool now = toy.r.sin == s && !toy.told->sinned && toy.told->count > toy.r.transactions / 2;

    toy.told->sinned = toy.told->sinned || now;
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
        if (op->max != 0 && op->value > op->max) {
            op->status = CORRAL_ERANGE;
        } else {
            change(op->value);
        }
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
        if (toy.r.bounded > 0 && dice(100) < toy.r.bounded) {
            op->min = INT64_MIN;
            op->max = toy.value + a_delta();
        }
    }
}

static history_op *begin(uint32_t client)
{
    history_op *op = &toy.told->ops[toy.told->count++];

    *op =
        (history_op){.client = client, .invoked = toy.moment - dice(250), .returned = toy.moment + dice(250)};
    return op;
}

static void destroy(uint32_t client)
{
    history_op *op = begin(client);

    op->kind = HISTORY_DESTROY;
    carry_out(op, !toy.present || !sins(HISTORY_KEEPS_DESTROYED));
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
        history_op *op = &toy.told->ops[toy.told->count - size + i];

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

    if (!was_present && sins(HISTORY_RESURRECTS)) {
        toy.present = true;
    }
    for (size_t i = 0; i < size; i++) {
        history_op *op = begin(client);

        choose(op);
        carry_out(op, true);
        changes += is_change(op);
        if (is_change(op) && applied && sins(HISTORY_APPLIES_TWICE)) {
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
            history_op *op = &toy.told->ops[toy.told->count - size + i];

            op->status = op->status == CORRAL_EUNCERTAIN ? op->status : CORRAL_ETIMEDOUT;
        }
        toy.value = old;
        toy.present = was_present;
    } else if (changes > 0) {
        stamp(size, !was_present);
        if (is_change(&toy.told->ops[toy.told->count - 1]) && sins(HISTORY_LOSES_UPDATE)) {
            toy.value = old;
        }
    }
}

/* An add that is carried out so many @times, and of which that @status is told. */
static void add_wrongly(uint32_t client, unsigned times, int status)
{
    history_op *op = begin(client);

    op->kind = HISTORY_ADD;
    op->argument = a_delta();
    for (unsigned i = 0; i < times; i++) {
        carry_out(op, true);
        stamp(1, false);
    }
    op->status = status;
}

static void tell_of_failures(uint32_t client)
{
    if (sins(HISTORY_APPLIES_FAILED)) {
        add_wrongly(client, 1, CORRAL_ETIMEDOUT);
    }
    if (sins(HISTORY_APPLIES_UNKNOWN_TWICE)) {
        add_wrongly(client, 2, CORRAL_EUNCERTAIN);
    }
}

void history_make(const history_recipe *r, unsigned seed, history_made *ret_made)
{
    memset(&toy, 0, sizeof toy);
    toy.r = *r;
    toy.told = ret_made;
    toy.seed = seed;
    toy.zxid = 100;
    toy.czxid = r->version == 0 ? 100 : 50;
    toy.mzxid = 100;
    toy.present = r->present_at_start;
    toy.value = r->present_at_start ? 5 : 0;
    toy.version = r->version;
    ret_made->count = 0;
    ret_made->sinned = false;
    ret_made->ends = (history_ends){.present_at_start = toy.present, .value_at_start = toy.value};
    for (unsigned t = 0; t < r->transactions; t++) {
        uint32_t client = dice(CLIENTS);
        unsigned what = dice(100);

        toy.moment += HISTORY_STEP;
        tell_of_failures(client);
        if (what < r->destroys) {
            destroy(client);
        } else if (what < r->destroys + r->reads) {
            read(client);
        } else {
            batch(client);
        }
    }
    ret_made->ends.present_at_end = toy.present;
    ret_made->ends.value_at_end = toy.value;
}

/* --- the judge --- */

void history_assert_found_out(const history_recipe *r, history_tampering tamper)
{
    static history_made made;
    unsigned tampered = 0, accepted = 0, refused = 0, first = 0;

    for (unsigned seed = 0; seed < HISTORY_SEEDS; seed++) {
        history_make(r, seed, &made);
        if (tamper != NULL ? !tamper(&made) : !made.sinned) {
            continue;
        }
        tampered++;
        const char *verdict = history_check(made.ops, made.count, &made.ends);

        first = verdict == NULL && accepted == 0 ? seed : first;
        accepted += verdict == NULL;
        refused += verdict != NULL && strncmp(verdict, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0;
    }
    if (accepted > 0) {
        printf("seed %u of %u ", first, tampered);
    }
    ASSERT_INT64(accepted, 0);
    ASSERT_INT64(refused, 0);
    CU_ASSERT(tampered >= HISTORY_SEEDS / 4);
}
