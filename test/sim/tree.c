#include "tree.h"

#include <corral/status.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(tree *t, int path)
{
    int capacity = t->capacity;

    if (path < capacity) {
        return;
    }
    while (capacity <= path) {
        capacity = capacity == 0 ? 256 : 2 * capacity;
    }
    t->nodes = realloc(t->nodes, (size_t)capacity * sizeof *t->nodes);
    if (t->nodes == NULL) {
        abort();
    }
    memset(t->nodes + t->capacity, 0, (size_t)(capacity - t->capacity) * sizeof *t->nodes);
    t->capacity = capacity;
}

void tree_open(tree *t, world *w)
{
    *t = (tree){.world = w};
    reserve(t, 0);
    t->nodes[0].exists = true;
}

void tree_close(tree *t)
{
    free(t->nodes);
}

void tree_copy(tree *to, const tree *from)
{
    reserve(to, from->capacity - 1);
    memcpy(to->nodes, from->nodes, (size_t)from->capacity * sizeof *to->nodes);
    memset(to->nodes + from->capacity, 0, (size_t)(to->capacity - from->capacity) * sizeof *to->nodes);
}

const znode *tree_find(const tree *t, int path)
{
    return path >= 0 && path < t->capacity && t->nodes[path].exists ? &t->nodes[path] : NULL;
}

znode *tree_force(tree *t, int path)
{
    int parent = world_path_parent(t->world, path);

    reserve(t, path);
    if (!t->nodes[path].exists) {
        t->nodes[path].exists = true;
        tree_force(t, parent)->child_count++;
    }
    return &t->nodes[path];
}

bool tree_allows(const access_list *acl, int32_t perm)
{
    int32_t perms = 0;

    for (size_t i = 0; acl != NULL && i < acl->count; i++) {
        perms |= strcmp(acl->entries[i].scheme, "world") == 0 ? acl->entries[i].perms : 0;
    }
    return acl == NULL || (perms & perm) != 0;
}

corrali_stat tree_stat(const znode *node)
{
    return (corrali_stat){.czxid = node->czxid,
                          .mzxid = node->mzxid,
                          .mtime_ms = node->mtime_ms,
                          .version = node->version,
                          .child_count = node->child_count,
                          .ephemeral_owner = node->owner,
                          .pzxid = node->pzxid,
                          .cversion = (int32_t)(2 * (uint32_t)node->creations - (uint32_t)node->child_count)};
}

/* --- what a write needs, in the order in which a server looks --- */

static int check_version(const znode *node, int32_t version)
{
    return version == CORRALI_VERSION_ANY || version == node->version ? CORRAL_OK : CORRAL_ECONFLICT;
}

static int check_create(tree *t, tree_write *write)
{
    const znode *parent = tree_find(t, world_path_parent(t->world, write->path));

    if (write->path == 0) {
        return CORRAL_EEXIST;
    }
    if (parent == NULL) {
        return CORRAL_ENOENT;
    }
    if (!tree_allows(parent->acl, CORRAL_PERM_CREATE)) {
        return CORRAL_EACCES;
    }
    if (write->sequential) {
        char text[1024];

        snprintf(text, sizeof text, "%s%010d", world_path_text(t->world, write->path), parent->creations);
        write->path = world_path(t->world, text);
        write->sequence = parent->creations;
        write->sequential = false;
    }
    if (tree_find(t, write->path) != NULL) {
        return CORRAL_EEXIST;
    }
    return parent->owner != 0 ? CORRAL_ENOTSUP : CORRAL_OK;
}

static int check_delete(const tree *t, const tree_write *write)
{
    const znode *parent = tree_find(t, world_path_parent(t->world, write->path));
    const znode *node = tree_find(t, write->path);

    if (parent == NULL) {
        return CORRAL_ENOENT;
    }
    if (!tree_allows(parent->acl, CORRAL_PERM_DELETE)) {
        return CORRAL_EACCES;
    }
    if (node == NULL) {
        return CORRAL_ENOENT;
    }
    if (check_version(node, write->version) != CORRAL_OK) {
        return CORRAL_ECONFLICT;
    }
    return node->child_count > 0 ? CORRAL_EEXIST : CORRAL_OK;
}

static int check(tree *t, tree_write *write)
{
    const znode *node = tree_find(t, write->path);

    if (write->kind == CORRALI_CREATE) {
        return check_create(t, write);
    }
    if (write->kind == CORRALI_DELETE) {
        return check_delete(t, write);
    }
    if (node == NULL) {
        return CORRAL_ENOENT;
    }
    if (write->acl_only) {
        return CORRAL_OK;
    }
    if (!tree_allows(node->acl, write->kind == CORRALI_SET ? CORRAL_PERM_WRITE : CORRAL_PERM_READ)) {
        return CORRAL_EACCES;
    }
    return check_version(node, write->version);
}

/* --- what it does --- */

static void remove_node(tree *t, int path, int64_t zxid)
{
    znode *parent = &t->nodes[world_path_parent(t->world, path)];

    parent->child_count--;
    parent->pzxid = zxid;
    t->nodes[path] = (znode){.exists = false};
}

static void apply_write(tree *t, const transaction *txn, tree_write *write)
{
    znode *node;

    reserve(t, write->path);
    node = &t->nodes[write->path];
    if (write->kind == CORRALI_CREATE) {
        znode *parent = &t->nodes[world_path_parent(t->world, write->path)];

        parent->child_count++;
        parent->creations += parent->creations < INT32_MAX; /* a server stays there, too */
        parent->pzxid = txn->zxid;
        *node = (znode){.exists = true,
                        .container = write->container,
                        .czxid = txn->zxid,
                        .mzxid = txn->zxid,
                        .pzxid = txn->zxid,
                        .mtime_ms = txn->time_ms,
                        .owner = write->ephemeral ? txn->session : 0,
                        .data = write->data,
                        .acl = write->acl};
        if (txn->count == 1) {
            write->stat = tree_stat(node);
        }
    } else if (write->acl_only) {
        node->acl = write->acl;
    } else if (write->kind == CORRALI_SET) {
        node->data = write->data;
        node->mzxid = txn->zxid;
        node->mtime_ms = txn->time_ms;
        node->version = (int32_t)((uint32_t)node->version + 1);
        write->stat = tree_stat(node);
    } else if (write->kind == CORRALI_DELETE) {
        write->stat = tree_stat(node);
        remove_node(t, write->path, txn->zxid);
    }
}

/* A session's ephemerals go with it. */
static void close_session(tree *t, const transaction *txn, tree_changed changed, void *arg)
{
    for (int path = 0; path < t->capacity; path++) {
        if (t->nodes[path].exists && t->nodes[path].owner == txn->session) {
            const access_list *acl = t->nodes[path].acl;

            remove_node(t, path, txn->zxid);
            changed(arg, path, TREE_DELETED, acl);
        }
    }
}

static void ignore(void *arg, int path, tree_change change, const access_list *acl)
{
    (void)arg;
    (void)path;
    (void)change;
    (void)acl;
}

void tree_give_writes(world *w, transaction *txn, const tree_write *writes, size_t count)
{
    assert(count <= TREE_WRITES_MAX);
    txn->count = count;
    txn->writes = world_alloc(w, count * sizeof *writes);
    for (size_t i = 0; i < count; i++) {
        txn->writes[i] = writes[i];
    }
}

/* What @write may change: itself, and its parent. */
typedef struct {
    int path, parent;
    znode node, parent_node;
} undo;

void tree_try(tree *t, transaction *txn)
{
    undo undone[TREE_WRITES_MAX];
    size_t done = 0;

    if (txn->closes) {
        close_session(t, txn, ignore, NULL);
    }
    while (done < txn->count) {
        tree_write *write = &txn->writes[done];
        undo *saved = &undone[done];

        txn->status = check(t, write);
        if (txn->status != CORRAL_OK) {
            break;
        }
        reserve(t, write->path);
        saved->path = write->path;
        saved->parent = world_path_parent(t->world, write->path);
        saved->node = t->nodes[saved->path];
        saved->parent_node = t->nodes[saved->parent < 0 ? 0 : saved->parent];
        apply_write(t, txn, write);
        done++;
    }
    if (txn->status != CORRAL_OK) {
        txn->failed = done;
        while (done > 0) {
            undo *saved = &undone[--done];

            t->nodes[saved->path] = saved->node;
            if (saved->parent >= 0) {
                t->nodes[saved->parent] = saved->parent_node;
            }
        }
    }
}

void tree_apply(tree *t, transaction *txn, tree_changed changed, void *arg)
{
    if (txn->closes) {
        close_session(t, txn, changed, arg);
    }
    for (size_t i = 0; txn->status == CORRAL_OK && i < txn->count; i++) {
        tree_write *write = &txn->writes[i];
        int status = check(t, write);
        const znode *before = tree_find(t, write->path);
        const access_list *acl = write->kind == CORRALI_CREATE ? write->acl : before->acl;

        assert(status == CORRAL_OK);
        (void)status;
        apply_write(t, txn, write);
        if (write->kind != CORRALI_CHECK && !write->acl_only) {
            changed(arg, write->path,
                    write->kind == CORRALI_CREATE ? TREE_MADE
                    : write->kind == CORRALI_SET  ? TREE_SET
                                                  : TREE_DELETED,
                    acl);
        }
    }
}
