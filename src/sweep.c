#include "sweep.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "sweep_names.h"

enum { AGE_MS = 24 * 3600 * 1000, INTERVAL_MS = 3600 * 1000 };

static _Atomic int64_t age_ms = AGE_MS;
static _Atomic int64_t interval_ms = INTERVAL_MS;

void corrali_sweep_configure(int64_t age, int64_t interval)
{
    atomic_store(&age_ms, age == 0 ? AGE_MS : age);
    atomic_store(&interval_ms, interval == 0 ? INTERVAL_MS : interval);
}

/* --- the time between rounds --- */

static void round_begins(corrali_timer *timer);
static void next_writer_locked(corral_client *client);
static void look_at_next_locked(corral_client *client);
static void delete_next_locked(corral_client *client);

/* Up to a quarter of the interval, so that clients that begin together do not stay together. */
static int64_t jitter_ms_locked(corral_client *client)
{
    return (int64_t)(corrali_random_locked(client) % ((uint64_t)atomic_load(&interval_ms) / 4 + 1));
}

static void schedule_locked(corral_client *client, int64_t ms)
{
    corrali_sweep *own = &client->sweep;

    own->timer.fire = round_begins;
    if (corrali_timers_set(&client->timers, &own->timer, corrali_time_after_locked(client, ms)) !=
        CORRAL_OK) {
        own->started = false; /* until the next registration */
    }
}

/* The next one begins in @ms and a little. */
static void end_round_locked(corral_client *client, int64_t ms)
{
    corrali_sweep *own = &client->sweep;

    corrali_names_free(&own->writers);
    corrali_names_free(&own->lanes);
    corrali_free(own->lane_versions);
    own->lane_versions = NULL;
    schedule_locked(client, ms + jitter_ms_locked(client));
}

static void not_due_locked(corral_client *client, int64_t ms)
{
    corrali_log(&client->log, CORRAL_LOG_DEBUG, "corral: sweep: not due");
    end_round_locked(client, ms);
}

static void give_up_locked(corral_client *client, int status)
{
    corrali_log(&client->log, status == CORRAL_EACCES ? CORRAL_LOG_WARN : CORRAL_LOG_INFO,
                "corral: sweep: given up for now: %s: %s", client->sweep.request.path,
                corral_strerror(status));
    end_round_locked(client, atomic_load(&interval_ms));
}

/* --- requests, one at a time --- */

/* A reply came. A client that is being closed has no use for it. */
static void replied(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, sweep.request);

    if (!client->closing) {
        client->sweep.then_locked(client, request->status);
    }
}

static void ask_locked(corral_client *client, corrali_request_kind kind, const char *path,
                       corrali_sweep_step *then_locked)
{
    corrali_sweep *own = &client->sweep;

    own->request.kind = kind;
    own->request.path = path;
    own->request.done = replied;
    own->then_locked = then_locked;
    corrali_submit_locked(client, &own->request);
}

static void add_write(corrali_sweep *own, corrali_write write)
{
    own->request.writes[own->request.write_count++] = write;
}

/* Write that alone. */
static void write_locked(corral_client *client, corrali_write write, corrali_sweep_step *then_locked)
{
    client->sweep.request.write_count = 0;
    add_write(&client->sweep, write);
    ask_locked(client, CORRALI_MULTI, write.path, then_locked);
}

/* Delete @path of the writer at hand, if that has not come back, and it is as it was seen. */
static void delete_locked(corral_client *client, const char *path, int32_t version,
                          corrali_sweep_step *then_locked)
{
    corrali_sweep *own = &client->sweep;

    own->request.write_count = 0;
    add_write(own, (corrali_write){.kind = CORRALI_CREATE, .path = own->live, .data = "", .ephemeral = true});
    add_write(own,
              (corrali_write){.kind = CORRALI_DELETE, .path = own->live, .version = CORRALI_VERSION_ANY});
    add_write(own, (corrali_write){.kind = CORRALI_DELETE, .path = path, .version = version});
    ask_locked(client, CORRALI_MULTI, path, then_locked);
}

/* --- a writer --- */

static void leave_alone_locked(corral_client *client, int status)
{
    corrali_log(&client->log, CORRAL_LOG_INFO, "corral: sweep: %s is left alone: %s",
                client->sweep.request.path, corral_strerror(status));
    next_writer_locked(client);
}

static void directory_deleted(corral_client *client, int status)
{
    if (status != CORRAL_OK) {
        leave_alone_locked(client, status);
        return;
    }
    client->sweep.swept_writers++;
    next_writer_locked(client);
}

static void lane_deleted(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;

    if (status != CORRAL_OK) {
        leave_alone_locked(client, status);
        return;
    }
    own->swept_lanes++;
    own->lanes.next++;
    delete_next_locked(client);
}

/* All that is there is old: delete the lanes, then the directory. */
static void delete_next_locked(corral_client *client)
{
    corrali_sweep *own = &client->sweep;

    if (own->lanes.next == own->lanes.count) {
        delete_locked(client, own->directory, own->directory_version, directory_deleted);
        return;
    }
    corrali_sweep_name_lane(own);
    delete_locked(client, own->lane, own->lane_versions[own->lanes.next], lane_deleted);
}

/* Is what was looked at old? If not, the writer is left alone. */
static bool seen_old_locked(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;

    if (status != CORRAL_OK) {
        leave_alone_locked(client, status);
        return false;
    }
    if (own->now_ms - own->request.stat.mtime_ms < atomic_load(&age_ms)) {
        next_writer_locked(client);
        return false;
    }
    return true;
}

static void lane_seen(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;

    if (seen_old_locked(client, status)) {
        own->lane_versions[own->lanes.next++] = own->request.stat.version;
        look_at_next_locked(client);
    }
}

static void look_at_next_locked(corral_client *client)
{
    corrali_sweep *own = &client->sweep;

    if (own->lanes.next == own->lanes.count) {
        own->lanes.next = 0;
        delete_next_locked(client);
        return;
    }
    corrali_sweep_name_lane(own);
    ask_locked(client, CORRALI_EXISTS, own->lane, lane_seen);
}

static void directory_seen(corral_client *client, int status)
{
    if (seen_old_locked(client, status)) {
        client->sweep.directory_version = client->sweep.request.stat.version;
        look_at_next_locked(client);
    }
}

static void children_seen(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;
    bool lanes_alone = true;

    for (size_t i = 0; status == CORRAL_OK && i < own->request.length; i++) {
        lanes_alone = lanes_alone && corrali_sweep_is_lane(own->request.names[i]);
    }
    if (status == CORRAL_OK && !lanes_alone) {
        next_writer_locked(client); /* LIVE, or not ours */
        return;
    }
    if (status == CORRAL_OK) {
        status = corrali_names_copy(&own->lanes, own->request.names, own->request.length);
    }
    if (status == CORRAL_OK) {
        corrali_free(own->lane_versions);
        own->lane_versions = corrali_alloc((own->lanes.count + 1) * sizeof *own->lane_versions);
        status = own->lane_versions == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (status == CORRAL_OK) {
        ask_locked(client, CORRALI_EXISTS, own->directory, directory_seen);
    } else {
        leave_alone_locked(client, status);
    }
}

static void next_writer_locked(corral_client *client)
{
    corrali_sweep *own = &client->sweep;

    do {
        if (own->writers.next == own->writers.count) {
            corrali_log(&client->log, CORRAL_LOG_INFO,
                        "corral: sweep: deleted %zu lanes and %zu directories of clients that crashed",
                        own->swept_lanes, own->swept_writers);
            end_round_locked(client, atomic_load(&interval_ms));
            return;
        }
    } while (!corrali_sweep_name_writer(own, own->writers.items[own->writers.next++]) ||
             strcmp(own->directory, client->writer.directory) == 0);
    ask_locked(client, CORRALI_CHILDREN, own->directory, children_seen);
}

/* --- a round --- */

static void writers_seen(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;

    if (status == CORRAL_OK) {
        status = corrali_names_copy(&own->writers, own->request.names, own->request.length);
    }
    if (status == CORRAL_OK) {
        next_writer_locked(client);
    } else {
        give_up_locked(client, status);
    }
}

static void claimed(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;
    const corrali_write *write = &own->request.writes[0];

    if (status == CORRAL_ECONFLICT || status == CORRAL_EEXIST) {
        not_due_locked(client, atomic_load(&interval_ms)); /* somebody was faster */
    } else if (status != CORRAL_OK) {
        give_up_locked(client, status);
    } else {
        if (write->kind == CORRALI_SET) {
            own->now_ms = write->stat.mtime_ms;
        }
        own->swept_lanes = 0;
        own->swept_writers = 0;
        ask_locked(client, CORRALI_CHILDREN, own->parent, writers_seen);
    }
}

static void mark_seen(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;
    int64_t interval = atomic_load(&interval_ms);
    int64_t passed = own->now_ms - own->request.stat.mtime_ms;

    if (status == CORRAL_ENOENT) {
        write_locked(client,
                     (corrali_write){.kind = CORRALI_CREATE, .path = own->mark, .data = "", .open = true},
                     claimed);
    } else if (status != CORRAL_OK) {
        give_up_locked(client, status);
    } else if (passed < interval && passed > -interval) {
        not_due_locked(client, passed > 0 ? interval - passed : interval);
    } else {
        /* Also when the mark is far ahead: the calendar has been set back since. */
        write_locked(
            client,
            (corrali_write){
                .kind = CORRALI_SET, .path = own->mark, .data = "", .version = own->request.stat.version},
            claimed);
    }
}

static void renewed(corral_client *client, int status)
{
    corrali_sweep *own = &client->sweep;

    if (status != CORRAL_OK) {
        give_up_locked(client, status);
        return;
    }
    own->now_ms = own->request.writes[0].stat.mtime_ms;
    ask_locked(client, CORRALI_GET, own->mark, mark_seen);
}

static void round_begins(corrali_timer *timer)
{
    corral_client *client = CORRALI_CONTAINER(timer, corral_client, sweep.timer);

    write_locked(client,
                 (corrali_write){.kind = CORRALI_SET,
                                 .path = client->writer.directory,
                                 .data = "",
                                 .version = CORRALI_VERSION_ANY},
                 renewed);
}

/* --- life --- */

void corrali_sweep_start_locked(corral_client *client)
{
    corrali_sweep *own = &client->sweep;

    if (own->started || client->closing ||
        (own->mark == NULL && corrali_sweep_make_paths(own, client->home) != CORRAL_OK)) {
        return;
    }
    own->started = true;
    /* Not at once: a client that lives for a moment has other things to do. */
    schedule_locked(client, atomic_load(&interval_ms) / 16 + jitter_ms_locked(client));
}

void corrali_sweep_stop_locked(corral_client *client)
{
    corrali_timers_stop(&client->timers, &client->sweep.timer);
    (void)corrali_withdraw_locked(client, &client->sweep.request);
}

void corrali_sweep_destroy(corral_client *client)
{
    corrali_sweep *own = &client->sweep;

    corrali_names_free(&own->writers);
    corrali_names_free(&own->lanes);
    corrali_free(own->lane_versions);
    corrali_free(own->mark);
}
