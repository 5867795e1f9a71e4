#include "sweep_names.h"

#include <corral/status.h>
#include <string.h>

#include "alloc.h"

/* Lengths of what names there can be: a writer's, and at most a lane's. */
enum { WRITER_NAME = 32, LANE_NAME_MAX = 20 };

void corrali_names_free(corrali_names *names)
{
    corrali_free(names->items);
    *names = (corrali_names){.items = NULL};
}

int corrali_names_copy(corrali_names *names, const char *const *items, size_t count)
{
    size_t size = 0;
    char *text;

    corrali_names_free(names);
    for (size_t i = 0; i < count; i++) {
        size += sizeof *names->items + strlen(items[i]) + 1;
    }
    names->items = corrali_alloc(size + 1);
    if (names->items == NULL) {
        return CORRAL_ENOMEM;
    }
    text = (char *)(names->items + count);
    for (size_t i = 0; i < count; i++) {
        names->items[i] = text;
        text = stpcpy(text, items[i]) + 1;
    }
    names->count = count;
    return CORRAL_OK;
}

static bool is_writer(const char *name)
{
    return strlen(name) == WRITER_NAME && strspn(name, "0123456789abcdef") == WRITER_NAME;
}

bool corrali_sweep_is_lane(const char *name)
{
    size_t digits = strspn(name, "0123456789");

    if (digits == 0 || name[digits] != '\0' || (digits > 1 && name[0] == '0')) {
        return false;
    }
    return digits < LANE_NAME_MAX || (digits == LANE_NAME_MAX && strcmp(name, "18446744073709551615") <= 0);
}

int corrali_sweep_make_paths(corrali_sweep *sweep, const char *home)
{
    size_t mark = strlen(home) + sizeof "/sweep";
    size_t parent = strlen(home) + sizeof "/writers";
    size_t directory = parent + 1 + WRITER_NAME;
    size_t child = directory + 1 + LANE_NAME_MAX; /* "live" is shorter */

    sweep->mark = corrali_alloc(mark + parent + directory + 2 * child);
    if (sweep->mark == NULL) {
        return CORRAL_ENOMEM;
    }
    sweep->parent = sweep->mark + mark;
    sweep->directory = sweep->parent + parent;
    sweep->live = sweep->directory + directory;
    sweep->lane = sweep->live + child;
    (void)stpcpy(stpcpy(sweep->mark, home), "/sweep");
    (void)stpcpy(stpcpy(sweep->parent, home), "/writers");
    return CORRAL_OK;
}

bool corrali_sweep_name_writer(corrali_sweep *sweep, const char *name)
{
    if (!is_writer(name)) {
        return false;
    }
    (void)stpcpy(stpcpy(stpcpy(sweep->directory, sweep->parent), "/"), name);
    (void)stpcpy(stpcpy(sweep->live, sweep->directory), "/live");
    return true;
}

void corrali_sweep_name_lane(corrali_sweep *sweep)
{
    (void)stpcpy(stpcpy(stpcpy(sweep->lane, sweep->directory), "/"), sweep->lanes.items[sweep->lanes.next]);
}
