/* Cells, found in a tree of the client's. */
#include <search.h>
#include <string.h>

#include "alloc.h"
#include "counter.h"
#include "epoch.h"

static int compare(const void *left, const void *right)
{
    const corrali_cell *a = left;
    const corrali_cell *b = right;

    if (a->flags != b->flags) {
        return a->flags < b->flags ? -1 : 1;
    }
    if (a->encoding != b->encoding) {
        return a->encoding < b->encoding ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

static corrali_cell *new_cell(corral_client *client, const corrali_cell *wanted)
{
    corrali_cell *cell = corrali_alloc(sizeof *cell);

    if (cell == NULL) {
        return NULL;
    }
    *cell = *wanted;
    cell->client = client;
    cell->epoch = corrali_epoch_of(cell->path);
    corrali_list_init(&cell->queue);
    corrali_list_init(&cell->reads);
    if (tsearch(cell, &client->cells, compare) == NULL) {
        corrali_free(cell);
        return NULL;
    }
    corrali_client_ref(client);
    return cell;
}

corrali_cell *corrali_cell_get_locked(corral_client *client, const char *path, uint32_t flags,
                                      corral_encoding encoding)
{
    corrali_cell wanted = {
        .path = corrali_asprintf("%s%s", client->chroot, path), .flags = flags, .encoding = encoding};
    corrali_cell *const *found;
    corrali_cell *cell;

    if (wanted.path == NULL) {
        return NULL;
    }
    found = tfind(&wanted, &client->cells, compare);
    cell = found == NULL ? new_cell(client, &wanted) : *found;
    if (found != NULL || cell == NULL) {
        corrali_free(wanted.path);
    }
    if (cell != NULL) {
        cell->refs++;
    }
    return cell;
}

void corrali_cell_ref_locked(corrali_cell *cell)
{
    cell->refs++;
}

corral_client *corrali_cell_unref_locked(corrali_cell *cell)
{
    corral_client *client = cell->client;

    if (--cell->refs > 0) {
        return NULL;
    }
    (void)tdelete(cell, &client->cells, compare);
    corrali_free(cell->path);
    corrali_free(cell);
    return client;
}
