/*
 * The counters' znodes without Corral: how they spell numbers, and another
 * program that changes them. It is not heard of what came of that.
 */
#include "counters_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void counters_name(char *ret_path, size_t size, int counter)
{
    (void)snprintf(ret_path, size, counter == 0 ? "/count" : "/deep/er/count%d", counter);
}

/* --- numbers --- */

blob counters_spell(run *r, int counter, int64_t value)
{
    char text[32];
    size_t length = r->encodings[counter] == CORRAL_ENCODING_INT64_BE ? 8 : 4;

    if (r->encodings[counter] == CORRAL_ENCODING_DECIMAL) {
        length = (size_t)snprintf(text, sizeof text, "%" PRId64, value);
    } else {
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)((uint64_t)value >> 8 * (length - 1 - i));
        }
    }
    return (blob){.bytes = world_copy(&r->fleet.world, text, length), .length = length};
}

int64_t counters_number_in(const run *r, int counter, const znode *node)
{
    uint64_t bits = 0;

    if (r->encodings[counter] == CORRAL_ENCODING_DECIMAL) {
        return strtoll(node->data.bytes, NULL, 10); /* copies end with a zero */
    }
    for (size_t i = 0; i < node->data.length; i++) {
        bits = bits << 8 | (uint8_t)node->data.bytes[i];
    }
    return r->encodings[counter] == CORRAL_ENCODING_INT32_BE ? (int32_t)(uint32_t)bits : (int64_t)bits;
}

/* --- another program --- */

static void note(run *r, int counter, history_kind kind, int64_t argument)
{
    operation *own = &r->operations[r->count++];

    *own = (operation){.run = r, .ended = true};
    own->seen = (history_op){.client = MEMBERS_MAX,
                             .counter = (uint32_t)counter,
                             .kind = kind,
                             .argument = argument,
                             .invoked = r->fleet.world.now,
                             .returned = INT64_MAX,
                             .status = CORRAL_EUNCERTAIN};
}

/* It adds to it. */
static void add_to(run *r, int counter, int path, const znode *node)
{
    int64_t delta = 10000 + (int64_t)r->count;
    tree_write write = {.kind = CORRALI_SET,
                        .path = path,
                        .data = counters_spell(r, counter, counters_number_in(r, counter, node) + delta),
                        .version = node->version};

    if (ensemble_meddle(&r->fleet.ensemble, &write, 1)) {
        note(r, counter, HISTORY_ADD, delta);
    }
}

/*
 * It deletes it and makes it again. Of that Corral promises nothing where the new
 * znode comes to a version at which somebody knew the old one, so only one is
 * chosen whose versions are out of a new one's reach.
 */
static void remake(run *r, int counter, int path, const znode *node)
{
    int64_t value = 10000 + (int64_t)r->count;
    const tree_write writes[] = {
        {.kind = CORRALI_DELETE, .path = path, .version = node->version},
        {.kind = CORRALI_CREATE, .path = path, .data = counters_spell(r, counter, value)},
    };

    if (ensemble_meddle(&r->fleet.ensemble, writes, 2)) {
        note(r, counter, HISTORY_DESTROY, 0);
        note(r, counter, HISTORY_SET, value);
        r->fleet.world.rare[RARE_REMADE]++;
    }
}

void counters_meddle(run *r)
{
    world *w = &r->fleet.world;
    int counter = (int)world_below(w, (uint64_t)r->counter_count);
    char name[64];
    const znode *node;
    int path;

    counters_name(name, sizeof name, counter);
    path = world_path(w, name);
    node = tree_find(&r->fleet.ensemble.prepared, path);
    if (node == NULL) {
        return;
    }
    if ((node->version < 0 || node->version > OPERATIONS_MAX) && world_one_in(w, 2)) {
        remake(r, counter, path, node);
    } else if (node->version != CORRALI_VERSION_LAST) {
        /* At that, one more would be the last that anybody could make. */
        add_to(r, counter, path, node);
    }
}
