/* SPDX-License-Identifier: MIT
 *
 * resources_test.c - hark_resources: what is dear to make, and used again.
 *
 * The PO entries, and what was learnt from others' bugs (BG-23, BG-29, BG-30, BG-17, BG-18).
 *
 * Items are numbers, in the order in which they were made, 1 the first; `made` and `ended`
 * count.
 */
#include "../core/scarce.h"
#include "../sync/scene.h"

#include "core/core.h"

static hark_resources pool;
static int made, ended, living, most;
static int64_t making;     /* how long it takes */
static int64_t destroying; /* how long that takes */
static int failures;       /* so many of the next tries fail */

static int create(void *arg, void **item)
{
    CHECK_PTR(arg, &pool);
    living++;
    most = living > most ? living : most;
    const int rc = making ? hark_sleep(making) : 0;
    if (rc || failures > 0) {
        living--;
        failures -= !rc;
        return rc ? rc : hark_fail(-ECONNREFUSED, "nobody listens");
    }
    *item = (void *)(intptr_t)++made;
    return 0;
}

static void destroy(void *arg, void *item)
{
    CHECK_PTR(arg, &pool);
    if (destroying) {
        hark_sleep(destroying);
    }
    living--;
    ended++;
    kit_log("end%d", (int)(intptr_t)item);
}

static void begin(int max)
{
    CHECK_EQ(hark_resources_init(&pool, max, HARK_FIFO, create, destroy, &pool), 0);
}

static int get(void)
{
    void *item = NULL;
    CHECK_EQ(hark_resources_get(&pool, &item), 0);
    return (int)(intptr_t)item;
}

static void put(int item)
{
    CHECK_EQ(hark_resources_put(&pool, (void *)(intptr_t)item), 0);
}

static void discard(int item)
{
    CHECK_EQ(hark_resources_discard(&pool, (void *)(intptr_t)item), 0);
}

static void resize(int max)
{
    CHECK_EQ(hark_resources_resize(&pool, max), 0);
}

static void finish(void)
{
    CHECK_EQ(hark_resources_free(&pool), 0);
    CHECK_EQ(living, 0);
}

#define CHECK_COUNTS(used, free, changed, wait) \
    do { \
        const hark_resources_stats now_ = hark_resources_statistics(&pool); \
        CHECK_EQ(now_.in_use, (used)); \
        CHECK_EQ(now_.idle, (free)); \
        CHECK_EQ(now_.changing, (changed)); \
        CHECK_EQ(now_.waiting, (wait)); \
    } while (0)

/* Gets one and tells which, or why not. */
static int getter(void *name)
{
    void *item = NULL;
    const int rc = hark_resources_get(&pool, &item);
    if (rc) {
        kit_log("%s:%s", (const char *)name, outcome(rc));
    } else {
        kit_log("%s:%d", (const char *)name, (int)(intptr_t)item);
    }
    return 0;
}

static hark_task go_getter(const char *name)
{
    return hark_go(&group, getter, (void *)name);
}

/* ---- from none to the most ------------------------------------------------------------------- */

INSIDE(resources_PO_01_are_made_when_needed_and_used_again)
{
    begin(4);
    CHECK_COUNTS(0, 0, 0, 0);
    CHECK_EQ(made, 0);
    CHECK_EQ(get(), 1), CHECK_EQ(get(), 2), CHECK_EQ(get(), 3);
    CHECK_EQ(made, 3);
    CHECK_COUNTS(3, 0, 0, 0);
    put(2);
    CHECK_COUNTS(2, 1, 0, 0);
    CHECK_EQ(get(), 2);
    CHECK_EQ(made, 3);
    CHECK_EQ(get(), 4);
    CHECK_COUNTS(4, 0, 0, 0);
    CHECK_EQ(hark_resources_statistics(&pool).max, 4);
    put(1), put(2), put(3), put(4);
    finish();
    CHECK_LOG("end1 end2 end3 end4");
}

INSIDE(resources_PO_01_who_comes_when_all_are_in_use_waits_and_gets_what_is_put_back)
{
    begin(2);
    get(), get();
    go_getter("a"), go_getter("b");
    hark_settle();
    CHECK_COUNTS(2, 0, 0, 2);
    put(2);
    CHECK_COUNTS(2, 0, 0, 1);
    hark_settle();
    CHECK_LOG("a:2");
    put(1);
    hark_settle();
    CHECK_LOG("b:1");
    CHECK_EQ(made, 2);
    CHECK_COUNTS(2, 0, 0, 0);
    put(1), put(2);
    finish();
    CHECK_LOG("end1 end2");
}

INSIDE(resources_BG_18_what_was_given_to_a_waiter_is_had_by_nobody_else)
{
    void *item = &item;
    begin(1);
    get();
    go_getter("a");
    hark_settle();
    put(1);
    CHECK_COUNTS(1, 0, 0, 0);
    CHECK_SILENT(hark_resources_try_get(&pool, &item), -EAGAIN);
    CHECK_PTR(item, &item);
    const hark_task late = go_getter("b");
    hark_settle();
    CHECK_LOG("a:1");
    CHECK_COUNTS(1, 0, 0, 1);
    hark_task_cancel(late);
    put(1);
    hark_settle();
    CHECK_LOG("b:cancelled");
    finish();
}

INSIDE(resources_PO_02_the_one_that_is_idle_longest_is_next)
{
    begin(3);
    get(), get(), get();
    put(2), put(3), put(1);
    CHECK_EQ(get(), 2), CHECK_EQ(get(), 3);
    put(2);
    CHECK_EQ(get(), 1), CHECK_EQ(get(), 2);
    put(1), put(2), put(3);
    finish();
    CHECK_LOG("end1 end2 end3");
}

INSIDE(resources_PO_02_or_the_one_that_was_put_back_last)
{
    CHECK_EQ(hark_resources_init(&pool, 3, HARK_LIFO, create, destroy, &pool), 0);
    get(), get(), get();
    put(2), put(3), put(1);
    CHECK_EQ(get(), 1), CHECK_EQ(get(), 3);
    put(1);
    CHECK_EQ(get(), 1), CHECK_EQ(get(), 2);
    put(2), put(3), put(1);
    resize(2);
    CHECK_LOG("end2");
    finish();
    CHECK_LOG("end3 end1");
}

INSIDE(resources_try_get_takes_an_idle_one_and_makes_none)
{
    void *item = NULL;
    begin(2);
    CHECK_SILENT(hark_resources_try_get(&pool, &item), -EAGAIN);
    CHECK_EQ(made, 0);
    put(get());
    CHECK_EQ(hark_resources_try_get(&pool, &item), 0);
    CHECK_PTR(item, (void *)1);
    CHECK_SILENT(hark_resources_try_get(&pool, &item), -EAGAIN);
    put(1);
    finish();
}

/* ---- making takes time ----------------------------------------------------------------------- */

static int use_for_a_while(void *arg)
{
    (void)arg;
    const int item = get();
    hark_sleep(HARK_MS(1));
    put(item);
    return 0;
}

INSIDE(resources_PO_04_never_too_many_while_they_are_being_made)
{
    making = HARK_MS(5);
    begin(4);
    for (int i = 0; i < 10; i++) {
        hark_go(&group, use_for_a_while, NULL);
    }
    hark_settle();
    CHECK_COUNTS(0, 0, 4, 6);
    hark_sleep(HARK_MS(50));
    CHECK_EQ(most, 4);
    CHECK_EQ(made, 4);
    CHECK_COUNTS(0, 4, 0, 0);
    finish();
}

INSIDE(resources_one_that_is_put_back_meanwhile_goes_to_who_waits_not_to_who_makes)
{
    begin(2);
    get();
    making = HARK_MS(5);
    go_getter("maker"), go_getter("waiter");
    hark_settle();
    CHECK_COUNTS(1, 0, 1, 1);
    put(1);
    hark_settle();
    CHECK_LOG("waiter:1");
    hark_sleep(HARK_MS(5));
    hark_settle();
    CHECK_LOG("maker:2");
    put(1), put(2);
    finish();
}

INSIDE(resources_PO_05_a_failure_gives_its_place_back)
{
    void *item = &item;
    begin(1);
    failures = 2;
    CHECK_EQ(hark_resources_get(&pool, &item), -ECONNREFUSED);
    CHECK_STR(hark_error_last(), "nobody listens");
    CHECK_PTR(item, &item);
    CHECK_COUNTS(0, 0, 0, 0);
    CHECK_EQ(hark_resources_get(&pool, &item), -ECONNREFUSED);
    CHECK_EQ(get(), 1);
    put(1);
    finish();
}

INSIDE(resources_PO_05_BG_29_a_failure_lets_the_next_waiter_try)
{
    making = HARK_MS(1);
    failures = 2;
    begin(1);
    go_getter("a"), go_getter("b"), go_getter("c"), go_getter("d");
    hark_settle();
    CHECK_COUNTS(0, 0, 1, 3);
    hark_sleep(HARK_MS(1));
    hark_settle();
    CHECK_COUNTS(0, 0, 1, 2);
    CHECK_LOG("a:ECONNREFUSED");
    hark_sleep(HARK_MS(2));
    hark_settle();
    CHECK_LOG("b:ECONNREFUSED c:1");
    CHECK_COUNTS(1, 0, 0, 1);
    put(1);
    hark_settle();
    CHECK_LOG("d:1");
    put(1);
    finish();
}

INSIDE(resources_BG_29_who_is_cancelled_while_making_gives_its_place_back)
{
    making = HARK_MS(5);
    begin(1);
    const hark_task first = go_getter("a");
    go_getter("b");
    hark_settle();
    hark_task_cancel(first);
    hark_settle();
    CHECK_LOG("a:cancelled");
    CHECK_COUNTS(0, 0, 1, 0);
    hark_sleep(HARK_MS(5));
    hark_settle();
    CHECK_LOG("b:1");
    put(1);
    finish();
}

INSIDE(resources_BG_17_a_place_that_was_given_and_then_cancelled_goes_on_to_the_next)
{
    begin(1);
    get();
    making = HARK_MS(1);
    const hark_task first = go_getter("a");
    go_getter("b");
    hark_settle();
    discard(1);
    hark_task_cancel(first);
    hark_sleep(HARK_MS(1));
    hark_settle();
    CHECK_LOG("end1 a:cancelled b:2");
    put(2);
    finish();
}

INSIDE(resources_BG_17_an_item_that_was_given_and_then_cancelled_is_kept)
{
    begin(1);
    get();
    const hark_task first = go_getter("a");
    hark_settle();
    put(1);
    hark_task_cancel(first);
    hark_settle();
    CHECK_LOG("a:1");
    CHECK_COUNTS(1, 0, 0, 0);
    put(1);
    finish();
}

INSIDE(resources_PO_06_BG_30_getters_that_timed_out_are_gone)
{
    void *item;
    begin(1);
    get();
    CHECK_EQ(hark_within(HARK_MS(1), hark_resources_get(&pool, &item)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_MS(1), hark_resources_get(&pool, &item)), -ETIMEDOUT);
    CHECK_COUNTS(1, 0, 0, 0);
    put(1);
    CHECK_COUNTS(0, 1, 0, 0);
    CHECK_EQ(get(), 1);
    put(1);
    finish();
}

/* ---- what comes back, and how ---------------------------------------------------------------- */

INSIDE(resources_a_discarded_ones_place_goes_to_the_first_who_waits)
{
    begin(1);
    get();
    go_getter("a"), go_getter("b");
    hark_settle();
    discard(1);
    CHECK_COUNTS(0, 0, 1, 1);
    hark_settle();
    CHECK_LOG("end1 a:2");
    CHECK_COUNTS(1, 0, 0, 1);
    put(2);
    hark_settle();
    CHECK_LOG("b:2");
    discard(2);
    CHECK_COUNTS(0, 0, 0, 0);
    finish();
    CHECK_LOG("end2");
}

static int discard_first(void *arg)
{
    (void)arg;
    discard(1);
    return 0;
}

INSIDE(resources_one_that_is_being_destroyed_keeps_its_place_till_then)
{
    begin(1);
    get();
    destroying = HARK_MS(5);
    go_getter("a");
    hark_settle();
    hark_go(&group, discard_first, NULL);
    hark_settle();
    CHECK_COUNTS(0, 0, 1, 1);
    CHECK_MISUSE(hark_resources_put(&pool, (void *)1), -EPERM, "hark_resources_put");
    CHECK_MISUSE(hark_resources_free(&pool), -EBUSY, "1 being made or destroyed");
    hark_sleep(HARK_MS(5));
    hark_settle();
    CHECK_LOG("end1 a:2");
    CHECK_EQ(most, 1);
    put(2);
    finish();
}

INSIDE(resources_PO_03_a_smaller_pool_destroys_the_idle_now_and_the_others_when_they_come_back)
{
    begin(5);
    for (int i = 0; i < 5; i++) {
        get();
    }
    put(4), put(5);
    resize(4);
    CHECK_LOG("end4");
    CHECK_COUNTS(3, 1, 0, 0);
    resize(1);
    CHECK_LOG("end5");
    CHECK_COUNTS(3, 0, 0, 0);
    go_getter("a");
    hark_settle();
    put(2), put(3);
    CHECK_LOG("end2 end3");
    CHECK_COUNTS(1, 0, 0, 1);
    put(1);
    hark_settle();
    CHECK_LOG("a:1");
    resize(0);
    put(1);
    CHECK_LOG("end1");
    CHECK_COUNTS(0, 0, 0, 0);
    CHECK_EQ(hark_resources_statistics(&pool).max, 0);
    finish();
}

INSIDE(resources_XX_39_a_larger_pool_gives_as_many_places_as_there_are)
{
    begin(0);
    go_getter("a"), go_getter("b"), go_getter("c");
    hark_settle();
    CHECK_COUNTS(0, 0, 0, 3);
    resize(2);
    CHECK_COUNTS(0, 0, 2, 1);
    hark_settle();
    CHECK_LOG("a:1 b:2");
    resize(1);
    resize(2);
    CHECK_COUNTS(2, 0, 0, 1);
    resize(100);
    hark_settle();
    CHECK_LOG("c:3");
    put(1), put(2), put(3);
    CHECK_COUNTS(0, 3, 0, 0);
    finish();
}

INSIDE(resources_one_that_was_being_made_while_the_pool_shrank_is_got_and_then_destroyed)
{
    begin(1);
    making = HARK_MS(1);
    go_getter("a");
    hark_settle();
    resize(0);
    hark_sleep(HARK_MS(1));
    hark_settle();
    CHECK_LOG("a:1");
    put(1);
    CHECK_LOG("end1");
    finish();
}

INSIDE(resources_a_pool_that_grows_keeps_its_idle_ones_in_order)
{
    begin(3);
    get(), get(), get();
    put(1), put(2), put(3);
    CHECK_EQ(get(), 1);
    put(1);
    resize(6);
    CHECK_EQ(get(), 2), CHECK_EQ(get(), 3), CHECK_EQ(get(), 1), CHECK_EQ(get(), 4);
    for (int i = 1; i <= 4; i++) {
        put(i);
    }
    finish();
    CHECK_LOG("end1 end2 end3 end4");
}

static int resize_to_none(void *arg)
{
    (void)arg;
    resize(0);
    return 0;
}

INSIDE(resources_a_shrink_that_takes_time_ends_when_the_pool_has_grown_again)
{
    begin(3);
    get(), get(), get();
    put(1), put(2), put(3);
    destroying = HARK_MS(5);
    hark_go(&group, resize_to_none, NULL);
    hark_settle();
    CHECK_COUNTS(0, 2, 1, 0);
    resize(3);
    hark_sleep(HARK_MS(20));
    CHECK_LOG("end1");
    CHECK_COUNTS(0, 2, 0, 0);
    finish();
}

/* ---- what an item may be --------------------------------------------------------------------- */

static int create_nothing(void *arg, void **item)
{
    (void)arg;
    *item = NULL;
    return 7; /* as good as 0 */
}

INSIDE(resources_BG_23_NULL_is_an_item)
{
    void *item = &item;
    CHECK_EQ(hark_resources_init(&pool, 2, HARK_FIFO, create_nothing, NULL, NULL), 0);
    CHECK_EQ(hark_resources_get(&pool, &item), 0);
    CHECK_PTR(item, NULL);
    CHECK_EQ(hark_resources_get(&pool, &item), 0);
    go_getter("a");
    hark_settle();
    CHECK_EQ(hark_resources_put(&pool, NULL), 0);
    hark_settle();
    CHECK_LOG("a:0");
    CHECK_EQ(hark_resources_put(&pool, NULL), 0);
    CHECK_EQ(hark_resources_discard(&pool, NULL), 0);
    CHECK_MISUSE(hark_resources_put(&pool, NULL), -EPERM, "hark_resources_put");
    CHECK_EQ(hark_resources_free(&pool), 0);
}

static int borrow_another(void *arg, void **item)
{
    static hark_resources *other;
    *item = arg;
    if (!other) {
        void *inner = NULL;
        other = &pool;
        CHECK_EQ(hark_resources_get(&pool, &inner), 0);
        CHECK_COUNTS(1, 0, 1, 0);
        CHECK_EQ(hark_resources_put(&pool, inner), 0);
    }
    return 0;
}

INSIDE(resources_create_may_use_the_pool_itself)
{
    void *item = NULL;
    CHECK_EQ(hark_resources_init(&pool, 2, HARK_FIFO, borrow_another, NULL, &item), 0);
    CHECK_EQ(hark_resources_get(&pool, &item), 0);
    CHECK_COUNTS(1, 1, 0, 0);
    CHECK_EQ(hark_resources_put(&pool, item), 0);
    CHECK_EQ(hark_resources_free(&pool), 0);
}

/* ---- loops and misuse ------------------------------------------------------------------------ */

INSIDE(resources_misuse_what_is_not_in_use_cannot_be_put_back)
{
    begin(2);
    CHECK_MISUSE(hark_resources_put(&pool, (void *)1), -EPERM, "hark_resources_put");
    CHECK_MISUSE(hark_resources_discard(&pool, (void *)1), -EPERM, "hark_resources_discard");
    get(), get();
    put(1);
    CHECK_MISUSE(hark_resources_put(&pool, (void *)1), -EPERM, "only once");
    CHECK_MISUSE(hark_resources_discard(&pool, (void *)1), -EPERM, "hark_resources_discard");
    CHECK_MISUSE(hark_resources_put(&pool, (void *)9), -EPERM, "hark_resources_put");
    CHECK_COUNTS(1, 1, 0, 0);
    put(2);
    CHECK_EQ(ended, 0);
    finish();
}

INSIDE(resources_misuse_free_while_one_is_in_use_or_waited_for_says_by_whom)
{
    begin(1);
    go_getter("a");
    hark_settle();
    CHECK_MISUSE(hark_resources_free(&pool), -EBUSY, "which has ended");
    go_getter("b");
    hark_settle();
    CHECK_MISUSE(hark_resources_free(&pool), -EBUSY, "0 being made or destroyed, 1 waiting");
    put(1);
    hark_settle();
    CHECK_LOG("a:1 b:1");
    put(1);
    CHECK_EQ(get(), 1);
    CHECK_MISUSE(hark_resources_free(&pool), -EBUSY, "got by task 1");
    put(1);
    finish();
    CHECK_MISUSE(hark_resources_free(&pool), -EINVAL, "hark_resources_free");
    CHECK_MISUSE(hark_resources_put(&pool, NULL), -EINVAL, "freed");
    begin(1);
    finish();
}

TEST(resources_misuse_init_has_a_code_and_words)
{
    CHECK_MISUSE(hark_resources_init(NULL, 1, HARK_FIFO, create, NULL, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_resources_init(&pool, 1, HARK_FIFO, NULL, NULL, NULL), -EINVAL, "create");
    CHECK_MISUSE(hark_resources_init(&pool, -1, HARK_FIFO, create, NULL, NULL), -EINVAL, "-1");
    CHECK_MISUSE(hark_resources_init(&pool, 1, HARK_PRIORITY, create, NULL, NULL), -EINVAL,
                 "HARK_LIFO");
    CHECK_MISUSE(hark_resources_put(&pool, NULL), -EINVAL, "not initialised");
}

INSIDE(resources_misuse_NULL_and_wrong_numbers_have_a_code_and_words)
{
    void *item;
    CHECK_MISUSE(hark_resources_get(NULL, &item), -EINVAL, "hark_resources_get");
    CHECK_MISUSE(hark_resources_try_get(NULL, &item), -EINVAL, "hark_resources_try_get");
    CHECK_MISUSE(hark_resources_put(NULL, NULL), -EINVAL, "hark_resources_put");
    CHECK_MISUSE(hark_resources_discard(NULL, NULL), -EINVAL, "hark_resources_discard");
    CHECK_MISUSE(hark_resources_resize(NULL, 1), -EINVAL, "hark_resources_resize");
    CHECK_MISUSE(hark_resources_free(NULL), -EINVAL, "hark_resources_free");
    CHECK_EQ(hark_resources_statistics(NULL).max, 0);
    begin(1);
    CHECK_MISUSE(hark_resources_get(&pool, NULL), -EINVAL, "hark_resources_get");
    CHECK_MISUSE(hark_resources_try_get(&pool, NULL), -EINVAL, "hark_resources_try_get");
    CHECK_MISUSE(hark_resources_resize(&pool, -1), -EINVAL, "hark_resources_resize");
    CHECK_COUNTS(0, 0, 0, 0);
    finish();
}

INSIDE(resources_without_memory_nothing_has_changed)
{
    hark_resources before;
    begin(1);
    get();
    before = pool;
    lack_memory(-1);
    const int grown = hark_resources_resize(&pool, 2);
    const int opened = hark_resources_init(&before, 2, HARK_FIFO, create, destroy, &pool);
    CHECK(lacked());
    CHECK_EQ(grown, -ENOMEM);
    CHECK_EQ(opened, -ENOMEM);
    CHECK_EQ(memcmp(&before, &pool, sizeof pool), 0);
    CHECK_MISUSE((lack_memory(-1), hark_resources_resize(&pool, INT_MAX)), -ENOMEM, "of 2147483647");
    lacked();
    put(1);
    finish();
}

static int get_from_a_loop(void *arg)
{
    void *item = arg;
    CHECK_MISUSE(hark_resources_get(&pool, &item), -EXDEV, "hark_resources_get");
    CHECK_MISUSE(hark_resources_try_get(&pool, &item), -EXDEV, "hark_resources_try_get");
    return 0;
}

static void *use_from_elsewhere(void *arg)
{
    CHECK_MISUSE(hark_resources_put(&pool, (void *)1), -EXDEV, "hark_resources_put");
    CHECK_MISUSE(hark_resources_discard(&pool, (void *)1), -EXDEV, "hark_resources_discard");
    CHECK_MISUSE(hark_resources_resize(&pool, 9), -EXDEV, "hark_resources_resize");
    CHECK_MISUSE(hark_resources_free(&pool), -EXDEV, "hark_resources_free");
    CHECK_EQ(RUN_VIRTUAL(get_from_a_loop, arg), 0);
    return NULL;
}

INSIDE(resources_XX_40_other_threads_and_loops_are_refused)
{
    begin(1);
    get();
    go_getter("a");
    hark_settle();
    in_thread(use_from_elsewhere, NULL);
    CHECK_COUNTS(1, 0, 0, 1);
    put(1);
    hark_settle();
    put(1);
    finish();
}

static int get_and_put(void *arg)
{
    (void)arg;
    put(get());
    return 0;
}

TEST(resources_serve_one_loop_after_another)
{
    void *item = NULL;
    begin(1);
    CHECK_MISUSE(hark_resources_get(&pool, &item), -ENOTSUP, "hark_resources_get");
    CHECK_EQ(RUN_VIRTUAL(get_and_put, NULL), 0);
    CHECK_EQ(hark_resources_try_get(&pool, &item), 0);
    put(1);
    CHECK_EQ(RUN_VIRTUAL(get_and_put, NULL), 0);
    CHECK_EQ(made, 1);
    finish();
}

INSIDE(resources_XX_04_getting_is_a_checkpoint_that_does_not_yield)
{
    hark_scope scope;
    begin(2);
    hark_go(&group, say, "other");
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    getter("a");
    hark_scope_close(&scope, -ECANCELED);
    CHECK_COUNTS(0, 0, 0, 0);
    put(get());
    put(get());
    CHECK_LOG("a:cancelled");
    hark_settle();
    finish();
}

static char words[800];

static int audit_at_rest(void)
{
    struct hark__text text;
    hark__text_to_string(&text, words, sizeof(words));
    return hark__audit(hark__here, true, &text);
}

INSIDE(resources_a_lost_wakeup_is_seen_by_the_audit)
{
    begin(1);
    get();
    go_getter("a");
    hark_settle();
    CHECK_EQ(audit_at_rest(), 0);
    pool.max = 2;
    CHECK_EQ(audit_at_rest(), 1);
    CHECK_HAS(words, "waits for what is there: a resource of a pool");
    pool.max = 1;
    CHECK_EQ(audit_at_rest(), 0);
    put(1);
    hark_settle();
    put(1);
    finish();
}

static int wait_in_vain(void *arg)
{
    void *item;
    (void)arg;
    begin(1);
    get();
    const int rc = hark_resources_get(&pool, &item);
    put(1);
    finish();
    return rc;
}

TEST(resources_the_report_of_a_deadlock_tells_who_has_them)
{
    capture_begin();
    const int rc = RUN_VIRTUAL(wait_in_vain, NULL);
    const char *told = capture_end();
    CHECK_EQ(rc, -EDEADLK);
    CHECK_HAS(told, "waits for a resource of a pool at");
    CHECK_HAS(told, "(1 in use of at most 1; got by task 1");
}

static void get_in_a_callback(void *arg)
{
    void *item;
    CHECK_PTR(arg, &pool);
    CHECK_EQ(hark_resources_try_get(&pool, &item), 0);
}

INSIDE(resources_a_dump_tells_of_callbacks_the_dead_and_those_that_are_being_made)
{
    static char told[4096];
    hark_watch watch = {0};
    begin(7);
    put(get());
    CHECK_EQ(hark_call_soon(&watch, get_in_a_callback, &pool), 0);
    hark_settle();
    go_getter("a");
    hark_settle();
    for (int i = 3; i <= 6; i++) {
        CHECK_EQ(get(), i);
    }
    making = HARK_MS(1);
    go_getter("b"), go_getter("c");
    hark_settle();
    FILE *out = fmemopen(told, sizeof(told), "w");
    hark_dump(out);
    fclose(out);
    CHECK_HAS(told, "(6 in use of at most 7, 1 being made or destroyed; got by a callback; task ");
    CHECK_HAS(told, ", which has ended; task 1");
    CHECK_HAS(told, "; and others)");
    for (int i = 1; i <= 6; i++) {
        put(i);
    }
    hark_sleep(HARK_MS(2));
    put(7);
    CHECK_LOG("a:2 c:1 b:7");
    put(1);
    finish();
}

/* ---- any schedule ---------------------------------------------------------------------------- */

static uint64_t state;

static void check_books(void)
{
    const hark_resources_stats now = hark_resources_statistics(&pool);
    CHECK(now.waiting == 0 || (now.idle == 0 && now.in_use + now.changing >= now.max));
    CHECK_LE(living, now.in_use + now.idle + now.changing);
    CHECK_GE(living, now.in_use + now.idle);
}

static int actor(void *arg)
{
    (void)arg;
    for (int i = 0; i < 8; i++) {
        const uint64_t what = draw(&state) % 8;
        void *item = NULL;
        making = (int64_t)(draw(&state) % 3);
        destroying = (int64_t)(draw(&state) % 3);
        failures = draw(&state) % 4 == 0;
        if (what == 0) {
            resize((int)(draw(&state) % 4));
        } else if (what == 1) {
            CHECK_EQ(hark_resources_put(&pool, &item), -EPERM);
        } else if (hark_within((int64_t)(draw(&state) % 20), hark_resources_get(&pool, &item)) == 0) {
            check_books();
            hark_sleep((int64_t)(draw(&state) % 4));
            CHECK_EQ((what < 6 ? hark_resources_put : hark_resources_discard)(&pool, item), 0);
        }
        check_books();
    }
    return 0;
}

static int act(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    for (int i = 0; i < 4; i++) {
        hark_go(&g, actor, NULL);
    }
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_COUNTS(0, living, 0, 0);
    finish();
    return 0;
}

TEST(resources_nobody_waits_in_vain_in_500_schedules)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(2);
        state = seed * 104729;
        CHECK_EQ(run_seeded(seed, act, NULL), 0);
    }
}
