/**
 * What the parts of the throw-away ensemble share: devserver_setup.c makes
 * directories, ports and configuration, devserver_process.c starts and ends
 * the servers, devserver.c talks to them and puts it all together.
 */
#ifndef CORRAL_DEVSERVER_INTERNAL_H
#define CORRAL_DEVSERVER_INTERNAL_H

#include <sys/types.h>

#include "devserver.h"

/**
 * The node's directory as its server names it: it gets the directory for its
 * standard input. The real name may have bytes that Java cannot decode in this
 * locale, or that have a meaning of their own in a zoo.cfg.
 */
#define DEV_SERVER_DIRECTORY "/proc/self/fd/0"

enum { PORT_CLIENT, PORT_QUORUM, PORT_ELECTION, PORT_COUNT };

struct dev_node {
    pid_t pid; /* 0: dead */
    bool paused;
    int ports[PORT_COUNT];
    int holders[PORT_COUNT]; /* sockets that reserve the ports, -1: none */
    char *directory;
    off_t log_start; /* where the log of the present process begins */
};

struct dev_ensemble {
    dev_options options;
    struct dev_node nodes[DEV_MAX_NODES];
    char *directory;
    char *java;
    const char *classpath;
    char connect_string[DEV_MAX_NODES * sizeof("127.0.0.1:65535,")];
};

/** Write an explanation to @error. Returns -1. */
int dev_fail(char *error, size_t error_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** A new string; NULL without memory. */
char *dev_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Find java and ZooKeeper, make the directories, take the ports and write the
 * configuration of every node. Returns 0, or -1 with @error; dev_clean_up() is
 * due either way.
 */
int dev_set_up(dev_ensemble *e, char *error, size_t error_size);

/** Give back the ports and remove the directories. */
void dev_clean_up(dev_ensemble *e);

#endif
