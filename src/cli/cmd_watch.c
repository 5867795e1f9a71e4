/**
 * `counter watch`: the value now, and at every change, until a signal comes or
 * nobody reads any more.
 *
 * The callback hands each state over to the main thread and waits until it is
 * written. So a reader that is slow makes the library skip what is outdated,
 * and a signal is heeded also while the output is stuck.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "session.h"

typedef struct {
    const cli_call *call;
    const char *path;
    corral_counter_options options;
    cli_session session;
    bool live;      /**< the value stays on one line of a terminal */
    bool line_open; /**< ... which has been begun */
    bool answered;  /**< there was a state */

    pthread_mutex_t mutex; /**< guards the rest */
    pthread_cond_t taken;
    corral_counter_event event;
    bool offered; /**< the callback waits for its event to be written */
    bool ending;  /**< ... in vain */
} watch_call;

/* ---- the callback's side ---- */

static void on_event(const corral_counter_event *event, void *arg)
{
    watch_call *w = arg;
    pthread_mutex_lock(&w->mutex);
    w->event = *event;
    w->offered = true;
    cli_session_wake(&w->session);
    while (w->offered && !w->ending) {
        pthread_cond_wait(&w->taken, &w->mutex);
    }
    pthread_mutex_unlock(&w->mutex);
}

static corral_counter_event offered_event(watch_call *w)
{
    pthread_mutex_lock(&w->mutex);
    corral_counter_event event = w->event;
    pthread_mutex_unlock(&w->mutex);
    return event;
}

static void take_event(watch_call *w, bool ending)
{
    pthread_mutex_lock(&w->mutex);
    w->offered = false;
    w->ending = ending;
    pthread_cond_signal(&w->taken);
    pthread_mutex_unlock(&w->mutex);
}

/* ---- output ---- */

static void print_json(const watch_call *w, const corral_counter_event *event)
{
    cli_json_begin();
    cli_json_string("path", w->path);
    cli_json_bool("exists", event->exists);
    if (event->exists) {
        cli_json_int64("value", event->value);
        cli_json_int64("czxid", event->stamp.czxid);
        cli_json_int64("mzxid", event->stamp.mzxid);
        cli_json_number("version", event->stamp.version);
        cli_json_number("index", event->stamp.index);
    }
    cli_json_int64("skipped", (int64_t)event->skipped);
    cli_json_end();
}

static void print_value(watch_call *w, const corral_counter_event *event)
{
    if (w->call->settings->json) {
        print_json(w, event);
        return;
    }
    if (w->live) {
        fputs("\r\033[K", stdout);
        w->line_open = true;
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

static void end_line(watch_call *w)
{
    struct pollfd terminal = {.fd = STDOUT_FILENO, .events = POLLOUT};
    /* Not on one that is stopped: it would stop us, too. */
    if (w->line_open && poll(&terminal, 1, 0) > 0) {
        putchar('\n');
        cli_flush_output();
    }
    w->line_open = false;
}

static void complain(watch_call *w, int status)
{
    static const char *const corrupt[] = {[CORRAL_ENCODING_DECIMAL] = "holds no decimal 64-bit number",
                                          [CORRAL_ENCODING_INT64_BE] = "holds no number of 8 bytes",
                                          [CORRAL_ENCODING_INT32_BE] = "holds no number of 4 bytes"};
    end_line(w);
    if (status == CORRAL_ECORRUPT) {
        cli_error("%s: %s; waiting for the next change", w->path, corrupt[w->options.encoding]);
    } else if (corral_client_state(w->session.client) == CORRAL_STATE_AUTH_FAILED) {
        cli_error("%s: the server refused the credentials", w->path);
    } else {
        cli_error("%s: %s; waiting for that to change", w->path, corral_strerror(status));
    }
}

/* ---- the end ---- */

/** Die of @number in the end, as who started us expects. */
static int end_by_signal(watch_call *w, int number)
{
    w->session.interrupted = number;
    return CLI_SIGNAL + number;
}

static int end_unwritten(watch_call *w)
{
    /* A reader that has seen enough is no error. Of others cli_finish_output() tells. */
    return errno == EPIPE ? end_by_signal(w, SIGPIPE) : CLI_OUTPUT;
}

static int end_unreached(watch_call *w)
{
    bool connecting = corral_client_state(w->session.client) == CORRAL_STATE_CONNECTING;
    w->session.unanswered = true;
    cli_error("%s: timed out: %s %s", w->path, connecting ? "cannot reach" : "no answer from",
              w->call->settings->servers);
    return CLI_UNREACHABLE;
}

/* ---- following ---- */

/** Write the event that is offered. Returns 0, or the exit status to end with. */
static int show_event(watch_call *w)
{
    corral_counter_event event = offered_event(w);
    bool refused = false;
    w->answered = true;
    if (event.status == CORRAL_OK) {
        print_value(w, &event);
    } else {
        complain(w, event.status);
        refused = corral_client_state(w->session.client) == CORRAL_STATE_AUTH_FAILED;
    }
    if (!cli_flush_output()) {
        return end_unwritten(w);
    }
    take_event(w, false);
    return refused ? CLI_REFUSED : 0;
}

/** How long poll() may wait: until the first answer, what is left until @deadline (-1: none). */
static int time_left(const watch_call *w, int64_t deadline)
{
    if (w->answered || deadline < 0) {
        return -1;
    }
    int64_t left = deadline - cli_now_ms();
    return left <= 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

/** Until something ends it. Returns the exit status. */
static int follow(watch_call *w)
{
    const cli_settings *settings = w->call->settings;
    int64_t deadline = settings->timeout_given ? cli_now_ms() + settings->timeout_ms : -1;
    bool offered = false;
    for (int status = 0; status == 0;) {
        struct pollfd waits[] = {{.fd = w->session.signal_fd, .events = POLLIN},
                                 {.fd = STDOUT_FILENO, .events = offered ? POLLOUT : 0},
                                 {.fd = w->session.done_fd, .events = offered ? 0 : POLLIN}};
        struct signalfd_siginfo info;
        eventfd_t count;
        int ready = poll(waits, 3, time_left(w, deadline));
        if (ready < 0) {
            continue;
        }
        if (ready == 0 && time_left(w, deadline) == 0) {
            return end_unreached(w);
        }
        if (waits[0].revents != 0 && read(waits[0].fd, &info, sizeof info) == (ssize_t)sizeof info) {
            return end_by_signal(w, (int)info.ssi_signo);
        }
        if ((waits[1].revents & (POLLERR | POLLHUP)) != 0) {
            return end_by_signal(w, SIGPIPE);
        }
        if (waits[2].revents != 0) {
            eventfd_read(waits[2].fd, &count);
            offered = true;
        } else if ((waits[1].revents & POLLOUT) != 0) {
            offered = false;
            status = show_event(w);
        }
        if (status != 0) {
            return status;
        }
    }
    return CLI_DONE;
}

static int subscribe(watch_call *w, corral_watch **ret_watch)
{
    corral_counter *counter = NULL;
    int status = corral_counter_open(w->session.client, w->path, &w->options, &counter);
    if (status == 0) {
        status = corral_counter_subscribe(counter, on_event, w, ret_watch);
    }
    corral_counter_close(counter);
    return cli_open_failed(w->path, status);
}

static int run_watch(const cli_call *call)
{
    watch_call w = {.call = call,
                    .path = call->operands[0],
                    .options = CORRAL_COUNTER_OPTIONS_INIT,
                    .mutex = PTHREAD_MUTEX_INITIALIZER,
                    .taken = PTHREAD_COND_INITIALIZER,
                    .live = !call->settings->json && isatty(STDOUT_FILENO)};
    corral_watch *watch = NULL;
    int status = cli_counter_options(call->options, &w.options);
    if (status == 0) {
        status = cli_session_open(&w.session, call->settings, NULL);
    }
    if (status != 0) {
        return status;
    }
    status = subscribe(&w, &watch);
    if (status == 0) {
        status = follow(&w);
        end_line(&w);
        take_event(&w, true);
    }
    corral_watch_close(watch);
    return cli_session_close(&w.session, status);
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

const cli_command cli_watch_commands[] = {
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
