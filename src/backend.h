/*
 * The backend: everything that the library observes of the world. It carries
 * asynchronous ZooKeeper requests, the session's ups and downs, a clock, a
 * timer and randomness; nothing above it looks at a clock, a thread or
 * ZooKeeper itself. backend_zk.c is the real one; a simulated ensemble can
 * stand in its place.
 *
 * Calls go down through corrali_backend_vtable, with the client's mutex held,
 * and never block or call back. Events come up through corrali_backend_events,
 * without any mutex held, one at a time per session.
 */
#ifndef CORRALI_BACKEND_H
#define CORRALI_BACKEND_H

#include <corral/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "list.h"

typedef struct corrali_backend corrali_backend;
typedef struct corrali_request corrali_request;

typedef struct {
    int64_t czxid;
    int64_t mzxid;
    int64_t mtime_ms; /* of the last change, by the calendar of the server that led then */
    int32_t version;
    int32_t child_count;
    int64_t ephemeral_owner;
    int64_t pzxid;    /* of the last creation or deletion of a child; at first the znode's own */
    int32_t cversion; /* how many of these there were */
} corrali_stat;

/* What has become of a znode with a watch. */
typedef enum {
    CORRALI_CHANGED, /* it was made, or its data changed */
    CORRALI_CHILDREN_CHANGED,
    CORRALI_DELETED /* told once to who watches both */
} corrali_change;

/* Compare-and-swap takes it for any version: also that of a znode that has come to it. */
#define CORRALI_VERSION_ANY (-1)
/* The last version that can be told from that. */
#define CORRALI_VERSION_LAST (-2)

/* One write of a multi. */
typedef enum { CORRALI_CREATE, CORRALI_SET, CORRALI_DELETE, CORRALI_CHECK } corrali_write_kind;

typedef struct {
    corrali_write_kind kind;
    const char *path;
    const char *data; /* CREATE, SET */
    size_t length;
    int32_t version; /* SET, DELETE, CHECK; or CORRALI_VERSION_ANY */
    bool ephemeral;  /* CREATE */
    bool sequential; /* CREATE: the server appends a number to @path */
    bool container;  /* CREATE: gone some time after its last child; must be the only write of its MULTI */
    bool open;       /* CREATE: open to everybody instead of the client's own ACL */
    const corral_acl *acl; /* CREATE: this instead; NULL: as said above */
    size_t acl_count;
    corrali_stat stat; /* reply of a SET that succeeded, and of a CREATE that was the only write */
    int32_t sequence;  /* ... of any sequential CREATE: the number */
} corrali_write;

#define CORRALI_WRITES_MAX 4

/*
 * A request and its reply. The requester owns the memory, and what it points
 * to, and keeps both until @done. A path is absolute, chroot included.
 *
 * GET reads data and stat of @path, EXISTS the stat alone, CHILDREN the names
 * of its children, GET_ACL its ACL. SYNC lets the server catch up with its
 * leader. MULTI applies @writes all or not at all; one that consists of checks
 * alone is a quorum operation all the same.
 *
 * With @watch, a GET that finds the znode, and an EXISTS in any case, leaves a
 * watch: the next change of the znode is told by a changed() event, once, no
 * matter how many such requests there were. CHILDREN that finds the znode
 * leaves another one, of its children: that one is made or deleted, or itself.
 * Watches end with their session.
 *
 * Status of a reply: 0; CORRAL_ENOENT, EEXIST (also: a DELETE found children),
 * ECONFLICT (other version), EACCES and others of which the server says that
 * they come from @writes[@failed] of a MULTI; ELOST: no reply came, it may or
 * may not have been applied; else it was refused as a whole (@failed is 0).
 */
typedef enum {
    CORRALI_GET,
    CORRALI_EXISTS,
    CORRALI_CHILDREN,
    CORRALI_GET_ACL,
    CORRALI_SYNC,
    CORRALI_MULTI
} corrali_request_kind;

struct corrali_request {
    corrali_request_kind kind;
    const char *path;
    bool watch; /* GET, EXISTS, CHILDREN */
    corrali_write writes[CORRALI_WRITES_MAX];
    corrali_write *more; /* instead of @writes, if there may be more than so many; else NULL */
    size_t write_count;
    void (*done)(corrali_request *); /* with the client's mutex held */
    bool sent;                       /* has been given to the backend, ever */
    int64_t sent_at;                 /* when it was, last */

    int status;
    size_t failed;
    const char *data; /* GET; this and the next three: valid during @done only */
    size_t length;
    const char *const *names; /* CHILDREN: @length of them */
    const corral_acl *acl;    /* GET_ACL: @length entries */
    corrali_stat stat;        /* GET, EXISTS, CHILDREN */

    corrali_link link; /* the client's: in its list of held requests */
    bool held;         /* ... it is in there */
};

static inline corrali_write *corrali_writes(corrali_request *request)
{
    return request->more != NULL ? request->more : request->writes;
}

/* Has a GET found exactly @text? */
static inline bool corrali_reply_is(const corrali_request *reply, const char *text)
{
    return reply->length == strlen(text) &&
           (reply->length == 0 || memcmp(reply->data, text, reply->length) == 0);
}

/* What the backend must know of the client's options. Borrowed for the backend's life. */
typedef struct {
    const char *servers; /* without chroot */
    int64_t session_timeout_ms;
    const corral_auth *auth;
    size_t auth_count;
    corral_acl_kind acl;
    const corral_acl *acl_entries;
    size_t acl_count;
} corrali_backend_options;

typedef struct {
    /*
     * A connection is there; @session_id differs from the last one's when the
     * session is new. @timeout_ms: what the server has made of the session
     * timeout that was asked for. @asked_at: a time before the session was asked for.
     */
    void (*connected)(void *owner, int64_t session_id, int64_t timeout_ms, int64_t asked_at);
    /* The connection is lost; the session may live on. */
    void (*suspended)(void *owner);
    /* The session has expired; a new one is being made. */
    void (*expired)(void *owner);
    /* The server refused the credentials. Nothing more will come. */
    void (*auth_failed)(void *owner);
    /* The reply to @request. */
    void (*reply)(void *owner, corrali_request *request);
    /* A watch has fired. */
    void (*changed)(void *owner, const char *path, corrali_change change);
    /* The time asked for with wake_at() has come. */
    void (*timer)(void *owner);
    /* close() has finished: all requests have been replied to, and this was the last event. */
    void (*closed)(void *owner);
} corrali_backend_events;

typedef struct {
    /* Start connecting. Returns 0 or CORRAL_ENOMEM. */
    int (*start)(corrali_backend *, const corrali_backend_options *, const corrali_backend_events *,
                 void *owner);
    /*
     * Send @request. Non-zero: it was not sent, and there will be no reply.
     * CORRAL_ELOST: no connection now; ENOMEM; EINVAL: it can never be sent, as
     * with a container that is not the only write of its MULTI.
     */
    int (*submit)(corrali_backend *, corrali_request *request);
    /*
     * Forget the watches left for @path, those of its @children or the others: there need be no event for
     * them any more, and they cost nothing.
     */
    void (*unwatch)(corrali_backend *, const char *path, bool children);
    /* The time in ns; runs on steadily, also in suspend, no matter how the calendar is set. */
    int64_t (*now)(corrali_backend *);
    /*
     * What the calendar says: ns since 1970 (UTC). It may be set, back and forth, by hours. Any thread, with
     * or without the client's mutex, also while destroy() runs and after it: so it looks at no memory that
     * this frees.
     */
    int64_t (*calendar)(corrali_backend *);
    /* Give a timer event at @when or soon after, also if a later time was asked for before. */
    void (*wake_at)(corrali_backend *, int64_t when);
    uint64_t (*random)(corrali_backend *);
    /* End the session, reply ELOST to what is left, then tell closed(). Returns at once. */
    void (*close)(corrali_backend *);
    /* Free it: after closed(), or when start() failed. Waits for its threads. */
    void (*destroy)(corrali_backend *);
} corrali_backend_vtable;

struct corrali_backend {
    const corrali_backend_vtable *vtable;
};

/* The real one. NULL: no memory. */
corrali_backend *corrali_backend_zk_new(void);

#endif
