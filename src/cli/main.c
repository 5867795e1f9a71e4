/** The corral tool. */
#include <fcntl.h>

#include "child.h"
#include "command_line.h"
#include "output.h"

/** If a standard stream is closed, have it fail rather than become some socket that we open; closed for a
 * command. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1) {
            (void)!open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
        }
    }
}

int main(int argc, char **argv)
{
    cli_command_line line;
    occupy_standard_streams();
    /* A reader that went away is an error like a full disk: told, not died of. */
    cli_child_ignore_sigpipe();
    int status = cli_command_line_read(argc, argv, &line);
    if (status == 0 && line.command != NULL) {
        status = line.command->run(&line.call);
    }
    cli_command_line_free(&line);
    return cli_finish_output(status);
}
