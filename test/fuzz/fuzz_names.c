/**
 * Names of children under HOME/writers: what the sweep takes for writers and
 * lanes, and may so delete, is what a writer may have made. The input is the
 * names, one a line; the first is a writer's, the others those of its children.
 */
#include <inttypes.h>

#include <corral/status.h>

#include "alloc.h"
#include "fuzz.h"
#include "path.h"
#include "sweep_names.h"

enum { NAMES_MAX = 64 };

/** Cut @text into names at its newlines. */
static size_t split(char *text, const char *names[NAMES_MAX])
{
    size_t count = 0;
    while (text != NULL && count < NAMES_MAX) {
        names[count++] = strsep(&text, "\n");
    }
    return count;
}

/** "%016x%016x", see writer.c. */
static bool writer_made(const char *name)
{
    char high[17] = "";
    char again[33];
    if (strlen(name) != 32) {
        return false;
    }
    memcpy(high, name, 16);
    snprintf(again, sizeof again, "%016" PRIx64 "%016" PRIx64, (uint64_t)strtoull(high, NULL, 16),
             (uint64_t)strtoull(name + 16, NULL, 16));
    return strcmp(again, name) == 0;
}

/** "%u", see writer_lane.c. */
static bool lane_made(const char *name)
{
    char again[24];
    snprintf(again, sizeof again, "%" PRIu64, (uint64_t)strtoull(name, NULL, 10));
    return strcmp(again, name) == 0;
}

/** Is @path that of @name under @parent, and one that a server takes? */
static bool is_child(const char *path, const char *parent, const char *name)
{
    size_t length = strlen(parent);
    return strncmp(path, parent, length) == 0 && path[length] == '/' &&
           strcmp(path + length + 1, name) == 0 && corrali_path_valid(path);
}

static void check_paths(corrali_sweep *sweep, const char *writer)
{
    const char *directory = sweep->directory;
    FUZZ_CHECK(strcmp(sweep->mark, "/home/sweep") == 0 && strcmp(sweep->parent, "/home/writers") == 0);
    FUZZ_CHECK(is_child(directory, sweep->parent, writer) && is_child(sweep->live, directory, "live"));
}

static void check_lanes(corrali_sweep *sweep, const char *writer, const char **names, size_t count)
{
    FUZZ_CHECK(corrali_names_copy(&sweep->lanes, names, count) == CORRAL_OK);
    FUZZ_CHECK(sweep->lanes.count == count && sweep->lanes.next == 0);
    for (size_t i = 0; i < count; i++) {
        bool lane = corrali_sweep_is_lane(names[i]);
        FUZZ_CHECK(strcmp(sweep->lanes.items[i], names[i]) == 0);
        FUZZ_CHECK(lane == lane_made(names[i]));
        if (lane) {
            sweep->lanes.next = i;
            corrali_sweep_name_lane(sweep);
            FUZZ_CHECK(is_child(sweep->lane, sweep->directory, names[i]));
            check_paths(sweep, writer);
        }
    }
    corrali_names_free(&sweep->lanes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *names[NAMES_MAX];
    char *text = fuzz_string(data, size);
    size_t count = split(text, names);
    corrali_sweep sweep = {.mark = NULL};
    FUZZ_CHECK(corrali_sweep_make_paths(&sweep, "/home") == CORRAL_OK);
    bool writer = corrali_sweep_name_writer(&sweep, names[0]);
    FUZZ_CHECK(writer == writer_made(names[0]));
    if (writer) {
        check_paths(&sweep, names[0]);
        check_lanes(&sweep, names[0], names + 1, count - 1);
    }
    corrali_free(sweep.mark);
    free(text);
    return 0;
}
