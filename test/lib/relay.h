/**
 * One connection through the proxy: two sockets, the bytes between them cut
 * into frames, and the requests that wait for a reply. It knows nothing of
 * rules; whoever serves it is shown each frame and may refuse to pass it on.
 */
#ifndef TEST_RELAY_H
#define TEST_RELAY_H

#include <poll.h>

#include "lib/net.h"

/** Where bytes go; also the index of the socket that they are written to. */
typedef enum { RELAY_TO_SERVER, RELAY_TO_CLIENT, RELAY_SIDES } relay_side;

/** A request passed on and not answered yet. */
typedef struct {
    int32_t xid;
    int32_t type;
    uint64_t rule; /**< the user's */
} relay_request;

typedef struct relay relay;
struct relay {
    int fds[RELAY_SIDES]; /* -1: closed */
    net_stream in[RELAY_SIDES], out[RELAY_SIDES];
    bool greeted[RELAY_SIDES]; /* past the handshake, whose frames have no header */
    relay_request *requests;   /* unanswered, from `first` on */
    size_t first, count, capacity;
    relay *next; /* the user's */
};

/**
 * May @frame, without its length prefix, be passed on to @side? @handshake:
 * it is the first one, without header. False: it is dropped, and the callee
 * has cut the relay.
 */
typedef bool (*relay_frame_cb)(relay *r, relay_side side, bool handshake, const uint8_t *frame, size_t length,
                               void *arg);

/** Take over two connected sockets. */
relay *relay_new(int client_fd, int server_fd);
void relay_free(relay *r);

bool relay_is_open(const relay *r);

/** Close both ends at once. What has not been written yet is lost. */
void relay_cut(relay *r);

/** Write what is due to @side, waiting a little if need be. */
void relay_drain(relay *r, relay_side side);

/** What to wait for on the socket of @side, when nothing may flow to the sides whose bits (1 << side) are in
 * @held. */
struct pollfd relay_interest(const relay *r, relay_side side, unsigned held);

/** Do what poll() says is possible on the socket of @side. */
void relay_serve(relay *r, relay_side side, const struct pollfd *polled, relay_frame_cb may_pass, void *arg);

void relay_remember(relay *r, const relay_request *request);

/** Take the request that a reply with @xid answers, and forget those before it. False: there is none. */
bool relay_recall(relay *r, int32_t xid, relay_request *ret_request);

#endif
