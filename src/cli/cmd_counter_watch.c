/**
 * `counter watch`: the value now, and at every change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "follow.h"
#include "output.h"

typedef struct {
    cli_follower follower;
    corral_counter_options options;
    bool live; /**< the value stays on one line of a terminal */
} counter_watch;

static void print_json(const counter_watch *w, const corral_counter_event *event)
{
    cli_json_begin();
    cli_json_string("path", w->follower.path);
    cli_json_bool("exists", event->exists);
    if (event->exists) {
        cli_json_int64("value", event->value);
        cli_json_stamp(&event->stamp);
    }
    cli_json_int64("skipped", (int64_t)event->skipped);
    cli_json_end();
}

static void print_value(counter_watch *w, const corral_counter_event *event)
{
    if (w->follower.settings->json) {
        print_json(w, event);
        return;
    }
    if (w->live) {
        fputs("\r\033[K", stdout);
        w->follower.line_open = true;
    }
    if (event->exists) {
        printf("%" PRId64, event->value);
    } else {
        putchar('-');
    }
    if (!w->live) {
        putchar('\n');
    }
}

static void complain(counter_watch *w, int status)
{
    static const char *const corrupt[] = {[CORRAL_ENCODING_DECIMAL] = "holds no decimal 64-bit number",
                                          [CORRAL_ENCODING_INT64_BE] = "holds no number of 8 bytes",
                                          [CORRAL_ENCODING_INT32_BE] = "holds no number of 4 bytes"};
    cli_follow_end_line(&w->follower);
    if (status == CORRAL_ECORRUPT) {
        cli_error("%s: %s; waiting for the next change", w->follower.path, corrupt[w->options.encoding]);
    } else {
        cli_error("%s: %s; waiting for that to change", w->follower.path, corral_strerror(status));
    }
}

static void on_event(const corral_counter_event *event, void *arg)
{
    counter_watch *w = arg;
    if (!cli_follow_heard(&w->follower, event->status)) {
        return;
    }
    if (event->status == CORRAL_OK) {
        print_value(w, event);
        cli_follow_printed(&w->follower);
    } else {
        complain(w, event->status);
    }
}

static int subscribe(counter_watch *w, corral_watch **ret_watch)
{
    corral_counter *counter = NULL;
    int status = corral_counter_open(w->follower.session.client, w->follower.path, &w->options, &counter);
    if (status == 0) {
        status = corral_counter_subscribe(counter, on_event, w, ret_watch);
    }
    corral_counter_close(counter);
    return cli_open_failed(w->follower.path, status);
}

static int run_watch(const cli_call *call)
{
    counter_watch w = {.follower = {.path = call->operands[0]},
                       .options = CORRAL_COUNTER_OPTIONS_INIT,
                       .live = !call->settings->json && isatty(STDOUT_FILENO)};
    corral_watch *watch = NULL;
    int status = cli_counter_options(call->options, &w.options);
    if (status == 0) {
        status = cli_follow_open(&w.follower, call);
    }
    if (status != 0) {
        return status;
    }
    status = subscribe(&w, &watch);
    if (status == 0) {
        status = cli_follow(&w.follower);
        cli_follow_end_line(&w.follower);
    }
    corral_watch_close(watch);
    return cli_session_close(&w.follower.session, status);
}

/* clang-format off */
/* What changes nothing here is accepted, so a script may pass the same options to every command. */
static const cli_option watch_options[] = {
    {.name = "encoding", .value = "FORM", .help = "decimal (default), int64 or int32"},
    {.name = "min", .value = "NUMBER", .help = "accepted; what is there is told"},
    {.name = "max", .value = "NUMBER", .help = "accepted; what is there is told"},
    {.name = "at-most-once", .help = "accepted; watching has no doubtful outcome"},
    {.name = NULL},
};
/* clang-format on */

const cli_command cli_counter_watch_commands[] = {
    {
        .name = "counter watch",
        .synopsis = "PATH",
        .summary = "print the value now and at every change",
        .help = "One value a line; - while there is no such counter. On a terminal one line is\n"
                "kept up to date. Values that follow each other too fast are left out, but for the\n"
                "last. Runs until interrupted. --timeout is for the first answer only, and there is\n"
                "none by default.\n",
        .options = watch_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_watch,
    },
    {.name = NULL},
};
