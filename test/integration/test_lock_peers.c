/**
 * Curator and Kazoo, as they are, at the same locks as Corral: three processes
 * of each take turns, and a number that only the holder touches is exact in the
 * end. Where names do not go together, Corral refuses.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/locking.h"
#include "lib/peer.h"

enum { PROCESSES = 3, TURNS = 100 };

typedef enum { CORRAL, CURATOR, KAZOO, FLEETS } fleet;

static peer *peers[FLEETS][PROCESSES];
static char file[64]; /* the number */

/* --- a process of Corral's, which obeys as the others do; see CuratorLocks.java --- */

static bool read_number(const char *from, long *ret_number)
{
    FILE *stream = fopen(from, "r");
    bool good = stream != NULL && fscanf(stream, "%ld", ret_number) == 1;

    if (stream != NULL) {
        fclose(stream);
    }
    return good;
}

static bool write_number(const char *to, long number)
{
    FILE *stream = fopen(to, "w");
    bool good = stream != NULL && fprintf(stream, "%ld", number) > 0;

    return stream != NULL && fclose(stream) == 0 && good;
}

static bool take_turn(corral_lock *lock, bool reads, const char *where)
{
    corral_grant *grant = NULL;
    long number = 0, again = 0;

    if (corral_lock_acquire(lock, CORRAL_FOREVER, &grant) != CORRAL_OK || !read_number(where, &number)) {
        return false;
    }
    usleep(200);
    bool good = reads ? read_number(where, &again) && again == number : write_number(where, number + 1);
    good = good && corral_grant_valid_ms(grant) > 0;
    corral_grant_free(grant);
    return good;
}

static bool take_turns(corral_client *of, const char *line)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = NULL;
    char kind[16], path[64], where[64];
    unsigned turns;

    if (sscanf(line, "turns %15s %63s %63s %u", kind, path, where, &turns) != 4) {
        return false;
    }
    options.naming = strncmp(kind, "kazoo-", 6) == 0 ? CORRAL_NAMING_KAZOO : CORRAL_NAMING_CURATOR;
    options.mode = strstr(kind, "read") != NULL    ? CORRAL_LOCK_READ
                   : strstr(kind, "write") != NULL ? CORRAL_LOCK_WRITE
                                                   : CORRAL_LOCK_MUTEX;
    bool good = corral_lock_open(of, path, &options, &lock) == CORRAL_OK;
    while (good && turns-- > 0) {
        good = take_turn(lock, options.mode == CORRAL_LOCK_READ, where);
    }
    corral_lock_close(lock);
    puts("done");
    fflush(stdout);
    return good;
}

static int obey(const char *servers)
{
    corral_client *of = NULL;
    char line[256];
    bool good = corral_client_open(servers, NULL, &of) == CORRAL_OK;

    puts("ready");
    fflush(stdout);
    while (good && fgets(line, sizeof line, stdin) != NULL) {
        good = take_turns(of, line);
    }
    corral_client_close(of);
    return good ? 0 : 1;
}

/* --- all of them --- */

static peer *start_one(fleet which)
{
    char *ours[] = {(char *)"/proc/self/exe", (char *)"--obey", (char *)server_connect(), NULL};

    return which == CURATOR ? peer_start_curator_locks(server_connect())
           : which == KAZOO ? peer_start_kazoo_locks(server_connect())
                            : peer_start(ours);
}

static int start_peers(void)
{
    bool good = true;

    snprintf(file, sizeof file, "%s/number", dev_directory(server_ensemble()));
    for (fleet f = CORRAL; f < FLEETS; f++) {
        for (int i = 0; i < PROCESSES; i++) {
            peers[f][i] = start_one(f);
            good = good && peers[f][i] != NULL;
        }
    }
    for (fleet f = CORRAL; f < FLEETS; f++) {
        for (int i = 0; i < PROCESSES; i++) {
            good = good && peer_await(peers[f][i]);
        }
    }
    return good ? 0 : 1;
}

static int stop_peers(void)
{
    bool good = true;

    for (fleet f = CORRAL; f < FLEETS; f++) {
        for (int i = 0; i < PROCESSES; i++) {
            good = peer_stop(peers[f][i]) && good;
        }
    }
    return good ? 0 : 1;
}

static void assert_says(peer *p, const char *expected)
{
    char line[64] = "";

    CU_ASSERT(peer_hear(p, line, sizeof line));
    CU_ASSERT_STRING_EQUAL(line, expected);
}

/* What each fleet acquires: the last process, and the others. NULL: it takes no part. */
typedef struct {
    const char *last, *others;
} kinds;

static void take_part(const char *path, const kinds by_fleet[FLEETS])
{
    unsigned turns = testing_scaled(TURNS);
    long number = -1, expected = 0;
    int64_t start = testing_now_ms();

    REQUIRE(write_number(file, 0));
    for (fleet f = CORRAL; f < FLEETS; f++) {
        for (int i = 0; i < PROCESSES && by_fleet[f].last != NULL; i++) {
            const char *kind = i == PROCESSES - 1 ? by_fleet[f].last : by_fleet[f].others;

            expected += strstr(kind, "read") == NULL ? turns : 0;
            REQUIRE(peer_tell(peers[f][i], "turns %s %s %s %u", kind, path, file, turns));
        }
    }
    for (fleet f = CORRAL; f < FLEETS; f++) {
        for (int i = 0; i < PROCESSES && by_fleet[f].last != NULL; i++) {
            assert_says(peers[f][i], "done");
        }
    }
    REQUIRE(read_number(file, &number));
    ASSERT_INT64(number, expected);
    ASSERT_BELOW_SOON(path, 0);
    printf("%ld turns to write in %.1f s ", expected, (double)(testing_now_ms() - start) / 1000);
}

static void all_at_one_mutex(void)
{
    take_part(
        "/peers/mutex",
        (kinds[FLEETS]){
            [CORRAL] = {"mutex", "mutex"}, [CURATOR] = {"mutex", "mutex"}, [KAZOO] = {"mutex", "mutex"}});
}

static void curators_readers_and_writers(void)
{
    take_part("/peers/curator-rw",
              (kinds[FLEETS]){[CORRAL] = {"write", "read"}, [CURATOR] = {"read", "write"}});
}

static void kazoos_lock(void)
{
    take_part("/peers/kazoo-lock",
              (kinds[FLEETS]){[CORRAL] = {"kazoo-lock", "kazoo-lock"}, [KAZOO] = {"lock", "lock"}});
}

/*
 * Without readers of Kazoo's: they wait for writers that came later, too, which wait for them (Kazoo 2.8, by
 * itself as well).
 */
static void kazoos_writers(void)
{
    take_part("/peers/kazoo-rw",
              (kinds[FLEETS]){[CORRAL] = {"kazoo-write", "kazoo-read"}, [KAZOO] = {"write", "write"}});
}

static void kazoos_reader_waits_for_our_writer(void)
{
    static const char path[] = "/peers/kazoo-read";
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *reader = NULL, *writer = NULL;
    corral_grant *shared = NULL;
    waiter w;

    options.naming = CORRAL_NAMING_KAZOO;
    options.mode = CORRAL_LOCK_READ;
    REQUIRE_STATUS(corral_lock_open(client, path, &options, &reader), CORRAL_OK);
    options.mode = CORRAL_LOCK_WRITE;
    REQUIRE_STATUS(corral_lock_open(client, path, &options, &writer), CORRAL_OK);
    corral_grant *grant = locking_acquire(writer);
    REQUIRE(peer_tell(peers[KAZOO][0], "hold read %s", path));
    ASSERT_BELOW_SOON(path, 2);
    locking_give_back(grant);
    assert_says(peers[KAZOO][0], "held");
    REQUIRE_STATUS(corral_lock_acquire(reader, 0, &shared), CORRAL_OK);
    locking_give_back(shared);
    locking_wait_for(&w, writer, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    CU_ASSERT_FALSE(locking_has_ended(&w));
    REQUIRE(peer_tell(peers[KAZOO][0], "release"));
    assert_says(peers[KAZOO][0], "done");
    ASSERT_STATUS(locking_await(&w, &grant), CORRAL_OK);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(reader), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(writer), CORRAL_OK);
}

/* --- what does not go together --- */

static void assert_status(const char *path, corral_lock_mode mode, corral_naming naming, int expected)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = NULL;
    corral_lock_contender *list = NULL;
    corral_grant *grant = NULL;
    size_t count;

    options.mode = mode;
    options.naming = naming;
    REQUIRE_STATUS(corral_lock_open(client, path, &options, &lock), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire(lock, 0, &grant), expected);
    ASSERT_STATUS(corral_lock_list(lock, TESTING_PATIENCE_MS, &list, &count),
                  expected == CORRAL_ECONFLICT ? CORRAL_ECONFLICT : CORRAL_OK);
    corral_lock_contenders_free(list);
    corral_grant_free(grant);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

/* While @holder has a lock of @kind, who asks in each of our ways gets the status of @expected. */
static void ask_while(peer *holder, const char *kind, const int expected[4])
{
    char path[64];

    snprintf(path, sizeof path, "/peers/%s-of-%s", kind, holder == peers[KAZOO][0] ? "kazoo" : "curator");
    REQUIRE(peer_tell(holder, "hold %s %s", kind, path));
    assert_says(holder, "held");
    assert_status(path, CORRAL_LOCK_MUTEX, CORRAL_NAMING_CURATOR, expected[0]);
    assert_status(path, CORRAL_LOCK_WRITE, CORRAL_NAMING_CURATOR, expected[1]);
    assert_status(path, CORRAL_LOCK_WRITE, CORRAL_NAMING_KAZOO, expected[2]);
    assert_status(path, CORRAL_LOCK_READ, CORRAL_NAMING_KAZOO, expected[3]);
    REQUIRE(peer_tell(holder, "release"));
    assert_says(holder, "done");
    ASSERT_BELOW_SOON(path, 0);
    assert_status(path, CORRAL_LOCK_READ, CORRAL_NAMING_KAZOO, CORRAL_OK); /* nobody is there any more */
    ASSERT_BELOW_SOON(path, 0);
}

static void others_names_are_refused(void)
{
    const int mutex[] = {CORRAL_EBUSY, CORRAL_ECONFLICT, CORRAL_ECONFLICT, CORRAL_ECONFLICT},
              curators[] = {CORRAL_ECONFLICT, CORRAL_EBUSY, CORRAL_ECONFLICT, CORRAL_ECONFLICT},
              kazoos[] = {CORRAL_ECONFLICT, CORRAL_ECONFLICT, CORRAL_EBUSY, CORRAL_EBUSY},
              kazoos_reader[] = {CORRAL_ECONFLICT, CORRAL_ECONFLICT, CORRAL_EBUSY, CORRAL_OK};

    ask_while(peers[CURATOR][0], "mutex", mutex);
    ask_while(peers[CURATOR][0], "read", curators);
    ask_while(peers[CURATOR][0], "write", curators);
    ask_while(peers[KAZOO][0], "mutex", mutex);
    ask_while(peers[KAZOO][0], "lock", kazoos);
    ask_while(peers[KAZOO][0], "write", kazoos);
    ask_while(peers[KAZOO][0], "read", kazoos_reader);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"all at one mutex", all_at_one_mutex},
                           {"Curator's readers and writers", curators_readers_and_writers},
                           {"Kazoo's lock", kazoos_lock},
                           {"Kazoo's writers", kazoos_writers},
                           {"Kazoo's reader waits for our writer", kazoos_reader_waits_for_our_writer},
                           {"others' names are refused", others_names_are_refused},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lock peers", start_peers, stop_peers, fixture_open, fixture_close, tests},
                             CU_SUITE_INFO_NULL};

    if (argc == 3 && strcmp(argv[1], "--obey") == 0) {
        return obey(argv[2]);
    }
    return server_run_suites(1, argc, argv, suites);
}
