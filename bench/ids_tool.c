#include "ids_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

enum { TIMES = 11, ARGUMENTS_MAX = 12 };
#define MANY "1000000"

const char *const ids_tool_names[IDS_TOOL_COMMANDS] = {
    [IDS_TOOL_SEQ] = "seq " MANY,
    [IDS_TOOL_GET] = "corral counter get",
    [IDS_TOOL_NEXT] = "corral id next -n " MANY " --kind block",
};

/* The tool's path, for which there is room of PATH_MAX. */
static bool find_tool(char *path)
{
    const char *given = getenv("CORRAL");
    char own[PATH_MAX] = "";

    if (given != NULL && *given != '\0') {
        snprintf(path, PATH_MAX, "%s", given);
    } else if (readlink("/proc/self/exe", own, sizeof own - sizeof "/corral") > 0) {
        snprintf(path, PATH_MAX, "%s/corral", dirname(dirname(own)));
    }
    if (access(path, X_OK) != 0) {
        fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

static bool run_once(char *const argv[], double *ret_seconds)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    double start = bench_now();
    pid_t pid;
    int status = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    if (error == 0) {
        waitpid(pid, &status, 0);
    }
    *ret_seconds = bench_now() - start;
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(error));
    } else if (status != 0) {
        fprintf(stderr, "bench: %s: wait status %d\n", argv[0], status);
    }
    return status == 0;
}

bool ids_tool_run(const char *servers, const char *counter, const char *generator,
                  double ret_seconds[IDS_TOOL_COMMANDS])
{
    char tool[PATH_MAX] = "";
    const char *const commands[IDS_TOOL_COMMANDS][ARGUMENTS_MAX] = {
        [IDS_TOOL_SEQ] = {"seq", MANY},
        [IDS_TOOL_GET] = {tool, "counter", "get", counter, "--servers", servers},
        [IDS_TOOL_NEXT] = {tool, "id", "next", generator, "-n", MANY, "--kind", "block", "--servers",
                           servers},
    };
    double seconds[IDS_TOOL_COMMANDS][TIMES];

    if (!find_tool(tool)) {
        return false;
    }
    for (int time = 0; time < TIMES; time++) {
        for (int c = 0; c < IDS_TOOL_COMMANDS; c++) {
            if (!run_once((char *const *)commands[c], &seconds[c][time])) {
                return false;
            }
        }
    }
    for (int c = 0; c < IDS_TOOL_COMMANDS; c++) {
        ret_seconds[c] = bench_median(seconds[c], TIMES);
    }
    return true;
}
