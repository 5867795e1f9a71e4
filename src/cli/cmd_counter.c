/** The commands on counters. All but rm print the value that the counter then has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "operation.h"
#include "output.h"

/** One command: what it is asked, and what it works with. */
typedef struct {
    cli_operation operation;
    corral_counter_options options;
    int64_t numbers[2]; /**< DELTA; VALUE; or EXPECTED and NEW */
    corral_read level;
    corral_counter *counter;
    int64_t value; /**< how it ended */
} counter_call;

/* ---- from the operation to the exit status ---- */

static void on_value(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    counter_call *c = arg;
    c->value = value;
    cli_operation_end(&c->operation, status, stamp);
}

static int parse_encoding(const char *name, corral_encoding *ret_encoding)
{
    static const char *const names[] = {[CORRAL_ENCODING_DECIMAL] = "decimal",
                                        [CORRAL_ENCODING_INT64_BE] = "int64",
                                        [CORRAL_ENCODING_INT32_BE] = "int32"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_encoding = (corral_encoding)i;
            return 0;
        }
    }
    cli_error("--encoding is decimal, int64 or int32, not: %s", name);
    return CLI_USAGE;
}

int cli_counter_options(const cli_option_set *given, corral_counter_options *ret_options)
{
    const char *encoding = cli_option_value(given, "encoding");
    const char *min = cli_option_value(given, "min");
    const char *max = cli_option_value(given, "max");
    int status = encoding == NULL ? 0 : parse_encoding(encoding, &ret_options->encoding);
    if (status == 0 && min != NULL) {
        status = cli_parse_int64("--min", min, &ret_options->min);
    }
    if (status == 0 && max != NULL) {
        status = cli_parse_int64("--max", max, &ret_options->max);
    }
    if (status == 0 && ret_options->min > ret_options->max) {
        cli_error("--min %" PRId64 " is greater than --max %" PRId64, ret_options->min, ret_options->max);
        status = CLI_USAGE;
    }
    if (status == 0 && ret_options->encoding == CORRAL_ENCODING_INT32_BE &&
        ((min != NULL && (ret_options->min < INT32_MIN || ret_options->min > INT32_MAX)) ||
         (max != NULL && (ret_options->max < INT32_MIN || ret_options->max > INT32_MAX)))) {
        cli_error("--min and --max must be numbers of 32 bits with --encoding int32");
        status = CLI_USAGE;
    }
    if (cli_option_value(given, "at-most-once") != NULL) {
        ret_options->flags |= CORRAL_COUNTER_AT_MOST_ONCE;
    }
    return status;
}

int cli_read_level(const cli_option_set *given, corral_read *ret_level)
{
    static const char *const names[] = {[CORRAL_READ_LOCAL] = "local",
                                        [CORRAL_READ_SYNC] = "sync",
                                        [CORRAL_READ_LINEARIZABLE] = "linearizable"};
    const char *level = cli_option_value(given, "read");
    *ret_level = CORRAL_READ_LINEARIZABLE;
    for (size_t i = 0; level != NULL && i < sizeof names / sizeof *names; i++) {
        if (strcmp(level, names[i]) == 0) {
            *ret_level = (corral_read)i;
            return 0;
        }
    }
    if (level != NULL) {
        cli_error("--read is local, sync or linearizable, not: %s", level);
        return CLI_USAGE;
    }
    return 0;
}

static const char *explain(const cli_operation *o, int status)
{
    const counter_call *c = (const counter_call *)o;
    static const char *const corrupt[] = {
        [CORRAL_ENCODING_DECIMAL] = "holds no decimal 64-bit number; left as it is",
        [CORRAL_ENCODING_INT64_BE] = "holds no number of 8 bytes; left as it is",
        [CORRAL_ENCODING_INT32_BE] = "holds no number of 4 bytes; left as it is"};
    switch (status) {
    case CORRAL_ENOENT:
        return "no such counter";
    case CORRAL_ECORRUPT:
        return corrupt[c->options.encoding];
    case CORRAL_ERANGE:
        return c->options.min == INT64_MIN && c->options.max == INT64_MAX &&
                       c->options.encoding != CORRAL_ENCODING_INT32_BE
                   ? "the sum would leave the range of a signed 64-bit integer; left as it is"
                   : "the value would be out of bounds; left as it is";
    case CORRAL_EEXHAUSTED:
        return "other programs have used up its versions; left as it is";
    case CORRAL_ECONFLICT:
        return "has children; left as it is";
    default:
        return NULL;
    }
}

static int run_counter(counter_call *c)
{
    cli_operation *o = &c->operation;
    o->explain = explain;
    c->options = (corral_counter_options)CORRAL_COUNTER_OPTIONS_INIT;
    int status = cli_counter_options(o->call->options, &c->options);
    if (status == 0) {
        status = cli_session_open(&o->session, o->call->settings, NULL);
    }
    if (status != 0) {
        return status;
    }
    status =
        cli_open_failed(o->path, corral_counter_open(o->session.client, o->path, &c->options, &c->counter));
    if (status == 0) {
        status = cli_operation_run(o);
    }
    corral_counter_close(c->counter);
    return cli_session_close(&o->session, status);
}

/* ---- results ---- */

/** What get found or add made. */
static void print_value(const cli_operation *o)
{
    const counter_call *c = (const counter_call *)o;
    if (!o->call->settings->json) {
        printf("%" PRId64 "\n", c->value);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_int64("value", c->value);
    cli_json_stamp(&o->stamp);
    cli_json_end();
}

static void print_set(const cli_operation *o)
{
    const counter_call *c = (const counter_call *)o;
    if (!o->call->settings->json) {
        printf("%" PRId64 "\n", c->numbers[0]);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_int64("value", c->numbers[0]);
    cli_json_int64("previous", c->value);
    cli_json_stamp(&o->stamp);
    cli_json_end();
}

static void print_cas(const cli_operation *o)
{
    const counter_call *c = (const counter_call *)o;
    int64_t value = o->status == 0 ? c->numbers[1] : c->value;
    if (!o->call->settings->json) {
        printf("%" PRId64 "\n", value);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_bool("swapped", o->status == 0);
    cli_json_int64("value", value);
    if (o->status == 0) {
        cli_json_stamp(&o->stamp);
    }
    cli_json_end();
}

/* ---- the commands ---- */

static int submit_add(cli_operation *o, corral_op **ret_op)
{
    counter_call *c = (counter_call *)o;
    return corral_counter_add_async(c->counter, c->numbers[0], o->call->settings->timeout_ms, on_value, c,
                                    ret_op);
}

static int submit_get(cli_operation *o, corral_op **ret_op)
{
    counter_call *c = (counter_call *)o;
    return corral_counter_get_async(c->counter, c->level, o->call->settings->timeout_ms, on_value, c, ret_op);
}

static int submit_set(cli_operation *o, corral_op **ret_op)
{
    counter_call *c = (counter_call *)o;
    return corral_counter_set_async(c->counter, c->numbers[0], o->call->settings->timeout_ms, on_value, c,
                                    ret_op);
}

static int submit_cas(cli_operation *o, corral_op **ret_op)
{
    counter_call *c = (counter_call *)o;
    return corral_counter_compare_set_async(c->counter, c->numbers[0], c->numbers[1],
                                            o->call->settings->timeout_ms, on_value, c, ret_op);
}

static int submit_rm(cli_operation *o, corral_op **ret_op)
{
    counter_call *c = (counter_call *)o;
    return corral_counter_destroy_async(c->counter, o->call->settings->timeout_ms, cli_operation_on_status, o,
                                        ret_op);
}

static int run_add(const cli_call *call)
{
    counter_call c = {
        .operation = {.call = call, .path = call->operands[0], .submit = submit_add, .print = print_value}};
    c.numbers[0] = 1;
    int status = call->operand_count > 1 ? cli_parse_int64("DELTA", call->operands[1], &c.numbers[0]) : 0;
    return status != 0 ? status : run_counter(&c);
}

static int run_get(const cli_call *call)
{
    counter_call c = {
        .operation = {.call = call, .path = call->operands[0], .submit = submit_get, .print = print_value}};
    int status = cli_read_level(call->options, &c.level);
    return status != 0 ? status : run_counter(&c);
}

static int run_set(const cli_call *call)
{
    counter_call c = {
        .operation = {.call = call, .path = call->operands[0], .submit = submit_set, .print = print_set}};
    int status = cli_parse_int64("VALUE", call->operands[1], &c.numbers[0]);
    return status != 0 ? status : run_counter(&c);
}

static int run_cas(const cli_call *call)
{
    counter_call c = {.operation = {.call = call,
                                    .path = call->operands[0],
                                    .submit = submit_cas,
                                    .print = print_cas,
                                    .conflict_is_answer = true}};
    int status = cli_parse_int64("EXPECTED", call->operands[1], &c.numbers[0]);
    if (status == 0) {
        status = cli_parse_int64("NEW", call->operands[2], &c.numbers[1]);
    }
    return status != 0 ? status : run_counter(&c);
}

static int run_rm(const cli_call *call)
{
    counter_call c = {.operation = {.call = call,
                                    .path = call->operands[0],
                                    .submit = submit_rm,
                                    .print = cli_operation_print_removed}};
    return run_counter(&c);
}

/* clang-format off */
static const cli_option write_options[] = {
    {.name = "encoding", .value = "FORM", .help = "decimal (default), int64 or int32"},
    {.name = "min", .value = "NUMBER", .help = "the least value to allow"},
    {.name = "max", .value = "NUMBER", .help = "the greatest value to allow"},
    {.name = "at-most-once", .help = "do not resolve a lost reply: exit 5"},
    {.name = NULL},
};

/* What changes nothing here is accepted, so a script may pass the same options to every command. */
static const cli_option get_options[] = {
    {.name = "read", .value = "LEVEL", .help = "local, sync or linearizable (default)"},
    {.name = "encoding", .value = "FORM", .help = "decimal (default), int64 or int32"},
    {.name = "min", .value = "NUMBER", .help = "accepted; what is there is told"},
    {.name = "max", .value = "NUMBER", .help = "accepted; what is there is told"},
    {.name = "at-most-once", .help = "accepted; a read has no doubtful outcome"},
    {.name = NULL},
};
/* clang-format on */

const cli_command cli_counter_commands[] = {
    {
        .name = "counter add",
        .synopsis = "PATH [DELTA]",
        .summary = "add DELTA (default 1) and print the sum",
        .help = "A counter that does not exist is made, with its parents, and starts at 0.\n"
                "DELTA may be negative. A sum beyond 64 bits is refused.\n",
        .options = write_options,
        .min_operands = 1,
        .max_operands = 2,
        .run = run_add,
    },
    {
        .name = "counter get",
        .synopsis = "PATH",
        .summary = "print the value",
        .help = "Exits with 1 if there is no such counter.\n",
        .options = get_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_get,
    },
    {
        .name = "counter set",
        .synopsis = "PATH VALUE",
        .summary = "set the value and print it",
        .help = "A counter that does not exist is made, with its parents. With --json the\n"
                "value before is told too.\n",
        .options = write_options,
        .min_operands = 2,
        .max_operands = 2,
        .run = run_set,
    },
    {
        .name = "counter cas",
        .synopsis = "PATH EXPECTED NEW",
        .summary = "set NEW if the value is EXPECTED",
        .help = "Prints the value that the counter then has: NEW, or with exit status 1 the\n"
                "value that is not EXPECTED. Exits with 1 as well if there is no such counter.\n",
        .options = write_options,
        .min_operands = 3,
        .max_operands = 3,
        .run = run_cas,
    },
    {
        .name = "counter rm",
        .synopsis = "PATH",
        .summary = "delete the counter",
        .help = "Exits with 1 if there is no such counter.\n",
        .options = write_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_rm,
    },
    {.name = NULL},
};
