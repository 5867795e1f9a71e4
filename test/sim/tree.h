/**
 * The znodes of one server, and what a transaction does to them: as
 * PrepRequestProcessor and DataTree of ZooKeeper 3.8 have it.
 */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "backend.h"
#include "world.h"

typedef struct {
    const char *bytes;
    size_t length;
} blob;

/** An ACL of world:anyone entries; others match nobody here. NULL: open. */
typedef struct {
    size_t count;
    corral_acl *entries;
} access_list;

typedef struct {
    bool exists;
    bool container;
    int64_t czxid, mzxid, mtime_ms;
    int64_t owner; /* of an ephemeral one; 0: none */
    int32_t version;
    int32_t creations; /* of children, ever: the next sequence number */
    int64_t pzxid;     /* of the last change of its children */
    int32_t child_count;
    blob data;
    const access_list *acl;
} znode;

typedef struct {
    world *world;
    znode *nodes; /* by path */
    int capacity;
} tree;

/** A write of a transaction, and what came of it. */
typedef struct {
    corrali_write_kind kind;
    int path;
    blob data;
    int32_t version;
    bool ephemeral;
    bool sequential; /* CREATE: @path is without the number; then with it */
    bool container;
    bool acl_only; /* SET: of the ACL instead of the data; an operator's, whom no ACL binds */
    const access_list *acl;
    corrali_stat stat; /* SET; DELETE: of what there was */
    int32_t sequence;
} tree_write;

/** How many of them a transaction may have. */
enum { TREE_WRITES_MAX = 128 };

typedef struct {
    int64_t zxid;
    int64_t time_ms;
    int64_t session; /* who writes; its ephemerals go when @closes */
    bool opens, closes;
    size_t count;
    tree_write *writes;
    int status; /* of all; not 0: nothing is written */
    size_t failed;
} transaction;

void tree_open(tree *t, world *w);
void tree_close(tree *t);
void tree_copy(tree *to, const tree *from);

/** NULL: there is none. Valid until the next write. */
const znode *tree_find(const tree *t, int path);
bool tree_allows(const access_list *acl, int32_t perm);
corrali_stat tree_stat(const znode *node);

/** Let @txn have a copy of @writes, which lives as long as @w. */
void tree_give_writes(world *w, transaction *txn, const tree_write *writes, size_t count);

/** Apply all writes or, at the first that cannot be, none, and say so in @txn. */
void tree_try(tree *t, transaction *txn);
typedef enum { TREE_MADE, TREE_SET, TREE_DELETED } tree_change;

/** What has become of the znode at @path, whose ACL is, or was, @acl. */
typedef void (*tree_changed)(void *arg, int path, tree_change change, const access_list *acl);

/** Apply one that was tried elsewhere, with its status; @changed is told what znodes change. */
void tree_apply(tree *t, transaction *txn, tree_changed changed, void *arg);

/** Change a znode past all rules, to begin with. */
znode *tree_force(tree *t, int path);

#endif
