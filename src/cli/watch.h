/** `watch`: what its files share. */
#ifndef CORRAL_CLI_WATCH_H
#define CORRAL_CLI_WATCH_H

#include "follow.h"

typedef struct {
    cli_follower follower;
    corral_watch_options options;
    const char *command; /**< to be run at each state, in place of printing it; NULL: none */
    bool existed;        /**< the znode, when it was seen last */
} watch_call;

/** A state, and what it is called: data, children, absent, deleted, denied, error. */
typedef struct {
    const char *name;
    const corral_watch_event *event;
} watch_state;

/** Does the state have a stamp, and data or children? */
bool watch_has_znode(const watch_state *state);

/** Print the state to standard output as one line of text. */
void watch_print_line(const watch_call *w, const watch_state *state);

/** Print the state as an object, where JSON goes to. */
void watch_print_json(const watch_call *w, const watch_state *state);

/** Print what the command is to read: the data, or the children one a line; with --json the object. */
void watch_print_input(const watch_call *w, const watch_state *state, FILE *to);

/** Run the command until it has ended. What keeps us from that is the follower's status then. */
void watch_run_command(watch_call *w, const watch_state *state);

#endif
