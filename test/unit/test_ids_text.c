/* IDs as text, snowflakes taken apart, and what a generator's znode holds. */
#include <stdlib.h>
#include <string.h>

#include "ids_config.h"
#include "lib/testing.h"

/* --- text --- */

static void assert_text(uint64_t id, const char *expected)
{
    char text[CORRAL_ID_TEXT_SIZE];
    uint64_t again = ~id;

    corral_id_format(id, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
    ASSERT_STATUS(corral_id_parse(text, &again), CORRAL_OK);
    ASSERT_INT64(again, id);
}

static void ids_have_a_spelling(void)
{
    assert_text(0, "0000000000000");
    assert_text(1, "0000000000001");
    assert_text(31, "000000000000Z");
    assert_text(32, "0000000000010");
    assert_text(INT64_MAX, "7ZZZZZZZZZZZZ");
    assert_text(UINT64_MAX, "FZZZZZZZZZZZZ");
    assert_text(UINT64_C(0x0123456789abcdef), "028T5CY4TQKFF");
    corral_id_format(1, NULL);
}

static void texts_sort_as_their_numbers(void)
{
    unsigned short seed[3] = {1, 2, 3};
    char before[CORRAL_ID_TEXT_SIZE];
    char after[CORRAL_ID_TEXT_SIZE];

    for (int i = 0; i < 10000; i++) {
        uint64_t id = ((uint64_t)jrand48(seed) << 32 | (uint32_t)jrand48(seed)) >> i % 64;
        uint64_t again = 0;

        id -= id == UINT64_MAX;
        corral_id_format(id, before);
        corral_id_format(id + 1, after);
        CU_ASSERT(strcmp(before, after) < 0);
        CU_ASSERT(corral_id_parse(before, &again) == CORRAL_OK && again == id);
    }
}

static void other_spellings_are_understood(void)
{
    static const struct {
        const char *text;
        uint64_t id;
    } spellings[] = {{"028t5cy4tqkff", UINT64_C(0x0123456789abcdef)},
                     {"OoOoOoOoOoOoO", 0},
                     {"000000000000I", 1},
                     {"000000000000i", 1},
                     {"000000000000L", 1},
                     {"000000000000l", 1},
                     {"000000000000z", 31},
                     {"fzzzzzzzzzzzz", UINT64_MAX}};

    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        uint64_t id = 12345;

        ASSERT_STATUS(corral_id_parse(spellings[i].text, &id), CORRAL_OK);
        ASSERT_INT64(id, spellings[i].id);
    }
}

static void what_is_no_id_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "0",
        "000000000000",   /* short */
        "00000000000000", /* long */
        "G000000000000",  /* 65 bits */
        "ZZZZZZZZZZZZZ",
        "000000000000U", /* no digit */
        "000000000000u",
        "000000 000000",
        "-000000000001",
        "+000000000001",
        "000000000001\n",
        "00000000000\xc3\xa9",
        NULL,
    };
    uint64_t id = 12345;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ASSERT_STATUS(corral_id_parse(texts[i], &id), CORRAL_EINVAL);
    }
    ASSERT_STATUS(corral_id_parse("0000000000001", NULL), CORRAL_EINVAL);
    ASSERT_INT64(id, 12345);
}

/* --- snowflakes --- */

static void assert_snowflake(uint64_t id, const corral_ids_options *options, int64_t time_ms, uint32_t worker,
                             uint32_t sequence)
{
    corral_snowflake parts = {-1, 99, 99};

    ASSERT_STATUS(corral_snowflake_decode(id, options, &parts), CORRAL_OK);
    ASSERT_INT64(parts.time_ms, time_ms);
    ASSERT_INT64(parts.worker, worker);
    ASSERT_INT64(parts.sequence, sequence);
}

static void snowflakes_are_taken_apart(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    int64_t epoch = options.epoch_ms;

    assert_snowflake(0, NULL, epoch, 0, 0);
    assert_snowflake(UINT64_C(1000) << 22 | 5 << 12 | 7, NULL, epoch + 1000, 5, 7);
    assert_snowflake(INT64_MAX, NULL, epoch + (INT64_C(1) << 41) - 1, 1023, 4095);
    assert_snowflake(INT64_MAX, &options, epoch + (INT64_C(1) << 41) - 1, 1023, 4095);
    options.epoch_ms = 0;
    options.worker_bits = 1;
    options.sequence_bits = 30;
    assert_snowflake(UINT64_C(3) << 31 | UINT64_C(1) << 30 | 9, &options, 3, 1, 9);
}

static void what_is_no_snowflake_is_refused(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_snowflake parts = {-1, 99, 99};

    ASSERT_STATUS(corral_snowflake_decode(UINT64_C(1) << 63, NULL, &parts), CORRAL_EINVAL);
    ASSERT_STATUS(corral_snowflake_decode(1, NULL, NULL), CORRAL_EINVAL);
    options.worker_bits = 32;
    ASSERT_STATUS(corral_snowflake_decode(1, &options, &parts), CORRAL_EINVAL);
    options.worker_bits = 0;
    ASSERT_STATUS(corral_snowflake_decode(1, &options, &parts), CORRAL_EINVAL);
    options = (corral_ids_options)CORRAL_IDS_OPTIONS_INIT;
    options.version = 0;
    ASSERT_STATUS(corral_snowflake_decode(1, &options, &parts), CORRAL_EINVAL);
    ASSERT_INT64(parts.time_ms, -1);
}

/* --- options --- */

static void options_are_checked(void)
{
    char label[1026];
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    memset(label, 'x', sizeof label);
    label[1023] = '\0';
    options.label = label;
    options.block_size = INT64_MAX;
    options.clock_wait_ms = INT32_MAX;
    CU_ASSERT(corrali_ids_options_valid(&options));

#define REFUSED(field, value)                                                                                \
    options = (corral_ids_options)CORRAL_IDS_OPTIONS_INIT;                                                   \
    options.field = (value);                                                                                 \
    CU_ASSERT(!corrali_ids_options_valid(&options))

    REFUSED(version, 0);
    REFUSED(version, CORRAL_IDS_OPTIONS_VERSION + 1);
    REFUSED(flags, 1);
    REFUSED(kind, (corral_ids_kind)-1);
    REFUSED(kind, (corral_ids_kind)(CORRAL_IDS_STORED + 1));
    REFUSED(block_size, UINT64_C(1) << 63);
    REFUSED(epoch_ms, -1);
    REFUSED(worker_bits, 0);
    REFUSED(sequence_bits, 0);
    REFUSED(worker_bits, 20);               /* 31 bits of time would be left */
    REFUSED(worker_bits, UINT32_MAX);       /* its sum with the other wraps round */
    REFUSED(sequence_bits, UINT32_MAX - 9); /* ... to 0 */
    REFUSED(clock_wait_ms, -1);
    REFUSED(clock_wait_ms, INT64_C(1) << 31);
    label[1023] = 'x';
    label[1024] = '\0';
    REFUSED(label, label);
#undef REFUSED
}

/* --- what the znode holds --- */

static void assert_config(const corral_ids_options *options, const char *spelling)
{
    corrali_ids_config config = corrali_ids_config_of(options, UINT64_C(0x1d0c2be1a94d7e));
    corrali_ids_config again;
    char text[CORRALI_IDS_CONFIG_SIZE];
    int64_t number = -1;
    size_t length = corrali_ids_config_spell(&config, text);

    ASSERT_INT64(length, strlen(spelling));
    CU_ASSERT_STRING_EQUAL(text, spelling);
    strcpy(text + length, "9223372036854775807");
    REQUIRE(corrali_ids_config_parse(text, strlen(text), &again, &number));
    ASSERT_INT64(number, INT64_MAX);
    ASSERT_INT64(again.kind, config.kind);
    CU_ASSERT_EQUAL(again.tag, config.tag);
    CU_ASSERT(corrali_ids_config_fits(&again, options));
}

static void every_kind_is_spelled_and_read(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    assert_config(&options, "ids block 001d0c2be1a94d7e ");
    options.kind = CORRAL_IDS_SEQUENCE;
    assert_config(&options, "ids sequence 001d0c2be1a94d7e ");
    options.kind = CORRAL_IDS_STORED; /* a new one */
    assert_config(&options, "ids sequence 001d0c2be1a94d7e ");
    options.kind = CORRAL_IDS_ZNODE;
    assert_config(&options, "ids znode 001d0c2be1a94d7e ");
    options.kind = CORRAL_IDS_SNOWFLAKE;
    assert_config(&options, "ids snowflake 001d0c2be1a94d7e 1704067200000 10 12 ");
    options.epoch_ms = INT64_MAX;
    options.worker_bits = 30;
    options.sequence_bits = 1;
    assert_config(&options, "ids snowflake 001d0c2be1a94d7e 9223372036854775807 30 1 ");
}

static void what_is_no_generator_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "42",
        "ids",
        "ids block",
        "ids block 6f1d0c2be1a94d7e",
        "ids block 6f1d0c2be1a94d7e ",
        "ids block 6f1d0c2be1a94d7e -1",
        "ids block 6f1d0c2be1a94d7e +1",
        "ids block 6f1d0c2be1a94d7e 1 ",
        "ids block 6f1d0c2be1a94d7e 1\n",
        "ids block 6f1d0c2be1a94d7e  1",
        "ids block 6f1d0c2be1a94d7e 9223372036854775808",
        "ids block 6F1D0C2BE1A94D7E 1",
        "ids block 6f1d0c2be1a94d7 1",
        "ids block 0x1d0c2be1a94d7e 1",
        "ids  block 6f1d0c2be1a94d7e 1",
        " ids block 6f1d0c2be1a94d7e 1",
        "ids blocks 6f1d0c2be1a94d7e 1",
        "ids stored 6f1d0c2be1a94d7e 1",
        "ids block 6f1d0c2be1a94d7e 1 2",
        "ids snowflake 6f1d0c2be1a94d7e 0",
        "ids snowflake 6f1d0c2be1a94d7e 1704067200000 10 0",
        "ids snowflake 6f1d0c2be1a94d7e -1 10 12 0",
        "ids snowflake 6f1d0c2be1a94d7e 1704067200000 0 12 0",
        "ids snowflake 6f1d0c2be1a94d7e 1704067200000 20 12 0",
        "ids snowflake 6f1d0c2be1a94d7e 1704067200000 4294967306 12 0",
    };
    corrali_ids_config config = {.tag = 77};
    int64_t number = -1;
    char longest[2 * CORRALI_IDS_CONFIG_SIZE];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (corrali_ids_config_parse(texts[i], strlen(texts[i]), &config, &number)) {
            printf("taken for a generator: \"%s\"\n", texts[i]);
            CU_FAIL("refused");
        }
    }
    CU_ASSERT(
        !corrali_ids_config_parse("ids block 6f1d0c2be1a94d7e 1", 29, &config, &number)); /* with its NUL */
    memset(longest, '1', sizeof longest);
    memcpy(longest, "ids block 6f1d0c2be1a94d7e ", 27);
    CU_ASSERT(!corrali_ids_config_parse(longest, sizeof longest, &config, &number));
    CU_ASSERT(config.tag == 77 && number == -1);
}

static void another_generator_does_not_fit(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corrali_ids_config block = corrali_ids_config_of(&options, 1);
    corrali_ids_config snowflake;

    options.block_size = 100; /* how somebody uses it, not what it is */
    options.worker_bits = 5;
    CU_ASSERT(corrali_ids_config_fits(&block, &options));
    options = (corral_ids_options)CORRAL_IDS_OPTIONS_INIT;
    options.kind = CORRAL_IDS_SNOWFLAKE;
    CU_ASSERT(!corrali_ids_config_fits(&block, &options));
    snowflake = corrali_ids_config_of(&options, 1);
    options.clock_wait_ms = 5;
    CU_ASSERT(corrali_ids_config_fits(&snowflake, &options));
    options.worker_bits++;
    CU_ASSERT(!corrali_ids_config_fits(&snowflake, &options));
    options.worker_bits--;
    options.sequence_bits--;
    CU_ASSERT(!corrali_ids_config_fits(&snowflake, &options));
    options.sequence_bits++;
    options.epoch_ms++;
    CU_ASSERT(!corrali_ids_config_fits(&snowflake, &options));
    options.kind = CORRAL_IDS_STORED;
    CU_ASSERT(corrali_ids_config_fits(&snowflake, &options));
    CU_ASSERT(corrali_ids_config_fits(&block, &options));
}

int main(int argc, char **argv)
{
    CU_TestInfo text[] = {{"ids have a spelling", ids_have_a_spelling},
                          {"texts sort as their numbers", texts_sort_as_their_numbers},
                          {"other spellings are understood", other_spellings_are_understood},
                          {"what is no id is refused", what_is_no_id_is_refused},
                          CU_TEST_INFO_NULL};
    CU_TestInfo snowflakes[] = {{"snowflakes are taken apart", snowflakes_are_taken_apart},
                                {"what is no snowflake is refused", what_is_no_snowflake_is_refused},
                                CU_TEST_INFO_NULL};
    CU_TestInfo config[] = {{"options are checked", options_are_checked},
                            {"every kind is spelled and read", every_kind_is_spelled_and_read},
                            {"what is no generator is refused", what_is_no_generator_is_refused},
                            {"another generator does not fit", another_generator_does_not_fit},
                            CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"text", NULL, NULL, NULL, NULL, text},
                             {"snowflakes", NULL, NULL, NULL, NULL, snowflakes},
                             {"config", NULL, NULL, NULL, NULL, config},
                             CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}
