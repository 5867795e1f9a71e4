#include "ids_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"

enum { LABEL_MAX = 1023, BITS = 63, TIME_BITS_MIN = 32 };

static const char *const kinds[] = {[CORRAL_IDS_BLOCK] = "block",
                                    [CORRAL_IDS_SEQUENCE] = "sequence",
                                    [CORRAL_IDS_ZNODE] = "znode",
                                    [CORRAL_IDS_SNOWFLAKE] = "snowflake"};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* --- options --- */

static bool bits_valid(uint32_t worker, uint32_t sequence)
{
    return worker >= 1 && sequence >= 1 && worker <= BITS && sequence <= BITS &&
           worker + sequence <= BITS - TIME_BITS_MIN;
}

bool corrali_ids_options_valid(const corral_ids_options *options)
{
    return options->version == CORRAL_IDS_OPTIONS_VERSION && options->flags == 0 &&
           options->kind >= CORRAL_IDS_BLOCK && options->kind <= CORRAL_IDS_STORED &&
           options->block_size <= (uint64_t)INT64_MAX && options->epoch_ms >= 0 &&
           options->clock_wait_ms >= 0 && options->clock_wait_ms <= INT32_MAX &&
           bits_valid(options->worker_bits, options->sequence_bits) &&
           (options->label == NULL || strnlen(options->label, LABEL_MAX + 1) <= LABEL_MAX);
}

corrali_ids_config corrali_ids_config_of(const corral_ids_options *options, uint64_t tag)
{
    corrali_ids_config config = {
        .kind = options->kind == CORRAL_IDS_STORED ? CORRAL_IDS_SEQUENCE : options->kind, .tag = tag};

    if (config.kind == CORRAL_IDS_SNOWFLAKE) {
        config.epoch_ms = options->epoch_ms;
        config.worker_bits = options->worker_bits;
        config.sequence_bits = options->sequence_bits;
    }
    return config;
}

bool corrali_ids_config_fits(const corrali_ids_config *config, const corral_ids_options *options)
{
    return options->kind == CORRAL_IDS_STORED ||
           (config->kind == options->kind &&
            (config->kind != CORRAL_IDS_SNOWFLAKE ||
             (config->epoch_ms == options->epoch_ms && config->worker_bits == options->worker_bits &&
              config->sequence_bits == options->sequence_bits)));
}

void corrali_ids_config_tell(const corrali_ids_config *config, corral_ids_options *options)
{
    options->kind = config->kind;
    if (config->kind == CORRAL_IDS_SNOWFLAKE) {
        options->epoch_ms = config->epoch_ms;
        options->worker_bits = config->worker_bits;
        options->sequence_bits = config->sequence_bits;
    }
}

/* --- text --- */

size_t corrali_ids_config_spell(const corrali_ids_config *config, char text[CORRALI_IDS_CONFIG_SIZE])
{
    int length =
        snprintf(text, CORRALI_IDS_CONFIG_SIZE, "ids %s %016" PRIx64 " ", kinds[config->kind], config->tag);

    if (config->kind == CORRAL_IDS_SNOWFLAKE) {
        length += snprintf(text + length, CORRALI_IDS_CONFIG_SIZE - (size_t)length,
                           "%" PRId64 " %" PRIu32 " %" PRIu32 " ", config->epoch_ms, config->worker_bits,
                           config->sequence_bits);
    }
    return (size_t)length;
}

static bool scan(const char *text, corrali_ids_config *config)
{
    char kind[16];
    int fields = sscanf(text, "ids %15s %16" SCNx64 " %" SCNd64 " %" SCNu32 " %" SCNu32, kind, &config->tag,
                        &config->epoch_ms, &config->worker_bits, &config->sequence_bits);

    for (size_t i = 0; fields >= 2 && i < KINDS; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            config->kind = (corral_ids_kind)i;
            if (config->kind != CORRAL_IDS_SNOWFLAKE) {
                config->epoch_ms = config->worker_bits = config->sequence_bits = 0;
                return true;
            }
            return fields == 5 && config->epoch_ms >= 0 &&
                   bits_valid(config->worker_bits, config->sequence_bits);
        }
    }
    return false;
}

bool corrali_ids_config_parse(const char *data, size_t length, corrali_ids_config *ret_config,
                              int64_t *ret_number)
{
    char text[CORRALI_IDS_CONFIG_SIZE];
    char again[CORRALI_IDS_CONFIG_SIZE];
    corrali_ids_config config;
    int64_t number;
    size_t prefix;

    if (length == 0 || length >= sizeof text || memchr(data, '\0', length) != NULL) {
        return false;
    }
    memcpy(text, data, length);
    text[length] = '\0';
    if (!scan(text, &config)) {
        return false;
    }
    /* There is one spelling only. */
    prefix = corrali_ids_config_spell(&config, again);
    if (length <= prefix || memcmp(text, again, prefix) != 0 ||
        !corrali_decimal_decode(text + prefix, length - prefix, &number) || number < 0) {
        return false;
    }
    *ret_config = config;
    *ret_number = number;
    return true;
}
