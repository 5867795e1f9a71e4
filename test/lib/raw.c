#include "lib/raw.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cond.h"
#include "lib/testing.h"

#define SESSION_TIMEOUT_MS 6000

struct raw {
    zhandle_t *handle;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    int state;
    bool answered; /* to raw_auth() */
    int answer;
};

static void discard_log(const char *message)
{
    (void)message;
}

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    raw *r = context;

    (void)handle;
    (void)path;
    if (type != ZOO_SESSION_EVENT) {
        return;
    }
    pthread_mutex_lock(&r->mutex);
    r->state = state;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static bool is_connected(const raw *r)
{
    return r->state == ZOO_CONNECTED_STATE;
}

static bool is_settled(const raw *r)
{
    return is_connected(r) || r->state == ZOO_EXPIRED_SESSION_STATE || r->state == ZOO_AUTH_FAILED_STATE;
}

static bool is_answered(const raw *r)
{
    return r->answered;
}

static bool is_true(raw *r, bool (*holds)(const raw *))
{
    pthread_mutex_lock(&r->mutex);
    bool result = holds(r);
    pthread_mutex_unlock(&r->mutex);
    return result;
}

static bool wait_until(raw *r, bool (*holds)(const raw *))
{
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);
    int error = 0;

    pthread_mutex_lock(&r->mutex);
    while (!holds(r) && error == 0) {
        error = pthread_cond_timedwait(&r->changed, &r->mutex, &until);
    }
    bool result = holds(r);
    pthread_mutex_unlock(&r->mutex);
    return result;
}

/* A client in a new session, or in the one of @id; its handle may be in any final state. */
static raw *open_session(const char *servers, const clientid_t *id)
{
    raw *r = calloc(1, sizeof *r);

    if (r == NULL) {
        abort();
    }
    pthread_mutex_init(&r->mutex, NULL);
    cond_init(&r->changed);
    r->handle = zookeeper_init2(servers, on_event, SESSION_TIMEOUT_MS, id, r, 0, discard_log);
    if (r->handle == NULL || !wait_until(r, is_settled)) {
        raw_close(r);
        return NULL;
    }
    return r;
}

raw *raw_open(const char *servers)
{
    return open_session(servers, NULL);
}

void raw_close(raw *r)
{
    if (r == NULL) {
        return;
    }
    if (r->handle != NULL) {
        zookeeper_close(r->handle);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

static void on_auth(int result, const void *data)
{
    raw *r = (raw *)data;

    pthread_mutex_lock(&r->mutex);
    r->answered = true;
    r->answer = result;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

int raw_auth(raw *r, const char *scheme, const char *credential)
{
    r->answered = false;
    int result = zoo_add_auth(r->handle, scheme, credential, (int)strlen(credential), on_auth, r);
    if (result != ZOK) {
        return result;
    }
    return wait_until(r, is_answered) ? r->answer : ZOPERATIONTIMEOUT;
}

/* Whether a read that ended with @result is to be repeated; waits until it can be. */
static bool again(raw *r, int result, int64_t until)
{
    return (result == ZCONNECTIONLOSS || result == ZOPERATIONTIMEOUT) && testing_now_ms() < until &&
           wait_until(r, is_settled);
}

int raw_get(raw *r, const char *path, char *buffer, size_t size, struct Stat *ret_stat)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    struct Stat stat;
    int length, result;

    do {
        length = (int)size - 1;
        result = zoo_get(r->handle, path, 0, buffer, &length, &stat);
    } while (again(r, result, until));
    if (result != ZOK) {
        return result;
    }
    buffer[length > 0 ? length : 0] = '\0';
    if (ret_stat != NULL) {
        *ret_stat = stat;
    }
    return ZOK;
}

int raw_get_number(raw *r, const char *path, int64_t *ret_value)
{
    char text[64], *end;
    int result = raw_get(r, path, text, sizeof text, NULL);

    if (result != ZOK) {
        return result;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return ZMARSHALLINGERROR;
    }
    *ret_value = value;
    return ZOK;
}

int raw_exists(raw *r, const char *path, struct Stat *ret_stat)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    struct Stat stat;
    int result;

    do {
        result = zoo_exists(r->handle, path, 0, &stat);
    } while (again(r, result, until));
    if (result == ZOK && ret_stat != NULL) {
        *ret_stat = stat;
    }
    return result;
}

int raw_children(raw *r, const char *path, struct String_vector *ret_children)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int result;

    do {
        result = zoo_get_children(r->handle, path, 0, ret_children);
    } while (again(r, result, until));
    return result;
}

int raw_set(raw *r, const char *path, const char *data, int length)
{
    return zoo_set(r->handle, path, data, length, -1);
}

int raw_create(raw *r, const char *path, const char *data, int length)
{
    char parent[1024];
    int result = zoo_create(r->handle, path, data, length, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);

    if (result != ZNONODE) {
        return result;
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    result = raw_create(r, parent, "", 0);
    return result == ZOK ? raw_create(r, path, data, length) : result;
}

int raw_delete(raw *r, const char *path)
{
    return zoo_delete(r->handle, path, -1);
}

/* Call @visit for each znode below @path, children before parents, until one fails. */
static int walk_below(raw *r, const char *path, int (*visit)(raw *, const char *, void *), void *arg)
{
    struct String_vector children;
    int result = raw_children(r, path, &children);

    if (result != ZOK) {
        return result;
    }
    for (int i = 0; i < children.count && result == ZOK; i++) {
        char child[1024];

        snprintf(child, sizeof child, "%s/%s", strcmp(path, "/") == 0 ? "" : path, children.data[i]);
        result = walk_below(r, child, visit, arg);
        if (result == ZOK) {
            result = visit(r, child, arg);
        }
    }
    deallocate_String_vector(&children);
    return result;
}

static int visit_delete(raw *r, const char *path, void *arg)
{
    (void)arg;
    return raw_delete(r, path);
}

static int visit_count(raw *r, const char *path, void *arg)
{
    (void)r;
    (void)path;
    ++*(int *)arg;
    return ZOK;
}

int raw_delete_below(raw *r, const char *path)
{
    return walk_below(r, path, visit_delete, NULL);
}

int raw_count_below(raw *r, const char *path)
{
    int count = 0;

    return walk_below(r, path, visit_count, &count) == ZOK ? count : -1;
}

int raw_set_acl(raw *r, const char *path, const struct ACL_vector *acl)
{
    return zoo_set_acl(r->handle, path, -1, acl);
}

int raw_get_acl(raw *r, const char *path, struct ACL_vector *ret_acl)
{
    struct Stat stat;

    return zoo_get_acl(r->handle, path, ret_acl, &stat);
}

bool raw_expire(const char *servers, int64_t session, const char password[16])
{
    clientid_t id = {.client_id = session};

    memcpy(id.passwd, password, sizeof id.passwd);
    raw *r = open_session(servers, &id);
    bool joined = r != NULL && is_true(r, is_connected);
    raw_close(r);
    return joined;
}

zhandle_t *raw_handle(raw *r)
{
    return r->handle;
}
