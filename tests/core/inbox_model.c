/* SPDX-License-Identifier: MIT
 *
 * inbox_model.c - what other threads post to a loop, in every order.
 *
 * Idea     hark_test_outside acts between any two steps as another thread would. What is posted
 *          then waits in the loop's box until the loop looks around. The models count: each post
 *          runs once, and those of one poster in its order.
 * Rules    1  Main waits, in a shield, until all that was posted has run: the loop lives on.
 * Not here The memory order between poster and sleeper: one thread cannot show it (tests/spin).
 */
#include "model.h"

#include "core/core.h"

#define POSTS 4

static hark_group group;
static hark_event all, event;
static hark_watch posts[POSTS];
static struct {
    struct hark__inbox *inbox;
    int posted[POSTS], ran[POSTS];
    int order[POSTS], asked[POSTS];
    int ran_count, posted_count, expected;
    int again; /* how often a post posts itself */
    bool given, closed;
    int spawned, ended;
} s;

/* False: there is no box. */
static bool begin(int expected)
{
    memset(&s, 0, sizeof s);
    memset(posts, 0, sizeof posts);
    hark_event_init(&all);
    hark_event_init(&event);
    s.expected = expected;
    if (hark__inbox_open(hark__here)) {
        WANT(false);
        return false;
    }
    s.inbox = hark__here->inbox;
    return true;
}

static void count(int i)
{
    MUST(hark_self() == 0 && hark__here);
    s.ran[i]++;
    MUST(s.ran[i] <= s.posted[i]);
    s.order[s.ran_count++ % POSTS] = i;
    if (s.ran_count == s.expected) {
        hark_event_set(&all);
    }
}

static void note(void *which)
{
    count((int)(intptr_t)which);
}

static void post(int i, hark_callback *fn)
{
    posts[i].fn = fn;
    posts[i].arg = (void *)(intptr_t)i;
    s.posted[i]++;
    s.asked[s.posted_count++ % POSTS] = i;
    hark__inbox_post(s.inbox, &posts[i]);
}

static void await(void)
{
    hark_scope scope;

    MUST(hark_scope_open(&scope, HARK_FOREVER) == 0);
    hark_scope_shield(&scope, true);
    MUST(hark_event_wait(&all) == 0);
    hark_scope_close(&scope, 0);
}

static void await_all(void)
{
    await();
    MUST(s.ran_count == s.expected);
    for (int i = 0; i < POSTS; i++) {
        MUST(s.ran[i] == s.posted[i]);
    }
}

static void check_order(void)
{
    for (int i = 0; i < s.ran_count; i++) {
        MUST(s.order[i] == s.asked[i]);
    }
}

static int bystander(void *unused)
{
    (void)unused;
    hark_yield();
    return hark_sleep(2);
}

/* ---- who posts ------------------------------------------------------------------------------- */

static void post_third(void *unused)
{
    (void)unused;
    MUST(!hark__here);
    post(2, note);
}

static void post_two(void *unused)
{
    MUST(!hark__here);
    post(0, note);
    post(1, note);
    MUST(hark_test_outside(post_third, unused) == 0);
}

/* Would find: posts that run backwards, or are left in the box. */
MODEL(posts_of_one_thread_keep_their_order)
{
    if (!begin(3)) {
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    const bool spawned = hark_go(&group, bystander, NULL) > 0;
    WANT(spawned);
    MUST(hark_test_outside(post_two, NULL) == 0);
    await_all();
    check_order();
    return hark_group_close(&group, 0);
}

static void post_second_of(void *which)
{
    post((int)(intptr_t)which + 1, note);
}

static void post_first_of(void *which)
{
    post((int)(intptr_t)which, note);
    MUST(hark_test_outside(post_second_of, which) == 0);
}

/* What two threads post runs in the order in which it came in. Would find: one that is lost or runs
 * twice when both post between two looks. */
MODEL(posts_of_two_threads_run_once)
{
    if (!begin(4)) {
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    const bool spawned = hark_go(&group, bystander, NULL) > 0;
    WANT(spawned);
    MUST(hark_test_outside(post_first_of, (void *)0) == 0);
    MUST(hark_test_outside(post_first_of, (void *)2) == 0);
    await_all();
    check_order();
    return hark_group_close(&group, 0);
}

/* ---- posts that post ------------------------------------------------------------------------- */

static void post_again(void *which)
{
    const int i = (int)(intptr_t)which;

    if (s.again-- > 0) {
        post(i, post_again);
    }
    count(i);
}

static void post_both(void *unused)
{
    (void)unused;
    post(0, post_again);
    post(1, note);
}

/* A round runs what was there when it began: what it posts itself comes after the others. Would
 * find: a round that never ends, or that forgets what stood behind. */
MODEL(post_from_a_post)
{
    if (!begin(4)) {
        return -ENOMEM;
    }
    s.again = 2;
    MUST(hark_group_open(&group) == 0);
    const bool spawned = hark_go(&group, bystander, NULL) > 0;
    WANT(spawned);
    MUST(hark_test_outside(post_both, NULL) == 0);
    await_all();
    check_order();
    return hark_group_close(&group, 0);
}

/* ---- posts against what they are for --------------------------------------------------------- */

static void set_by_post(void *which)
{
    s.given = hark_event_statistics(&event).tasks_waiting == 1;
    hark_event_set(&event);
    note(which);
}

static void post_set(void *unused)
{
    (void)unused;
    post(0, set_by_post);
}

/* Would find: a post that is lost while its waiter is timed out, a wake-up taken back. */
MODEL(post_against_deadline)
{
    const int64_t from = hark_now();
    hark_scope scope;

    if (!begin(1)) {
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    const bool spawned = hark_go(&group, bystander, NULL) > 0;
    WANT(spawned);
    MUST(hark_test_outside(post_set, NULL) == 0);
    MUST(hark_scope_open(&scope, 10) == 0);
    const int rc = hark_event_wait(&event);
    MUST(!s.given || rc == 0);
    WANT((rc == 0) == s.given);
    WANT(rc == 0 || hark_now() >= from + 10);
    const int64_t result = hark_scope_close(&scope, rc);
    WANT(result == (rc ? -ETIMEDOUT : 0));
    await_all();
    MUST(hark_event_is_set(&event));
    const int closed = hark_group_close(&group, 0);
    return result == -ETIMEDOUT ? closed : (int)result;
}

static int child(void *unused)
{
    (void)unused;
    MUST(!s.closed);
    const int rc = hark_yield();
    s.ended++;
    return rc;
}

static void spawn_by_post(void *which)
{
    const hark_task id = hark_go(&group, child, NULL);

    MUST(!s.closed || id == -EINVAL);
    MUST(s.closed || id > 0 || hark_test_disturbed());
    s.spawned += id > 0;
    note(which);
}

static void post_spawn(void *which)
{
    post((int)(intptr_t)which, spawn_by_post);
}

/* Would find: a group that closes over a child which a callback has spawned into it. */
MODEL(post_spawns_against_close)
{
    if (!begin(2)) {
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    MUST(hark_test_outside(post_spawn, (void *)0) == 0);
    MUST(hark_test_outside(post_spawn, (void *)1) == 0);
    hark_yield();
    const int rc = hark_group_close(&group, 0);
    s.closed = true;
    MUST(s.ended == s.spawned);
    WANT(rc == 0);
    await_all();
    return rc;
}

/* ---- posts against the loop's end ------------------------------------------------------------ */

static int last_waiter(void *unused)
{
    (void)unused;
    hark_yield();
    const int rc = hark_event_wait(&event);
    MUST(!s.given || rc == 0);
    return rc;
}

/* All wait for nothing but the posts; and when main ends, what was not posted by then is not called
 * any more. Would find: a loop that takes this waiting for a deadlock, or ends before. */
MODEL(post_is_the_last_thing_to_come)
{
    if (!begin(POSTS)) {
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    const bool spawned = hark_go(&group, last_waiter, NULL) > 0;
    WANT(spawned);
    MUST(hark_test_outside(post_set, NULL) == 0);
    MUST(hark_test_outside(post_second_of, (void *)0) == 0);
    const int rc = hark_group_close(&group, 0);
    WANT(rc == 0 && s.ran[0] == 1);
    while (s.ran_count < s.posted_count) {
        hark_event_init(&all);
        s.expected = s.posted_count;
        await();
    }
    check_order();
    return rc;
}
