/* Copies of ACLs, with their strings. */
#ifndef CORRALI_ACL_H
#define CORRALI_ACL_H

#include <corral/client.h>

#include <stddef.h>

/* A copy of @count entries, which may be none. NULL: no memory. */
corral_acl *corrali_acl_copy(const corral_acl *entries, size_t count);
/* Harmless with NULL. */
void corrali_acl_free(corral_acl *entries, size_t count);

#endif
