/** `lock`: run a command while a lock is held. As flock(1) does, as far as a lock without a file can. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"
#include "output.h"

#define GRACE_MS 5000

/* ---- whose lock it is, for lock ls, too ---- */

static int read_naming(const char *naming, bool shared, corral_lock_options *ret_options)
{
    ret_options->mode = shared ? CORRAL_LOCK_READ : CORRAL_LOCK_WRITE;
    if (naming == NULL || strcmp(naming, "rw") == 0) {
        return 0;
    }
    if (strcmp(naming, "kazoo") == 0) {
        ret_options->naming = CORRAL_NAMING_KAZOO;
        return 0;
    }
    if (strcmp(naming, "mutex") != 0) {
        cli_error("--naming is rw, mutex or kazoo, not: %s", naming);
        return CLI_USAGE;
    }
    if (shared) {
        cli_error("--naming mutex is for exclusive locks only");
        return CLI_USAGE;
    }
    ret_options->mode = CORRAL_LOCK_MUTEX;
    return 0;
}

static int read_permits(const char *permits, corral_lock_options *ret_options)
{
    int64_t number;
    int status = cli_parse_int64("--permits", permits, &number);
    if (status == 0 && (number < 1 || number > UINT32_MAX)) {
        cli_error("--permits is from 1 to %" PRIu32 ", not: %s", UINT32_MAX, permits);
        status = CLI_USAGE;
    }
    if (status == 0) {
        ret_options->mode = CORRAL_LOCK_SEMAPHORE;
        ret_options->permits = (uint32_t)number;
    }
    return status;
}

int cli_lock_kind(const cli_option_set *given, corral_lock_options *ret_options)
{
    static const char *const others[] = {"shared", "exclusive", "naming"};
    const char *permits = cli_option_value(given, "permits");
    for (size_t i = 0; permits != NULL && i < sizeof others / sizeof *others; i++) {
        if (cli_option_value(given, others[i]) != NULL) {
            cli_error("--permits and --%s do not go together", others[i]);
            return CLI_USAGE;
        }
    }
    if (permits != NULL) {
        return read_permits(permits, ret_options);
    }
    return read_naming(cli_option_value(given, "naming"), cli_option_value(given, "shared") != NULL,
                       ret_options);
}

const char *cli_lock_conflict(const corral_lock_options *options)
{
    return options->permits > 0 ? "holds data, or another kind of lock, or has not as many permits"
                                : "holds data, or another kind of lock (see --naming, --permits)";
}

/* ---- the command line ---- */

static int read_numbers(lock_call *l)
{
    const cli_option_set *given = l->call->options;
    const char *wait = cli_option_value(given, "wait");
    const char *grace = cli_option_value(given, "grace");
    const char *busy = cli_option_value(given, "conflict-exit-code");
    int64_t number = CLI_NO;
    int status = 0;
    l->wait_ms = CORRAL_FOREVER;
    l->grace_ms = GRACE_MS;
    if (wait != NULL) {
        status = cli_parse_duration("--wait", wait, &l->wait_ms);
    }
    if (status == 0 && grace != NULL) {
        status = cli_parse_duration("--grace", grace, &l->grace_ms);
    }
    if (status == 0 && busy != NULL) {
        status = cli_parse_int64("--conflict-exit-code", busy, &number);
    }
    if (status == 0 && (number < 0 || number > 255)) {
        cli_error("--conflict-exit-code is from 0 to 255, not: %s", busy);
        status = CLI_USAGE;
    }
    if (cli_option_value(given, "nonblock") != NULL || cli_option_value(given, "nb") != NULL) {
        l->wait_ms = 0;
    }
    l->busy_status = (int)number;
    return status;
}

static bool is_command_option(const char *word)
{
    return strcmp(word, "-c") == 0 || strcmp(word, "--command") == 0;
}

/** What to run: `-c STRING`, which may stand before or after PATH, or COMMAND. */
static int read_command(lock_call *l)
{
    char **rest = l->call->rest;
    const char *string = cli_option_value(l->call->options, "command");
    if (string == NULL && *rest != NULL && !l->call->rest_literal && is_command_option(*rest)) {
        string = rest[1];
        rest += string != NULL ? 2 : 1;
        if (string == NULL) {
            cli_error("option -c needs a value: STRING");
            return CLI_USAGE;
        }
    }
    if (string == NULL && *rest == NULL) {
        cli_error("lock: no command");
        return CLI_USAGE;
    }
    if (string != NULL && *rest != NULL) {
        cli_error("lock: one argument too many beside -c: %.100s", *rest);
        return CLI_USAGE;
    }
    l->shell[0] = (char *)"/bin/sh";
    l->shell[1] = (char *)"-c";
    l->shell[2] = (char *)string;
    l->command = string != NULL ? l->shell : rest;
    return 0;
}

static int read_call(lock_call *l)
{
    int status = cli_lock_kind(l->call->options, &l->options);
    if (status == 0) {
        status = read_numbers(l);
    }
    if (status == 0) {
        status = read_command(l);
    }
    if (status == 0) {
        status = cli_read_label(l->call->options, l->label);
    }
    l->options.label = l->label;
    l->options.on_lost = lock_on_lost;
    l->options.on_lost_arg = l;
    return status;
}

static int run_lock(const cli_call *call)
{
    lock_call l = {.call = call, .path = call->operands[0], .options = CORRAL_LOCK_OPTIONS_INIT};
    int status = read_call(&l);
    if (status != 0) {
        return cli_wrapper_status(status);
    }
    cli_child_note_descriptors();
    status = lock_acquire(&l);
    if (status == 0 && l.grant != NULL) {
        status = lock_hold(&l);
    }
    return lock_close(&l, status);
}

/* clang-format off */
static const cli_option lock_options[] = {
    {.name = "shared", .letters = "s", .unsets = "exclusive", .help = "with others that are shared"},
    {.name = "exclusive", .letters = "xe", .unsets = "shared", .help = "with nobody else (default)"},
    {.name = "nonblock", .letters = "n", .help = "fail at once if it is busy (also --nb)"},
    {.name = "nb"},
    {.name = "wait", .letters = "w", .value = "SECONDS", .help = "fail if it is still busy then; 0: as -n"},
    {.name = "conflict-exit-code", .letters = "E", .value = "CODE", .help = "exit status if it is busy (1)"},
    {.name = "close", .letters = "o", .help = "accepted; there is no descriptor to close"},
    {.name = "command", .letters = "c", .value = "STRING", .help = "run /bin/sh -c STRING; also after PATH"},
    {.name = "permits", .value = "N", .help = "not a lock, but a semaphore: N may hold it"},
    {.name = "naming", .value = "rw|mutex|kazoo", .help = "whose lock it is (rw): Curator's two, or Kazoo's"},
    {.name = "label", .value = "TEXT", .help = "for lock ls (USER@HOST PID)"},
    {.name = "grace", .value = "SECONDS", .help = "from SIGTERM to SIGKILL if it is lost (5)"},
    {.name = NULL},
};

static const cli_option ls_options[] = {
    {.name = "permits", .value = "N", .help = "it is a semaphore, and N may hold it"},
    {.name = "naming", .value = "rw|mutex|kazoo", .help = "whose lock it is (rw)"},
    {.name = NULL},
};
/* clang-format on */

const cli_command cli_lock_commands[] = {
    {
        .name = "lock",
        .synopsis = "PATH [--] COMMAND [ARG...]",
        .summary = "run a command while a lock is held",
        .help = "Options and statuses are flock(1)'s where it has them. Waits for the lock, for\n"
                "ever by default; --timeout is for servers that cannot be reached. COMMAND has\n"
                "CORRAL_LOCK_PATH and CORRAL_LOCK_TOKEN, which grows from holder to holder, in its\n"
                "environment. Exits with its status, 128+n if signal n ended it; or with\n"
                "1 busy (see -E); 120 lock lost while held; 122 refused; 123 unreachable;\n"
                "125 usage; 126 not executable; 127 not found.\n",
        .options = lock_options,
        .min_operands = 1,
        .max_operands = 1,
        .wraps = true,
        .run = run_lock,
    },
    {
        .name = "lock ls",
        .synopsis = "PATH",
        .summary = "print who holds a lock and who waits",
        .help = "One contender a line, in their order: holds or waits; exclusive or shared; its\n"
                "token; its ZooKeeper session; its label. No line: nobody.\n",
        .options = ls_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = cli_lock_ls,
    },
    {.name = NULL},
};
