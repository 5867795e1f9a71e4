/**
 * Loopback sockets for tests: non-blocking streams cut into ZooKeeper's
 * frames, and addresses at which nobody answers.
 */
#ifndef TEST_NET_H
#define TEST_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes on their way. All zero is an empty one. */
typedef struct {
    uint8_t *data;
    size_t begin, end, capacity;
} net_stream;

void net_stream_free(net_stream *s);
size_t net_stream_length(const net_stream *s);
void net_stream_append(net_stream *s, const uint8_t *bytes, size_t length);

/** Read what @fd has now. False at the end of the stream or on an error. */
bool net_stream_fill(net_stream *s, int fd);

/** Write what @fd takes now. False on an error. */
bool net_stream_flush(net_stream *s, int fd);

/**
 * The first frame in @s with its four bytes of length; it stays there until
 * net_stream_drop(). NULL: not complete yet.
 */
const uint8_t *net_stream_frame(const net_stream *s, size_t *ret_length);
void net_stream_drop(net_stream *s, size_t length);

/** A non-blocking listening socket on a free port of 127.0.0.1. Negative: errno. */
int net_listen(uint16_t *ret_port);

/** Connect to the first "a.b.c.d:port" of a connect string; non-blocking from then on. Negative: errno. */
int net_connect(const char *servers);

/** Make @fd non-blocking, closed on exec and without Nagle's delay. */
bool net_prepare(int fd);

/**
 * An address of 127.0.0.1 that stays reserved until its socket is closed:
 * NET_REFUSES nobody listens there; NET_SILENT connections are made and never
 * answered; NET_SWALLOWS the packets of new connections are dropped.
 */
typedef enum { NET_REFUSES, NET_SILENT, NET_SWALLOWS } net_hole_kind;

typedef struct {
    int fd;
    int filler; /* the connection that fills the backlog of a NET_SWALLOWS */
    char servers[32];
} net_hole;

bool net_hole_open(net_hole *hole, net_hole_kind kind);
void net_hole_close(net_hole *hole);

#endif
