#include "lib/aged.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/server.h"

enum { CHANGES_MAX = 32 };

static void run_java(char **arguments)
{
    int status = -1;
    pid_t pid = fork();

    REQUIRE(pid >= 0);
    if (pid == 0) {
        execvp("java", arguments);
        _exit(127);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CU_ASSERT_FATAL(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void aged_make(char changes[][AGED_CHANGE_SIZE], size_t count)
{
    char data[512], source[512], error[512];
    char *arguments[CHANGES_MAX + 8] = {"java",
                                        "-Dzookeeper.digest.enabled=false",
                                        "-cp",
                                        "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar",
                                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                                        source,
                                        data};
    const char *srcdir = getenv("srcdir");

    REQUIRE(count <= CHANGES_MAX);
    snprintf(data, sizeof data, "%s/0/data", dev_directory(server_ensemble()));
    snprintf(source, sizeof source, "%s/test/java/SetVersions.java", srcdir == NULL ? "." : srcdir);
    for (size_t i = 0; i < count; i++) {
        arguments[7 + i] = changes[i];
    }
    dev_kill(server_ensemble(), 0);
    run_java(arguments);
    REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
}
