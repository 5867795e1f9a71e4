#include "txn.h"

#include <corral/status.h>

#include <string.h>

#include "alloc.h"
#include "path.h"

int corral_txn_new(corral_txn **ret_txn)
{
    corral_txn *txn;

    if (ret_txn == NULL) {
        return CORRAL_EINVAL;
    }
    txn = corrali_alloc(sizeof *txn);
    if (txn == NULL) {
        return CORRAL_ENOMEM;
    }
    *ret_txn = txn;
    return CORRAL_OK;
}

void corral_txn_free(corral_txn *txn)
{
    for (size_t i = 0; txn != NULL && i < txn->count; i++) {
        corrali_free((char *)txn->writes[i].path);
        corrali_free((char *)txn->writes[i].data);
    }
    if (txn != NULL) {
        corrali_free(txn->writes);
    }
    corrali_free(txn);
}

static int grow(corral_txn *txn)
{
    size_t capacity = txn->capacity == 0 ? 4 : 2 * txn->capacity;
    corrali_write *writes = corrali_alloc(capacity * sizeof *writes);

    if (writes == NULL) {
        return CORRAL_ENOMEM;
    }
    if (txn->count > 0) {
        memcpy(writes, txn->writes, txn->count * sizeof *writes);
    }
    corrali_free(txn->writes);
    txn->writes = writes;
    txn->capacity = capacity;
    return CORRAL_OK;
}

static int append(corral_txn *txn, corrali_write write)
{
    char *path;
    char *data;
    size_t bytes;

    if (txn == NULL || write.path == NULL || !corrali_path_valid(write.path) ||
        (write.data == NULL && write.length > 0) || write.version < CORRAL_VERSION_ANY) {
        return CORRAL_EINVAL;
    }
    bytes = strlen(write.path) + write.length;
    if (txn->count == CORRAL_TXN_MAX || write.length > CORRAL_TXN_BYTES_MAX ||
        txn->bytes + bytes > CORRAL_TXN_BYTES_MAX) {
        return CORRAL_ERANGE;
    }
    if (txn->count == txn->capacity && grow(txn) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    path = corrali_strdup(write.path);
    data = corrali_alloc(write.length + 1);
    if (path == NULL || data == NULL) {
        corrali_free(path);
        corrali_free(data);
        return CORRAL_ENOMEM;
    }
    if (write.length > 0) {
        memcpy(data, write.data, write.length);
    }
    write.path = path;
    write.data = data;
    txn->writes[txn->count++] = write;
    txn->bytes += bytes;
    return CORRAL_OK;
}

int corral_txn_create(corral_txn *txn, const char *path, const void *data, size_t length)
{
    return append(txn, (corrali_write){.kind = CORRALI_CREATE, .path = path, .data = data, .length = length});
}

int corral_txn_set(corral_txn *txn, const char *path, const void *data, size_t length, int32_t version)
{
    return append(txn,
                  (corrali_write){
                      .kind = CORRALI_SET, .path = path, .data = data, .length = length, .version = version});
}

int corral_txn_delete(corral_txn *txn, const char *path, int32_t version)
{
    return append(txn, (corrali_write){.kind = CORRALI_DELETE, .path = path, .version = version});
}

int corral_txn_check(corral_txn *txn, const char *path, int32_t version)
{
    return append(txn, (corrali_write){.kind = CORRALI_CHECK, .path = path, .version = version});
}
