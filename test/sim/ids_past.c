/*
 * Which generators there were at the paths of the workload "ids", and what was
 * rare about how they were written.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ids_internal.h"
#include "internal.h"

/* --- incarnations --- */

static bool parse(blob data, corrali_ids_config *ret_config, int64_t *ret_number)
{
    return data.bytes != NULL && corrali_ids_config_parse(data.bytes, data.length, ret_config, ret_number);
}

bool ids_read(const run *r, const tree *t, int number, corrali_ids_config *ret_config, int64_t *ret_number)
{
    world *w = r->fleet.ensemble.world;
    const znode *node = tree_find(t, world_path(w, r->generators[number].path));

    return node != NULL && parse(node->data, ret_config, ret_number);
}

const incarnation *ids_find(const run *r, uint64_t tag)
{
    for (size_t i = 0; i < r->incarnation_count; i++) {
        if (r->incarnations[i].config.tag == tag) {
            return &r->incarnations[i];
        }
    }
    return NULL;
}

void ids_note_incarnation(run *r, int number, const corrali_ids_config *config, int64_t begins, int64_t czxid)
{
    if (r->incarnation_count == INCARNATIONS_MAX || r->birth_count == BIRTHS_MAX) {
        fleet_fail(&r->fleet, "too many generators");
        return;
    }
    r->births[r->birth_count++] = (birth){.czxid = czxid, .tag = config->tag};
    /* Else it was replaced because its versions ran out. */
    if (ids_find(r, config->tag) == NULL) {
        r->incarnations[r->incarnation_count++] =
            (incarnation){.generator = number, .config = *config, .begins = begins};
    }
}

/* --- what is written --- */

/* On to another epoch: why? */
static void count_epoch(run *r, int number, const corrali_ids_config *config, int64_t epoch)
{
    world *w = &r->fleet.world;
    const tree *t = &r->fleet.ensemble.prepared;
    const znode *until_now;
    char directory[96];
    int64_t before = epoch - 1;

    while (before > 0) {
        (void)snprintf(directory, sizeof directory, "%s/%016" PRIx64 "-%" PRId64, r->generators[number].path,
                       config->tag, before);
        until_now = tree_find(t, world_path(w, directory));
        if (until_now == NULL || until_now->creations >= 1 << 30) {
            break;
        }
        before--; /* somebody else had made this one */
        w->rare[RARE_EPOCH_SKIPPED]++;
    }
    w->rare[RARE_WORN_OUT] += before > 0 && until_now != NULL;
    w->rare[RARE_EPOCH_GONE] += before > 0 && until_now == NULL;
}

/* What is written may not make one generator of another. */
static void judge_tag(run *r, const tree_write *write, uint64_t tag)
{
    for (size_t i = 0; i < r->birth_count; i++) {
        if (r->births[i].czxid == write->stat.czxid && r->births[i].tag != tag) {
            fleet_fail(&r->fleet, "%s is made another generator by whoever had one there before",
                       world_path_text(&r->fleet.world, write->path));
        }
    }
}

static void note_generator(run *r, int number, const tree_write *write, int64_t zxid)
{
    corrali_ids_config config;
    int64_t at;

    if (write->kind == CORRALI_DELETE) {
        r->generators[number].deleted = true;
    } else if (write->kind == CORRALI_CREATE && parse(write->data, &config, &at)) {
        ids_note_incarnation(r, number, &config, at, zxid);
    } else if (write->kind == CORRALI_SET && parse(write->data, &config, &at)) {
        judge_tag(r, write, config.tag);
        if (config.kind == CORRAL_IDS_ZNODE) {
            count_epoch(r, number, &config, at);
        }
    }
}

/* Something below a generator. */
static void note_part(run *r, const tree_write *write)
{
    static const char lease[] = ".lease";
    world *w = &r->fleet.world;
    const char *text = world_path_text(w, write->path);
    size_t length = strlen(text);
    char mark[96];

    if (write->kind != CORRALI_CREATE) {
        return;
    }
    w->rare[RARE_DEAD_END] += length > 10 && strcmp(text + length - 10, "2147483647") == 0;
    if (length >= sizeof lease && length < sizeof mark && strcmp(text + length - strlen(lease), lease) == 0) {
        (void)snprintf(mark, sizeof mark, "%.*s", (int)(length - strlen(lease)), text);
        w->rare[RARE_RECYCLED] += tree_find(&r->fleet.ensemble.prepared, world_path(w, mark)) != NULL;
    }
}

/* A generator is replaced by itself when its versions run out. */
static bool replaces_itself(const transaction *txn, size_t i)
{
    return txn->session != 0 && i + 1 < txn->count && txn->writes[i + 1].kind == CORRALI_CREATE &&
           txn->writes[i + 1].path == txn->writes[i].path;
}

void ids_written(ensemble *e, const transaction *txn)
{
    run *r = (run *)((char *)e - offsetof(run, fleet.ensemble));
    world *w = &r->fleet.world;

    for (size_t i = 0; i < txn->count; i++) {
        const tree_write *write = &txn->writes[i];
        bool generators = false;

        for (int j = 0; j < r->generator_count; j++) {
            if (write->path == world_path(w, r->generators[j].path)) {
                generators = true;
                if (write->kind != CORRALI_DELETE || !replaces_itself(txn, i)) {
                    note_generator(r, j, write, txn->zxid);
                }
            }
        }
        if (!generators) {
            note_part(r, write);
        }
    }
}
