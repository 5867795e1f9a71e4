/** The layout of snowflakes, as options have it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "id.h"
#include "output.h"

/** The number of bits that the option @name says, if it is given. */
static int parse_bits(const cli_option_set *given, const char *name, uint32_t *bits, bool *ret_given)
{
    const char *text = cli_option_value(given, name);
    char what[32];
    int64_t number;
    if (text == NULL) {
        return 0;
    }
    *ret_given = true;
    snprintf(what, sizeof what, "--%s", name);
    int status = cli_parse_int64(what, text, &number);
    if (status == 0 && (number < 1 || number > 30)) {
        cli_error("%s is from 1 to 30, not: %s", what, text);
        status = CLI_USAGE;
    }
    *bits = status == 0 ? (uint32_t)number : *bits;
    return status;
}

static int parse_epoch(const cli_option_set *given, int64_t *epoch_ms, bool *ret_given)
{
    const char *text = cli_option_value(given, "epoch");
    if (text == NULL) {
        return 0;
    }
    *ret_given = true;
    int status = cli_parse_int64("--epoch", text, epoch_ms);
    if (status == 0 && (*epoch_ms < 0 || *epoch_ms / 1000 > (int64_t)time(NULL))) {
        cli_error("--epoch is in milliseconds since 1970, and not in the future: %s", text);
        status = CLI_USAGE;
    }
    return status;
}

int cli_id_layout(const cli_option_set *given, corral_ids_options *options, bool *ret_given)
{
    corral_snowflake parts;
    *ret_given = false;
    int status = parse_epoch(given, &options->epoch_ms, ret_given);
    if (status == 0) {
        status = parse_bits(given, "worker-bits", &options->worker_bits, ret_given);
    }
    if (status == 0) {
        status = parse_bits(given, "sequence-bits", &options->sequence_bits, ret_given);
    }
    if (status == 0 && corral_snowflake_decode(0, options, &parts) != 0) {
        cli_error("--worker-bits and --sequence-bits are together 31 at most, not: %" PRIu32 " + %" PRIu32,
                  options->worker_bits, options->sequence_bits);
        status = CLI_USAGE;
    }
    return status;
}
