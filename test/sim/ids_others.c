/*
 * The generators of the workload "ids" before it begins, and an operator who
 * deletes parts of them, or all, or makes what is not theirs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ids_internal.h"
#include "internal.h"

/* The last epoch of a ZNODE generator. */
#define EPOCH_MAX (INT64_C(1) << 32)

/* No znode that is made while a run lasts comes to such a version. */
enum { FAR_VERSION = 1000 };

/* --- before it begins --- */

static void choose_layout(world *w, corral_ids_options *options, bool ends)
{
    static const uint32_t worker_bits[] = {1, 2, 3, 10, 10, 10};
    static const uint32_t sequence_bits[] = {1, 3, 6, 12};

    options->worker_bits = worker_bits[world_below(w, 6)];
    options->sequence_bits = sequence_bits[world_below(w, 4)];
    options->epoch_ms = SIM_CALENDAR_MS - (world_one_in(w, 4) ? 30000 : INT64_C(3600000) * 30);
    if (ends) {
        /* Its 32 bits of time come to their end within minutes. */
        options->worker_bits = 10;
        options->sequence_bits = 21;
        options->epoch_ms = SIM_CALENDAR_MS - (INT64_C(1) << 32) + 10000 + (int64_t)world_below(w, 300000);
    }
}

static int64_t some_beginning(world *w, corral_ids_kind kind, bool ends)
{
    if (kind == CORRAL_IDS_SNOWFLAKE) {
        return 0;
    }
    if (kind == CORRAL_IDS_ZNODE) {
        return ends ? EPOCH_MAX - (int64_t)world_below(w, 3) : (int64_t)world_below(w, 3);
    }
    return ends ? INT64_MAX - (int64_t)world_below(w, 3000) : (int64_t)world_below(w, 100);
}

/* The directory of an epoch: new, or worn, or not there any more. */
static void put_directory(run *r, const char *path, uint64_t tag, int64_t epoch)
{
    static const int32_t creations[] = {0, (1 << 30) - 20, INT32_MAX - 40, INT32_MAX - 1, INT32_MAX};
    world *w = &r->fleet.world;
    char directory[96];

    if (epoch > 0 && !world_one_in(w, 5)) {
        (void)snprintf(directory, sizeof directory, "%s/%016" PRIx64 "-%" PRId64, path, tag, epoch);
        ensemble_put_worn(&r->fleet.ensemble, directory, creations[world_below(w, 5)]);
    }
}

/* A worker's mark, which is where another's clock was. */
static void put_mark(run *r, generator *own, uint32_t worker, int32_t version)
{
    static const int64_t ahead_ms[] = {-7200000, -7200000, -1000, -1000, 700, 15000, 3600000};
    world *w = &r->fleet.world;
    int64_t ahead = ahead_ms[world_below(w, 7)];
    char mark[96];
    char data[64];
    int length;

    (void)snprintf(mark, sizeof mark, "%s/workers/%" PRIu32, own->path, worker);
    length = snprintf(data, sizeof data, "%" PRId64 " %016" PRIx64, SIM_CALENDAR_MS + ahead, world_random(w));
    ensemble_put(&r->fleet.ensemble, mark, data, (size_t)length, version);
    own->ahead = own->ahead || ahead > 0;
}

/* All of them, or the first one only. Returns what version is right for the generator: far if all marks'
 * are. */
static int32_t put_marks(run *r, generator *own)
{
    bool all = own->options.worker_bits < ROOMY_BITS;
    uint32_t count = all ? 1U << own->options.worker_bits : 1;
    int32_t version = all ? 5 * FAR_VERSION : 0;
    char directory[96];

    (void)snprintf(directory, sizeof directory, "%s/workers", own->path);
    ensemble_put(&r->fleet.ensemble, directory, "", 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        put_mark(r, own, i, version);
    }
    return version;
}

static size_t spell(const corrali_ids_config *config, int64_t number, char text[CORRALI_IDS_CONFIG_SIZE])
{
    size_t length = corrali_ids_config_spell(config, text);

    return length + (size_t)snprintf(text + length, CORRALI_IDS_CONFIG_SIZE - length, "%" PRId64, number);
}

static void put(run *r, int number, bool ends)
{
    static const int32_t versions[] = {0, 5000, INT32_MAX - 40, -60, -3};
    world *w = &r->fleet.world;
    generator *own = &r->generators[number];
    corrali_ids_config config = corrali_ids_config_of(&own->options, world_random(w));
    int64_t begins = some_beginning(w, config.kind, ends);
    bool snowflake = config.kind == CORRAL_IDS_SNOWFLAKE;
    int32_t version = !snowflake ? versions[world_below(w, 5)] : world_one_in(w, 3) ? 0 : put_marks(r, own);
    char text[CORRALI_IDS_CONFIG_SIZE];

    ensemble_put(&r->fleet.ensemble, own->path, text, spell(&config, begins, text), version);
    ids_note_incarnation(r, number, &config, begins,
                         tree_find(&r->fleet.ensemble.prepared, world_path(w, own->path))->czxid);
    if (config.kind == CORRAL_IDS_ZNODE) {
        own->ends = own->ends || version < 0; /* each epoch takes one */
        put_directory(r, own->path, config.tag, begins);
    }
}

void ids_begin_generator(run *r, int number)
{
    world *w = &r->fleet.world;
    generator *own = &r->generators[number];

    (void)snprintf(own->path, sizeof own->path, number == 0 ? "/ids" : "/deep/er/ids%d", number);
    own->options = (corral_ids_options)CORRAL_IDS_OPTIONS_INIT;
    own->options.kind = (corral_ids_kind)world_below(w, CORRAL_IDS_STORED);
    own->ends = world_one_in(w, 5);
    if (own->options.kind == CORRAL_IDS_SNOWFLAKE) {
        choose_layout(w, &own->options, own->ends);
    }
    if (own->ends || world_one_in(w, 2)) {
        put(r, number, own->ends);
    }
}

/* --- an operator --- */

/* One of the children that are there, whose name has @part in it; negative: none. */
static int some_child(run *r, int parent, const char *part)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    uint64_t count = 0;
    int chosen = -1;

    for (int path = world_path_child(w, parent); path >= 0; path = world_path_sibling(w, path)) {
        if (tree_find(t, path) != NULL && strstr(world_path_text(w, path), part) != NULL &&
            world_one_in(w, ++count)) {
            chosen = path;
        }
    }
    return chosen;
}

/* That of all below @path, and of itself. False: that is too much for one transaction. */
static bool delete_all(run *r, int path, tree_write *writes, size_t *count)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;

    for (int child = world_path_child(w, path); child >= 0; child = world_path_sibling(w, child)) {
        if (tree_find(t, child) != NULL && !delete_all(r, child, writes, count)) {
            return false;
        }
    }
    if (*count == TREE_WRITES_MAX - 1) {
        return false;
    }
    writes[(*count)++] = (tree_write){.kind = CORRALI_DELETE, .path = path, .version = CORRALI_VERSION_ANY};
    return true;
}

static bool delete_below(run *r, int path)
{
    tree_write writes[TREE_WRITES_MAX];
    size_t count = 0;

    return path >= 0 && delete_all(r, path, writes, &count) &&
           ensemble_meddle(&r->fleet.ensemble, writes, count);
}

/*
 * The generator ends, and perhaps there is another one at once. Of that Corral
 * promises nothing where a new znode comes to a version at which somebody knew the old
 * one, so only those are chosen whose versions, and whose marks', are out of a new one's reach.
 */
static void destroy(run *r, int number, int path, const znode *node)
{
    world *w = &r->fleet.world;
    generator *own = &r->generators[number];
    tree_write writes[TREE_WRITES_MAX];
    size_t count = 0;
    char text[CORRALI_IDS_CONFIG_SIZE];

    if ((node->version >= 0 && node->version < FAR_VERSION) || !delete_all(r, path, writes, &count)) {
        return;
    }
    if (world_one_in(w, 2)) {
        corrali_ids_config config = corrali_ids_config_of(&own->options, world_random(w));
        size_t length = spell(&config, 0, text);

        writes[count++] = (tree_write){.kind = CORRALI_CREATE,
                                       .path = path,
                                       .data = {.bytes = world_copy(w, text, length), .length = length}};
    }
    w->rare[RARE_DESTROYED] += ensemble_meddle(&r->fleet.ensemble, writes, count);
}

/* Somebody makes the directory that the next epoch would have. */
static void make_next_directory(run *r, int number, const corrali_ids_config *config, int64_t epoch)
{
    world *w = &r->fleet.world;
    char text[96];
    tree_write creation = {.kind = CORRALI_CREATE, .data = {.bytes = "", .length = 0}};

    (void)snprintf(text, sizeof text, "%s/%016" PRIx64 "-%" PRId64, r->generators[number].path, config->tag,
                   epoch + 1);
    creation.path = world_path(w, text);
    if (tree_find(&r->fleet.ensemble.prepared, creation.path) == NULL && r->made_count < MADE_MAX) {
        r->made[r->made_count++] = creation.path;
        (void)ensemble_meddle(&r->fleet.ensemble, &creation, 1);
    }
}

static void meddle_with_znodes(run *r, int number, int path, const corrali_ids_config *config, int64_t epoch)
{
    world *w = &r->fleet.world;
    int directory = some_child(r, path, "-");

    switch (world_below(w, 4)) {
    case 0:
        w->rare[RARE_DIRECTORY_DELETED] += delete_below(r, directory);
        break;
    case 1:
        make_next_directory(r, number, config, epoch);
        break;
    default:
        w->rare[RARE_NUMBER_DELETED] += directory >= 0 && delete_below(r, some_child(r, directory, "-"));
        break;
    }
}

static void meddle_with_workers(run *r, int number, int path)
{
    world *w = &r->fleet.world;
    int workers = some_child(r, path, "/workers");

    if (workers >= 0 && delete_below(r, some_child(r, workers, ".lease"))) {
        r->generators[number].ahead = true;
        w->rare[RARE_LEASE_DELETED]++;
    }
}

void ids_meddle(run *r)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    int number = (int)world_below(w, (uint64_t)r->generator_count);
    int path = world_path(w, r->generators[number].path);
    corrali_ids_config config;
    int64_t at;

    if (!ids_read(r, t, number, &config, &at)) {
        return;
    }
    if (world_one_in(w, 6)) {
        destroy(r, number, path, tree_find(t, path));
    } else if (config.kind == CORRAL_IDS_ZNODE) {
        meddle_with_znodes(r, number, path, &config, at);
    } else if (config.kind == CORRAL_IDS_SNOWFLAKE) {
        meddle_with_workers(r, number, path);
    }
}
