/** Where the servers of a throw-away ensemble live: directories, ports, configuration. */
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devserver_internal.h"

/* slf4j-simple is ZooKeeper's voice; without a binding its log stays empty. */
#define DEV_CLASSPATH "/etc/zookeeper/conf:" DEV_ZOOKEEPER_JAR ":/usr/share/java/slf4j-simple.jar"

/* ---- where things are ---- */

/** Find java as a shell would, $JAVA_HOME first. NULL: there is none. */
static char *find_java(void)
{
    const char *home = getenv("JAVA_HOME");
    if (home != NULL && *home != '\0') {
        char *java = dev_format("%s/bin/java", home);
        if (java != NULL && access(java, X_OK) == 0) {
            return java;
        }
        free(java);
    }
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char *java = dev_format("%.*s/java", (int)length, path);
        if (java != NULL && access(java, X_OK) == 0) {
            return java;
        }
        free(java);
        path += length + (path[length] == ':');
    }
    return NULL;
}

static int locate_zookeeper(struct dev_ensemble *e, char *error, size_t error_size)
{
    e->java = find_java();
    if (e->java == NULL) {
        return dev_fail(error, error_size,
                        "no java found on PATH (Debian: apt install default-jre-headless)");
    }
    const char *classpath = getenv("CORRAL_DEV_CLASSPATH");
    if (classpath != NULL && *classpath != '\0') {
        e->classpath = classpath;
        return 0;
    }
    e->classpath = DEV_CLASSPATH;
    if (access(DEV_ZOOKEEPER_JAR, R_OK) != 0) {
        return dev_fail(error, error_size,
                        "no ZooKeeper at " DEV_ZOOKEEPER_JAR " (Debian: apt install zookeeper)");
    }
    return 0;
}

static int make_directory(struct dev_ensemble *e, char *error, size_t error_size)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || *parent == '\0') {
        parent = "/tmp";
    }
    e->directory = dev_format("%s/corral-dev-XXXXXX", parent);
    if (e->directory == NULL) {
        return dev_fail(error, error_size, "out of memory");
    }
    if (mkdtemp(e->directory) == NULL) {
        dev_fail(error, error_size, "no temporary directory under %s: %s", parent, strerror(errno));
        free(e->directory);
        e->directory = NULL;
        return -1;
    }
    return 0;
}

/* ---- ports ---- */

/**
 * Take a free port and keep it: a socket that is bound, but never listens, with
 * SO_REUSEADDR set after its bind. Only a server with that flag, as ZooKeeper
 * is one, can bind the port too. Nobody else is given it, not even as the near
 * end of a connection, so a client that retries a dead node can never end up
 * connected to itself.
 */
static int hold_port(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int hold_ports(struct dev_ensemble *e, char *error, size_t error_size)
{
    char *end = e->connect_string;
    for (int n = 0; n < e->options.nodes; n++) {
        struct dev_node *node = &e->nodes[n];
        for (int p = 0; p < PORT_COUNT; p++) {
            node->holders[p] = hold_port(&node->ports[p]);
            if (node->holders[p] < 0) {
                return dev_fail(error, error_size, "no free port on 127.0.0.1: %s", strerror(errno));
            }
        }
        end += sprintf(end, "%s127.0.0.1:%d", n > 0 ? "," : "", node->ports[PORT_CLIENT]);
    }
    return 0;
}

/* ---- configuration ---- */

static int write_myid(const struct dev_node *node, int id)
{
    char *path = dev_format("%s/data/myid", node->directory);
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    free(path);
    if (file == NULL) {
        return -1;
    }
    fprintf(file, "%d\n", id);
    return fclose(file);
}

/** Where @n looks for a port of @peer. */
static int peer_port(const struct dev_ensemble *e, int n, int peer, int which)
{
    int port = e->nodes[peer].ports[which];
    if (n == peer || e->options.peer_port == NULL) {
        return port;
    }
    return e->options.peer_port(n, peer, which == PORT_ELECTION, port, e->options.peer_port_arg);
}

static int write_servers(const struct dev_ensemble *e, int n, FILE *file)
{
    for (int peer = 0; e->options.nodes > 1 && peer < e->options.nodes; peer++) {
        int quorum = peer_port(e, n, peer, PORT_QUORUM);
        int election = peer_port(e, n, peer, PORT_ELECTION);
        if (quorum < 0 || election < 0) {
            return -1;
        }
        fprintf(file, "server.%d=127.0.0.1:%d:%d\n", peer + 1, quorum, election);
    }
    return 0;
}

static int write_config(const struct dev_ensemble *e, int n)
{
    const struct dev_node *node = &e->nodes[n];
    char *path = dev_format("%s/zoo.cfg", node->directory);
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    free(path);
    if (file == NULL) {
        return -1;
    }
    fprintf(file,
            "tickTime=%d\n"
            "forceSync=%s\n" /* SIGKILL takes nothing that was written; a power failure takes all, anyway */
            "minSessionTimeout=1000\n"
            "maxSessionTimeout=60000\n"
            "initLimit=20\n"
            "syncLimit=10\n"
            "dataDir=" DEV_SERVER_DIRECTORY "/data\n"
            "clientPort=%d\n"
            "clientPortAddress=127.0.0.1\n"
            "maxClientCnxns=0\n"
            "admin.enableServer=false\n"
            "4lw.commands.whitelist=*\n",
            e->options.tick_ms, e->options.disk ? "yes" : "no", node->ports[PORT_CLIENT]);
    int result = write_servers(e, n, file);
    return fclose(file) == 0 ? result : -1;
}

static int prepare_node(struct dev_ensemble *e, int n)
{
    struct dev_node *node = &e->nodes[n];
    node->directory = dev_format("%s/%d", e->directory, n);
    char *data = node->directory != NULL ? dev_format("%s/data", node->directory) : NULL;
    int result = -1;
    if (data != NULL && mkdir(node->directory, 0777) == 0 && mkdir(data, 0777) == 0 &&
        write_myid(node, n + 1) == 0) {
        result = write_config(e, n);
    }
    free(data);
    return result;
}

/* ---- the whole ---- */

int dev_set_up(dev_ensemble *e, char *error, size_t error_size)
{
    if (locate_zookeeper(e, error, error_size) != 0 || make_directory(e, error, error_size) != 0 ||
        hold_ports(e, error, error_size) != 0) {
        return -1;
    }
    for (int n = 0; n < e->options.nodes; n++) {
        if (prepare_node(e, n) != 0) {
            return dev_fail(error, error_size, "%s: %s", e->directory, strerror(errno));
        }
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

void dev_clean_up(dev_ensemble *e)
{
    for (int n = 0; n < e->options.nodes; n++) {
        for (int p = 0; p < PORT_COUNT; p++) {
            if (e->nodes[n].holders[p] >= 0) {
                close(e->nodes[n].holders[p]);
            }
        }
        free(e->nodes[n].directory);
    }
    if (e->directory != NULL) {
        nftw(e->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    free(e->directory);
    free(e->java);
}
