#include "client_options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "alloc.h"
#include "path.h"

enum { DEFAULT_SESSION_TIMEOUT_MS = 10000 };

/* --- the environment --- */

const char *corrali_environment(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

int corrali_auth_from_environment(corral_auth *ret_auth, char **ret_text)
{
    const char *variable = corrali_environment("CORRAL_AUTH");
    char *colon;

    if (variable == NULL) {
        return CORRAL_OK;
    }
    *ret_text = corrali_strdup(variable);
    if (*ret_text == NULL) {
        return CORRAL_ENOMEM;
    }
    colon = strchr(*ret_text, ':');
    if (colon == NULL || colon == *ret_text) {
        return CORRAL_EINVAL;
    }
    *colon = '\0';
    *ret_auth = (corral_auth){.scheme = *ret_text, .credential = colon + 1};
    return CORRAL_OK;
}

/* --- validity --- */

static bool auth_valid(const corral_auth *auth)
{
    return auth->scheme != NULL && auth->scheme[0] != '\0' && auth->credential != NULL &&
           strlen(auth->credential) <= INT_MAX;
}

static bool acl_valid(const corral_client_options *options)
{
    if (options->acl == CORRAL_ACL_CREATOR_ALL) {
        return options->auth_count > 0;
    }
    if (options->acl != CORRAL_ACL_EXPLICIT) {
        return options->acl == CORRAL_ACL_OPEN;
    }
    if (options->acl_entries == NULL || options->acl_count == 0 || options->acl_count > 1000) {
        return false;
    }
    for (size_t i = 0; i < options->acl_count; i++) {
        const corral_acl *entry = &options->acl_entries[i];

        if (entry->scheme == NULL || entry->id == NULL || entry->perms <= 0 ||
            entry->perms > CORRAL_PERM_ALL) {
            return false;
        }
    }
    return true;
}

bool corrali_client_options_valid(const corral_client_options *options)
{
    if (options->version != CORRAL_CLIENT_OPTIONS_VERSION || options->session_timeout_ms < 0 ||
        options->session_timeout_ms > INT32_MAX || options->request_timeout_ms < 0 ||
        (options->auth_count > 0 && options->auth == NULL) || options->log_level > CORRAL_LOG_DEBUG ||
        options->dispatch > CORRAL_DISPATCH_FD) {
        return false;
    }
    for (size_t i = 0; i < options->auth_count; i++) {
        if (!auth_valid(&options->auth[i])) {
            return false;
        }
    }
    return acl_valid(options) && (options->home == NULL || corrali_path_valid(options->home));
}

/* --- copies --- */

static int copy_auth(corral_client *client, const corral_client_options *options)
{
    client->auth = corrali_alloc((options->auth_count + 1) * sizeof *client->auth);
    if (client->auth == NULL) {
        return CORRAL_ENOMEM;
    }
    client->backend_options.auth = client->auth;
    for (size_t i = 0; i < options->auth_count; i++) {
        client->auth[i].scheme = corrali_strdup(options->auth[i].scheme);
        client->auth[i].credential = corrali_strdup(options->auth[i].credential);
        client->backend_options.auth_count++;
        if (client->auth[i].scheme == NULL || client->auth[i].credential == NULL) {
            return CORRAL_ENOMEM;
        }
    }
    return CORRAL_OK;
}

static int copy_acl(corral_client *client, const corral_client_options *options)
{
    size_t count = options->acl == CORRAL_ACL_EXPLICIT ? options->acl_count : 0;

    client->acl_entries = corrali_acl_copy(options->acl_entries, count);
    if (client->acl_entries == NULL) {
        return CORRAL_ENOMEM;
    }
    client->backend_options.acl = options->acl;
    client->backend_options.acl_entries = client->acl_entries;
    client->backend_options.acl_count = count;
    return CORRAL_OK;
}

/* Split @servers at its chroot. libzookeeper takes IPv6 addresses without their brackets only. */
static int copy_servers(corral_client *client, const char *servers, const char *chroot)
{
    char *to;

    client->servers = corrali_alloc((size_t)(chroot - servers) + 1);
    client->chroot = corrali_strdup(strcmp(chroot, "/") == 0 ? "" : chroot);
    if (client->servers == NULL || client->chroot == NULL) {
        return CORRAL_ENOMEM;
    }
    to = client->servers;
    for (const char *from = servers; from < chroot; from++) {
        if (*from != '[' && *from != ']') {
            *to++ = *from;
        }
    }
    client->chroot_length = strlen(client->chroot);
    client->backend_options.servers = client->servers;
    return CORRAL_OK;
}

int corrali_client_copy_options(corral_client *client, const char *servers, const char *chroot,
                                const corral_client_options *options, const char *home)
{
    int64_t session =
        options->session_timeout_ms == 0 ? DEFAULT_SESSION_TIMEOUT_MS : options->session_timeout_ms;

    client->backend_options.session_timeout_ms = session;
    client->request_timeout_ms = options->request_timeout_ms == 0 ? session : options->request_timeout_ms;
    client->announcer.callback = options->state_cb;
    client->announcer.arg = options->state_arg;
    client->dispatch.mode = options->dispatch;
    client->log.callback = options->log_cb;
    client->log.arg = options->log_arg;
    client->log.level = options->log_level == CORRAL_LOG_NONE ? CORRAL_LOG_WARN : options->log_level;
    if (copy_servers(client, servers, chroot) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    client->home = corrali_asprintf("%s%s", client->chroot, home);
    if (client->home == NULL || copy_auth(client, options) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    return copy_acl(client, options);
}

void corrali_client_free_options(corral_client *client)
{
    for (size_t i = 0; i < client->backend_options.auth_count; i++) {
        corrali_free((char *)client->auth[i].scheme);
        corrali_free((char *)client->auth[i].credential);
    }
    corrali_free(client->auth);
    corrali_acl_free(client->acl_entries, client->backend_options.acl_count);
    corrali_free(client->servers);
    corrali_free(client->chroot);
    corrali_free(client->home);
}
