/**
 * Curator and Kazoo, as they are, on the same counters as Corral: they read
 * what it writes, it reads what they write, and when all add at once nothing
 * is lost and nothing counted twice.
 */
#include <corral/counter.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/peer.h"
#include "lib/server.h"

static peer *curator, *kazoo;
static corral_client *client;

static int start_peers(void)
{
    /* Retries with hardly a pause: who has lost a race is to be in the next one. */
    curator = peer_start_curator(server_connect(), 1, 1, 29);
    kazoo = peer_start_kazoo(server_connect(), 0.001);
    return curator != NULL && kazoo != NULL && peer_await(curator) && peer_await(kazoo) &&
                   raw_create(server_raw(), "/peers", "", 0) == ZOK
               ? 0
               : 1;
}

static int stop_peers(void)
{
    bool curator_good = peer_stop(curator), kazoo_good = peer_stop(kazoo);

    return curator_good && kazoo_good ? 0 : 1;
}

static void setup(void)
{
    client = server_client(server_connect());
}

static void teardown(void)
{
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
}

static corral_counter *open_counter(const char *path, corral_encoding encoding)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *counter = NULL;

    options.encoding = encoding;
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &counter), CORRAL_OK);
    return counter;
}

static void assert_get(corral_counter *counter, int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

static void assert_add(corral_counter *counter, int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* The number that @p says; the @last one of an answer follows the word "done". */
static int64_t hear(peer *p, bool last)
{
    char line[128] = "";

    REQUIRE(peer_hear(p, line, sizeof line));
    REQUIRE((strncmp(line, "done ", 5) == 0) == last);
    return strtoll(last ? line + 5 : line, NULL, 10);
}

static void assert_peer_get(peer *p, const char *kind, const char *path, int64_t expected)
{
    REQUIRE(peer_tell(p, "get %s %s", kind, path));
    ASSERT_INT64(hear(p, true), expected);
}

static void assert_peer_add(peer *p, const char *kind, const char *path, int64_t expected)
{
    REQUIRE(peer_tell(p, "add %s %s 1", kind, path));
    ASSERT_INT64(hear(p, false), expected);
    hear(p, true);
}

/* --- who comes first --- */

/* Kazoo makes the znode before it has a value for it. */
static void kazoos_empty_znode_is_no_counter_yet(void)
{
    static const char path[] = "/peers/empty";
    corral_counter *counter = open_counter(path, CORRAL_ENCODING_DECIMAL);
    int64_t value = -1;

    assert_peer_get(kazoo, "decimal", path, 0);
    ASSERT_ZNODE(path, "");
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ECORRUPT);
    ASSERT_ZNODE(path, "");
    assert_peer_add(kazoo, "decimal", path, 1);
    assert_add(counter, 2);
    assert_peer_add(kazoo, "decimal", path, 3);
    ASSERT_ZNODE(path, "3");
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
}

static void they_meet(peer *p, const char *kind, corral_encoding encoding)
{
    const char *name = p == kazoo ? "kazoo" : "curator";
    char first[64], second[64];

    snprintf(first, sizeof first, "/peers/%s-%s-comes-first", name, kind);
    snprintf(second, sizeof second, "/peers/%s-%s-comes-second", name, kind);
    corral_counter *counter = open_counter(first, encoding);
    assert_peer_add(p, kind, first, 1);
    assert_add(counter, 2);
    assert_peer_add(p, kind, first, 3);
    assert_get(counter, 3);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);

    counter = open_counter(second, encoding);
    assert_add(counter, 1);
    assert_peer_add(p, kind, second, 2);
    assert_add(counter, 3);
    assert_peer_add(p, kind, second, 4);
    assert_get(counter, 4);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
}

static void each_goes_on_from_the_others(void)
{
    they_meet(kazoo, "decimal", CORRAL_ENCODING_DECIMAL);
    they_meet(kazoo, "int", CORRAL_ENCODING_INT32_BE);
    they_meet(curator, "long", CORRAL_ENCODING_INT64_BE);
    they_meet(curator, "int", CORRAL_ENCODING_INT32_BE);
    they_meet(curator, "shared", CORRAL_ENCODING_INT32_BE);
}

/* Curator reads a counter that is not there without making it. */
static void curators_absent_counter_is_zero(void)
{
    static const char path[] = "/peers/absent";
    corral_counter *counter = open_counter(path, CORRAL_ENCODING_INT64_BE);
    int64_t value = -1;

    assert_peer_get(curator, "long", path, 0);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_ENOENT);
    assert_add(counter, 1);
    assert_peer_add(curator, "long", path, 2);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
}

static void all_values_mean_the_same(void)
{
    static const struct {
        const char *kind;
        corral_encoding encoding;
        bool is_kazoo;
        int64_t values[6];
    } ways[] = {
        {"decimal", CORRAL_ENCODING_DECIMAL, true, {0, -1, 1234567890123, -9, INT64_MIN, INT64_MAX}},
        {"long", CORRAL_ENCODING_INT64_BE, false, {0, -1, 1234567890123, -9, INT64_MIN, INT64_MAX}},
        {"int", CORRAL_ENCODING_INT32_BE, false, {0, -1, 1234567890, -9, INT32_MIN, INT32_MAX}},
        {"int", CORRAL_ENCODING_INT32_BE, true, {0, -1, 1234567890, -9, INT32_MIN, INT32_MAX}},
    };

    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        peer *p = ways[w].is_kazoo ? kazoo : curator;
        char path[64];

        snprintf(path, sizeof path, "/peers/values-%zu", w);
        corral_counter *counter = open_counter(path, ways[w].encoding);
        for (size_t v = 0; v < 6; v++) {
            ASSERT_STATUS(corral_counter_set(counter, ways[w].values[v], CORRAL_FOREVER, NULL), CORRAL_OK);
            assert_peer_get(p, ways[w].kind, path, ways[w].values[v]);
        }
        ASSERT_STATUS(corral_counter_set(counter, -2, CORRAL_FOREVER, NULL), CORRAL_OK);
        for (int64_t value = -1; value <= 1; value++) {
            assert_peer_add(p, ways[w].kind, path, value);
            assert_get(counter, value);
        }
        ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    }
}

/* --- all at once --- */

enum { ADDS = 2000, THREADS = 4, SIDES_MAX = 4, CHANGES = 100 };

/*
 * Nobody gets far ahead of the others, else the fastest would be through before
 * the slowest has won a race. AHEAD is how far we may get; of a peer we ask
 * INSTALMENT adds at a time, and no more before the others have come that far.
 */
enum { AHEAD = 8, INSTALMENT = 20 };

struct side {
    struct race *race;
    peer *peer; /* NULL: ours */
    const char *kind;
    unsigned begun, added;
    int64_t lost; /* tries that were in vain */
    int64_t *values;
};

struct race {
    const char *path;
    corral_counter *counter;
    unsigned adds, count;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t moved;
    bool broken;
    int failure; /* of an add of ours */
    struct side sides[SIDES_MAX];
};

static unsigned slowest_of_others(const struct side *own)
{
    unsigned least = own->race->adds;

    for (unsigned i = 0; i < own->race->count; i++) {
        const struct side *other = &own->race->sides[i];

        if (other != own && other->added < least) {
            least = other->added;
        }
    }
    return least;
}

/* May @own begin @count more adds, once the others are less than @ahead behind it? False: there are no more.
 */
static bool begin(struct side *own, unsigned *count, unsigned ahead)
{
    struct race *race = own->race;

    pthread_mutex_lock(&race->mutex);
    while (!race->broken && own->begun < race->adds && own->begun >= slowest_of_others(own) + ahead) {
        pthread_cond_wait(&race->moved, &race->mutex);
    }
    if (*count > race->adds - own->begun) {
        *count = race->adds - own->begun;
    }
    own->begun += *count;
    bool more = !race->broken && *count > 0;
    pthread_mutex_unlock(&race->mutex);
    return more;
}

static void added(struct side *own, int64_t value)
{
    pthread_mutex_lock(&own->race->mutex);
    own->values[own->added++] = value;
    pthread_cond_broadcast(&own->race->moved);
    pthread_mutex_unlock(&own->race->mutex);
}

static void break_off(struct side *own, int failure)
{
    pthread_mutex_lock(&own->race->mutex);
    own->race->broken = true;
    own->race->failure = failure;
    pthread_cond_broadcast(&own->race->moved);
    pthread_mutex_unlock(&own->race->mutex);
}

static void *add_ours(void *arg)
{
    struct side *own = arg;
    unsigned one = 1;

    while (begin(own, &one, AHEAD)) {
        int64_t value = -1;
        int status = corral_counter_add(own->race->counter, 1, CORRAL_FOREVER, &value);

        if (status != CORRAL_OK) {
            break_off(own, status);
            break;
        }
        added(own, value);
    }
    return NULL;
}

/* One instalment; false: the peer said something unexpected, or nothing any more. */
static bool add_instalment(struct side *own, unsigned count)
{
    char line[128];

    if (!peer_tell(own->peer, "add %s %s %u", own->kind, own->race->path, count)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!peer_hear(own->peer, line, sizeof line) || strncmp(line, "done", 4) == 0) {
            return false;
        }
        added(own, strtoll(line, NULL, 10));
    }
    if (!peer_hear(own->peer, line, sizeof line) || strncmp(line, "done ", 5) != 0) {
        return false;
    }
    own->lost += strtoll(line + 5, NULL, 10);
    return true;
}

static void *add_theirs(void *arg)
{
    struct side *own = arg;
    unsigned count = INSTALMENT;

    while (begin(own, &count, 1)) {
        if (!add_instalment(own, count)) {
            break_off(own, CORRAL_OK);
            break;
        }
    }
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), struct side *side)
{
    if (pthread_create(thread, NULL, run, side) != 0) {
        abort();
    }
}

/* All sides add, from where all are connected until each has added its number. */
static void run(struct race *race)
{
    pthread_t threads[THREADS + SIDES_MAX];
    unsigned started = 0;

    pthread_mutex_init(&race->mutex, NULL);
    pthread_cond_init(&race->moved, NULL);
    for (unsigned s = 0; s < race->count; s++) {
        struct side *side = &race->sides[s];

        side->race = race;
        side->values = calloc(race->adds, sizeof *side->values);
        REQUIRE(side->values != NULL);
    }
    for (unsigned s = 0; s < race->count; s++) {
        if (race->sides[s].peer != NULL) {
            start(&threads[started++], add_theirs, &race->sides[s]);
        } else {
            for (unsigned t = 0; t < THREADS; t++) {
                start(&threads[started++], add_ours, &race->sides[s]);
            }
        }
    }
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
    pthread_mutex_destroy(&race->mutex);
    pthread_cond_destroy(&race->moved);
}

/*
 * The history: whose add made each value. Every value from 1 on must have been
 * made exactly once. Returns how often another one came to write.
 */
static unsigned judge_history(const struct race *race)
{
    unsigned all = race->count * race->adds, wrong = 0, changes = 0;
    char *writers = calloc(all + 1, 1);

    REQUIRE(writers != NULL);
    for (unsigned s = 0; s < race->count; s++) {
        const struct side *side = &race->sides[s];

        ASSERT_INT64(side->added, race->adds);
        for (unsigned i = 0; i < side->added; i++) {
            int64_t value = side->values[i];

            if (value < 1 || value > all || writers[value] != 0) {
                wrong++;
            } else {
                writers[value] = (char)('a' + s);
            }
        }
    }
    ASSERT_INT64(wrong, 0);
    for (unsigned v = 2; v <= all; v++) {
        changes += writers[v] != writers[v - 1];
    }
    free(writers);
    return changes;
}

/* What the znode holds, read by libzookeeper and decoded here. */
static int64_t raw_value(const char *path, corral_encoding encoding)
{
    char data[64] = "";
    struct Stat stat;
    uint64_t big;
    uint32_t small;

    REQUIRE(raw_get(server_raw(), path, data, sizeof data, &stat) == ZOK);
    switch (encoding) {
    case CORRAL_ENCODING_INT64_BE:
        REQUIRE(stat.dataLength == sizeof big);
        memcpy(&big, data, sizeof big);
        return (int64_t)be64toh(big);
    case CORRAL_ENCODING_INT32_BE:
        REQUIRE(stat.dataLength == sizeof small);
        memcpy(&small, data, sizeof small);
        return (int32_t)be32toh(small);
    case CORRAL_ENCODING_DECIMAL:
        break;
    }
    return strtoll(data, NULL, 10);
}

static bool races_with(const struct race *race, const peer *p)
{
    bool any = false;

    for (unsigned s = 0; s < race->count; s++) {
        any = any || race->sides[s].peer == p;
    }
    return any;
}

/* We are side 0 of @race; the others' peers and kinds are given. */
static void race(struct race *race, corral_encoding encoding)
{
    int64_t start = testing_now_ms(), their_losses = 0, value = -1;
    corral_client_stats before, after;

    race->adds = testing_scaled(ADDS);
    race->counter = open_counter(race->path, encoding);
    /* Either comes back when we are connected; the others have said that they are. */
    if (races_with(race, kazoo)) {
        /* Made by us: while it is as Kazoo makes it, empty, our adds would fail. */
        ASSERT_STATUS(corral_counter_set(race->counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    } else {
        ASSERT_STATUS(corral_counter_get(race->counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value),
                      CORRAL_ENOENT);
    }
    ASSERT_STATUS(corral_client_get_stats(client, &before), CORRAL_OK);
    run(race);
    ASSERT_STATUS(corral_client_get_stats(client, &after), CORRAL_OK);
    ASSERT_STATUS(race->failure, CORRAL_OK);
    CU_ASSERT_FALSE(race->broken);
    ASSERT_INT64(raw_value(race->path, encoding), race->count * race->adds);
    unsigned changes = judge_history(race);
    CU_ASSERT(changes >= testing_scaled(CHANGES));
    ASSERT_INT64(after.uncertain, before.uncertain);
    CU_ASSERT(after.lost_races > before.lost_races);
    for (unsigned s = 0; s < race->count; s++) {
        their_losses += race->sides[s].lost;
        free(race->sides[s].values);
    }
    CU_ASSERT(their_losses > 0);
    printf("%u each, %u changes of writer, races lost: %llu by us, %lld by others, %.1f s ", race->adds,
           changes, (unsigned long long)(after.lost_races - before.lost_races), (long long)their_losses,
           (double)(testing_now_ms() - start) / 1000);
    ASSERT_STATUS(corral_counter_close(race->counter), CORRAL_OK);
}

static void with_kazoo(void)
{
    struct race all = {
        .path = "/peers/race-decimal", .count = 2, .sides = {{0}, {.peer = kazoo, .kind = "decimal"}}};

    race(&all, CORRAL_ENCODING_DECIMAL);
}

static void with_curator(void)
{
    struct race all = {
        .path = "/peers/race-int64", .count = 2, .sides = {{0}, {.peer = curator, .kind = "long"}}};

    race(&all, CORRAL_ENCODING_INT64_BE);
}

static void with_curators_shared_count(void)
{
    struct race all = {
        .path = "/peers/race-shared", .count = 2, .sides = {{0}, {.peer = curator, .kind = "shared"}}};

    race(&all, CORRAL_ENCODING_INT32_BE);
}

static void with_both(void)
{
    struct race all = {
        .path = "/peers/race-int32",
        .count = 3,
        .sides = {{0}, {.peer = curator, .kind = "int"}, {.peer = kazoo, .kind = "int"}},
    };

    race(&all, CORRAL_ENCODING_INT32_BE);
}

static CU_TestInfo tests[] = {
    {"Kazoo's empty znode is no counter yet", kazoos_empty_znode_is_no_counter_yet},
    {"each goes on from the others", each_goes_on_from_the_others},
    {"Curator's absent counter is zero", curators_absent_counter_is_zero},
    {"all values mean the same", all_values_mean_the_same},
    {"a race with Kazoo", with_kazoo},
    {"a race with Curator", with_curator},
    {"a race with Curator's SharedCount", with_curators_shared_count},
    {"a race with both", with_both},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"peers", start_peers, stop_peers, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}
