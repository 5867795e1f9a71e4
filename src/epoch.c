#include "epoch.h"

#include <corral/status.h>

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"

/* FNV-1a, 32 bits. http://www.isthe.com/chongo/tech/comp/fnv/ */
uint8_t corrali_epoch_of(const char *path)
{
    uint32_t hash = 2166136261u;

    for (const char *at = path; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    }
    return (uint8_t)(hash % CORRALI_EPOCHS);
}

int corrali_epochs_init(corral_client *client)
{
    size_t size = strlen(client->home) + sizeof "/epochs/00";

    client->epochs = corrali_alloc(CORRALI_EPOCHS * size);
    if (client->epochs == NULL) {
        return CORRAL_ENOMEM;
    }
    client->epoch_size = size;
    for (unsigned epoch = 0; epoch < CORRALI_EPOCHS; epoch++) {
        (void)snprintf(client->epochs + epoch * size, size, "%s/epochs/%u", client->home, epoch);
    }
    return CORRAL_OK;
}

void corrali_epochs_destroy(corral_client *client)
{
    corrali_free(client->epochs);
}

const char *corrali_epoch_path(const corral_client *client, uint8_t epoch)
{
    return client->epochs + epoch * client->epoch_size;
}

int corrali_epoch_make_locked(corral_client *client, uint8_t epoch, corrali_mkdirs_cb done, void *arg)
{
    char *below = corrali_asprintf("%s/-", corrali_epoch_path(client, epoch));
    int status = below == NULL ? CORRAL_ENOMEM
                               : corrali_mkdirs_locked(client, below, client->chroot_length, done, arg);

    corrali_free(below);
    return status;
}
