/*
 * What a generator's znode holds: "ids KIND TAG ", options of that kind, and a
 * number. All but the number stays as it is as long as the generator lives; the
 * tag, which is random, tells it from another one made later at the same path.
 *
 *     ids sequence 6f1d0c2be1a94d7e 42                             the last number given out
 *     ids block 6f1d0c2be1a94d7e 5000                              ... or leased
 *     ids znode 6f1d0c2be1a94d7e 3                                 the epoch
 *     ids snowflake 6f1d0c2be1a94d7e 1704067200000 10 12 0         its time's beginning, and bits
 */
#ifndef CORRALI_IDS_CONFIG_H
#define CORRALI_IDS_CONFIG_H

#include <corral/ids.h>

#include <stdbool.h>

typedef struct {
    corral_ids_kind kind;
    uint64_t tag;
    int64_t epoch_ms; /* SNOWFLAKE; else these are 0 */
    uint32_t worker_bits;
    uint32_t sequence_bits;
} corrali_ids_config;

/* Room for all of it, with a terminating NUL. */
#define CORRALI_IDS_CONFIG_SIZE 112

/* Does it make sense to make a generator with them? But for the epoch, which must not be in the future. */
bool corrali_ids_options_valid(const corral_ids_options *options);

/* What a new generator of that tag is to be. */
corrali_ids_config corrali_ids_config_of(const corral_ids_options *options, uint64_t tag);

/* Is a generator that is @config what @options ask for? */
bool corrali_ids_config_fits(const corrali_ids_config *config, const corral_ids_options *options);

/* Set what @config says in @options. */
void corrali_ids_config_tell(const corrali_ids_config *config, corral_ids_options *options);

/* Spell @config, up to where the number begins. Returns the length. */
size_t corrali_ids_config_spell(const corrali_ids_config *config, char text[CORRALI_IDS_CONFIG_SIZE]);

/* Is @data a generator? Its number, which is not negative, goes to @ret_number. */
bool corrali_ids_config_parse(const char *data, size_t length, corrali_ids_config *ret_config,
                              int64_t *ret_number);

#endif
