/** The judge of watches, judged: what it must let pass, and what it must not. */
#include <string.h>

#include "lib/testing.h"
#include "lib/watch_history.h"

/*
 * One writer changes a znode by itself, and two children of a directory; three
 * subscriptions see it: to the znode, to the children, and to these with their data.
 * Each change gets the next zxid, takes TOOK, and the events come before the next.
 */
enum { STEP = 100, TOOK = 10, SOON = 20, MOST = 1024 };
enum { ALONE = 0, DIRECTORY = WATCH_ZNODES, NOTHING = -1 };
enum { DATA_THREAD = 1, LIST_THREAD = 2, FAMILY_THREAD = 3 };

static watch_note notes[MOST];
static watch_history history;
static watch_measures measures;
static int64_t zxid, now;

static watch_note *add(watch_note note)
{
    notes[history.count] = note;
    return &notes[history.count++];
}

/* --- a history --- */

/* A change of @place, that is acknowledged. */
static watch_note *make_change(unsigned place, watch_change how)
{
    watch_state *state = &history.ends[place];
    int64_t expected = how == WATCH_COMPARE_SET ? state->mzxid : 0;
    unsigned directory, child;
    bool comes = !state->exists, goes = how == WATCH_DESTROY;

    now += STEP;
    zxid++;
    if (goes) {
        *state = (watch_state){0};
    } else {
        *state = (watch_state){.czxid = comes ? zxid : state->czxid,
                               .mzxid = zxid,
                               .payload = (uint64_t)zxid,
                               .version = comes ? 0 : state->version + 1,
                               .exists = true};
    }
    if (watch_child_of(place, &directory, &child) && (comes || goes)) {
        history.ends[directory].mzxid = zxid;
        history.ends[directory].version++;
    }
    return add((watch_note){.kind = WATCH_CHANGE,
                            .place = (uint16_t)place,
                            .begin = now,
                            .end = now + TOOK,
                            .how = how,
                            .expected = expected,
                            .state = *state});
}

static watch_note *see(uint16_t thread, uint16_t place, corral_watch_kind what, uint64_t skipped)
{
    watch_note *event = add((watch_note){.kind = WATCH_EVENT,
                                         .place = place,
                                         .thread = thread,
                                         .what = what,
                                         .begin = now + SOON,
                                         .skipped = skipped,
                                         .state = history.ends[place]});

    for (unsigned i = 0; i < WATCH_CHILDREN && what != CORRAL_WATCH_DATA; i++) {
        watch_state child = history.ends[watch_place_of(place, i)];

        event->children[i] = what == CORRAL_WATCH_CHILDREN ? (watch_state){.exists = child.exists} : child;
    }
    return event;
}

static watch_note *see_data(uint64_t skipped)
{
    return see(DATA_THREAD, ALONE, CORRAL_WATCH_DATA, skipped);
}

static watch_note *see_list(uint64_t skipped)
{
    return see(LIST_THREAD, DIRECTORY, CORRAL_WATCH_CHILDREN, skipped);
}

static watch_note *see_family(uint64_t skipped)
{
    return see(FAMILY_THREAD, DIRECTORY, CORRAL_WATCH_CHILDREN_DATA, skipped);
}

static void rest(void)
{
    const corral_watch_kind whats[] = {CORRAL_WATCH_DATA, CORRAL_WATCH_CHILDREN, CORRAL_WATCH_CHILDREN_DATA};

    for (uint16_t i = 0; i < 3; i++) {
        add((watch_note){.kind = WATCH_REST,
                         .place = i == 0 ? ALONE : DIRECTORY,
                         .thread = (uint16_t)(DATA_THREAD + i),
                         .what = whats[i],
                         .begin = now + SOON / 2});
    }
}

/* What the tests look for, and tamper with. */
static struct {
    watch_note *absent, *first, *created, *set, *compared, *destroyed, *again,
        *last;                                                      /* of the znode by itself: changes */
    watch_note *seen_first, *seen_compared, *seen_gone, *seen_last; /* ... events */
    watch_note *child, *child_set, *child_gone, *child_again;       /* of a child: changes */
    watch_note *list, *list_both, *list_last;                       /* events */
    watch_note *family, *family_set, *family_more, *family_gone, *family_last;
} the;

static void make(void)
{
    unsigned one = watch_place_of(DIRECTORY, 0), other = watch_place_of(DIRECTORY, 3);

    memset(notes, 0, sizeof notes);
    history = (watch_history){.notes = notes};
    zxid = 1000;
    now = 0;
    history.ends[DIRECTORY] = (watch_state){.czxid = zxid, .mzxid = zxid, .exists = true};
    the.absent = see_data(0);
    the.first = make_change(ALONE, WATCH_CREATE);
    the.seen_first = see_data(0);
    the.set = make_change(ALONE, WATCH_SET);
    the.compared = make_change(ALONE, WATCH_COMPARE_SET);
    the.seen_compared = see_data(1);
    the.destroyed = make_change(ALONE, WATCH_DESTROY);
    the.seen_gone = see_data(0);
    the.again = make_change(ALONE, WATCH_SET);
    the.last = make_change(ALONE, WATCH_SET);
    the.seen_last = see_data(1);
    the.child = make_change(one, WATCH_CREATE);
    the.list = see_list(0);
    the.family = see_family(0);
    make_change(other, WATCH_SET);
    the.list_both = see_list(0);
    the.child_set = make_change(one, WATCH_SET);
    make_change(one, WATCH_COMPARE_SET);
    the.family_set = see_family(2);
    make_change(one, WATCH_SET);
    the.family_more = see_family(0);
    the.child_gone = make_change(one, WATCH_DESTROY);
    the.family_gone = see_family(0);
    the.child_again = make_change(one, WATCH_SET);
    the.list_last = see_list(1);
    the.family_last = see_family(0);
    rest();
}

static void assert_right(void)
{
    const char *wrong = watch_history_check(&history, &measures);

    CU_ASSERT(wrong == NULL);
    if (wrong != NULL) {
        printf("\n    %s\n", wrong);
    }
}

/* The verdict has to say @what. */
static void assert_wrong(const char *what)
{
    const char *wrong = watch_history_check(&history, &measures);

    CU_ASSERT(wrong != NULL && strstr(wrong, what) != NULL);
    if (wrong == NULL || strstr(wrong, what) == NULL) {
        printf("\n    \"%s\" is not in: %s\n", what, wrong == NULL ? "(nothing is wrong)" : wrong);
    }
}

/* Its writer was not told what became of the change; of @status OK: it was killed. */
static void forget(watch_note *change, int status)
{
    uint64_t payload = change->state.payload;

    change->state = (watch_state){.payload = payload};
    change->status = status;
    change->end = status == CORRAL_OK ? 0 : change->end;
}

static void drop(watch_note *note)
{
    size_t after = history.count - (size_t)(note - notes) - 1;

    memmove(note, note + 1, after * sizeof *note);
    history.count--;
}

/* --- what is right --- */

static void right_as_made(void)
{
    make();
    assert_right();
    history = (watch_history){.notes = notes};
    assert_right();
}

/* Its writer was killed or has given up; what others saw of it, and may expect, is another thing. */
static void check_unknown(size_t i, int status)
{
    make();
    watch_note seen = notes[i];
    forget(&notes[i], status);
    if (&notes[i] != the.set && &notes[i] != the.child_set) {
        assert_right();
    }
    seen.how = WATCH_READ;
    seen.begin = now;
    seen.end = now + TOOK;
    add(seen);
    assert_right();
}

static void right_unknown(void)
{
    make();
    for (size_t i = 0, count = history.count; i < count; i++) {
        if (notes[i].kind == WATCH_CHANGE) {
            check_unknown(i, CORRAL_OK);
            check_unknown(i, CORRAL_EUNCERTAIN);
        }
    }
}

static void right_never_applied(void)
{
    make();
    add((watch_note){.kind = WATCH_CHANGE, .begin = now, .how = WATCH_SET, .state.payload = 1});
    add((watch_note){.kind = WATCH_CHANGE, .begin = now, .how = WATCH_DESTROY});
    add((watch_note){.kind = WATCH_CHANGE,
                     .begin = now,
                     .end = now + TOOK,
                     .status = CORRAL_ETIMEDOUT,
                     .how = WATCH_SET,
                     .state.payload = 2});
    assert_right();
}

/* Its writer was not told all: another change came after it, whose reply was there first. */
static void right_without_version(void)
{
    make();
    the.set->state.czxid = 0;
    the.set->state.version = 0;
    assert_right();
    make();
    the.compared->state.version = 0;
    assert_right();
}

static void right_with_what_others_found(void)
{
    make();
    add((watch_note){
        .kind = WATCH_CHANGE,
        .place = ALONE,
        .begin = now,
        .end = now + TOOK,
        .how = WATCH_CREATE,
        .status = CORRAL_ECONFLICT,
        .state = {
            .czxid = the.first->state.czxid, .mzxid = the.set->state.mzxid, .version = 1, .exists = 1}});
    add((watch_note){.kind = WATCH_CHANGE,
                     .place = ALONE,
                     .begin = now,
                     .end = now + TOOK,
                     .how = WATCH_READ,
                     .state = the.again->state});
    assert_right();
}

/* A list that was read before a child went, delivered after it is known to have gone. */
static void right_left_out(void)
{
    make();
    the.family_gone->state = the.family_set->state;
    the.family_last->skipped = 1;
    assert_right();
}

/* --- what is wrong with states --- */

static void wrong_made_up(void)
{
    make();
    forget(the.compared, CORRAL_OK);
    the.seen_compared->state.payload = 12345;
    assert_wrong("nobody has written that");
    make();
    forget(the.compared, CORRAL_ETIMEDOUT);
    assert_wrong("nobody has written that");
    make();
    forget(the.compared, CORRAL_OK);
    the.compared->place++;
    assert_wrong("nobody has written that");
}

static void wrong_seen_in_two_ways(void)
{
    make();
    the.seen_first->state.payload++;
    assert_wrong("one change, seen in two ways");
    make();
    the.seen_compared->state.version++;
    assert_wrong("one change, seen in two ways");
    make();
    the.seen_compared->state.czxid--;
    assert_wrong("one change, seen in two ways");
    make();
    the.family_last->children[1].exists = the.list_last->children[1].exists = true;
    the.list_last->children[1].exists = false;
    assert_wrong("one change, seen in two ways");
}

static void wrong_twice_applied(void)
{
    make();
    forget(the.last, CORRAL_OK);
    assert_right();
    watch_note *seen = see_data(0);
    seen->state.mzxid += 500;
    seen->state.version++;
    history.ends[ALONE] = seen->state;
    assert_wrong("one change, applied twice");
}

static void wrong_stamp(void)
{
    make();
    the.seen_compared->state.mzxid += 1;
    assert_wrong("its writer was told another stamp");
}

static void wrong_time(void)
{
    make();
    the.seen_first->begin = the.first->begin - 1;
    assert_wrong("seen before it was written");
    make();
    the.compared->end = the.set->begin - 1;
    the.compared->begin = the.set->begin - 2;
    assert_wrong("seen before it was written");
}

static void wrong_expectation(void)
{
    make();
    the.compared->expected--;
    assert_wrong("not what was expected");
    make();
    the.set->how = WATCH_CREATE;
    assert_wrong("not what was expected");
}

/* A change that is gone, or that was told to have failed, leaves a version that nobody made. */
static void wrong_versions(void)
{
    make();
    forget(the.set, CORRAL_ETIMEDOUT);
    the.compared->how = WATCH_SET;
    assert_wrong("a change before this that nobody has made");
    make();
    forget(the.first, CORRAL_ETIMEDOUT);
    assert_wrong("nobody has written that");
    make();
    the.compared->state.version = the.seen_compared->state.version = the.set->state.version;
    assert_wrong("more changes than versions");
}

/* ... and no change that begins later, nor one of another place, explains it. */
static void wrong_explanation(void)
{
    watch_note late = {.kind = WATCH_CHANGE, .how = WATCH_SET, .state.payload = 1};

    make();
    forget(the.set, CORRAL_ETIMEDOUT);
    the.compared->how = WATCH_SET;
    late.begin = the.compared->end + 1;
    add(late);
    assert_wrong("a change before this that nobody has made");
    notes[history.count - 1].begin = the.set->begin;
    assert_right();
    notes[history.count - 1].place = ALONE + 1;
    assert_wrong("a change before this that nobody has made");
}

static void wrong_incarnations(void)
{
    make();
    the.destroyed->status = CORRAL_ENOENT;
    assert_wrong("nobody has deleted it");
    make();
    add(*the.destroyed);
    assert_wrong("deleted more often than it was made");
    make();
    the.again->state.czxid = the.first->state.czxid + 1;
    the.again->state.version = 5;
    the.seen_last->state.czxid = the.again->state.czxid;
    assert_wrong("two ways");
}

static void wrong_end(void)
{
    make();
    history.ends[ALONE] = the.again->state;
    assert_wrong("this came after what is there in the end");
    make();
    history.ends[ALONE] = (watch_state){0};
    assert_wrong("nobody has deleted it");
}

/* --- what is wrong with lists --- */

static void wrong_lists(void)
{
    make();
    the.list->children[0] = the.family->children[0] = (watch_state){0};
    assert_wrong("a child is missing in the list");
    make();
    the.list->children[4].exists = true;
    assert_wrong("a child is in the list before it was made");
    make();
    the.list_both->state.version = the.list->state.version;
    assert_wrong("one change, seen in two ways");
}

static void wrong_list_versions(void)
{
    make();
    history.count = (size_t)(the.child_set - notes);
    history.ends[DIRECTORY] = (watch_state){0};
    history.ends[the.child->place] = the.child->state;
    assert_right();
    the.list_both->state.version = the.list->state.version;
    assert_wrong("another list, but no greater version");
    the.list_both->state.version = the.list->state.version + 2;
    assert_wrong("what has come and gone is not what the versions say");
    the.list_both->state.version = 0;
    assert_wrong("a new directory has no children");
    the.list_both->state.czxid = the.list->state.mzxid;
    the.list_both->state.version = 1;
    assert_wrong("a directory was made before the one before it had gone");
}

/* --- what is wrong with events --- */

static void wrong_old(void)
{
    watch_note *seen;

    make();
    seen = see_data(0);
    seen->state = the.again->state;
    assert_wrong("a state is older than one delivered before");
    make();
    seen = see_list(0);
    *seen = *the.list_both;
    assert_wrong("a state is older than one delivered before");
    make();
    seen = see_family(0);
    seen->children[0] = the.child_set->state;
    assert_wrong("a child's state is older than one delivered before");
    make();
    the.seen_gone->state = the.seen_compared->state;
    the.seen_compared->state = (watch_state){0};
    the.seen_compared->skipped = 0;
    assert_wrong("a state is older than one delivered before");
}

static void wrong_twice(void)
{
    make();
    see_data(0);
    assert_wrong("the same state was delivered twice");
    make();
    see_list(0);
    assert_wrong("the same state was delivered twice");
    make();
    see_family(0);
    assert_wrong("the same state was delivered twice");
    make();
    *the.seen_first = *the.absent;
    assert_wrong("the same state was delivered twice");
}

static void wrong_status(void)
{
    make();
    the.seen_gone->status = CORRAL_EACCES;
    assert_wrong("it could not be read");
}

static void wrong_skipped(void)
{
    watch_note **events[] = {&the.absent,    &the.seen_first, &the.seen_compared, &the.list,
                             &the.list_both, &the.family,     &the.family_more};

    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        make();
        (*events[i])->skipped += 7;
        assert_wrong("what was left out is not counted right");
    }
    make();
    the.seen_compared->skipped--;
    assert_wrong("what was left out is not counted right");
    make();
    the.seen_last->skipped--;
    assert_wrong("what was left out is not counted right");
    make();
    the.list_last->skipped--;
    assert_wrong("what was left out is not counted right");
    make();
    the.family_set->skipped--;
    assert_wrong("what was left out is not counted right");
}

static void wrong_last(void)
{
    make();
    drop(the.seen_last);
    assert_wrong("the last state was not delivered");
    make();
    drop(the.list_last);
    assert_wrong("the last state was not delivered");
    make();
    drop(the.family_last);
    assert_wrong("the last state was not delivered");
    make();
    notes[history.count - 1].subscription++;
    assert_wrong("a subscription was told nothing");
}

/* Changes of another place, of the same worker. They do not matter but for their answers. */
static void go_on(unsigned calls)
{
    for (unsigned i = 0; i < calls; i++) {
        make_change(ALONE + 1, WATCH_SET);
    }
}

/* The subscriptions to the znode and to the family are told of its change after so many calls. */
static void make_late(unsigned calls, bool told)
{
    make();
    history.count -= 3;
    make_change(ALONE, WATCH_SET);
    make_change(the.child->place, WATCH_SET);
    go_on(calls);
    if (told) {
        see_data(0);
        see_family(0);
    }
    rest();
}

static void right_soon(void)
{
    make_late(WATCH_LAG_MOST - 1, true);
    assert_right();
    ASSERT_INT64(measures.lag, WATCH_LAG_MOST);
}

static void wrong_late(void)
{
    make_late(WATCH_LAG_MOST, true);
    assert_wrong("this was out of date for long");
    make_late(WATCH_LAG_MOST, false);
    assert_wrong("this was out of date for long");
    /* ... when it was closed, or the worker was killed; and with no wrong last states then. */
    for (size_t i = 0; i < history.count; i++) {
        notes[i].kind = notes[i].kind == WATCH_REST ? WATCH_CLOSE : notes[i].kind;
    }
    assert_wrong("this was out of date for long");
    history.count -= 3;
    assert_right();
}

/* One that has just begun has not been told before. */
static void right_begun_late(void)
{
    make_late(WATCH_LAG_MOST, true);
    for (size_t i = history.count - 5; i < history.count; i++) {
        notes[i].subscription = notes[i].thread != LIST_THREAD;
    }
    assert_right();
}

static void lateness(void)
{
    make();
    assert_right();
    ASSERT_INT64(measures.latest_ns, SOON / 2);
    ASSERT_INT64(measures.late, 2);
    the.family_last->begin += 1000;
    assert_right();
    ASSERT_INT64(measures.latest_ns, SOON / 2 + 1000);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"right: as made", right_as_made},
        {"right: a change of unknown outcome", right_unknown},
        {"right: changes that were never applied", right_never_applied},
        {"right: a stamp without version", right_without_version},
        {"right: what was found by those who read, or failed", right_with_what_others_found},
        {"right: a child left out that has gone", right_left_out},
        {"wrong: a state that nobody has written", wrong_made_up},
        {"wrong: a state seen in two ways", wrong_seen_in_two_ways},
        {"wrong: a change applied twice", wrong_twice_applied},
        {"wrong: another stamp than the writer's", wrong_stamp},
        {"wrong: seen before it was written", wrong_time},
        {"wrong: a compare_set of something else", wrong_expectation},
        {"wrong: versions that nobody made", wrong_versions},
        {"wrong: versions with a bad explanation", wrong_explanation},
        {"wrong: incarnations", wrong_incarnations},
        {"wrong: another end", wrong_end},
        {"wrong: lists that lack children, or have too many", wrong_lists},
        {"wrong: lists with other versions", wrong_list_versions},
        {"wrong: a state older than before", wrong_old},
        {"wrong: a state delivered twice", wrong_twice},
        {"wrong: a state that could not be read", wrong_status},
        {"wrong: changes left out, but not counted", wrong_skipped},
        {"wrong: the last state is missing", wrong_last},
        {"right: told soon", right_soon},
        {"right: begun late", right_begun_late},
        {"wrong: told late", wrong_late},
        {"how late the last states were", lateness},
        CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"watch history", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}
