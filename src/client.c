/* Opening and closing a client; its options; its mutex. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "counter.h"
#include "epoch.h"
#include "internal.h"
#include "path.h"
#include "watch.h"

enum { DEFAULT_SESSION_TIMEOUT_MS = 10000 };

/* How long a closing client waits for its lanes to be deleted. Others sweep what is left. */
enum { FAREWELL_MS = 2000 };

/* The variable's value; NULL: it is not set, or set to nothing. */
static const char *environment(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* --- fork --- */

/* Counted in the child: objects made before belong to the parent. */
static unsigned forks;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void forked(void)
{
    forks++;
    corrali_log_forked();
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forked);
}

int corrali_enter(const corral_client *client)
{
    if (client->fork_generation != forks) {
        return CORRAL_EFORK;
    }
    return corrali_log_running() ? CORRAL_EDEADLK : CORRAL_OK;
}

int corrali_enter_blocking(const corral_client *client)
{
    int status = corrali_enter(client);

    return status == CORRAL_OK && corrali_dispatching(client) ? CORRAL_EDEADLK : status;
}

/* --- the mutex --- */

void corrali_lock(corral_client *client)
{
    pthread_mutex_lock(&client->mutex);
}

void corrali_unlock(corral_client *client)
{
    corrali_link woken;
    corrali_link *link;
    int64_t next = corrali_timers_next(&client->timers);
    bool wake_dispatch = client->dispatch.idle && !corrali_list_empty(&client->dispatch.tasks);

    corrali_list_init(&woken);
    corrali_list_prepend_all(&woken, &client->woken);
    if (next < client->armed) {
        client->armed = next;
        client->backend->vtable->wake_at(client->backend, next);
    }
    if (wake_dispatch) {
        client->dispatch.idle = false;
    }
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

uint64_t corrali_random_locked(corral_client *client)
{
    return client->backend->vtable->random(client->backend);
}

int64_t corrali_time_after_locked(corral_client *client, int64_t ms)
{
    int64_t now = corrali_now_locked(client);

    return ms > (CORRALI_NEVER - 1 - now) / 1000000 ? CORRALI_NEVER - 1 : now + ms * 1000000;
}

/* --- options --- */

static bool auth_valid(const corral_auth *auth)
{
    return auth->scheme != NULL && auth->scheme[0] != '\0' && auth->credential != NULL &&
           strlen(auth->credential) <= INT_MAX;
}

static bool acl_valid(const corral_client_options *options)
{
    if (options->acl == CORRAL_ACL_CREATOR_ALL) {
        return options->auth_count > 0;
    }
    if (options->acl != CORRAL_ACL_EXPLICIT) {
        return options->acl == CORRAL_ACL_OPEN;
    }
    if (options->acl_entries == NULL || options->acl_count == 0 || options->acl_count > 1000) {
        return false;
    }
    for (size_t i = 0; i < options->acl_count; i++) {
        const corral_acl *entry = &options->acl_entries[i];

        if (entry->scheme == NULL || entry->id == NULL || entry->perms <= 0 ||
            entry->perms > CORRAL_PERM_ALL) {
            return false;
        }
    }
    return true;
}

static bool options_valid(const corral_client_options *options)
{
    if (options->version != CORRAL_CLIENT_OPTIONS_VERSION || options->session_timeout_ms < 0 ||
        options->session_timeout_ms > INT32_MAX || options->request_timeout_ms < 0 ||
        (options->auth_count > 0 && options->auth == NULL) || options->log_level > CORRAL_LOG_DEBUG ||
        options->dispatch > CORRAL_DISPATCH_FD) {
        return false;
    }
    for (size_t i = 0; i < options->auth_count; i++) {
        if (!auth_valid(&options->auth[i])) {
            return false;
        }
    }
    return acl_valid(options) && (options->home == NULL || corrali_path_valid(options->home));
}

static int copy_auth(corral_client *client, const corral_client_options *options)
{
    client->auth = corrali_alloc((options->auth_count + 1) * sizeof *client->auth);
    if (client->auth == NULL) {
        return CORRAL_ENOMEM;
    }
    client->backend_options.auth = client->auth;
    for (size_t i = 0; i < options->auth_count; i++) {
        client->auth[i].scheme = corrali_strdup(options->auth[i].scheme);
        client->auth[i].credential = corrali_strdup(options->auth[i].credential);
        client->backend_options.auth_count++;
        if (client->auth[i].scheme == NULL || client->auth[i].credential == NULL) {
            return CORRAL_ENOMEM;
        }
    }
    return CORRAL_OK;
}

static int copy_acl(corral_client *client, const corral_client_options *options)
{
    size_t count = options->acl == CORRAL_ACL_EXPLICIT ? options->acl_count : 0;

    client->backend_options.acl = options->acl;
    client->acl_entries = corrali_alloc((count + 1) * sizeof *client->acl_entries);
    if (client->acl_entries == NULL) {
        return CORRAL_ENOMEM;
    }
    client->backend_options.acl_entries = client->acl_entries;
    for (size_t i = 0; i < count; i++) {
        client->acl_entries[i].perms = options->acl_entries[i].perms;
        client->acl_entries[i].scheme = corrali_strdup(options->acl_entries[i].scheme);
        client->acl_entries[i].id = corrali_strdup(options->acl_entries[i].id);
        client->backend_options.acl_count++;
        if (client->acl_entries[i].scheme == NULL || client->acl_entries[i].id == NULL) {
            return CORRAL_ENOMEM;
        }
    }
    return CORRAL_OK;
}

/* Split @servers at its chroot. libzookeeper takes IPv6 addresses without their brackets only. */
static int copy_servers(corral_client *client, const char *servers, const char *chroot)
{
    char *to;

    client->servers = corrali_alloc((size_t)(chroot - servers) + 1);
    client->chroot = corrali_strdup(strcmp(chroot, "/") == 0 ? "" : chroot);
    if (client->servers == NULL || client->chroot == NULL) {
        return CORRAL_ENOMEM;
    }
    to = client->servers;
    for (const char *from = servers; from < chroot; from++) {
        if (*from != '[' && *from != ']') {
            *to++ = *from;
        }
    }
    client->chroot_length = strlen(client->chroot);
    client->backend_options.servers = client->servers;
    return CORRAL_OK;
}

static int copy_options(corral_client *client, const corral_client_options *options, const char *home)
{
    int64_t session =
        options->session_timeout_ms == 0 ? DEFAULT_SESSION_TIMEOUT_MS : options->session_timeout_ms;

    client->backend_options.session_timeout_ms = session;
    client->request_timeout_ms = options->request_timeout_ms == 0 ? session : options->request_timeout_ms;
    client->announcer.callback = options->state_cb;
    client->announcer.arg = options->state_arg;
    client->dispatch.mode = options->dispatch;
    client->log.callback = options->log_cb;
    client->log.arg = options->log_arg;
    client->log.level = options->log_level == CORRAL_LOG_NONE ? CORRAL_LOG_WARN : options->log_level;
    client->home = corrali_asprintf("%s%s", client->chroot, home);
    if (client->home == NULL || copy_auth(client, options) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    return copy_acl(client, options);
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
    for (size_t i = 0; i < client->backend_options.auth_count; i++) {
        corrali_free((char *)client->auth[i].scheme);
        corrali_free((char *)client->auth[i].credential);
    }
    for (size_t i = 0; i < client->backend_options.acl_count; i++) {
        corrali_free((char *)client->acl_entries[i].scheme);
        corrali_free((char *)client->acl_entries[i].id);
    }
    corrali_sweep_destroy(client);
    corrali_writer_destroy(client);
    corrali_epochs_destroy(client);
    corrali_timers_destroy(&client->timers);
    pthread_cond_destroy(&client->dispatch.wake);
    pthread_cond_destroy(&client->counter_idle);
    pthread_cond_destroy(&client->watch_idle);
    pthread_mutex_destroy(&client->mutex);
    corrali_free(client->auth);
    corrali_free(client->acl_entries);
    corrali_free(client->servers);
    corrali_free(client->chroot);
    corrali_free(client->home);
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
    pthread_condattr_t monotonic;

    if (client == NULL) {
        return NULL;
    }
    client->fork_generation = forks;
    atomic_init(&client->refs, 1);
    atomic_init(&client->state, CORRAL_STATE_CONNECTING);
    corrali_latch_init(&client->closed);
    pthread_mutex_init(&client->mutex, NULL);
    pthread_cond_init(&client->counter_idle, NULL);
    pthread_cond_init(&client->watch_idle, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&client->dispatch.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    client->dispatch.fd = -1;
    corrali_list_init(&client->woken);
    corrali_list_init(&client->dispatch.tasks);
    corrali_list_init(&client->counters);
    corrali_list_init(&client->spare_ops);
    corrali_list_init(&client->watched);
    client->armed = CORRALI_NEVER;
    corrali_session_init(client);
    return client;
}

/* Fill @client and set it going. */
static int start(corral_client *client, const char *servers, const char *chroot,
                 const corral_client_options *options, const char *home)
{
    corrali_backend *backend = client->backend;
    int status = copy_servers(client, servers, chroot);

    if (status == CORRAL_OK) {
        status = copy_options(client, options, home);
    }
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
    const char *home = options->home != NULL ? options->home : environment("CORRAL_HOME");
    const char *chroot;
    corral_client *client;
    int status = CORRAL_EINVAL;

    home = home == NULL ? "/corral" : home;
    if (corrali_servers_valid(servers, &chroot) && options_valid(options) && corrali_path_valid(home)) {
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

/* $CORRAL_AUTH, "scheme:credential", to @ret_auth, whose memory is @ret_text; NULL there if it is not set. */
static int auth_from_environment(corral_auth *ret_auth, char **ret_text)
{
    const char *variable = environment("CORRAL_AUTH");
    char *colon;

    if (variable == NULL) {
        return CORRAL_OK;
    }
    *ret_text = corrali_strdup(variable);
    if (*ret_text == NULL) {
        return CORRAL_ENOMEM;
    }
    colon = strchr(*ret_text, ':');
    if (colon == NULL || colon == *ret_text) {
        return CORRAL_EINVAL;
    }
    *colon = '\0';
    *ret_auth = (corral_auth){.scheme = *ret_text, .credential = colon + 1};
    return CORRAL_OK;
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
    servers = servers != NULL ? servers : environment("CORRAL_SERVERS");
    servers = servers != NULL ? servers : "127.0.0.1:2181";
    if (effective.auth_count == 0) {
        status = auth_from_environment(&auth, &auth_text);
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
    for (corrali_link *link = client->counters.next; link != &client->counters; link = link->next) {
        corrali_counter_abort_all_locked(CORRALI_CONTAINER(link, corral_counter, link), cause);
    }
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
        corrali_writer_farewell_locked(client, farewell_done_locked);
    }
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
    corrali_lock(client);
    begin_close_locked(client);
    corrali_unlock(client);
    (void)corrali_latch_wait(&client->closed, CORRAL_FOREVER);
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
