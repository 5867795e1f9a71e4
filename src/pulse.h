/*
 * The pulse: until when a session certainly lives, by this client's clock.
 *
 * A server that is cut off from the others goes on answering reads and pings
 * while the leader has ended the session and given its locks away. And the
 * leader hears of a session's signs of life only by way of its server, which
 * tells it who has spoken with each answer to the leader's own pings, a tick or less
 * apart; a request that it passes on to the leader is none by itself. So three
 * things together prove something: we sent a request at a time T, and it was
 * answered; we sent another one half a tick after that answer or later; and to that a
 * quorum has answered. Then the leader has heard of us at T or later, and keeps the
 * session until T and its timeout at least. A session is made by a quorum, and so
 * counts from when it was asked for. Coming back to it counts as a request that was
 * answered at once: a leader is asked then, but it may be one that has no followers.
 *
 * While there are users a beat, which a quorum answers, goes out when nothing else has
 * for an eighth of the session timeout; it checks the znode of one user, in
 * turn. While there are only those who may become users soon, it is a plain
 * read: so that their first request finds an earlier one to prove.
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

/* A request that was answered. */
typedef struct {
    int64_t sent_at;
    int64_t answered_at; /* or before */
} corrali_sign;

/* So many of them are remembered: one for each part of a session timeout. */
enum { CORRALI_SIGNS = 32 };

typedef struct {
    int64_t heard_at;                  /* the leader has heard of this session then or later; 0: not known */
    int64_t proven_at;                 /* when the last answered quorum operation was sent; 0: none was */
    corrali_sign signs[CORRALI_SIGNS]; /* a ring */
    size_t sign_count;
    corrali_sign claimed; /* of the last one, when we came back; to be proven by what is sent afterwards */
    corrali_link users;
    size_t keepers;      /* who may become users soon */
    bool hurried;        /* somebody waits for a proof */
    corrali_timer timer; /* of the next beat */
    corrali_request beat;
    bool beating;                /* it is under way */
    char *path;                  /* of the beat: a copy of @checked's node */
    corrali_pulse_user *checked; /* NULL: it has left */
} corrali_pulse;

void corrali_pulse_init(corral_client *client);
void corrali_pulse_destroy(corral_client *client);

/* Until when this session certainly lives, less that margin (0: the default); INT64_MIN when that is not known. */
int64_t corrali_pulse_valid_until_locked(const corral_client *client, int64_t margin_ms);
/* Will that be proven again before it is over? */
bool corrali_pulse_fresh_locked(corral_client *client, int64_t margin_ms);
/* The largest margin with which it will, for the session as it is. */
int64_t corrali_pulse_margin_max_ms(const corral_client *client);

/* Have the pulse kept up for @user. */
void corrali_pulse_join_locked(corral_client *client, corrali_pulse_user *user);
/* Harmless for who is no user. */
void corrali_pulse_leave_locked(corral_client *client, corrali_pulse_user *user);
/* The same for who may become a user soon: there is one more, or less. */
void corrali_pulse_keep_locked(corral_client *client);
void corrali_pulse_drop_locked(corral_client *client);
/* Prove the session as soon as can be. */
void corrali_pulse_hurry_locked(corral_client *client);

/* For session.c: a request that was sent at @sent_at has been answered; and by a quorum. */
void corrali_pulse_answered_locked(corral_client *client, int64_t sent_at);
void corrali_pulse_proven_locked(corral_client *client, int64_t sent_at);
/* There is a connection: for a new session, which was asked for after @asked_at; or for the old one. */
void corrali_pulse_began_locked(corral_client *client, int64_t asked_at);
void corrali_pulse_resumed_locked(corral_client *client);
/* The session has ended. */
void corrali_pulse_stop_locked(corral_client *client);

#endif
