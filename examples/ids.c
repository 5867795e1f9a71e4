/**
 * Number orders: one ID, then several at once, each also as text that sorts
 * as the numbers do.
 *
 *     ids [PATH [COUNT]]
 *
 * The generator is a SEQUENCE, whose IDs follow each other without gaps but cost a
 * round trip. A service that needs many, and no order among its processes,
 * takes CORRAL_IDS_BLOCK: the calls are the same.
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181.
 */
#include <corral.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000, TRIES = 3, MANY_MAX = 100 };

static void print_id(uint64_t id)
{
    char text[CORRAL_ID_TEXT_SIZE];

    corral_id_format(id, text);
    printf("%" PRIu64 " %s\n", id, text);
}

/* Unlike an add, this may simply be tried again when nobody knows what became of it: a number is wasted at
 * worst. */
static int next(corral_ids *ids, uint64_t *ret_id)
{
    int status = CORRAL_EUNCERTAIN;

    for (int i = 0; i < TRIES && status == CORRAL_EUNCERTAIN; i++) {
        status = corral_ids_next(ids, TIMEOUT_MS, ret_id);
    }
    return status;
}

static int number_orders(corral_ids *ids, size_t count)
{
    uint64_t id;
    uint64_t many[MANY_MAX];
    int status = next(ids, &id);

    if (status == CORRAL_OK) {
        print_id(id);
        status = corral_ids_next_many(ids, count, TIMEOUT_MS, many); /* all of them, or none */
    }
    for (size_t i = 0; i < count && status == CORRAL_OK; i++) {
        print_id(many[i]);
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/orders";
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 3;
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_client *client = NULL;
    corral_ids *ids = NULL;

    if (count < 1 || count > MANY_MAX) {
        fprintf(stderr, "ids: from 1 to %d at once\n", MANY_MAX);
        return EXIT_FAILURE;
    }
    options.kind = CORRAL_IDS_SEQUENCE;
    int status = corral_client_open(NULL, NULL, &client);
    if (status == CORRAL_OK) {
        status = corral_ids_open(client, path, &options, &ids);
    }
    if (status == CORRAL_OK) {
        status = number_orders(ids, (size_t)count);
    }
    if (status == CORRAL_ECONFLICT) {
        fprintf(stderr, "ids: %s gives out IDs of another kind\n", path);
    } else if (status != CORRAL_OK) {
        fprintf(stderr, "ids: %s: %s\n", path, corral_strerror(status));
    }
    corral_ids_close(ids);
    corral_client_close(client);
    return status == CORRAL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
