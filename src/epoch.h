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

#include <stdbool.h>
#include <stdint.h>

#include "mkdirs.h"

/* Part of the format that clients share. */
#define CORRALI_EPOCHS 64

/*
 * What is remembered of a znode that was not used for so long is read again:
 * there are other programs, which delete znodes without a word.
 */
#define CORRALI_IDLE_NS INT64_C(1000000000)

/* A counter's epoch. */
typedef struct {
    uint8_t index;   /* which one */
    bool known;      /* if not, what is remembered of the counter is of no use */
    int32_t version; /* read before that was */
} corrali_epoch;

/* That of the counter at @path, chroot included. */
corrali_epoch corrali_epoch_of(const char *path);
int corrali_epochs_init(corral_client *client);
void corrali_epochs_destroy(corral_client *client);
/* The epoch's znode, chroot included. Valid as long as the client. */
const char *corrali_epoch_path(const corral_client *client, const corrali_epoch *epoch);
/* Make the epoch's znode, with its parents. Returns 0, or CORRAL_ENOMEM and @done is not called. */
int corrali_epoch_make_locked(corral_client *client, const corrali_epoch *epoch, corrali_mkdirs_cb done,
                              void *arg);

/* The znode has this version, or had it a moment ago. */
void corrali_epoch_learn_locked(corral_client *client, corrali_epoch *epoch, int32_t version);
/*
 * Spare a read: know it from what was learned of another counter, not long ago.
 * What is remembered of this one has to be read after the call. Returns whether it is known.
 */
bool corrali_epoch_recall_locked(corral_client *client, corrali_epoch *epoch);
/* It has changed. */
void corrali_epoch_forget_locked(corral_client *client, corrali_epoch *epoch);

#endif
