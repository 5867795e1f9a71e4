#include "lib/snowflakes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/server.h"

corral_ids_options snowflakes_options(uint32_t worker_bits, uint32_t sequence_bits)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    options.kind = CORRAL_IDS_SNOWFLAKE;
    options.worker_bits = worker_bits;
    options.sequence_bits = sequence_bits;
    return options;
}

corral_snowflake snowflakes_decode(uint64_t id, corral_ids_options options)
{
    corral_snowflake parts = {.time_ms = 0};

    REQUIRE_STATUS(corral_snowflake_decode(id, &options, &parts), CORRAL_OK);
    return parts;
}

int64_t snowflakes_calendar_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void spell_path(char text[128], const char *path, unsigned worker)
{
    snprintf(text, 128, "%s/workers/%u", path, worker);
}

int64_t snowflakes_put_mark(const char *path, unsigned worker, int64_t ahead_ms)
{
    int64_t mark = snowflakes_calendar_ms() + ahead_ms;
    char znode[128], data[64];

    spell_path(znode, path, worker);
    snprintf(data, sizeof data, "%" PRId64 " 0123456789abcdef", mark);
    server_put(znode, data);
    return mark;
}

int64_t snowflakes_mark(const char *path, unsigned worker)
{
    char znode[128], data[64] = "";

    spell_path(znode, path, worker);
    return raw_get(server_raw(), znode, data, sizeof data, NULL) == ZOK ? strtoll(data, NULL, 10) : -1;
}

void snowflakes_close(corral_ids *ids)
{
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}
