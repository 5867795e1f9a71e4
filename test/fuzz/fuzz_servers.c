/** Connect strings, with their chroots, and what becomes of them in a client. The input is one. */
#include "client_options.h"
#include "fuzz.h"
#include "internal.h"
#include "path.h"

/** "host:port", as libzookeeper takes it apart: at the last colon. */
static void check_endpoint(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    char port[8];
    FUZZ_CHECK(colon != NULL && colon > endpoint);
    long number = strtol(colon + 1, NULL, 10);
    FUZZ_CHECK(number > 0 && number <= 65535);
    snprintf(port, sizeof port, "%ld", number);
    FUZZ_CHECK(strcmp(port, colon + 1) == 0);
    for (const char *c = endpoint; c < colon; c++) {
        FUZZ_CHECK(*c > ' ' && *c < 0x7f && strchr(",/[]", *c) == NULL);
    }
}

/** Brackets are around all of a host, or nowhere. */
static void check_brackets(const char *servers, const char *chroot)
{
    for (const char *end, *at = servers; at < chroot; at = end + 1) {
        end = at + strcspn(at, ",/");
        const char *colon = memrchr(at, ':', (size_t)(end - at));
        const char *closing = memrchr(at, ']', (size_t)(end - at));
        FUZZ_CHECK(colon != NULL && (at[0] == '[') == (colon[-1] == ']'));
        FUZZ_CHECK(closing == NULL || closing == colon - 1);
        FUZZ_CHECK(memchr(at + 1, '[', (size_t)(end - at - 1)) == NULL);
        FUZZ_CHECK(closing == NULL || memchr(at, ']', (size_t)(end - at)) == closing);
    }
}

/** As the client keeps them: a list without the brackets, and a chroot without a slash at its end. */
static void check_client(const char *servers, const char *chroot)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client client = {.chroot = NULL};
    char *rest;
    FUZZ_CHECK(corrali_client_copy_options(&client, servers, chroot, &options, "/home") == CORRAL_OK);
    FUZZ_CHECK(client.chroot[0] == '\0' || corrali_path_valid(client.chroot));
    FUZZ_CHECK(strncmp(client.home, client.chroot, client.chroot_length) == 0);
    FUZZ_CHECK(strcmp(client.home + client.chroot_length, "/home") == 0);
    size_t commas = 0;
    for (const char *c = servers; c < chroot; c++) {
        commas += *c == ',';
    }
    char *list = fuzz_string((const uint8_t *)client.servers, strlen(client.servers));
    for (char *endpoint = strtok_r(list, ",", &rest); endpoint != NULL;
         endpoint = strtok_r(NULL, ",", &rest)) {
        check_endpoint(endpoint);
        FUZZ_CHECK(rest == NULL || *rest == '\0' || commas-- > 0);
    }
    FUZZ_CHECK(commas == 0);
    free(list);
    corrali_client_free_options(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *servers = fuzz_string(data, size);
    const char *chroot = NULL;
    if (corrali_servers_valid(servers, &chroot)) {
        FUZZ_CHECK(chroot > servers && chroot <= servers + strlen(servers));
        FUZZ_CHECK(chroot == servers + strcspn(servers, "/"));
        FUZZ_CHECK(*chroot == '\0' || strcmp(chroot, "/") == 0 || corrali_path_valid(chroot));
        check_brackets(servers, chroot);
        check_client(servers, chroot);
    } else {
        FUZZ_CHECK(chroot == NULL);
    }
    free(servers);
    return 0;
}
