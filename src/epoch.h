/*
 * Epochs: how a destroy gets noticed by everybody who remembers the counter.
 *
 * A counter (or a value, for which all of this holds as well) that was destroyed
 * and made again can have the version that it had before, and a
 * compare-and-swap computed from the old state would succeed. So there are some
 * znodes HOME/epochs/N that every destroy of a counter sets, in the same multi,
 * and that every batch checks: counters are assigned to them by their paths, the
 * same in all clients. What is remembered of a counter is worth something only
 * together with the version of its epoch, read before.
 */
#ifndef CORRALI_EPOCH_H
#define CORRALI_EPOCH_H

#include <corral/client.h>

#include <stdint.h>

#include "mkdirs.h"

/* Part of the format that clients share. */
#define CORRALI_EPOCHS 64

/* Which epoch is that of the counter at @path, chroot included. */
uint8_t corrali_epoch_of(const char *path);
int corrali_epochs_init(corral_client *client);
void corrali_epochs_destroy(corral_client *client);
/* The epoch's znode, chroot included. Valid as long as the client. */
const char *corrali_epoch_path(const corral_client *client, uint8_t epoch);
/* Make the epoch's znode, with its parents. Returns 0, or CORRAL_ENOMEM and @done is not called. */
int corrali_epoch_make_locked(corral_client *client, uint8_t epoch, corrali_mkdirs_cb done, void *arg);

#endif
