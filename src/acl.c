#include "acl.h"

#include "alloc.h"

corral_acl *corrali_acl_copy(const corral_acl *entries, size_t count)
{
    corral_acl *copy = corrali_alloc((count + 1) * sizeof *copy);

    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = (corral_acl){.scheme = corrali_strdup(entries[i].scheme),
                               .id = corrali_strdup(entries[i].id),
                               .perms = entries[i].perms};
        if (copy[i].scheme == NULL || copy[i].id == NULL) {
            corrali_acl_free(copy, i + 1);
            return NULL;
        }
    }
    return copy;
}

void corrali_acl_free(corral_acl *entries, size_t count)
{
    for (size_t i = 0; entries != NULL && i < count; i++) {
        corrali_free((char *)entries[i].scheme);
        corrali_free((char *)entries[i].id);
    }
    corrali_free(entries);
}
