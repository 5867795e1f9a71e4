/* The list that is made of contenders found one by one: its order, who holds, and nobody twice. */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lib/testing.h"
#include "lock_entries.h"

static corrali_lock_entries entries;

static void begin(void)
{
    entries = (corrali_lock_entries){.count = 0};
}

/* One more: the znode @name, made by @session in transaction @czxid. */
static void find(const char *name, int64_t session, int64_t czxid)
{
    bool at_gate = strstr(name, "lock-") != NULL;
    char label[32];
    corrali_request reply = {
        .kind = CORRALI_GET, .stat = {.czxid = czxid, .ephemeral_owner = session}, .data = label};

    reply.length = (size_t)snprintf(label, sizeof label, "of %d", (int)session);
    ASSERT_STATUS(corrali_lock_entries_add(
                      &entries, &name, 1, at_gate ? CORRALI_SCHEME_MUTEX : CORRALI_SCHEME_SEMAPHORE, at_gate),
                  CORRAL_OK);
    CU_ASSERT_TRUE(corrali_lock_entries_fill(&entries, entries.count - 1, &reply));
}

/* Of a semaphore of two permits, the list must say so: "+SESSION" for who holds, "-SESSION" for who waits. */
static void assert_list(const char *expected)
{
    corral_lock_contender *list = corrali_lock_entries_list(&entries, 2);
    char said[256] = "";
    char label[32];

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    for (size_t i = 0; i < entries.count; i++) {
        size_t used = strlen(said);

        snprintf(said + used, sizeof said - used, "%c%d ", list[i].holds ? '+' : '-', (int)list[i].session);
        snprintf(label, sizeof label, "of %d", (int)list[i].session);
        CU_ASSERT_STRING_EQUAL(list[i].label, label);
        CU_ASSERT_TRUE(list[i].shared);
    }
    CU_ASSERT_STRING_EQUAL(said, expected);
    corrali_free(list);
    corrali_lock_entries_free(&entries);
}

static void holders_come_before_the_gate(void)
{
    begin();
    find("lock-0000000009", 4, 50);
    find("lock-0000000008", 3, 40);
    find("lease-0000000007", 2, 20);
    find("lease-0000000006", 1, 10);
    assert_list("+1 +2 -3 -4 ");
}

static void the_first_at_the_gate_has_a_lease(void)
{
    begin();
    find("lock-0000000003", 3, 30);
    find("lock-0000000004", 4, 40);
    find("lease-0000000001", 1, 10);
    find("lease-0000000002", 2, 20);
    find("lease-0000000003", 3, 50);
    assert_list("+1 +2 -3 -4 ");
}

static void one_session_may_hold_and_wait(void)
{
    begin();
    find("lock-0000000003", 1, 30); /* with a lease */
    find("lock-0000000004", 1, 40); /* behind it */
    find("lease-0000000001", 1, 10);
    find("lease-0000000002", 1, 20);
    find("lease-0000000003", 1, 50);
    assert_list("+1 +1 -1 -1 ");
    begin();
    find("lock-0000000003", 1, 30); /* has not come to make one yet */
    find("lease-0000000001", 2, 10);
    find("lease-0000000002", 1, 20);
    assert_list("+2 +1 -1 ");
}

static void some_move_on_while_the_list_is_made(void)
{
    begin();
    find("lock-0000000001", 1, 10);
    find("lock-0000000002", 2, 11);
    find("lock-0000000003", 3, 12);
    find("lock-0000000004", 4, 13);
    find("lease-0000000005", 1, 20);
    find("lease-0000000006", 2, 21);
    find("lease-0000000007", 3, 22);
    assert_list("+1 +2 -3 -4 ");
}

static void who_has_left_is_not_there(void)
{
    begin();
    find("lease-0000000001", 1, 10);
    find("lease-0000000002", 2, 20);
    find("lease-0000000003", 3, 30);
    corrali_lock_entries_drop(&entries, 0);
    assert_list("+2 +3 ");
    begin();
    assert_list("");
}

static void other_names_are_left_out_or_refused(void)
{
    static const char *const names[] = {"note", "lease-0000000002", "lease-0000000001"};
    static const char *const mixed[] = {"lease-0000000002", "__READ__0000000001"};

    begin();
    ASSERT_STATUS(corrali_lock_entries_add(&entries, names, 3, CORRALI_SCHEME_SEMAPHORE, false), CORRAL_OK);
    ASSERT_INT64(entries.count, 2);
    ASSERT_STATUS(corrali_lock_entries_add(&entries, mixed, 2, CORRALI_SCHEME_SEMAPHORE, false),
                  CORRAL_ECONFLICT);
    ASSERT_INT64(entries.count, 2);
    corrali_lock_entries_free(&entries);
}

static CU_TestInfo tests[] = {
    {"holders come before the gate", holders_come_before_the_gate},
    {"the first at the gate has a lease", the_first_at_the_gate_has_a_lease},
    {"one session may hold and wait", one_session_may_hold_and_wait},
    {"some move on while the list is made", some_move_on_while_the_list_is_made},
    {"who has left is not there", who_has_left_is_not_there},
    {"other names are left out or refused", other_names_are_left_out_or_refused},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"lock entries", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}
