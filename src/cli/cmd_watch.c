/** `watch`: a znode's data or children now, and at every change. */
#include <stdio.h>

#include "child.h"
#include "cli.h"
#include "output.h"
#include "watch.h"

static const char *state_name(const watch_call *w, const corral_watch_event *event)
{
    if (event->status == CORRAL_EACCES) {
        return "denied";
    }
    if (event->status != CORRAL_OK) {
        return "error";
    }
    if (!event->exists) {
        return w->existed ? "deleted" : "absent";
    }
    return w->options.kind == CORRAL_WATCH_DATA ? "data" : "children";
}

static void on_event(const corral_watch_event *event, void *arg)
{
    watch_call *w = arg;
    const watch_state state = {.name = state_name(w, event), .event = event};
    if (!cli_follow_heard(&w->follower, event->status)) {
        return;
    }
    if (event->status == CORRAL_OK) {
        w->existed = event->exists;
    }
    if (w->command != NULL) {
        watch_run_command(w, &state);
        return;
    }
    if (w->follower.settings->json) {
        watch_print_json(w, &state);
    } else {
        watch_print_line(w, &state);
    }
    cli_follow_printed(&w->follower);
}

static int read_options(const cli_option_set *given, watch_call *w)
{
    bool children = cli_option_value(given, "children") != NULL;
    bool data = cli_option_value(given, "data") != NULL;
    w->command = cli_option_value(given, "exec");
    w->follower.silent = w->command != NULL;
    w->options.kind = !children ? CORRAL_WATCH_DATA
                      : !data   ? CORRAL_WATCH_CHILDREN
                                : CORRAL_WATCH_CHILDREN_DATA;
    if (data && !children) {
        cli_error("--data is for --children; without it, it is the data anyway");
        return CLI_USAGE;
    }
    return 0;
}

static int run_watch(const cli_call *call)
{
    watch_call w = {.follower = {.path = call->operands[0]}, .options = CORRAL_WATCH_OPTIONS_INIT};
    corral_watch *watch = NULL;
    int status = read_options(call->options, &w);
    if (status == 0) {
        cli_child_note_descriptors();
        status = cli_follow_open(&w.follower, call);
    }
    if (status != 0) {
        return status;
    }
    status = cli_open_failed(w.follower.path, corral_watch_open(w.follower.session.client, w.follower.path,
                                                                &w.options, on_event, &w, &watch));
    if (status == 0) {
        /* Nothing is changed, so a signal may end it at once, also in the midst of a long line. */
        sigprocmask(SIG_SETMASK, &w.follower.session.old_mask, NULL);
        status = cli_follow(&w.follower);
    }
    corral_watch_close(watch);
    return cli_session_close(&w.follower.session, status);
}

/* clang-format off */
static const cli_option watch_options[] = {
    {.name = "children", .help = "the names of its children, not its data"},
    {.name = "data", .help = "with --children: the data of each as well"},
    {.name = "exec", .value = "COMMAND", .help = "run /bin/sh -c COMMAND at each state, and print nothing"},
    {.name = NULL},
};
/* clang-format on */

const cli_command cli_watch_commands[] = {
    {
        .name = "watch",
        .synopsis = "PATH",
        .summary = "print the data of a znode now and at every change",
        .help = "A line is \"data MZXID VERSION SKIPPED DATA\", where SKIPPED counts the changes left\n"
                "out since the line before, and DATA is as printf %b takes it; or \"children MZXID\n"
                "VERSION SKIPPED NAME...\"; or begins with absent, deleted, denied or error. COMMAND\n"
                "reads the data, or the names, one a line, and has CORRAL_PATH, CORRAL_EVENT (the\n"
                "line's first word), CORRAL_MZXID, CORRAL_CZXID, CORRAL_VERSION, CORRAL_SKIPPED and\n"
                "CORRAL_ERROR in its environment; what changes meanwhile, it is run for afterwards,\n"
                "once. Runs until interrupted. --timeout is for the first answer only, and there is\n"
                "none by default.\n",
        .options = watch_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_watch,
    },
    {.name = NULL},
};
