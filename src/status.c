#include <corral/client.h>
#include <corral/status.h>

#include "config.h"

#define STATUS_TEXT(name, value, class_, text) \
    case value:                                \
        return text;
#define STATUS_NAME(name, value, class_, text) \
    case value:                                \
        return #name;
#define STATUS_CLASS(name, value, class_, text) \
    case value:                                 \
        return CORRAL_CLASS_##class_;

const char *corral_strerror(int status)
{
    switch (status) {
        CORRAL_STATUS_MAP(STATUS_TEXT)
    default:
        return "unknown status";
    }
}

const char *corral_status_name(int status)
{
    switch (status) {
        CORRAL_STATUS_MAP(STATUS_NAME)
    default:
        return "UNKNOWN";
    }
}

corral_class corral_status_class(int status)
{
    switch (status) {
        CORRAL_STATUS_MAP(STATUS_CLASS)
    default:
        return CORRAL_CLASS_DEFINITE;
    }
}

const char *corral_version(void)
{
    return PACKAGE_VERSION;
}
