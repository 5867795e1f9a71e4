#include "lib/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire.h"

#define CHUNK ((size_t)64 * 1024)

void net_stream_free(net_stream *s)
{
    free(s->data);
    *s = (net_stream){0};
}

size_t net_stream_length(const net_stream *s)
{
    return s->end - s->begin;
}

/* Make room for @length bytes behind the end. A test that is out of memory ends. */
static uint8_t *reserve(net_stream *s, size_t length)
{
    if (s->begin == s->end)
        s->begin = s->end = 0;
    if (s->capacity - s->end < length && s->begin > 0) {
        memmove(s->data, s->data + s->begin, net_stream_length(s));
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->capacity - s->end < length) {
        size_t capacity = 2 * (s->end + length);
        uint8_t *data = realloc(s->data, capacity);

        if (data == NULL)
            abort();
        s->data = data;
        s->capacity = capacity;
    }
    return s->data + s->end;
}

void net_stream_append(net_stream *s, const uint8_t *bytes, size_t length)
{
    memcpy(reserve(s, length), bytes, length);
    s->end += length;
}

bool net_stream_fill(net_stream *s, int fd)
{
    ssize_t got = recv(fd, reserve(s, CHUNK), CHUNK, 0);

    if (got > 0)
        s->end += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool net_stream_flush(net_stream *s, int fd)
{
    while (s->begin < s->end) {
        ssize_t sent = send(fd, s->data + s->begin, net_stream_length(s), MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        s->begin += (size_t)sent;
    }
    return true;
}

const uint8_t *net_stream_frame(const net_stream *s, size_t *ret_length)
{
    const uint8_t *start = s->data + s->begin;
    size_t length;

    if (net_stream_length(s) < 4)
        return NULL;
    length = 4 + (size_t)(uint32_t)wire_int32(start);
    if (net_stream_length(s) < length)
        return NULL;
    *ret_length = length;
    return start;
}

void net_stream_drop(net_stream *s, size_t length)
{
    s->begin += length;
}

bool net_prepare(int fd)
{
    int on = 1;

    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

static int close_with_errno(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
    return -1;
}

/* A socket bound to a free port of the loopback. */
static int bind_loopback(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return close_with_errno(fd);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int net_listen(uint16_t *ret_port)
{
    int fd = bind_loopback(ret_port);

    if (fd >= 0 && (listen(fd, SOMAXCONN) != 0 || !net_prepare(fd)))
        return close_with_errno(fd);
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        return close_with_errno(fd);
    return fd;
}

int net_connect(const char *servers)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    unsigned short port;
    int fd;

    if (sscanf(servers, "%15[0-9.]:%hu", host, &port) != 2 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    address.sin_port = htons(port);
    fd = connect_to(&address);
    if (fd >= 0 && !net_prepare(fd))
        return close_with_errno(fd);
    return fd;
}

/* A backlog of 0 holds one connection that nobody accepts; from then on the kernel drops every SYN. */
static bool fill_backlog(net_hole *hole, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    hole->filler = connect_to(&address);
    return hole->filler >= 0;
}

bool net_hole_open(net_hole *hole, net_hole_kind kind)
{
    uint16_t port;

    *hole = (net_hole){.fd = bind_loopback(&port), .filler = -1};
    if (hole->fd < 0)
        return false;
    snprintf(hole->servers, sizeof hole->servers, "127.0.0.1:%hu", port);
    if (kind != NET_REFUSES && listen(hole->fd, kind == NET_SILENT ? SOMAXCONN : 0) != 0)
        return false;
    return kind != NET_SWALLOWS || fill_backlog(hole, port);
}

void net_hole_close(net_hole *hole)
{
    if (hole->filler >= 0)
        close(hole->filler);
    if (hole->fd >= 0)
        close(hole->fd);
    *hole = (net_hole){.fd = -1, .filler = -1};
}
