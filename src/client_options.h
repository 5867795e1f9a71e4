/* The options of a client: from the environment, their validity, and its copy of them. */
#ifndef CORRALI_CLIENT_OPTIONS_H
#define CORRALI_CLIENT_OPTIONS_H

#include "internal.h"

/* The variable's value; NULL: it is not set, or set to nothing. */
const char *corrali_environment(const char *variable);
/*
 * $CORRAL_AUTH, "scheme:credential", to @ret_auth, whose memory is @ret_text;
 * NULL there if it is not set. Returns 0, CORRAL_EINVAL or CORRAL_ENOMEM.
 */
int corrali_auth_from_environment(corral_auth *ret_auth, char **ret_text);
bool corrali_client_options_valid(const corral_client_options *options);
/*
 * Copy all into @client; @servers ends at @chroot. Returns 0 or CORRAL_ENOMEM;
 * corrali_client_free_options() frees what there is in both cases.
 */
int corrali_client_copy_options(corral_client *client, const char *servers, const char *chroot,
                                const corral_client_options *options, const char *home);
void corrali_client_free_options(corral_client *client);

#endif
