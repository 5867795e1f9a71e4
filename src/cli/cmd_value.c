/** The commands on values: plain bytes, exactly as they are in the znode. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "operation.h"
#include "output.h"

/** One command: what it is asked, and what it works with. */
typedef struct {
    cli_operation operation;
    corral_read level;
    corral_stamp expected; /**< of cas; mzxid 0: there is to be no znode */
    corral_value *value;
    char *data; /**< what to set, or what was got */
    size_t length;
} value_call;

/* ---- what to set ---- */

/** One byte more than can be is enough to be refused. */
static int read_input(value_call *v)
{
    const size_t most = CORRAL_VALUE_MAX + 1;
    ssize_t got = 1;
    v->data = malloc(most);
    if (v->data == NULL) {
        cli_error("out of memory");
        return CLI_UNREACHABLE;
    }
    while (got > 0 && v->length < most) {
        got = read(STDIN_FILENO, v->data + v->length, most - v->length);
        v->length += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        cli_error("cannot read standard input: %s", strerror(errno));
        free(v->data);
        return CLI_USAGE;
    }
    return 0;
}

/** VALUE itself, or, if that is "-", what standard input has. */
static int read_value(value_call *v, const char *text)
{
    if (strcmp(text, "-") == 0) {
        return read_input(v);
    }
    v->length = strlen(text);
    v->data = strdup(text);
    if (v->data == NULL) {
        cli_error("out of memory");
        return CLI_UNREACHABLE;
    }
    return 0;
}

/* ---- from the operation to the exit status ---- */

static void on_data(int status, const void *data, size_t length, const corral_stamp *stamp, void *arg)
{
    value_call *v = arg;
    v->length = length;
    v->data = malloc(length + 1);
    if (v->data == NULL) {
        status = CORRAL_ENOMEM;
    } else if (length > 0) {
        memcpy(v->data, data, length);
    }
    cli_operation_end(&v->operation, status, stamp);
}

static const char *explain(const cli_operation *o, int status)
{
    (void)o;
    switch (status) {
    case CORRAL_ENOENT:
        return "no such value";
    case CORRAL_ERANGE:
        return "the value would have more than 1024000 bytes; left as it is";
    case CORRAL_EEXHAUSTED:
        return "other programs have used up its versions; left as it is";
    case CORRAL_ECONFLICT:
        return "has children; left as it is";
    default:
        return NULL;
    }
}
_Static_assert(CORRAL_VALUE_MAX == 1024000, "explain() says so");

static int run_value(value_call *v)
{
    cli_operation *o = &v->operation;
    o->explain = explain;
    int status = cli_session_open(&o->session, o->call->settings, NULL);
    if (status != 0) {
        free(v->data);
        return status;
    }
    status = cli_open_failed(o->path, corral_value_open(o->session.client, o->path, NULL, &v->value));
    if (status == 0) {
        status = cli_operation_run(o);
    }
    corral_value_close(v->value);
    free(v->data);
    return cli_session_close(&o->session, status);
}

/* ---- results ---- */

static void print_get(const cli_operation *o)
{
    const value_call *v = (const value_call *)o;
    /* Nothing was changed, and who reads a long value may take his time: a signal may end it now. */
    sigprocmask(SIG_SETMASK, &o->session.old_mask, NULL);
    if (!o->call->settings->json) {
        if (cli_option_value(o->call->options, "mzxid") != NULL) {
            printf("%" PRId64 "\n", o->stamp.mzxid);
        }
        cli_write_output(v->data, v->length);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_data(v->data, v->length);
    cli_json_stamp(&o->stamp);
    cli_json_end();
}

static void print_set(const cli_operation *o)
{
    if (!o->call->settings->json) {
        printf("%" PRId64 "\n", o->stamp.mzxid);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_stamp(&o->stamp);
    cli_json_end();
}

static void print_cas(const cli_operation *o)
{
    if (!o->call->settings->json) {
        printf("%" PRId64 "\n", o->stamp.mzxid);
        return;
    }
    cli_json_begin();
    cli_json_string("path", o->path);
    cli_json_bool("swapped", o->status == 0);
    cli_json_stamp(&o->stamp);
    cli_json_end();
}

/* ---- the commands ---- */

static int submit_get(cli_operation *o, corral_op **ret_op)
{
    value_call *v = (value_call *)o;
    return corral_value_get_async(v->value, v->level, o->call->settings->timeout_ms, on_data, v, ret_op);
}

static int submit_set(cli_operation *o, corral_op **ret_op)
{
    value_call *v = (value_call *)o;
    return corral_value_set_async(v->value, v->data, v->length, o->call->settings->timeout_ms,
                                  cli_operation_on_stamp, o, ret_op);
}

static int submit_cas(cli_operation *o, corral_op **ret_op)
{
    value_call *v = (value_call *)o;
    return corral_value_compare_set_async(v->value, v->expected.mzxid > 0 ? &v->expected : NULL, v->data,
                                          v->length, o->call->settings->timeout_ms, cli_operation_on_stamp, o,
                                          ret_op);
}

static int submit_rm(cli_operation *o, corral_op **ret_op)
{
    value_call *v = (value_call *)o;
    return corral_value_destroy_async(v->value, o->call->settings->timeout_ms, cli_operation_on_status, o,
                                      ret_op);
}

static int run_get(const cli_call *call)
{
    value_call v = {
        .operation = {.call = call, .path = call->operands[0], .submit = submit_get, .print = print_get}};
    int status = cli_read_level(call->options, &v.level);
    return status != 0 ? status : run_value(&v);
}

static int run_set(const cli_call *call)
{
    value_call v = {
        .operation = {.call = call, .path = call->operands[0], .submit = submit_set, .print = print_set}};
    int status = read_value(&v, call->operands[1]);
    return status != 0 ? status : run_value(&v);
}

static int run_cas(const cli_call *call)
{
    value_call v = {.operation = {.call = call,
                                  .path = call->operands[0],
                                  .submit = submit_cas,
                                  .print = print_cas,
                                  .conflict_is_answer = true}};
    int status = cli_parse_int64("MZXID", call->operands[1], &v.expected.mzxid);
    if (status == 0 && v.expected.mzxid < 0) {
        cli_error("MZXID is that of a change, or 0: %s", call->operands[1]);
        status = CLI_USAGE;
    }
    if (status == 0) {
        status = read_value(&v, call->operands[2]);
    }
    return status != 0 ? status : run_value(&v);
}

static int run_rm(const cli_call *call)
{
    value_call v = {.operation = {.call = call,
                                  .path = call->operands[0],
                                  .submit = submit_rm,
                                  .print = cli_operation_print_removed}};
    return run_value(&v);
}

/* clang-format off */
static const cli_option get_options[] = {
    {.name = "read", .value = "LEVEL", .help = "local, sync or linearizable (default)"},
    {.name = "mzxid", .help = "before the value print its MZXID, on a line of its own"},
    {.name = NULL},
};

static const cli_option no_options[] = {{.name = NULL}};
/* clang-format on */

const cli_command cli_value_commands[] = {
    {
        .name = "value get",
        .synopsis = "PATH",
        .summary = "print the bytes of a znode",
        .help = "As they are: nothing is added, also no newline. Exits with 1 if there is no such\n"
                "value.\n",
        .options = get_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_get,
    },
    {
        .name = "value set",
        .synopsis = "PATH VALUE|-",
        .summary = "set them, and print the MZXID",
        .help = "A value that does not exist is made, with its parents. It is VALUE as it is, or\n"
                "with - what standard input has, up to 1024000 bytes. The MZXID is the number of\n"
                "the change, for cas.\n",
        .options = no_options,
        .min_operands = 2,
        .max_operands = 2,
        .run = run_set,
    },
    {
        .name = "value cas",
        .synopsis = "PATH MZXID VALUE|-",
        .summary = "set them if change MZXID was the last",
        .help = "MZXID 0: if there is no such value. Prints the MZXID of the change, or with exit\n"
                "status 1 that of another one that was the last. Exits with 1 as well if there is no\n"
                "such value.\n",
        .options = no_options,
        .min_operands = 3,
        .max_operands = 3,
        .run = run_cas,
    },
    {
        .name = "value rm",
        .synopsis = "PATH",
        .summary = "delete the znode",
        .help = "Whatever its value is. Exits with 1 if there is no such value.\n",
        .options = no_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_rm,
    },
    {.name = NULL},
};
