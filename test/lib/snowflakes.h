/**
 * Snowflake generators under test, beside lib/generator.h: what they give out, and their marks.
 */
#ifndef TEST_SNOWFLAKES_H
#define TEST_SNOWFLAKES_H

#include <corral/client.h>
#include <corral/ids.h>

/** Options of a generator with @worker_bits, @sequence_bits and the usual epoch. */
corral_ids_options snowflakes_options(uint32_t worker_bits, uint32_t sequence_bits);

/** Take @id apart. */
corral_snowflake snowflakes_decode(uint64_t id, corral_ids_options options);

/** What CLOCK_REALTIME says, in ms. */
int64_t snowflakes_calendar_ms(void);

/** Put the mark of @worker of the generator at @path so many ms ahead of the calendar; returns where. */
int64_t snowflakes_put_mark(const char *path, unsigned worker, int64_t ahead_ms);

/** The mark of @worker of the generator at @path; -1: there is none. */
int64_t snowflakes_mark(const char *path, unsigned worker);

/** Close @ids; a failure is the test's. */
void snowflakes_close(corral_ids *ids);

#endif
