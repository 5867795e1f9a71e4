/** CORRAL_AUTH. The input is its value. */
#include "alloc.h"
#include "client_options.h"
#include "fuzz.h"

/** Taken: scheme and credential are what was on either side of the first colon. */
static void check_taken(const corral_auth *auth, const char *value)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    size_t scheme = strlen(auth->scheme);
    FUZZ_CHECK(scheme > 0 && strcspn(value, ":") == scheme);
    FUZZ_CHECK(strncmp(value, auth->scheme, scheme) == 0 && value[scheme] == ':');
    FUZZ_CHECK(strcmp(value + scheme + 1, auth->credential) == 0);
    options.auth = auth;
    options.auth_count = 1;
    FUZZ_CHECK(corrali_client_options_valid(&options));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char variable[] = "CORRAL_AUTH=";
    corral_auth auth = {.scheme = NULL};
    char *text = NULL;
    char *setting = malloc(sizeof variable + size);
    FUZZ_CHECK(setting != NULL);
    strcpy(setting, variable);
    memcpy(setting + sizeof variable - 1, data, size);
    setting[sizeof variable - 1 + size] = '\0';
    const char *value = setting + sizeof variable - 1;
    /* Not setenv(), which keeps every value it was ever given. */
    putenv(setting);
    int status = corrali_auth_from_environment(&auth, &text);
    FUZZ_CHECK(status == CORRAL_OK || status == CORRAL_EINVAL);
    /* An empty variable is none; one that cannot be taken apart is an error, not none. */
    FUZZ_CHECK((status == CORRAL_OK) == (*value == '\0' || strchr(value, ':') > value));
    FUZZ_CHECK((text == NULL) == (*value == '\0'));
    if (status == CORRAL_OK && text != NULL) {
        check_taken(&auth, value);
    } else {
        FUZZ_CHECK(auth.scheme == NULL);
    }
    unsetenv("CORRAL_AUTH");
    corrali_free(text);
    free(setting);
    return 0;
}
