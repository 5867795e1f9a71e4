#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rare_names[RARE_PATHS] = {
#define SIM_RARE_TEXT(name, text, of) text,
    SIM_RARE_PATHS(SIM_RARE_TEXT)
#undef SIM_RARE_TEXT
};

const int rare_workloads[RARE_PATHS] = {
#define SIM_RARE_OF(name, text, of) of,
    SIM_RARE_PATHS(SIM_RARE_OF)
#undef SIM_RARE_OF
};

struct world_event {
    int64_t when;
    uint64_t order;
    world_fire fire;
    void *subject;
    int64_t argument;
};

enum { CHUNK = 1 << 18 };

struct world_chunk {
    struct world_chunk *next;
    size_t used, size;
    char bytes[];
};

struct world_path {
    char *text;
    int parent, child, sibling;
};

/* Nothing here may fail: the failures that are tested are the library's. */
static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

void world_open(world *w, uint64_t seed, bool tracing)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    w->tracing = tracing;
    w->digest = 14695981039346656037u;
    w->calendar_ms = SIM_CALENDAR_MS;
    w->path_table_size = 1024;
    w->path_table = must(calloc(w->path_table_size, sizeof *w->path_table));
    (void)world_path(w, "/");
}

void world_close(world *w)
{
    struct world_chunk *next;

    for (struct world_chunk *chunk = w->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(w->heap);
    free(w->paths);
    free(w->path_table);
}

void *world_alloc(world *w, size_t size)
{
    struct world_chunk *chunk = w->chunks;

    size = (size + 15) / 16 * 16;
    if (chunk == NULL || chunk->used + size > chunk->size) {
        size_t bytes = size > CHUNK ? size : CHUNK;

        chunk = must(calloc(1, sizeof *chunk + bytes));
        chunk->size = bytes;
        chunk->next = w->chunks;
        w->chunks = chunk;
    }
    chunk->used += size;
    return chunk->bytes + chunk->used - size;
}

char *world_copy(world *w, const char *bytes, size_t length)
{
    char *copy = world_alloc(w, length + 1);

    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

/* --- randomness --- */

/* SplitMix64, by Sebastiano Vigna. https://prng.di.unimi.it/splitmix64.c */
uint64_t world_random(world *w)
{
    uint64_t z = (w->random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t world_below(world *w, uint64_t bound)
{
    return world_random(w) % bound;
}

bool world_one_in(world *w, uint64_t n)
{
    return world_below(w, n) == 0;
}

int64_t world_delay(world *w, int64_t least, int64_t most)
{
    /* Each halving of the range is as likely as the one above it. */
    int64_t range = (most - least) >> world_below(w, 8);

    return least + (int64_t)world_below(w, (uint64_t)range + 1);
}

/* --- events: a binary heap --- */

static bool earlier(const struct world_event *a, const struct world_event *b)
{
    return a->when < b->when || (a->when == b->when && a->order < b->order);
}

static void swap(struct world_event *a, struct world_event *b)
{
    struct world_event c = *a;

    *a = *b;
    *b = c;
}

void world_at(world *w, int64_t when, world_fire fire, void *subject, int64_t argument)
{
    size_t at = w->count++;

    if (w->count > w->capacity) {
        w->capacity = w->capacity == 0 ? 256 : 2 * w->capacity;
        w->heap = must(realloc(w->heap, w->capacity * sizeof *w->heap));
    }
    w->heap[at] = (struct world_event){.when = when < w->now ? w->now : when,
                                       .order = w->order++,
                                       .fire = fire,
                                       .subject = subject,
                                       .argument = argument};
    while (at > 0 && earlier(&w->heap[at], &w->heap[(at - 1) / 2])) {
        swap(&w->heap[at], &w->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct world_event take_first(world *w)
{
    struct world_event first = w->heap[0];
    size_t at = 0;

    w->heap[0] = w->heap[--w->count];
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < w->count && earlier(&w->heap[child + 1], &w->heap[child])) {
            child++;
        }
        if (child >= w->count || !earlier(&w->heap[child], &w->heap[at])) {
            return first;
        }
        swap(&w->heap[child], &w->heap[at]);
        at = child;
    }
}

bool world_step(world *w, int64_t until)
{
    struct world_event event;

    if (w->count == 0 || w->heap[0].when > until) {
        w->now = until;
        return false;
    }
    event = take_first(w);
    w->now = event.when;
    w->steps++;
    event.fire(event.subject, event.argument);
    return true;
}

/* --- what happened --- */

void world_note(world *w, const char *format, ...)
{
    char line[512];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    length = length < (int)sizeof line ? length : (int)sizeof line - 1;
    w->digest = (w->digest ^ (uint64_t)w->now) * 1099511628211u;
    for (int i = 0; i < length; i++) {
        w->digest = (w->digest ^ (uint8_t)line[i]) * 1099511628211u;
    }
    if (w->tracing) {
        printf("%12.6f  %s\n", (double)w->now / 1e9, line);
    }
}

/* --- paths --- */

static size_t slot_of(const world *w, const char *text)
{
    uint64_t hash = 14695981039346656037u;
    size_t slot;

    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    }
    slot = (size_t)(hash % w->path_table_size);
    while (w->path_table[slot] != 0 && strcmp(w->paths[w->path_table[slot] - 1].text, text) != 0) {
        slot = (slot + 1) % w->path_table_size;
    }
    return slot;
}

static void grow_table(world *w)
{
    free(w->path_table);
    w->path_table_size *= 4;
    w->path_table = must(calloc(w->path_table_size, sizeof *w->path_table));
    for (int path = 0; path < w->path_count; path++) {
        w->path_table[slot_of(w, w->paths[path].text)] = path + 1;
    }
}

static int parent_of(world *w, const char *text)
{
    const char *slash = strrchr(text, '/');
    char parent[1024];

    if (slash == text) {
        return text[1] == '\0' ? -1 : 0;
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - text), text);
    return world_path(w, parent);
}

int world_path(world *w, const char *text)
{
    size_t slot = slot_of(w, text);
    int parent, path;

    if (w->path_table[slot] != 0) {
        return w->path_table[slot] - 1;
    }
    parent = parent_of(w, text);
    if (w->path_count == w->path_capacity) {
        w->path_capacity = w->path_capacity == 0 ? 128 : 2 * w->path_capacity;
        w->paths = must(realloc(w->paths, (size_t)w->path_capacity * sizeof *w->paths));
    }
    path = w->path_count++;
    w->paths[path] = (struct world_path){.text = world_copy(w, text, strlen(text)),
                                         .parent = parent,
                                         .child = -1,
                                         .sibling = parent < 0 ? -1 : w->paths[parent].child};
    if (parent >= 0) {
        w->paths[parent].child = path;
    }
    if ((size_t)w->path_count * 2 > w->path_table_size) {
        grow_table(w);
    } else {
        w->path_table[slot_of(w, text)] = path + 1;
    }
    return path;
}

const char *world_path_text(const world *w, int path)
{
    return w->paths[path].text;
}

int world_path_parent(const world *w, int path)
{
    return w->paths[path].parent;
}

int world_path_child(const world *w, int path)
{
    return w->paths[path].child;
}

int world_path_sibling(const world *w, int path)
{
    return w->paths[path].sibling;
}
