/**
 * Take turns: acquire a lock, write a line into a znode that only its holder
 * may change, and release it, so many times. Run several at once.
 *
 *     lock [PATH [TURNS]]
 *
 * The line is written by corral_grant_multi(): it commits only while the lock is
 * held, so that a holder who has been overtaken, after standing still say,
 * changes nothing. Other resources can do the same with the fencing token:
 * refuse whoever comes with a smaller (token, turn) than they have seen.
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181.
 */
#include <corral.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

/* Runs on the client's dispatch thread, before the servers can give the lock to somebody else. */
static void on_lost(corral_grant *grant, int status, void *arg)
{
    (void)arg;
    fprintf(stderr, "lock: token %" PRId64 ": %s: stop whatever it protects\n", corral_grant_token(grant),
            corral_strerror(status));
}

/* Put "TOKEN TURN" into the znode, made by the first who comes, if the lock is still held then. */
static int sign(corral_grant *grant, const char *path)
{
    char line[64];
    corral_txn *txn;
    int status = corral_txn_new(&txn);

    if (status != CORRAL_OK) {
        return status;
    }
    int length = snprintf(line, sizeof line, "%" PRId64 " %" PRIu32, corral_grant_token(grant),
                          corral_grant_turn(grant));
    status = corral_txn_set(txn, path, line, (size_t)length, CORRAL_VERSION_ANY);
    if (status == CORRAL_OK) {
        status = corral_grant_multi(grant, txn, TIMEOUT_MS);
    }
    corral_txn_free(txn);
    if (status == CORRAL_ENOENT && corral_txn_new(&txn) == CORRAL_OK) {
        corral_txn_create(txn, path, line, (size_t)length);
        status = corral_grant_multi(grant, txn, TIMEOUT_MS);
        corral_txn_free(txn);
    }
    return status;
}

static int take_turns(corral_lock *lock, const char *signature, long turns)
{
    int status = CORRAL_OK;

    for (long i = 0; i < turns && status == CORRAL_OK; i++) {
        corral_grant *grant;

        status = corral_lock_acquire(lock, TIMEOUT_MS, &grant);
        if (status != CORRAL_OK) {
            return status;
        }
        status = sign(grant, signature);
        printf("%ld: %s, valid for %" PRId64 " ms\n", i + 1, corral_strerror(status),
               corral_grant_valid_ms(grant));
        corral_grant_free(grant); /* releases it */
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/lock";
    long turns = argc > 2 ? strtol(argv[2], NULL, 10) : 3;
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_client *client = NULL;
    corral_lock *lock = NULL;
    char signature[1024];

    options.label = "examples/lock";
    options.on_lost = on_lost;
    snprintf(signature, sizeof signature, "%s-signature", path);
    int status = corral_client_open(NULL, NULL, &client);
    if (status == CORRAL_OK) {
        status = corral_lock_open(client, path, &options, &lock);
    }
    if (status == CORRAL_OK) {
        status = take_turns(lock, signature, turns);
    }
    if (status != CORRAL_OK) {
        fprintf(stderr, "lock: %s\n", corral_strerror(status));
    }
    corral_lock_close(lock);
    corral_client_close(client);
    return status == CORRAL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
