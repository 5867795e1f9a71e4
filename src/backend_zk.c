/*
 * The backend on libzookeeper_mt. The only file that includes <zookeeper.h>.
 *
 * Threads: libzookeeper runs an I/O and a completion thread per handle; all
 * replies and session events come up on the completion thread. The keeper
 * thread makes and closes handles, which may block for seconds (DNS, joins),
 * and holds no mutex meanwhile. The clock thread waits for the next deadline.
 *
 * Handles: a session that has expired leaves a dead handle, whose I/O thread
 * has ended; a request queued to it just too late is never completed. So each
 * handle lists its calls, and what is left there once its threads have been
 * joined is answered ELOST by the keeper.
 */
#include "backend.h"

#include <corral/status.h>

#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#include "alloc.h"
#include "log.h"
#include "timer.h"

/* Pause between attempts to make a handle, when its hosts cannot be resolved. */
enum { RETRY_MIN_MS = 100, RETRY_MAX_MS = 5000 };

/* A new session after an expiry waits a random time up to this: others expired with us. */
enum { NEW_SESSION_JITTER_MS = 100 };

typedef struct {
    corrali_link calls; /* sent, not yet answered */
    struct zk *zk;
    zhandle_t *handle; /* NULL until its first event */
    size_t auth_given; /* credentials that libzookeeper has taken, and sends at every connect */
    bool dead;         /* to be closed: expired, refused, or given up */
    bool given_up;     /* libzookeeper had no memory for it: what is in its queues is not known */
} session;

typedef struct {
    corrali_link link; /* in session.calls */
    session *owner;
    corrali_request *request;
    zoo_op_result_t results[CORRALI_WRITES_MAX];
    struct Stat stats[CORRALI_WRITES_MAX];
} call;

typedef struct zk {
    corrali_backend base;
    const corrali_backend_options *options;
    const corrali_backend_events *events;
    void *owner;
    struct ACL_vector acl; /* the client's; its entries are ours unless it is a constant */
    struct ACL *acl_entries;
    bool started; /* the threads run */
    pthread_t keeper;
    pthread_t clock;

    /* Guards everything below, and sessions and calls. Innermost but for libzookeeper's own. */
    pthread_mutex_t mutex;
    pthread_cond_t keeper_wake;
    pthread_cond_t clock_wake;
    session *session; /* NULL: being made or closed */
    bool refused;     /* authentication failed: no more sessions */
    bool closing;
    bool stopped;  /* the clock thread is to end */
    int64_t alarm; /* when to give a timer event */
} zk;

/* ZooKeeper's codes end here. */
static int status_of(int code)
{
    switch (code) {
    case ZOK:
        return CORRAL_OK;
    case ZNONODE:
        return CORRAL_ENOENT;
    case ZNODEEXISTS:
    case ZNOTEMPTY:
        return CORRAL_EEXIST;
    case ZBADVERSION:
        return CORRAL_ECONFLICT;
    case ZNOAUTH:
        return CORRAL_EACCES;
    case ZBADARGUMENTS:
    case ZINVALIDACL:
        return CORRAL_EINVAL;
    case ZNOCHILDRENFOREPHEMERALS:
    case ZUNIMPLEMENTED:
        return CORRAL_ENOTSUP;
    /* No reply, or one that says no more than that: of a moved session an
     * earlier attempt may yet be under way, so the request must be repeated. */
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZAUTHFAILED:
    case ZCLOSING:
    case ZINVALIDSTATE:
    case ZSYSTEMERROR:
    case ZRUNTIMEINCONSISTENCY:
    case ZTHROTTLEDOP:
        return CORRAL_ELOST;
    default:
        return CORRAL_ESERVER;
    }
}

static corrali_stat stat_of(const struct Stat *stat)
{
    return (corrali_stat){.czxid = stat->czxid,
                          .mzxid = stat->mzxid,
                          .version = stat->version,
                          .child_count = stat->numChildren,
                          .ephemeral_owner = stat->ephemeralOwner};
}

static int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Wait for @condition until @when of the clock. Returns with the mutex held. */
static void wait_until(zk *self, pthread_cond_t *condition, int64_t when)
{
    struct timespec until = {.tv_sec = (time_t)(when / 1000000000), .tv_nsec = (long)(when % 1000000000)};

    if (when == CORRALI_NEVER) {
        pthread_cond_wait(condition, &self->mutex);
    } else {
        pthread_cond_timedwait(condition, &self->mutex, &until);
    }
}

static uint64_t zk_random(corrali_backend *base)
{
    uint64_t value = (uint64_t)clock_now();

    (void)base;
    /* Only a kernel still booting refuses; then the clock has to do. */
    (void)!getrandom(&value, sizeof value, GRND_NONBLOCK);
    return value;
}

/* --- replies: on the completion thread of a handle --- */

/* Take @reply out of the list and hand its request up. */
static void answer(call *reply, int status)
{
    zk *self = reply->owner->zk;
    corrali_request *request = reply->request;

    pthread_mutex_lock(&self->mutex);
    corrali_list_remove(&reply->link);
    pthread_mutex_unlock(&self->mutex);
    request->status = status;
    self->events->reply(self->owner, request);
    corrali_free(reply);
}

static void on_data(int code, const char *data, int length, const struct Stat *stat, const void *context)
{
    call *reply = (call *)context;

    if (code == ZOK) {
        reply->request->data = data;
        reply->request->length = length < 0 ? 0 : (size_t)length; /* -1: a znode without data */
        reply->request->stat = stat_of(stat);
    }
    answer(reply, status_of(code));
}

static void on_sync(int code, const char *path, const void *context)
{
    (void)path;
    answer((call *)context, status_of(code));
}

/*
 * libzookeeper fills results[i].err: 0 before the write that failed, its code
 * there, ZRUNTIMEINCONSISTENCY behind it. Where the whole request failed, all
 * have the request's code.
 */
static void on_multi(int code, const void *context)
{
    call *reply = (call *)context;
    corrali_request *request = reply->request;

    if (code == ZOK) {
        for (size_t i = 0; i < request->write_count; i++) {
            if (request->writes[i].kind == CORRALI_SET) {
                request->writes[i].stat = stat_of(&reply->stats[i]);
            }
        }
    }
    request->failed = 0;
    while (code != ZOK && request->failed + 1 < request->write_count &&
           reply->results[request->failed].err == ZOK) {
        request->failed++;
    }
    answer(reply, status_of(code == ZOK ? ZOK : reply->results[request->failed].err));
}

/* --- requests: on any thread --- */

static zoo_op_t write_of(zk *self, corrali_write *write, struct Stat *stat)
{
    zoo_op_t op;

    switch (write->kind) {
    case CORRALI_CREATE:
        zoo_create_op_init(&op, write->path, write->data, (int)write->length,
                           write->open ? &ZOO_OPEN_ACL_UNSAFE : &self->acl,
                           write->ephemeral ? ZOO_EPHEMERAL : ZOO_PERSISTENT, NULL, 0);
        break;
    case CORRALI_SET:
        zoo_set_op_init(&op, write->path, write->data, (int)write->length, write->version, stat);
        break;
    case CORRALI_DELETE:
        zoo_delete_op_init(&op, write->path, write->version);
        break;
    case CORRALI_CHECK:
        zoo_check_op_init(&op, write->path, write->version);
        break;
    }
    return op;
}

static int send_call(zk *self, zhandle_t *handle, call *sent)
{
    corrali_request *request = sent->request;
    zoo_op_t ops[CORRALI_WRITES_MAX];

    switch (request->kind) {
    case CORRALI_GET:
        return zoo_aget(handle, request->path, 0, on_data, sent);
    case CORRALI_SYNC:
        return zoo_async(handle, request->path, on_sync, sent);
    case CORRALI_MULTI:
        for (size_t i = 0; i < request->write_count; i++) {
            ops[i] = write_of(self, &request->writes[i], &sent->stats[i]);
        }
        return zoo_amulti(handle, (int)request->write_count, ops, sent->results, on_multi, sent);
    }
    return ZUNIMPLEMENTED;
}

static void give_up_locked(session *own)
{
    own->dead = true;
    own->given_up = true;
    pthread_cond_signal(&own->zk->keeper_wake);
}

static int zk_submit(corrali_backend *base, corrali_request *request)
{
    zk *self = (zk *)base;
    call *sent = corrali_alloc(sizeof *sent);
    int code;

    if (sent == NULL) {
        return CORRAL_ENOMEM;
    }
    sent->request = request;
    pthread_mutex_lock(&self->mutex);
    if (self->session == NULL || self->session->handle == NULL || self->session->dead) {
        pthread_mutex_unlock(&self->mutex);
        corrali_free(sent);
        return CORRAL_ELOST;
    }
    /* Under the mutex, so that the keeper cannot close the handle meanwhile,
     * and the reply finds the call listed. */
    sent->owner = self->session;
    corrali_list_append(&sent->owner->calls, &sent->link);
    code = send_call(self, sent->owner->handle, sent);
    if (code == ZINVALIDSTATE || code == ZBADARGUMENTS) {
        corrali_list_remove(&sent->link);
    } else if (code != ZOK) {
        /* It may be queued or not. It is answered once the handle is closed. */
        give_up_locked(sent->owner);
    }
    pthread_mutex_unlock(&self->mutex);
    if (code == ZINVALIDSTATE || code == ZBADARGUMENTS) {
        corrali_free(sent);
        return status_of(code);
    }
    return CORRAL_OK;
}

/* --- session events: on the completion thread of a handle --- */

/*
 * libzookeeper refuses credentials while it has no connection, so they are
 * given at the first one; from then on it sends them itself. False: this
 * connection is of no use without them.
 */
static bool give_credentials(session *own, zhandle_t *handle)
{
    const corrali_backend_options *options = own->zk->options;

    while (own->auth_given < options->auth_count) {
        const corral_auth *auth = &options->auth[own->auth_given];
        int code =
            zoo_add_auth(handle, auth->scheme, auth->credential, (int)strlen(auth->credential), NULL, NULL);

        if (code != ZOK && code != ZINVALIDSTATE) {
            pthread_mutex_lock(&own->zk->mutex);
            give_up_locked(own);
            pthread_mutex_unlock(&own->zk->mutex);
        }
        if (code != ZOK) {
            return false; /* ZINVALIDSTATE: disconnected again */
        }
        own->auth_given++;
    }
    return true;
}

static void end_session(session *own, bool refused)
{
    zk *self = own->zk;

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
    session *own = context;
    zk *self = own->zk;

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
        self->events->connected(self->owner, zoo_client_id(handle)->client_id);
    } else if (state == ZOO_EXPIRED_SESSION_STATE) {
        end_session(own, false);
    } else if (state == ZOO_AUTH_FAILED_STATE) {
        end_session(own, true);
    } else {
        self->events->suspended(self->owner);
    }
}

/* --- the keeper thread --- */

static void close_session(zk *self, session *own, zhandle_t *handle)
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
        answer(CORRALI_CONTAINER(link, call, link), CORRAL_ELOST);
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
static zhandle_t *open_session(zk *self, session **ret_session)
{
    session *own = corrali_alloc(sizeof *own);
    zhandle_t *handle;

    if (own == NULL) {
        return NULL;
    }
    own->zk = self;
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

static void keeper_pause_locked(zk *self, int64_t ms)
{
    int64_t until = clock_now() + ms * 1000000;

    while (!self->closing && clock_now() < until) {
        wait_until(self, &self->keeper_wake, until);
    }
}

static void *keeper_main(void *context)
{
    zk *self = context;
    int64_t pause_ms = RETRY_MIN_MS;

    pthread_mutex_lock(&self->mutex);
    while (!self->closing) {
        session *own = NULL;
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
            wait_until(self, &self->keeper_wake, CORRALI_NEVER);
        }
        self->session = NULL;
        pthread_mutex_unlock(&self->mutex);
        close_session(self, own, handle);
        pthread_mutex_lock(&self->mutex);
        while (self->refused && !self->closing) {
            wait_until(self, &self->keeper_wake, CORRALI_NEVER);
        }
        keeper_pause_locked(self, (int64_t)(zk_random(&self->base) % NEW_SESSION_JITTER_MS));
    }
    pthread_mutex_unlock(&self->mutex);
    self->events->closed(self->owner);
    return NULL;
}

/* --- the clock thread --- */

static void *clock_main(void *context)
{
    zk *self = context;

    pthread_mutex_lock(&self->mutex);
    while (!self->stopped) {
        if (clock_now() < self->alarm) {
            wait_until(self, &self->clock_wake, self->alarm);
            continue;
        }
        self->alarm = CORRALI_NEVER;
        pthread_mutex_unlock(&self->mutex);
        self->events->timer(self->owner);
        pthread_mutex_lock(&self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static int64_t zk_now(corrali_backend *base)
{
    (void)base;
    return clock_now();
}

static void zk_wake_at(corrali_backend *base, int64_t when)
{
    zk *self = (zk *)base;

    pthread_mutex_lock(&self->mutex);
    if (when < self->alarm) {
        self->alarm = when;
        pthread_cond_signal(&self->clock_wake);
    }
    pthread_mutex_unlock(&self->mutex);
}

/* --- life --- */

static int make_acl(zk *self)
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
    self->acl_entries = corrali_alloc(options->acl_count * sizeof *self->acl_entries);
    if (self->acl_entries == NULL) {
        return CORRAL_ENOMEM;
    }
    for (size_t i = 0; i < options->acl_count; i++) {
        /* libzookeeper's structs have no const; it only reads these. */
        self->acl_entries[i] = (struct ACL){.perms = options->acl_entries[i].perms,
                                            .id = {.scheme = (char *)options->acl_entries[i].scheme,
                                                   .id = (char *)options->acl_entries[i].id}};
    }
    self->acl = (struct ACL_vector){.count = (int32_t)options->acl_count, .data = self->acl_entries};
    return CORRAL_OK;
}

static void stop_clock(zk *self)
{
    pthread_mutex_lock(&self->mutex);
    self->stopped = true;
    pthread_cond_signal(&self->clock_wake);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->clock, NULL);
}

static int start_threads(zk *self)
{
    sigset_t all;
    sigset_t before;

    /* Threads inherit the mask, libzookeeper's too: signals are the program's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&self->clock, NULL, clock_main, self) == 0) {
        self->started = pthread_create(&self->keeper, NULL, keeper_main, self) == 0;
        if (!self->started) {
            stop_clock(self);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return self->started ? CORRAL_OK : CORRAL_ENOMEM;
}

static int zk_start(corrali_backend *base, const corrali_backend_options *options,
                    const corrali_backend_events *events, void *owner)
{
    zk *self = (zk *)base;
    int status;

    self->options = options;
    self->events = events;
    self->owner = owner;
    status = make_acl(self);
    return status != CORRAL_OK ? status : start_threads(self);
}

static void zk_close(corrali_backend *base)
{
    zk *self = (zk *)base;

    pthread_mutex_lock(&self->mutex);
    self->closing = true;
    pthread_cond_signal(&self->keeper_wake);
    pthread_mutex_unlock(&self->mutex);
}

static void zk_destroy(corrali_backend *base)
{
    zk *self = (zk *)base;

    if (self->started) {
        pthread_join(self->keeper, NULL);
        stop_clock(self);
    }
    pthread_cond_destroy(&self->keeper_wake);
    pthread_cond_destroy(&self->clock_wake);
    pthread_mutex_destroy(&self->mutex);
    corrali_free(self->acl_entries);
    corrali_free(self);
}

corrali_backend *corrali_backend_zk_new(void)
{
    static const corrali_backend_vtable vtable = {.start = zk_start,
                                                  .submit = zk_submit,
                                                  .now = zk_now,
                                                  .wake_at = zk_wake_at,
                                                  .random = zk_random,
                                                  .close = zk_close,
                                                  .destroy = zk_destroy};
    zk *self = corrali_alloc(sizeof *self);
    pthread_condattr_t monotonic;

    if (self == NULL) {
        return NULL;
    }
    self->base.vtable = &vtable;
    self->alarm = CORRALI_NEVER;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->keeper_wake, &monotonic);
    pthread_cond_init(&self->clock_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return &self->base;
}
