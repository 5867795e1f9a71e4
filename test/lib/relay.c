#include "lib/relay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_MS 1000

static relay_side other(relay_side side)
{
    return side == RELAY_TO_SERVER ? RELAY_TO_CLIENT : RELAY_TO_SERVER;
}

relay *relay_new(int client_fd, int server_fd)
{
    relay *r = calloc(1, sizeof *r);

    if (r == NULL) {
        abort();
    }
    r->fds[RELAY_TO_CLIENT] = client_fd;
    r->fds[RELAY_TO_SERVER] = server_fd;
    return r;
}

static void close_side(relay *r, relay_side side)
{
    if (r->fds[side] >= 0) {
        close(r->fds[side]);
        r->fds[side] = -1;
    }
    net_stream_free(&r->out[side]);
}

bool relay_is_open(const relay *r)
{
    return r->fds[RELAY_TO_SERVER] >= 0 || r->fds[RELAY_TO_CLIENT] >= 0;
}

void relay_cut(relay *r)
{
    close_side(r, RELAY_TO_CLIENT);
    close_side(r, RELAY_TO_SERVER);
}

void relay_free(relay *r)
{
    relay_cut(r);
    net_stream_free(&r->in[RELAY_TO_SERVER]);
    net_stream_free(&r->in[RELAY_TO_CLIENT]);
    free(r->requests);
    free(r);
}

void relay_drain(relay *r, relay_side side)
{
    struct pollfd room = {.fd = r->fds[side], .events = POLLOUT};

    while (net_stream_flush(&r->out[side], r->fds[side]) && net_stream_length(&r->out[side]) > 0) {
        if (poll(&room, 1, DRAIN_MS) <= 0) {
            return;
        }
    }
}

struct pollfd relay_interest(const relay *r, relay_side side, unsigned held)
{
    struct pollfd result = {.fd = r->fds[side]};

    if (net_stream_length(&r->out[side]) > 0 && (held & 1u << side) == 0) {
        result.events |= POLLOUT;
    }
    if (net_stream_length(&r->out[other(side)]) == 0 && (held & 1u << other(side)) == 0) {
        result.events |= POLLIN;
    }
    if (result.events == 0) {
        result.fd = -1; /* poll() would report a hang-up over and over */
    }
    return result;
}

/* The socket that sends to @side is at its end. */
static void on_end(relay *r, relay_side side)
{
    relay_drain(r, side);
    if (side == RELAY_TO_SERVER) {
        /* A client that left may have ended its session just before: the server must get to read that. */
        close_side(r, RELAY_TO_CLIENT);
        shutdown(r->fds[RELAY_TO_SERVER], SHUT_WR);
    } else {
        relay_cut(r);
    }
}

/* Pass on what came for @side. */
static void forward(relay *r, relay_side side, relay_frame_cb may_pass, void *arg)
{
    bool alive = net_stream_fill(&r->in[side], r->fds[other(side)]);
    const uint8_t *frame;
    size_t length;

    while ((frame = net_stream_frame(&r->in[side], &length)) != NULL) {
        bool handshake = !r->greeted[side];

        r->greeted[side] = true;
        if (!may_pass(r, side, handshake, frame + 4, length - 4, arg)) {
            return;
        }
        if (r->fds[side] >= 0) {
            net_stream_append(&r->out[side], frame, length);
        }
        net_stream_drop(&r->in[side], length);
    }
    if (!alive) {
        on_end(r, side);
    } else if (!net_stream_flush(&r->out[side], r->fds[side])) {
        relay_cut(r);
    }
}

void relay_serve(relay *r, relay_side side, const struct pollfd *polled, relay_frame_cb may_pass, void *arg)
{
    if (r->fds[side] < 0 || polled->fd < 0 || polled->revents == 0) {
        return;
    }
    if ((polled->revents & POLLOUT) != 0 && !net_stream_flush(&r->out[side], r->fds[side])) {
        relay_cut(r);
        return;
    }
    if ((polled->events & POLLIN) != 0 && (polled->revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        forward(r, other(side), may_pass, arg);
    } else if ((polled->revents & POLLERR) != 0) {
        relay_cut(r);
    }
}

void relay_remember(relay *r, const relay_request *request)
{
    if (r->first + r->count == r->capacity && r->first > r->count) {
        memmove(r->requests, r->requests + r->first, r->count * sizeof *r->requests);
        r->first = 0;
    } else if (r->first + r->count == r->capacity) {
        r->capacity = 2 * r->capacity + 16;
        r->requests = realloc(r->requests, r->capacity * sizeof *r->requests);
        if (r->requests == NULL) {
            abort();
        }
    }
    r->requests[r->first + r->count++] = *request;
}

bool relay_recall(relay *r, int32_t xid, relay_request *ret_request)
{
    while (r->count > 0) {
        *ret_request = r->requests[r->first++];
        r->count--;
        if (ret_request->xid == xid) {
            return true;
        }
    }
    return false;
}
