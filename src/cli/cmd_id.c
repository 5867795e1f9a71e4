/**
 * `id next`: IDs, as many as are wanted, one a line.
 *
 * They are asked for in portions: the first one alone, so that it is there at once, then as many as come in
 * a moment. While one is awaited signals are held back; while one is written they have their usual effect,
 * since nothing is under way then and a reader may take its time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "output.h"
#include "session.h"

#define COUNT_MAX INT64_C(1000000000000000000)

/** Of those who have all workers' numbers so many are named, with so much of their labels. */
enum { HOLDERS_NAMED = 4, LABEL_SHOWN = 100 };

/** A portion that comes within BRIEF_MS is followed by a greater one, after LONG_MS by a smaller one. */
enum { PORTION_MAX = 262144, PORTION_GROWTH = 8, BRIEF_MS = 10, LONG_MS = 100 };

typedef struct {
    const cli_call *call;
    const char *path;
    corral_ids_options options;
    char label[CLI_LABEL_MAX + 1];
    bool text;

    cli_session session;
    corral_ids *ids;
    uint64_t left;     /**< how many are to come */
    size_t portion;    /**< how many to ask for */
    uint64_t *numbers; /**< those that have come */
    int status;        /**< ... or why not */
    bool begun;        /**< some have been printed */
    bool unread;       /**< nobody reads what we print */
    cli_id_printer printer;
} next_call;

/* ---- the command line ---- */

static int parse_kind(const char *name, corral_ids_kind *ret_kind)
{
    static const char *const names[] = {[CORRAL_IDS_BLOCK] = "block",
                                        [CORRAL_IDS_SEQUENCE] = "sequence",
                                        [CORRAL_IDS_ZNODE] = "znode",
                                        [CORRAL_IDS_SNOWFLAKE] = "snowflake"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_kind = (corral_ids_kind)i;
            return 0;
        }
    }
    cli_error("--kind is znode, sequence, block or snowflake, not: %s", name);
    return CLI_USAGE;
}

static int read_count(next_call *n)
{
    const char *text = cli_option_value(n->call->options, "count");
    int64_t count = 1;
    int status = text == NULL ? 0 : cli_parse_int64("-n", text, &count);
    if (status == 0 && (count < 1 || count > COUNT_MAX)) {
        cli_error("-n is from 1 to %" PRId64 ", not: %s", COUNT_MAX, text);
        status = CLI_USAGE;
    }
    n->left = (uint64_t)count;
    return status;
}

/**
 * How many to lease at a time: all of them, and beyond what one lease should have equal parts of them, so
 * that few are left over.
 */
static uint64_t lease_size(uint64_t count)
{
    uint64_t leases = (count + CORRAL_IDS_MANY_MAX - 1) / CORRAL_IDS_MANY_MAX;
    return (count + leases - 1) / leases;
}

static int read_call(next_call *n)
{
    const cli_option_set *given = n->call->options;
    const char *kind = cli_option_value(given, "kind");
    bool layout = false;
    int status = read_count(n);
    n->options.kind = CORRAL_IDS_STORED;
    if (status == 0 && kind != NULL) {
        status = parse_kind(kind, &n->options.kind);
    }
    if (status == 0) {
        status = cli_id_layout(given, &n->options, &layout);
    }
    if (status == 0 && layout && n->options.kind != CORRAL_IDS_SNOWFLAKE) {
        cli_error("--epoch, --worker-bits and --sequence-bits are for --kind snowflake only");
        status = CLI_USAGE;
    }
    if (status == 0) {
        status = cli_read_label(given, n->label);
    }
    if (status == 0) {
        n->options.label = n->label;
        n->options.block_size = lease_size(n->left);
        n->text = cli_option_value(given, "text") != NULL;
    }
    return status;
}

/* ---- what went wrong ---- */

int cli_id_open(corral_client *client, const char *path, const corral_ids_options *options,
                corral_ids **ret_ids)
{
    return cli_open_failed(path, corral_ids_open(client, path, options, ret_ids));
}

/** Into @text, which has room for @size bytes: who has the workers' numbers, as far as that is room for. */
static void name_holders(const next_call *n, char *text, size_t size)
{
    corral_ids_worker *workers = NULL;
    size_t count = 0;
    int used = snprintf(text, size, "the numbers of all %" PRIu64 " workers are taken",
                        UINT64_C(1) << n->options.worker_bits);
    if (corral_ids_workers(n->ids, n->call->settings->timeout_ms, &workers, &count) != 0) {
        return;
    }
    for (size_t i = 0; i < count && i < HOLDERS_NAMED; i++) {
        used += snprintf(text + used, size - (size_t)used, "%s%.*s", i == 0 ? ", by: " : ", ", LABEL_SHOWN,
                         workers[i].label);
    }
    if (count > HOLDERS_NAMED) {
        snprintf(text + used, size - (size_t)used, " and %zu more", count - HOLDERS_NAMED);
    }
    corral_ids_workers_free(workers);
}

static const char *explain(const next_call *n, char *buffer, size_t size)
{
    switch (n->status) {
    case CORRAL_ECONFLICT:
        return "is a generator of another kind, or with another layout; left as it is";
    case CORRAL_ECORRUPT:
        return n->begun ? "the generator was deleted, made anew or overwritten"
                        : "holds no ID generator; left as it is";
    case CORRAL_EEXHAUSTED:
        return "there are no numbers left";
    case CORRAL_EBUSY:
        name_holders(n, buffer, size);
        return buffer;
    default:
        return NULL;
    }
}

static int report(next_call *n, const corral_op *op)
{
    char buffer[128 + HOLDERS_NAMED * (LABEL_SHOWN + 2)];
    if (n->status == CORRAL_EBUSY) {
        /* It is known, so this waits for nobody. */
        corral_ids_info(n->ids, 0, &n->options);
    }
    return cli_session_report_repeatable(&n->session, op, n->path, explain(n, buffer, sizeof buffer));
}

/* ---- asking and printing ---- */

static void on_ids(int status, const uint64_t *ids, size_t count, void *arg)
{
    next_call *n = arg;
    n->status = status;
    if (status == 0) {
        memcpy(n->numbers, ids, count * sizeof *ids);
    }
    cli_session_wake(&n->session);
}

/** Ask for @count IDs. Returns 0, or an exit status that has been reported. */
static int ask(next_call *n, size_t count)
{
    corral_op *op;
    int exit_status = CLI_DONE;
    int status = corral_ids_next_many_async(n->ids, count, n->call->settings->timeout_ms, on_ids, n, &op);
    if (status != 0) {
        cli_error("%s: %s", n->path, corral_strerror(status));
        return cli_exit_status(status);
    }
    cli_session_wait(&n->session, op);
    if (n->status != 0) {
        exit_status = report(n, op);
    }
    corral_op_unref(op);
    return exit_status;
}

static bool print_json(const next_call *n, size_t count)
{
    for (size_t i = 0; i < count && !ferror(stdout); i++) {
        char text[CORRAL_ID_TEXT_SIZE];
        corral_id_format(n->numbers[i], text);
        cli_json_begin();
        cli_json_string("path", n->path);
        cli_json_int64("id", (int64_t)n->numbers[i]);
        cli_json_string("text", text);
        cli_json_end();
    }
    return cli_flush_output();
}

static int print(next_call *n, size_t count)
{
    sigprocmask(SIG_SETMASK, &n->session.old_mask, NULL);
    bool written = n->call->settings->json ? print_json(n, count)
                                           : cli_id_print(&n->printer, n->numbers, count, n->text);
    n->unread = !written && errno == EPIPE;
    sigprocmask(SIG_BLOCK, &n->session.signals, NULL);
    n->begun = true;
    return written ? CLI_DONE : CLI_OUTPUT;
}

static void adapt_portion(next_call *n, int64_t took_ms)
{
    if (took_ms > LONG_MS) {
        n->portion = n->portion > PORTION_GROWTH ? n->portion / PORTION_GROWTH : 1;
    } else if (took_ms < BRIEF_MS) {
        n->portion = n->portion < PORTION_MAX / PORTION_GROWTH ? n->portion * PORTION_GROWTH : PORTION_MAX;
    }
}

static int stream(next_call *n)
{
    int status = CLI_DONE;
    for (n->portion = 1; status == 0 && n->left > 0;) {
        size_t count = n->left < n->portion ? (size_t)n->left : n->portion;
        int64_t began = cli_now_ms();
        status = ask(n, count);
        adapt_portion(n, cli_now_ms() - began);
        if (status == 0) {
            status = print(n, count);
            n->left -= count;
        }
    }
    return status;
}

/** A reader that has seen enough is no error, but its end is ours. First what the handle has is given back.
 */
static int end_unread(next_call *n)
{
    sigprocmask(SIG_SETMASK, &n->session.old_mask, NULL);
    corral_client_close(n->session.client);
    n->session.interrupted = SIGPIPE;
    return CLI_SIGNAL + SIGPIPE;
}

static int stream_from_session(next_call *n)
{
    int status = cli_session_open(&n->session, n->call->settings, NULL);
    if (status != 0) {
        return status;
    }
    status = cli_id_open(n->session.client, n->path, &n->options, &n->ids);
    if (status == 0) {
        status = stream(n);
    }
    corral_ids_close(n->ids);
    if (n->unread) {
        status = end_unread(n);
    }
    return cli_session_close(&n->session, status);
}

static int run_next(const cli_call *call)
{
    next_call n = {.call = call, .path = call->operands[0], .options = CORRAL_IDS_OPTIONS_INIT};
    int status = read_call(&n);
    if (status != 0) {
        return status;
    }
    cli_id_printer_init(&n.printer);
    n.numbers = calloc(n.left < PORTION_MAX ? (size_t)n.left : PORTION_MAX, sizeof *n.numbers);
    if (n.numbers == NULL) {
        cli_error("out of memory");
        return CLI_UNREACHABLE;
    }
    status = stream_from_session(&n);
    free(n.numbers);
    return status;
}

/* ---- the commands ---- */

/* clang-format off */
static const cli_option next_options[] = {
    {.name = "count", .letters = "n", .value = "N", .help = "how many (1); at most 10^18"},
    {.name = "kind", .value = "KIND", .help = "znode, sequence, block or snowflake (PATH's own; sequence)"},
    {.name = "text", .help = "13 characters that sort as the numbers do"},
    {.name = "epoch", .value = "MS", .help = "snowflake: what its time is counted from (1704067200000)"},
    {.name = "worker-bits", .value = "N", .help = "snowflake: 2^N workers at a time (10)"},
    {.name = "sequence-bits", .value = "N", .help = "snowflake: 2^N IDs in a ms (12)"},
    {.name = "label", .value = "TEXT", .help = "snowflake: who we are (USER@HOST PID)"},
    {.name = NULL},
};

static const cli_option decode_options[] = {
    {.name = "path", .value = "PATH", .help = "the generator, to ask for its layout"},
    {.name = "text", .help = "each ID is 13 characters of text, also if all are digits"},
    {.name = "epoch", .value = "MS", .help = "what the time is counted from (1704067200000)"},
    {.name = "worker-bits", .value = "N", .help = "how many bits the worker has (10)"},
    {.name = "sequence-bits", .value = "N", .help = "how many bits the sequence has (12)"},
    {.name = NULL},
};
/* clang-format on */

const cli_command cli_id_commands[] = {
    {
        .name = "id next",
        .synopsis = "PATH",
        .summary = "print IDs that nobody else gets",
        .help = "One a line, each written at once or with those that come with it. A generator\n"
                "that does not exist is made, with its parents. block leases as many as are\n"
                "wanted, by the million. --timeout is for each wait, not for all of them.\n"
                "After exit status 3 some IDs may be wasted; none was given out twice.\n",
        .options = next_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_next,
    },
    {
        .name = "id decode",
        .synopsis = "ID...",
        .summary = "take snowflake IDs apart",
        .help = "Prints of each ID the number, the text, and the time (UTC), the worker and the\n"
                "sequence that it is made of. No server is asked, but for --path; then IDs of\n"
                "another kind are printed as number and text only.\n",
        .options = decode_options,
        .min_operands = 1,
        .max_operands = INT32_MAX,
        .run = cli_id_decode,
    },
    {.name = NULL},
};
