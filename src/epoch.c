#include "epoch.h"

#include <corral/status.h>

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"

/* What a client knows of the epochs. Guarded by its mutex. */
typedef struct corrali_epochs {
    struct {
        bool known;
        int32_t version;
        int64_t learned_at;
    } last[CORRALI_EPOCHS];
    size_t path_size;
    char paths[]; /* of the znodes, @path_size bytes each */
} corrali_epochs;

/* FNV-1a, 32 bits. http://www.isthe.com/chongo/tech/comp/fnv/ */
corrali_epoch corrali_epoch_of(const char *path)
{
    uint32_t hash = 2166136261u;

    for (const char *at = path; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    }
    return (corrali_epoch){.index = (uint8_t)(hash % CORRALI_EPOCHS)};
}

int corrali_epochs_init(corral_client *client)
{
    size_t size = strlen(client->home) + sizeof "/epochs/00";
    corrali_epochs *epochs = corrali_alloc(sizeof *epochs + CORRALI_EPOCHS * size);

    if (epochs == NULL) {
        return CORRAL_ENOMEM;
    }
    epochs->path_size = size;
    for (unsigned index = 0; index < CORRALI_EPOCHS; index++) {
        (void)snprintf(epochs->paths + index * size, size, "%s/epochs/%u", client->home, index);
    }
    client->epochs = epochs;
    return CORRAL_OK;
}

void corrali_epochs_destroy(corral_client *client)
{
    corrali_free(client->epochs);
}

const char *corrali_epoch_path(const corral_client *client, const corrali_epoch *epoch)
{
    return client->epochs->paths + epoch->index * client->epochs->path_size;
}

int corrali_epoch_make_locked(corral_client *client, const corrali_epoch *epoch, corrali_mkdirs_cb done,
                              void *arg)
{
    char *below = corrali_asprintf("%s/-", corrali_epoch_path(client, epoch));
    int status = below == NULL ? CORRAL_ENOMEM
                               : corrali_mkdirs_locked(client, below, client->chroot_length, done, arg);

    corrali_free(below);
    return status;
}

void corrali_epoch_learn_locked(corral_client *client, corrali_epoch *epoch, int32_t version)
{
    corrali_epochs *epochs = client->epochs;

    epoch->known = true;
    epoch->version = version;
    epochs->last[epoch->index].known = true;
    epochs->last[epoch->index].version = version;
    epochs->last[epoch->index].learned_at = corrali_now_locked(client);
}

/* An old version is no danger, as every batch checks it, but more requests than a new one. */
bool corrali_epoch_recall_locked(corral_client *client, corrali_epoch *epoch)
{
    const corrali_epochs *epochs = client->epochs;

    if (!epoch->known && epochs->last[epoch->index].known &&
        corrali_now_locked(client) - epochs->last[epoch->index].learned_at <= CORRALI_IDLE_NS) {
        epoch->known = true;
        epoch->version = epochs->last[epoch->index].version;
    }
    return epoch->known;
}

void corrali_epoch_forget_locked(corral_client *client, corrali_epoch *epoch)
{
    corrali_epochs *epochs = client->epochs;

    epoch->known = false;
    /* Another counter may have learned a later one. */
    if (epochs->last[epoch->index].version == epoch->version) {
        epochs->last[epoch->index].known = false;
    }
}
