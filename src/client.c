/* Opening and closing a client; its mutex. */
#include <string.h>

#include "alloc.h"
#include "client_options.h"
#include "contender.h"
#include "counter.h"
#include "epoch.h"
#include "path.h"
#include "thread.h"
#include "watch.h"

/* How long a closing client waits for its lanes to be deleted. Others sweep what is left. */
enum { FAREWELL_MS = 2000 };

/* --- fork --- */

unsigned corrali_forks;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void forked(void)
{
    corrali_forks++;
    corrali_log_forked();
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forked);
}

/* --- the mutex --- */

void corrali_lock(corral_client *client)
{
    pthread_mutex_lock(&client->mutex);
}

/* Tell the library's own parts of what has ended. Each may begin, or end, something else. */
static void settle_locked(corral_client *client)
{
    corrali_link *link;

    while ((link = corrali_list_pop(&client->settled)) != NULL) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        op->settled_locked(op);
    }
}

/* Have a timer event for the earliest deadline. */
static void arm_locked(corral_client *client)
{
    int64_t next = corrali_timers_next(&client->timers);

    if (next < client->armed) {
        client->armed = next;
        client->backend->vtable->wake_at(client->backend, next);
    }
}

void corrali_unlock(corral_client *client)
{
    corrali_link woken;
    corrali_link *link;
    bool wake_dispatch;

    settle_locked(client);
    arm_locked(client);
    wake_dispatch = client->dispatch.idle && !corrali_list_empty(&client->dispatch.tasks);
    if (!wake_dispatch && corrali_list_empty(&client->woken)) {
        pthread_mutex_unlock(&client->mutex);
        return;
    }
    corrali_list_init(&woken);
    corrali_list_prepend_all(&woken, &client->woken);
    client->dispatch.idle = client->dispatch.idle && !wake_dispatch;
    pthread_mutex_unlock(&client->mutex);
    if (wake_dispatch) {
        pthread_cond_broadcast(&client->dispatch.wake);
    }
    while ((link = corrali_list_pop(&woken)) != NULL) {
        corrali_latch_open(&CORRALI_CONTAINER(link, corral_op, task.link)->ended);
    }
}

const char *corrali_path_shown(const corral_client *client, const char *path)
{
    /* An ancestor within the chroot itself has no other name than its own. */
    return strlen(path) > client->chroot_length && strncmp(path, client->chroot, client->chroot_length) == 0
               ? path + client->chroot_length
               : path;
}

int64_t corrali_now_locked(corral_client *client)
{
    return client->backend->vtable->now(client->backend);
}

int64_t corrali_calendar_ms_locked(const corral_client *client)
{
    return client->backend->vtable->calendar(client->backend) / 1000000;
}

uint64_t corrali_random_locked(corral_client *client)
{
    return client->backend->vtable->random(client->backend);
}

int64_t corrali_time_after_locked(corral_client *client, int64_t ms)
{
    int64_t now = corrali_now_locked(client);

    return ms > (CORRALI_NEVER - 1 - now) / 1000000 ? CORRALI_NEVER - 1 : now + ms * 1000000;
}

/* --- life --- */

void corrali_client_ref(corral_client *client)
{
    atomic_fetch_add(&client->refs, 1);
}

static void free_client(corral_client *client)
{
    corrali_link *spare;

    while ((spare = corrali_list_pop(&client->spare_ops)) != NULL) {
        corrali_free(CORRALI_CONTAINER(spare, corral_op, task.link));
    }
    corrali_sweep_destroy(client);
    corrali_writer_destroy(client);
    corrali_epochs_destroy(client);
    corrali_pulse_destroy(client);
    corrali_timers_destroy(&client->timers);
    pthread_cond_destroy(&client->dispatch.wake);
    pthread_cond_destroy(&client->object_idle);
    pthread_cond_destroy(&client->watch_idle);
    pthread_mutex_destroy(&client->mutex);
    corrali_client_free_options(client);
    corrali_free(client);
}

void corrali_client_unref(corral_client *client)
{
    if (atomic_fetch_sub(&client->refs, 1) == 1) {
        free_client(client);
    }
}

static corral_client *new_client(void)
{
    corral_client *client = corrali_alloc(sizeof *client);

    if (client == NULL) {
        return NULL;
    }
    client->fork_generation = corrali_forks;
    atomic_init(&client->refs, 1);
    atomic_init(&client->state, CORRAL_STATE_CONNECTING);
    corrali_latch_init(&client->closed);
    pthread_mutex_init(&client->mutex, NULL);
    pthread_cond_init(&client->object_idle, NULL);
    pthread_cond_init(&client->watch_idle, NULL);
    corrali_cond_init(&client->dispatch.wake);
    client->dispatch.fd = -1;
    corrali_list_init(&client->woken);
    corrali_list_init(&client->settled);
    corrali_list_init(&client->dispatch.tasks);
    corrali_list_init(&client->objects);
    corrali_list_init(&client->contenders);
    corrali_pulse_init(client);
    corrali_list_init(&client->spare_ops);
    corrali_list_init(&client->watched);
    corrali_list_init(&client->watched_waiting);
    corrali_list_init(&client->families_due);
    client->armed = CORRALI_NEVER;
    corrali_session_init(client);
    return client;
}

/* Fill @client and set it going. */
static int start(corral_client *client, const char *servers, const char *chroot,
                 const corral_client_options *options, const char *home)
{
    corrali_backend *backend = client->backend;
    int status = corrali_client_copy_options(client, servers, chroot, options, home);

    if (status == CORRAL_OK) {
        status = corrali_epochs_init(client);
    }
    if (status == CORRAL_OK) {
        status = corrali_writer_init(client);
    }
    if (status == CORRAL_OK) {
        status = corrali_dispatch_start(client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    corrali_announce_locked(client, CORRAL_STATE_CONNECTING);
    corrali_unlock(client);
    corrali_log_add(&client->log);
    status = backend->vtable->start(backend, &client->backend_options, &corrali_session_events, client);
    if (status != CORRAL_OK) {
        corrali_log_remove(&client->log);
        corrali_lock(client);
        client->announcer.count = 0; /* nobody is told of a client that will not be */
        corrali_unlock(client);
        corrali_dispatch_stop(client);
    }
    return status;
}

int corrali_client_new(const char *servers, const corral_client_options *options, corrali_backend *backend,
                       corral_client **ret_client)
{
    const char *home = options->home != NULL ? options->home : corrali_environment("CORRAL_HOME");
    const char *chroot;
    corral_client *client;
    int status = CORRAL_EINVAL;

    home = home == NULL ? "/corral" : home;
    if (corrali_servers_valid(servers, &chroot) && corrali_client_options_valid(options) &&
        corrali_path_valid(home)) {
        client = new_client();
        if (client != NULL) {
            client->backend = backend;
            status = start(client, servers, chroot, options, home);
            if (status == CORRAL_OK) {
                *ret_client = client;
                return CORRAL_OK;
            }
            corrali_client_unref(client);
        } else {
            status = CORRAL_ENOMEM;
        }
    }
    backend->vtable->destroy(backend);
    return status;
}

int corral_client_open(const char *servers, const corral_client_options *options, corral_client **ret_client)
{
    corral_client_options effective = CORRAL_CLIENT_OPTIONS_INIT;
    corral_auth auth;
    char *auth_text = NULL;
    corrali_backend *backend;
    int status = CORRAL_OK;

    if (ret_client == NULL || (options != NULL && options->version != CORRAL_CLIENT_OPTIONS_VERSION)) {
        return CORRAL_EINVAL;
    }
    if (corrali_log_running()) {
        return CORRAL_EDEADLK;
    }
    (void)pthread_once(&fork_once, watch_forks);
    if (options != NULL) {
        effective = *options;
    }
    servers = servers != NULL ? servers : corrali_environment("CORRAL_SERVERS");
    servers = servers != NULL ? servers : "127.0.0.1:2181";
    if (effective.auth_count == 0) {
        status = corrali_auth_from_environment(&auth, &auth_text);
        if (auth_text != NULL) {
            effective.auth = &auth;
            effective.auth_count = 1;
        }
    }
    if (status == CORRAL_OK) {
        backend = corrali_backend_zk_new();
        status =
            backend == NULL ? CORRAL_ENOMEM : corrali_client_new(servers, &effective, backend, ret_client);
    }
    corrali_free(auth_text);
    return status;
}

int corrali_client_accepts_locked(const corral_client *client)
{
    if (client->closing) {
        return CORRAL_ECLOSED;
    }
    return client->auth_failed ? CORRAL_EACCES : CORRAL_OK;
}

void corrali_client_abort_all_locked(corral_client *client, int cause)
{
    corrali_link all;
    corrali_link *link;

    /* Some may go with their operations. */
    corrali_list_init(&all);
    corrali_list_prepend_all(&all, &client->objects);
    while ((link = corrali_list_pop(&all)) != NULL) {
        corrali_object *object = CORRALI_CONTAINER(link, corrali_object, link);

        corrali_list_append(&client->objects, link);
        object->class->abort_all_locked(object, cause);
    }
    corrali_contenders_end_locked(client, cause);
    corrali_watched_end_all_locked(client, cause);
}

static void farewell_done_locked(corral_client *client)
{
    if (!client->shut) {
        corrali_timers_stop(&client->timers, &client->farewell);
        corrali_session_shut_locked(client);
    }
}

static void farewell_timed_out(corrali_timer *timer)
{
    farewell_done_locked(CORRALI_CONTAINER(timer, corral_client, farewell));
}

/* The lanes go last. */
static void farewell_locked(corral_client *client)
{
    if (client->leaving && client->chores == 0 && !client->shut) {
        client->leaving = false;
        corrali_writer_farewell_locked(client, farewell_done_locked);
    }
}

void corrali_chore_begin_locked(corral_client *client)
{
    client->chores++;
}

void corrali_chore_end_locked(corral_client *client)
{
    client->chores--;
    farewell_locked(client);
}

/* End all operations, and start deleting the lanes while there is a connection to do it on. */
static void begin_close_locked(corral_client *client)
{
    client->closing = true;
    corrali_client_abort_all_locked(client, CORRAL_ECLOSED);
    corrali_sweep_stop_locked(client);
    client->farewell.fire = farewell_timed_out;
    if (!client->ready || corrali_timers_set(&client->timers, &client->farewell,
                                             corrali_time_after_locked(client, FAREWELL_MS)) != CORRAL_OK) {
        farewell_done_locked(client);
    } else {
        client->leaving = true;
        farewell_locked(client);
    }
}

void corrali_client_begin_close(corral_client *client)
{
    corrali_lock(client);
    begin_close_locked(client);
    corrali_unlock(client);
}

void corrali_client_end_close(corral_client *client)
{
    corrali_lock(client);
    corrali_announce_locked(client, CORRAL_STATE_CLOSED);
    corrali_unlock(client);
    corrali_dispatch_stop(client);
    corrali_lock(client);
    corrali_session_finish_locked(client);
    corrali_unlock(client);
    client->backend->vtable->destroy(client->backend);
    corrali_log_remove(&client->log);
    corrali_client_unref(client);
}

int corral_client_close(corral_client *client)
{
    int status;

    if (client == NULL) {
        return CORRAL_OK;
    }
    status = corrali_enter_blocking(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_client_begin_close(client);
    (void)corrali_latch_wait(&client->closed, CORRAL_FOREVER);
    corrali_client_end_close(client);
    return CORRAL_OK;
}

corral_state corral_client_state(const corral_client *client)
{
    return client == NULL ? CORRAL_STATE_CLOSED : atomic_load(&client->state);
}

int corral_client_get_stats(corral_client *client, corral_client_stats *ret_stats)
{
    int status;

    if (client == NULL || ret_stats == NULL) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    *ret_stats = client->stats;
    corrali_unlock(client);
    return CORRAL_OK;
}
