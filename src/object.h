/*
 * What handles have in common that operations are submitted to, such as a
 * counter or a lock: an operation keeps its object, which lives on after its
 * close until the last of them is gone, and the close waits for their callbacks.
 */
#ifndef CORRALI_OBJECT_H
#define CORRALI_OBJECT_H

#include <corral/op.h>

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

typedef struct corral_client corral_client;
typedef struct corrali_object corrali_object;

typedef struct {
    /* Give the user's callback, if any, the result of @op. Without a lock. */
    void (*tell)(corral_op *op);
    /* End @op, which has not ended, with @cause, or EUNCERTAIN where it may have been applied. */
    void (*abort_locked)(corral_op *op, int cause);
    /* The same for all operations of @object. */
    void (*abort_all_locked)(corrali_object *object, int cause);
    /* Its znode, chroot included. */
    const char *(*path)(const corrali_object *object);
    /* Nobody refers to it: free it. Returns the client if a reference to that is now the caller's to drop. */
    corral_client *(*free_locked)(corrali_object *object);
} corrali_object_class;

/* Guarded by the client's mutex but for what is set when made. */
struct corrali_object {
    const corrali_object_class *class; /* set when made */
    corral_client *client;             /* the same */
    corrali_link link;                 /* in client.objects; alone once closed */
    bool closed;
    uint32_t refs;  /* the user's, operations with memory of their own */
    uint32_t alive; /* operations whose callback has not returned */
};

/* With one reference, the user's. */
void corrali_object_init_locked(corrali_object *object, const corrali_object_class *class,
                                corral_client *client);
void corrali_object_ref_locked(corrali_object *object);
/* Returns what free_locked() does, or NULL. */
corral_client *corrali_object_unref_locked(corrali_object *object);
/* There is one operation more, or less, for a close to wait for. */
void corrali_object_busy_locked(corrali_object *object);
void corrali_object_idle_locked(corrali_object *object);
/* May a new operation be submitted? 0, CORRAL_ECLOSED or CORRAL_EACCES (authentication failed). */
int corrali_object_accepts_locked(const corrali_object *object);
/* Wait until some callback has returned that client.object_idle tells of; it may have to be run here. */
void corrali_object_wait_locked(corral_client *client);
/* End its operations, wait for their callbacks unless this is one, and drop the user's reference. */
int corrali_object_close(corrali_object *object);

#endif
