/*
 * Wires: one-shot watches of single znodes, for recipes that want no data and
 * need to be told at once. A wire lies at its path until its znode changes, the
 * session ends, or it is cut; several may lie at one path.
 */
#ifndef CORRALI_WIRE_H
#define CORRALI_WIRE_H

#include <corral/client.h>

#include <stdbool.h>

#include "list.h"

typedef struct corrali_wire corrali_wire;
struct corrali_wire {
    corrali_link link;     /* in a list of its path's; alone: it does not lie */
    corral_client *client; /* set when laid */
    void *site;            /* what all wires at its path share */
    /* The znode was made, changed, or, if @deleted, is gone. The wire does not lie any more. */
    void (*tripped_locked)(corrali_wire *, bool deleted);
};

void corrali_wire_init(corrali_wire *wire, void (*tripped_locked)(corrali_wire *, bool deleted));

/*
 * Lay @wire, which must not lie, at @path (chroot included, copied). It is for
 * the caller to send the request that leaves the watch at the server, in this
 * session and afterwards. Returns 0, CORRAL_EEXHAUSTED (the paths of this
 * client's watches, all together, are too long to be made known again) or CORRAL_ENOMEM.
 */
int corrali_wire_lay_locked(corral_client *client, corrali_wire *wire, const char *path);

/* Take it up. Harmless when it does not lie. */
void corrali_wire_cut_locked(corrali_wire *wire);

/* Does one lie there? */
bool corrali_wired_locked(const corral_client *client, const char *path);

/* A watch has fired. */
void corrali_wires_changed_locked(corral_client *client, const char *path, bool deleted);

#endif
