/*
 * The pulse: until when a session certainly lives, by this client's clock.
 *
 * A server that is cut off from the others goes on answering reads and pings
 * while the leader has ended the session and given its locks away. So nothing
 * counts but answers that a quorum stands behind: of any MULTI. The session lives
 * until the last of these was *sent*, plus its timeout, less a margin: the
 * leader hears of a session's signs of life from its server by way of that
 * one's pings, so what it has heard last may be older by one interval between
 * our requests and one tick.
 *
 * While there are users, a beat goes out when nothing else has proven the session for a
 * quarter of its timeout. Each checks the znode of one user, in turn.
 */
#ifndef CORRALI_PULSE_H
#define CORRALI_PULSE_H

#include <corral/client.h>

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "list.h"
#include "timer.h"

typedef struct corrali_pulse_user corrali_pulse_user;
struct corrali_pulse_user {
    corrali_link link; /* in pulse.users; alone: it is none */
    const char *node;
    void (*proven_locked)(corrali_pulse_user *);  /* the session has been proven again */
    void (*missing_locked)(corrali_pulse_user *); /* @node is not there */
};

typedef struct {
    int64_t proven_at; /* when the last answered quorum operation of this session was sent; 0: none was */
    corrali_link users;
    corrali_timer timer; /* of the next beat */
    corrali_request beat;
    bool beating;                /* it is under way */
    char *path;                  /* of the beat: a copy of @checked's node */
    corrali_pulse_user *checked; /* NULL: it has left */
} corrali_pulse;

void corrali_pulse_init(corral_client *client);
void corrali_pulse_destroy(corral_client *client);

/* Until when this session certainly lives, by that margin; INT64_MIN when there is none or nothing is known.
 */
int64_t corrali_pulse_valid_until_locked(const corral_client *client, int64_t margin_ms);
/* Is the last proof so recent that the next one is not overdue? */
bool corrali_pulse_fresh_locked(corral_client *client);
/* The default margin, for the session as it is. */
int64_t corrali_pulse_margin_ms(const corral_client *client);

/* Have the pulse kept up for @user. */
void corrali_pulse_join_locked(corral_client *client, corrali_pulse_user *user);
/* Harmless for who is no user. */
void corrali_pulse_leave_locked(corral_client *client, corrali_pulse_user *user);
/* Prove the session as soon as can be. */
void corrali_pulse_beat_locked(corral_client *client);

/* For session.c: a MULTI that was sent at @sent_at has been answered; the session has ended. */
void corrali_pulse_proven_locked(corral_client *client, int64_t sent_at);
void corrali_pulse_stop_locked(corral_client *client);

#endif
