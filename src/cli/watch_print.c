/** A state as text and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "output.h"
#include "watch.h"

bool watch_has_znode(const watch_state *state)
{
    return state->event->status == CORRAL_OK && state->event->exists;
}

/* ---- text ---- */

/** A blank at either end would not survive a shell's `read`. */
static void print_data(const corral_watch_event *event)
{
    const char *bytes = event->value;
    size_t first = event->length > 0 && bytes[0] == ' ';
    size_t last = event->length > first && bytes[event->length - 1] == ' ';
    putchar(' ');
    cli_print_escaped(stdout, bytes, first, " ");
    cli_print_escaped(stdout, bytes + first, event->length - first - last, "");
    cli_print_escaped(stdout, bytes + event->length - last, last, " ");
}

/** NAME; with data, NAME=DATA, or NAME!WHY if they cannot be read. */
static void print_child(const watch_call *w, const corral_watch_child *child, FILE *to)
{
    bool with_data = w->options.kind == CORRAL_WATCH_CHILDREN_DATA;
    cli_print_escaped(to, child->name, strlen(child->name), with_data ? " =!" : " ");
    if (with_data && child->status != CORRAL_OK) {
        fprintf(to, "!%s", corral_status_name(child->status));
    } else if (with_data) {
        putc('=', to);
        cli_print_escaped(to, child->value, child->length, " ");
    }
}

void watch_print_line(const watch_call *w, const watch_state *state)
{
    const corral_watch_event *event = state->event;
    if (!watch_has_znode(state)) {
        printf("%s - - %" PRIu64, state->name, event->skipped);
        if (event->status != CORRAL_OK) {
            printf(" %s", corral_status_name(event->status));
        }
    } else {
        printf("%s %" PRId64 " %" PRId32 " %" PRIu64, state->name, event->stamp.mzxid, event->stamp.version,
               event->skipped);
        if (event->length > 0) {
            print_data(event);
        }
    }
    for (size_t i = 0; i < event->child_count; i++) {
        putchar(' ');
        print_child(w, &event->children[i], stdout);
    }
    putchar('\n');
}

/* ---- JSON ---- */

static void print_json_child(const watch_call *w, const corral_watch_child *child)
{
    if (w->options.kind != CORRAL_WATCH_CHILDREN_DATA) {
        cli_json_string(NULL, child->name);
        return;
    }
    cli_json_begin_element();
    cli_json_string("name", child->name);
    if (child->status != CORRAL_OK) {
        cli_json_string("error", corral_status_name(child->status));
    } else {
        cli_json_data(child->value, child->length);
        cli_json_stamp(&child->stamp);
    }
    cli_json_end_element();
}

static void print_json_children(const watch_call *w, const corral_watch_event *event)
{
    cli_json_begin_array("children");
    for (size_t i = 0; i < event->child_count; i++) {
        print_json_child(w, &event->children[i]);
    }
    cli_json_end_array();
}

void watch_print_json(const watch_call *w, const watch_state *state)
{
    const corral_watch_event *event = state->event;
    cli_json_begin();
    cli_json_string("path", w->follower.path);
    cli_json_string("state", state->name);
    if (event->status != CORRAL_OK) {
        cli_json_string("error", corral_status_name(event->status));
    }
    if (watch_has_znode(state)) {
        if (w->options.kind == CORRAL_WATCH_DATA) {
            cli_json_data(event->value, event->length);
        } else {
            print_json_children(w, event);
        }
        cli_json_stamp(&event->stamp);
    }
    cli_json_int64("skipped", (int64_t)event->skipped);
    cli_json_end();
}

/* ---- a command's standard input ---- */

void watch_print_input(const watch_call *w, const watch_state *state, FILE *to)
{
    const corral_watch_event *event = state->event;
    if (w->follower.settings->json) {
        cli_output_to(to);
        watch_print_json(w, state);
        cli_output_to(NULL);
        return;
    }
    if (event->length > 0) {
        fwrite(event->value, 1, event->length, to);
    }
    for (size_t i = 0; i < event->child_count; i++) {
        print_child(w, &event->children[i], to);
        putc('\n', to);
    }
}
