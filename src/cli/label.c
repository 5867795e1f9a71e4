#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"

int cli_read_label(const cli_option_set *given, char ret_label[CLI_LABEL_MAX + 1])
{
    const char *label = cli_option_value(given, "label");
    if (label != NULL && strlen(label) > CLI_LABEL_MAX) {
        cli_error("--label has more than %d bytes", CLI_LABEL_MAX);
        return CLI_USAGE;
    }
    if (label != NULL) {
        strcpy(ret_label, label);
        return 0;
    }
    char host[256] = "";
    const struct passwd *user = getpwuid(geteuid());
    gethostname(host, sizeof host - 1);
    if (user != NULL) {
        snprintf(ret_label, CLI_LABEL_MAX + 1, "%.500s@%s %d", user->pw_name, host, (int)getpid());
    } else {
        snprintf(ret_label, CLI_LABEL_MAX + 1, "%u@%s %d", (unsigned)geteuid(), host, (int)getpid());
    }
    return 0;
}
