#include "spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static bool run(char *const *argv, const posix_spawn_file_actions_t *actions)
{
    extern char **environ;
    pid_t pid;
    int status = -1;
    int error = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);

    if (error != 0) {
        return bench_fail(argv[0], "cannot be started", error);
    }
    return (waitpid(pid, &status, 0) == pid && status == 0) || bench_fail(argv[0], "wait status", status);
}

bool spawn_times(unsigned times, char *const *argv, outcome *ret_outcome)
{
    posix_spawn_file_actions_t actions;
    int64_t start = bench_now_ns(), before = start;
    bool good = true;

    /* Where it costs least to write. */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (unsigned i = 0; i < times && good; i++) {
        good = run(argv, &actions);
        int64_t after = bench_now_ns();
        histogram_note(&ret_outcome->latencies, after - before);
        ret_outcome->count++;
        before = after;
    }
    posix_spawn_file_actions_destroy(&actions);
    ret_outcome->seconds = (double)(before - start) / 1e9;
    return good;
}
