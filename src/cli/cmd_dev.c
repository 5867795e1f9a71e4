/** `corral dev`: a throw-away ensemble, by itself or around a command. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "devserver.h"
#include "output.h"
#include "session.h"

typedef struct {
    dev_ensemble *ensemble;
    sigset_t signals; /**< those taken with sigwaitinfo(): terminations and SIGCHLD */
    sigset_t terminations;
    sigset_t old_mask;
    pid_t command; /**< 0: none */
} dev_run;

/** Has somebody asked us to end? For dev_start(), while the signals are held back. */
static bool termination_pending(void *arg)
{
    dev_run *run = arg;
    sigset_t pending;
    sigset_t asked;
    sigpending(&pending);
    return sigandset(&asked, &pending, &run->terminations) == 0 && !sigisemptyset(&asked);
}

static void hold_signals(dev_run *run)
{
    cli_termination_signals(&run->terminations);
    run->signals = run->terminations;
    sigaddset(&run->signals, SIGCHLD);
    /* Inherited as ignored, SIGCHLD would never come and children could not be waited for. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &run->signals, &run->old_mask);
}

/** In the child. */
static void become_command(const dev_run *run, char **argv) __attribute__((noreturn));

static void become_command(const dev_run *run, char **argv)
{
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
    execvp(argv[0], argv);
    int failure = errno;
    cli_error("%s: %s", argv[0], strerror(failure));
    _exit(failure == ENOENT || failure == ENOTDIR ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE);
}

static int start_command(dev_run *run, char **argv)
{
    if (setenv("CORRAL_SERVERS", dev_connect_string(run->ensemble), 1) != 0) {
        cli_error("out of memory");
        return CLI_REFUSED;
    }
    run->command = fork();
    if (run->command == 0) {
        become_command(run, argv);
    }
    if (run->command < 0) {
        cli_error("fork: %s", strerror(errno));
        return CLI_REFUSED;
    }
    return 0;
}

/** Has the command ended? Then *ret_exit is our exit status. */
static bool command_ended(const dev_run *run, int *ret_exit)
{
    int status;
    if (run->command == 0 || waitpid(run->command, &status, WNOHANG) != run->command) {
        return false;
    }
    *ret_exit = WIFSIGNALED(status) ? CLI_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

/** Report servers that ended by themselves. False: none is left. */
static bool servers_left(dev_run *run)
{
    char error[1024];
    while (dev_ended(run->ensemble, error, sizeof error) >= 0) {
        cli_error("%s", error);
    }
    for (int n = 0; n < dev_nodes(run->ensemble); n++) {
        if (dev_alive(run->ensemble, n)) {
            return true;
        }
    }
    return false;
}

/** Wait for the end of the command, or without one for a signal. Returns the exit status. */
static int serve(dev_run *run)
{
    for (;;) {
        siginfo_t info;
        int status;
        int number = sigwaitinfo(&run->signals, &info);
        if (command_ended(run, &status)) {
            return status;
        }
        bool left = servers_left(run);
        if (run->command == 0 && !left) {
            return CLI_REFUSED;
        }
        if (number < 0 || number == SIGCHLD) {
            continue;
        }
        if (run->command == 0) {
            return CLI_DONE;
        }
        /* From the terminal (SI_KERNEL) the command has had it too. */
        if (info.si_code != SI_KERNEL) {
            kill(run->command, number);
        }
    }
}

static int announce(const dev_run *run, const cli_settings *settings)
{
    const char *servers = dev_connect_string(run->ensemble);
    if (settings->json) {
        cli_json_begin();
        cli_json_string("servers", servers);
        cli_json_string("directory", dev_directory(run->ensemble));
        cli_json_end();
    } else {
        printf("%s\n", servers);
    }
    return cli_flush_output() ? 0 : CLI_OUTPUT;
}

static int run_dev(const cli_call *call)
{
    dev_run run = {.ensemble = NULL};
    const char *nodes = cli_option_value(call->options, "nodes");
    char error[1024];
    if (nodes != NULL && strcmp(nodes, "1") != 0 && strcmp(nodes, "3") != 0) {
        cli_error("--nodes is 1 or 3, not: %s", nodes);
        return CLI_USAGE;
    }
    if (call->rest != NULL && *call->rest == NULL) {
        cli_error("dev: no command after --");
        return CLI_USAGE;
    }
    hold_signals(&run);
    dev_options options = {.nodes = nodes != NULL ? atoi(nodes) : 1,
                           .disk = cli_option_value(call->options, "disk") != NULL,
                           .canceled = termination_pending,
                           .canceled_arg = &run};
    if (dev_start(&options, &run.ensemble, error, sizeof error) != 0) {
        cli_error("dev: %s", error);
        return termination_pending(&run) ? CLI_SIGNAL + sigwaitinfo(&run.terminations, NULL) : CLI_REFUSED;
    }
    int status = call->rest != NULL ? start_command(&run, call->rest) : announce(&run, call->settings);
    if (status == 0) {
        status = serve(&run);
    }
    dev_stop(run.ensemble);
    return status;
}

static const cli_option dev_command_options[] = {
    {.name = "nodes", .value = "1|3", .help = "servers in the ensemble (default 1)"},
    {.name = "disk", .help = "writes wait for it, as those of lasting servers do"},
    {.name = NULL}};

const cli_command cli_dev_commands[] = {
    {
        .name = "dev",
        .synopsis = "[-- COMMAND [ARG...]]",
        .summary = "run a throw-away ZooKeeper",
        .help = "Starts Debian's zookeeper on free ports of 127.0.0.1, prints the connect\n"
                "string and runs until interrupted; or runs COMMAND with CORRAL_SERVERS set,\n"
                "ends with it and exits with its status. SIGINT, SIGTERM and SIGHUP are\n"
                "passed on to it.\n",
        .options = dev_command_options,
        .takes_command = true,
        .run = run_dev,
    },
    {.name = NULL},
};
