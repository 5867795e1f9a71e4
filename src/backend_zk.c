/*
 * The backend on libzookeeper_mt.
 *
 * Threads: libzookeeper runs an I/O and a completion thread per handle; all
 * replies and session events come up on the completion thread. The keeper
 * thread makes and closes handles, which may block for seconds (DNS, joins),
 * and holds no mutex meanwhile. The clock thread waits for the next deadline
 * (backend_zk_clock.c).
 *
 * Handles: a session that has expired leaves a dead handle, whose I/O thread
 * has ended; a request queued to it just too late is never completed. So each
 * handle lists its calls, and what is left there once its threads have been
 * joined is answered ELOST by the keeper.
 */
#include "backend_zk.h"

#include <corral/status.h>

#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "alloc.h"
#include "config.h"
#include "latch.h"
#include "log.h"
#include "thread.h"
#include "timer.h"

/* Pause between attempts to make a handle, when its hosts cannot be resolved. */
enum { RETRY_MIN_MS = 100, RETRY_MAX_MS = 5000 };

/* A new session after an expiry waits a random time up to this: others expired with us. */
enum { NEW_SESSION_JITTER_MS = 100 };

static uint64_t zk_random(corrali_backend *base)
{
    uint64_t value = (uint64_t)corrali_zk_now(base);

    /* Only a kernel still booting refuses; then the clock has to do. */
    (void)!getrandom(&value, sizeof value, GRND_NONBLOCK);
    return value;
}

/* --- session events: on the completion thread of a handle --- */

void corrali_zk_give_up_locked(corrali_zk_session *own)
{
    own->dead = true;
    own->given_up = true;
    pthread_cond_signal(&own->zk->keeper_wake);
}

/*
 * libzookeeper refuses credentials while it has no connection, so they are
 * given at the first one; from then on it sends them itself. False: this
 * connection is of no use without them.
 */
static bool give_credentials(corrali_zk_session *own, zhandle_t *handle)
{
    const corrali_backend_options *options = own->zk->options;

    while (own->auth_given < options->auth_count) {
        const corral_auth *auth = &options->auth[own->auth_given];
        int code =
            zoo_add_auth(handle, auth->scheme, auth->credential, (int)strlen(auth->credential), NULL, NULL);

        if (code != ZOK && code != ZINVALIDSTATE) {
            pthread_mutex_lock(&own->zk->mutex);
            corrali_zk_give_up_locked(own);
            pthread_mutex_unlock(&own->zk->mutex);
        }
        if (code != ZOK) {
            return false; /* ZINVALIDSTATE: disconnected again */
        }
        own->auth_given++;
    }
    return true;
}

static void end_session(corrali_zk_session *own, bool refused)
{
    corrali_zk *self = own->zk;

    pthread_mutex_lock(&self->mutex);
    own->dead = true;
    self->refused = self->refused || refused;
    pthread_cond_signal(&self->keeper_wake);
    pthread_mutex_unlock(&self->mutex);
    if (refused) {
        self->events->auth_failed(self->owner);
    } else {
        self->events->expired(self->owner);
    }
}

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    corrali_zk_session *own = context;
    corrali_zk *self = own->zk;

    bool dead;

    (void)path;
    pthread_mutex_lock(&self->mutex);
    dead = own->dead;
    pthread_mutex_unlock(&self->mutex);
    if (type != ZOO_SESSION_EVENT || dead) {
        return;
    }
    if (state == ZOO_CONNECTED_STATE) {
        if (!give_credentials(own, handle)) {
            return;
        }
        pthread_mutex_lock(&self->mutex);
        own->handle = handle;
        pthread_mutex_unlock(&self->mutex);
        self->events->connected(self->owner, zoo_client_id(handle)->client_id, zoo_recv_timeout(handle),
                                own->asked_at);
    } else if (state == ZOO_EXPIRED_SESSION_STATE) {
        end_session(own, false);
    } else if (state == ZOO_AUTH_FAILED_STATE) {
        end_session(own, true);
    } else {
        self->events->suspended(self->owner);
    }
}

/* --- the keeper thread --- */

static void close_session(corrali_zk *self, corrali_zk_session *own, zhandle_t *handle)
{
    corrali_link *link;

    if (own->given_up) {
        self->events->expired(self->owner);
    }
    (void)zookeeper_close(handle);
    /* Its threads have ended: what is still listed will get no reply. */
    pthread_mutex_lock(&self->mutex);
    while ((link = corrali_list_pop(&own->calls)) != NULL) {
        pthread_mutex_unlock(&self->mutex);
        corrali_zk_answer(CORRALI_CONTAINER(link, corrali_zk_call, link), CORRAL_ELOST);
        pthread_mutex_lock(&self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    corrali_free(own);
}

/*
 * By default libzookeeper looks up its hosts each time its I/O thread comes
 * round, twice for a request: that costs a fifth of a request's time, and
 * where a name server is slow, the session. A lost connection is soon enough.
 */
static void resolve_when_lost(zhandle_t *handle)
{
#ifdef HAVE_ZOO_SET_SERVERS_RESOLUTION_DELAY
    (void)zoo_set_servers_resolution_delay(handle, -1);
#else
    (void)handle;
#endif
}

/* Make a handle. NULL: it could not be made, for now. */
static zhandle_t *open_session(corrali_zk *self, corrali_zk_session **ret_session)
{
    corrali_zk_session *own = corrali_alloc(sizeof *own);
    zhandle_t *handle;

    if (own == NULL) {
        return NULL;
    }
    own->zk = self;
    own->asked_at = corrali_zk_now(&self->base);
    corrali_list_init(&own->calls);
    pthread_mutex_lock(&self->mutex);
    self->session = own; /* before its first event */
    pthread_mutex_unlock(&self->mutex);
    handle = zookeeper_init2(self->options->servers, on_event, (int)self->options->session_timeout_ms, NULL,
                             own, ZOO_NO_LOG_CLIENTENV, corrali_log_zookeeper);
    if (handle == NULL) {
        pthread_mutex_lock(&self->mutex);
        self->session = NULL;
        pthread_mutex_unlock(&self->mutex);
        corrali_free(own);
        return NULL;
    }
    resolve_when_lost(handle);
    *ret_session = own;
    return handle;
}

static void keeper_pause_locked(corrali_zk *self, int64_t ms)
{
    struct timespec until = corrali_latch_deadline(ms);
    int failed = 0;

    while (!self->closing && failed == 0) {
        failed = pthread_cond_timedwait(&self->keeper_wake, &self->mutex, &until);
    }
}

static void *keeper_main(void *context)
{
    corrali_zk *self = context;
    int64_t pause_ms = RETRY_MIN_MS;

    pthread_mutex_lock(&self->mutex);
    while (!self->closing) {
        corrali_zk_session *own = NULL;
        zhandle_t *handle;

        pthread_mutex_unlock(&self->mutex);
        handle = open_session(self, &own);
        pthread_mutex_lock(&self->mutex);
        if (handle == NULL) {
            keeper_pause_locked(self, pause_ms);
            pause_ms = pause_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : pause_ms * 2;
            continue;
        }
        pause_ms = RETRY_MIN_MS;
        while (!self->closing && !own->dead) {
            pthread_cond_wait(&self->keeper_wake, &self->mutex);
        }
        self->session = NULL;
        pthread_mutex_unlock(&self->mutex);
        close_session(self, own, handle);
        pthread_mutex_lock(&self->mutex);
        while (self->refused && !self->closing) {
            pthread_cond_wait(&self->keeper_wake, &self->mutex);
        }
        keeper_pause_locked(self, (int64_t)(zk_random(&self->base) % NEW_SESSION_JITTER_MS));
    }
    pthread_mutex_unlock(&self->mutex);
    self->events->closed(self->owner);
    return NULL;
}

/* --- life --- */

static int make_acl(corrali_zk *self)
{
    const corrali_backend_options *options = self->options;

    if (options->acl == CORRAL_ACL_OPEN) {
        self->acl = ZOO_OPEN_ACL_UNSAFE;
        return CORRAL_OK;
    }
    if (options->acl == CORRAL_ACL_CREATOR_ALL) {
        self->acl = ZOO_CREATOR_ALL_ACL;
        return CORRAL_OK;
    }
    if (corrali_zk_copy_acl(&self->acl, options->acl_entries, options->acl_count) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    self->acl_entries = self->acl.data;
    return CORRAL_OK;
}

static int start_threads(corrali_zk *self)
{
    int status = corrali_zk_start_clock(self);

    if (status != CORRAL_OK) {
        return status;
    }
    status = corrali_thread_start(&self->keeper, keeper_main, self);
    self->started = status == CORRAL_OK;
    if (!self->started) {
        corrali_zk_stop_clock(self);
    }
    return status;
}

static int zk_start(corrali_backend *base, const corrali_backend_options *options,
                    const corrali_backend_events *events, void *owner)
{
    corrali_zk *self = (corrali_zk *)base;
    int status;

    self->options = options;
    self->events = events;
    self->owner = owner;
    status = make_acl(self);
    return status != CORRAL_OK ? status : start_threads(self);
}

static void zk_close(corrali_backend *base)
{
    corrali_zk *self = (corrali_zk *)base;

    pthread_mutex_lock(&self->mutex);
    self->closing = true;
    pthread_cond_signal(&self->keeper_wake);
    pthread_mutex_unlock(&self->mutex);
}

static void zk_destroy(corrali_backend *base)
{
    corrali_zk *self = (corrali_zk *)base;

    if (self->started) {
        pthread_join(self->keeper, NULL);
        corrali_zk_stop_clock(self);
    }
    pthread_cond_destroy(&self->keeper_wake);
    pthread_mutex_destroy(&self->mutex);
    corrali_free(self->acl_entries);
    corrali_free(self);
}

corrali_backend *corrali_backend_zk_new(void)
{
    static const corrali_backend_vtable vtable = {.start = zk_start,
                                                  .submit = corrali_zk_submit,
                                                  .unwatch = corrali_zk_unwatch,
                                                  .now = corrali_zk_now,
                                                  .calendar = corrali_zk_calendar,
                                                  .wake_at = corrali_zk_wake_at,
                                                  .random = zk_random,
                                                  .close = zk_close,
                                                  .destroy = zk_destroy};
    corrali_zk *self = corrali_alloc(sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    self->base.vtable = &vtable;
    self->alarm = CORRALI_NEVER;
    pthread_mutex_init(&self->mutex, NULL);
    corrali_cond_init(&self->keeper_wake);
    return &self->base;
}
