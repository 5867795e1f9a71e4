#include "lib/peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define JAVA "/usr/share/java/"
/* Debian's, which has Kazoo; the first in PATH may be another one. */
#define PYTHON "/usr/bin/python3"

struct peer {
    pid_t pid;
    FILE *input; /* of the other program */
    FILE *output;
};

static void become(char *const argv[], int input, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

peer *peer_start(char *const argv[])
{
    peer *p = malloc(sizeof *p);
    int to[2], from[2];

    if (p == NULL || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        abort();
    }
    /* Writing to one that has died is an error to be told, not the end. */
    signal(SIGPIPE, SIG_IGN);
    p->pid = fork();
    if (p->pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        become(argv, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    p->input = fdopen(to[1], "w");
    p->output = fdopen(from[0], "r");
    if (p->input == NULL || p->output == NULL) {
        abort();
    }
    if (p->pid < 0) {
        fclose(p->input);
        fclose(p->output);
        free(p);
        return NULL;
    }
    return p;
}

static void locate(char *path, size_t size, const char *name)
{
    const char *srcdir = getenv("srcdir");

    snprintf(path, size, "%s/test/%s", srcdir != NULL && *srcdir != '\0' ? srcdir : TESTING_SRCDIR, name);
}

/* What runs a Java program that uses Curator; its source comes next. */
#define CURATOR                                                                                              \
    (char *)"java", (char *)"-Dorg.slf4j.simpleLogger.defaultLogLevel=error", (char *)"-cp",                 \
        (char *)JAVA "curator-recipes.jar:" JAVA "curator-framework.jar:" JAVA "curator-client.jar:" JAVA    \
                     "zookeeper.jar:" JAVA "guava.jar:" JAVA "slf4j-simple.jar"

peer *peer_start_curator(const char *servers, unsigned first_ms, unsigned most_ms, unsigned retries)
{
    char source[512], first[16], most[16], count[16];
    char *argv[] = {CURATOR, source, (char *)servers, first, most, count, NULL};

    locate(source, sizeof source, "java/CuratorAdds.java");
    snprintf(first, sizeof first, "%u", first_ms);
    snprintf(most, sizeof most, "%u", most_ms);
    snprintf(count, sizeof count, "%u", retries);
    return peer_start(argv);
}

peer *peer_start_kazoo(const char *servers, double delay)
{
    char source[512], seconds[32];
    char *argv[] = {(char *)PYTHON, source, (char *)servers, seconds, NULL};

    locate(source, sizeof source, "python/kazoo_adds.py");
    snprintf(seconds, sizeof seconds, "%g", delay);
    return peer_start(argv);
}

static peer *start_curator(const char *servers, const char *program)
{
    char source[512];
    char *argv[] = {CURATOR, source, (char *)servers, NULL};

    locate(source, sizeof source, program);
    return peer_start(argv);
}

static peer *start_kazoo(const char *servers, const char *program)
{
    char source[512];
    char *argv[] = {(char *)PYTHON, source, (char *)servers, NULL};

    locate(source, sizeof source, program);
    return peer_start(argv);
}

peer *peer_start_curator_locks(const char *servers)
{
    return start_curator(servers, "java/CuratorLocks.java");
}

peer *peer_start_kazoo_locks(const char *servers)
{
    return start_kazoo(servers, "python/kazoo_locks.py");
}

peer *peer_start_curator_watches(const char *servers)
{
    return start_curator(servers, "java/CuratorWatches.java");
}

peer *peer_start_kazoo_watches(const char *servers)
{
    return start_kazoo(servers, "python/kazoo_watches.py");
}

bool peer_await(peer *p)
{
    char line[64];

    return peer_hear(p, line, sizeof line) && strcmp(line, "ready") == 0;
}

bool peer_tell(peer *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    bool written = vfprintf(p->input, format, arguments) >= 0 && fputc('\n', p->input) != EOF;
    va_end(arguments);
    return written && fflush(p->input) == 0;
}

bool peer_hear(peer *p, char *line, size_t size)
{
    char *text = NULL;
    size_t allocated = 0;
    ssize_t length = getline(&text, &allocated, p->output);

    if (length > 0) {
        text[strcspn(text, "\n")] = '\0';
        snprintf(line, size, "%s", text);
    }
    free(text);
    return length > 0;
}

bool peer_stop(peer *p)
{
    int status = -1;

    if (p == NULL) {
        return true;
    }
    fclose(p->input);
    bool silent = fgetc(p->output) == EOF;
    fclose(p->output);
    bool ended = waitpid(p->pid, &status, 0) == p->pid;
    free(p);
    return silent && ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
