/* Cells, found in a tree of the client's. */
#include <search.h>
#include <string.h>

#include "alloc.h"
#include "counter.h"

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
    if ((a->prefix == NULL) != (b->prefix == NULL)) {
        return a->prefix == NULL ? -1 : 1;
    }
    if (a->prefix != NULL && strcmp(a->prefix, b->prefix) != 0) {
        return strcmp(a->prefix, b->prefix);
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
                                      corral_encoding encoding, const char *prefix)
{
    corrali_cell wanted = {.path = corrali_asprintf("%s%s", client->chroot, path),
                           .flags = flags,
                           .encoding = encoding,
                           .prefix = prefix == NULL ? NULL : corrali_strdup(prefix),
                           .prefix_length = prefix == NULL ? 0 : strlen(prefix)};
    corrali_cell *const *found = NULL;
    corrali_cell *cell = NULL;

    if (wanted.path != NULL && (wanted.prefix != NULL) == (prefix != NULL)) {
        found = tfind(&wanted, &client->cells, compare);
        cell = found == NULL ? new_cell(client, &wanted) : *found;
    }
    if (found != NULL || cell == NULL) {
        corrali_free(wanted.path);
        corrali_free(wanted.prefix);
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
    corrali_free(cell->prefix);
    corrali_free(cell);
    return client;
}

size_t corrali_cell_encode(const corrali_cell *cell, int64_t value, char buffer[CORRALI_CELL_SIZE])
{
    if (cell->prefix_length > 0) {
        memcpy(buffer, cell->prefix, cell->prefix_length);
    }
    return cell->prefix_length + corrali_encoding_encode(cell->encoding, value, buffer + cell->prefix_length);
}

bool corrali_cell_decode(const corrali_cell *cell, const char *data, size_t length, int64_t *ret_value)
{
    size_t prefix = cell->prefix_length;

    return length >= prefix && (prefix == 0 || memcmp(data, cell->prefix, prefix) == 0) &&
           corrali_encoding_decode(cell->encoding, data + prefix, length - prefix, ret_value);
}
