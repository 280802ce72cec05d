/* SPDX-License-Identifier: MIT
 *
 * retry_test.c - hark_retry: try again, later each time.
 *
 * Each try logs when it was, in ms of the virtual clock.
 */
#include "../sync/scene.h"

#include <hark/testing.h>

static int64_t began;
static int tried, succeeds_at; /* 0: never */
static int code = -ECONNREFUSED;
static bool logs = true;

static int attempt(void *arg)
{
    (void)arg;
    tried++;
    if (logs) {
        kit_log("%d", (int)((hark_now() - began) / HARK_MS(1)));
    }
    return tried == succeeds_at ? 42 : code;
}

static int retry(const hark_backoff *how)
{
    tried = 0;
    began = hark_now();
    return hark_retry(how, attempt, NULL);
}

/* ---- how often, and when --------------------------------------------------------------------- */

INSIDE(retry_what_succeeds_is_tried_once_and_does_not_yield)
{
    succeeds_at = 1;
    hark_go(&group, say, "other");
    CHECK_EQ(retry(NULL), 42);
    CHECK_LOG("0");
    hark_settle();
}

INSIDE(retry_sleeps_twice_as_long_each_time_up_to_the_most)
{
    const hark_backoff how = {.tries = 8, .most = HARK_S(1), .steady = true};
    CHECK_EQ(retry(&how), -ECONNREFUSED);
    CHECK_LOG("0 100 300 700 1500 2500 3500 4500");
}

INSIDE(retry_ends_with_the_first_success)
{
    const hark_backoff how = {.steady = true};
    succeeds_at = 3;
    CHECK_EQ(retry(&how), 42);
    CHECK_LOG("0 100 300");
}

INSIDE(retry_tries_five_times_unless_told_otherwise)
{
    CHECK_EQ(retry(NULL), -ECONNREFUSED);
    CHECK_EQ(tried, 5);
    CHECK_LE(hark_now() - began, HARK_MS(100 + 200 + 400 + 800));
    logs = false;
    CHECK_EQ(retry(&(hark_backoff){.tries = 1}), -ECONNREFUSED);
    CHECK_EQ(tried, 1);
    succeeds_at = 300;
    CHECK_EQ(retry(&(hark_backoff){.tries = INT_MAX}), 42);
}

INSIDE(retry_no_first_sleep_is_longer_than_the_most)
{
    const hark_backoff how = {.tries = 3, .first = HARK_S(9), .most = HARK_MS(20), .steady = true};
    CHECK_EQ(retry(&how), -ECONNREFUSED);
    CHECK_LOG("0 20 40");
}

INSIDE(retry_doubling_does_not_overflow)
{
    const hark_backoff how = {.tries = 200, .first = 1, .most = HARK_FOREVER / 1000, .steady = true};
    logs = false;
    CHECK_EQ(retry(&how), -ECONNREFUSED);
    CHECK_EQ(tried, 200);
    CHECK_GT(hark_now() - began, HARK_FOREVER / 1000);
}

/* ---- drawn by lot ---------------------------------------------------------------------------- */

static int64_t times[40];

static int note_time(void *arg)
{
    (void)arg;
    times[tried++] = hark_now();
    return -EIO;
}

static int draw_forty(void *arg)
{
    (void)arg;
    const hark_backoff how = {.tries = 40, .first = 1000, .most = 1000};
    tried = 0;
    return hark_retry(&how, note_time, NULL) == -EIO ? 0 : -EPROTO;
}

static int64_t spread_of_forty(void)
{
    int64_t sum = 0, low = 1000, high = 0;
    for (int i = 1; i < 40; i++) {
        const int64_t slept = times[i] - times[i - 1];
        CHECK(slept >= 0 && slept <= 1000);
        sum += slept;
        low = slept < low ? slept : low;
        high = slept > high ? slept : high;
    }
    CHECK(low < 200 && high > 800 && sum > 39 * 250 && sum < 39 * 750);
    return sum;
}

TEST(retry_draws_evenly_and_the_same_with_the_same_seed)
{
    CHECK_EQ(run_seeded(7, draw_forty, NULL), 0);
    const int64_t first = spread_of_forty();
    CHECK_EQ(run_seeded(7, draw_forty, NULL), 0);
    CHECK_EQ(spread_of_forty(), first);
    CHECK_EQ(run_seeded(8, draw_forty, NULL), 0);
    CHECK_NE(spread_of_forty(), first);
}

TEST(retry_draws_the_same_in_each_run_with_a_virtual_clock)
{
    int64_t before[40];
    CHECK_EQ(RUN_VIRTUAL(draw_forty, NULL), 0);
    spread_of_forty();
    for (int i = 0; i < 40; i++) {
        before[i] = times[i] - times[0];
    }
    CHECK_EQ(RUN_VIRTUAL(draw_forty, NULL), 0);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(times[i] - times[0], before[i]);
    }
}

static int meet(void *slept)
{
    const hark_backoff how = {.tries = 2, .first = HARK_S(1)};
    const int64_t start = hark_now();
    const int before = tried;
    CHECK_EQ(hark_retry(&how, attempt, NULL), -ECONNREFUSED);
    CHECK_GE(tried, before + 2);
    *(int64_t *)slept = hark_now() - start;
    return 0;
}

INSIDE(retry_two_that_failed_together_do_not_come_back_together)
{
    static int64_t a, b;
    logs = false;
    hark_go(&group, meet, &a), hark_go(&group, meet, &b);
    hark_sleep(HARK_S(2));
    CHECK(a > 0 && b > 0);
    CHECK_GT(a > b ? a - b : b - a, HARK_MS(1));
}

static int retry_briefly(void *arg)
{
    (void)arg;
    logs = false;
    return hark_retry(&(hark_backoff){.tries = 4, .first = HARK_US(50)}, attempt, NULL);
}

TEST(retry_sleeps_by_the_real_clock)
{
    CHECK_EQ(RUN(retry_briefly, NULL), -ECONNREFUSED);
    CHECK_EQ(tried, 4);
}

static int first_sleep_of_an_explorer(void *arg)
{
    (void)arg;
    bool *const seen = arg;
    const int64_t start = hark_now();
    tried = 0;
    logs = false;
    HARK_TEST_CHECK(hark_retry(&(hark_backoff){.tries = 2}, attempt, NULL) == -ECONNREFUSED);
    const int64_t slept = hark_now() - start;
    HARK_TEST_CHECK(slept == 0 || slept == HARK_MS(100));
    return seen == NULL ? 0 : -EIO;
}

TEST(retry_an_explorer_tries_the_longest_sleep_and_none)
{
    hark_explored result;
    const hark_exploration search = {
        .size = sizeof search, .main = first_sleep_of_an_explorer, .yields = -1, .quiet = true};
    CHECK_EQ(hark_explore(&search, &result), 0);
    CHECK(result.complete);
    CHECK_EQ(result.schedules, 2);
}

/* ---- what ends it ---------------------------------------------------------------------------- */

INSIDE(retry_what_is_misuse_once_is_misuse_again)
{
    static const int codes[] = {-EINVAL, -EPERM, -EBADF, -EXDEV, -ENOTSUP, -ECANCELED};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        code = codes[i];
        CHECK_SILENT(retry(NULL), code);
        CHECK_EQ(tried, 1);
    }
    CHECK_LOG("0 0 0 0 0 0");
}

static int asked;

static bool is_it(int rc, void *arg)
{
    CHECK_PTR(arg, NULL);
    asked++;
    return rc == -EINVAL;
}

static int fail_and_cancel(void *scope)
{
    tried++;
    CHECK_EQ(hark_scope_cancel(scope), 0);
    return -EIO;
}

INSIDE(retry_one_that_is_cancelled_between_two_tries_tries_no_more)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    CHECK_EQ(hark_retry(NULL, fail_and_cancel, &scope), -ECANCELED);
    CHECK_EQ(tried, 1);
    hark_scope_close(&scope, -ECANCELED);
}

static int fail_once(void *unused)
{
    (void)unused;
    tried++;
    return -EIO;
}

static int retry_inside(void *scope)
{
    hark_scope_open(scope, HARK_FOREVER);
    CHECK_EQ(hark_retry(NULL, fail_once, NULL), -ECANCELED);
    CHECK_EQ(tried, 1);
    return (int)hark_scope_close(scope, 0);
}

INSIDE(retry_a_shield_that_comes_after_the_cancel_brings_nothing_back)
{
    hark_scope scope;
    const hark_task task = hark_go(&group, retry_inside, &scope);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_scope_shield(&scope, true), 0);
    CHECK_EQ(hark_task_wait(task), 0);
}

INSIDE(retry_asks_whether_a_code_is_worth_another_try)
{
    const hark_backoff how = {.tries = 3, .again = is_it, .steady = true};
    code = -EINVAL;
    CHECK_EQ(retry(&how), -EINVAL);
    CHECK_LOG("0 100 300");
    CHECK_EQ(asked, 3);
    code = -EIO;
    CHECK_EQ(retry(&how), -EIO);
    CHECK_LOG("0");
    code = -ECANCELED;
    CHECK_EQ(retry(&how), -ECANCELED);
    CHECK_LOG("0");
    CHECK_EQ(asked, 4);
}

INSIDE(retry_a_deadline_around_it_cuts_its_sleep_short)
{
    const hark_backoff how = {.steady = true};
    CHECK_EQ(hark_within(HARK_MS(350), retry(&how)), -ETIMEDOUT);
    CHECK_EQ(hark_now() - began, HARK_MS(350));
    CHECK_LOG("0 100 300");
}

static int wait_long(void *arg)
{
    (void)arg;
    tried++;
    return (int)hark_within(HARK_MS(30), hark_sleep(HARK_S(9)));
}

INSIDE(retry_a_deadline_inside_is_one_for_each_try)
{
    const hark_backoff how = {.tries = 3, .first = HARK_MS(5), .steady = true};
    began = hark_now();
    CHECK_EQ(hark_retry(&how, wait_long, NULL), -ETIMEDOUT);
    CHECK_EQ(tried, 3);
    CHECK_EQ(hark_now() - began, HARK_MS(30 + 5 + 30 + 10 + 30));
}

INSIDE(retry_XX_04_is_a_checkpoint_before_the_first_try)
{
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_EQ(retry(NULL), -ECANCELED);
    hark_scope_close(&scope, -ECANCELED);
    CHECK_LOG("");
}

/* ---- in words -------------------------------------------------------------------------------- */

static int fail_in_words(void *arg)
{
    tried++;
    return arg && tried < 3 ? hark_fail(-EIO, "words of try %d", tried)
           : arg            ? hark_fail(-ECONNREFUSED, "%s", (const char *)arg)
                            : -EIO;
}

INSIDE(retry_the_last_words_say_how_often_and_how_long)
{
    const hark_backoff how = {.tries = 3, .steady = true};
    CHECK_EQ(hark_retry(&how, fail_in_words, "nobody at home"), -ECONNREFUSED);
    CHECK_STR(hark_error_last(), "hark_retry: 3 tries in 300 ms, the last one: nobody at home");
}

INSIDE(retry_words_that_others_said_before_are_not_the_last_ones)
{
    const hark_backoff how = {.tries = 2, .steady = true};
    hark_fail(-EIO, "old words");
    CHECK_EQ(hark_retry(&how, fail_in_words, NULL), -EIO);
    CHECK_HAS(hark_error_last(), "hark_retry: 2 tries in 100 ms, the last one without words (EIO)");
    code = -4711;
    logs = false;
    CHECK_EQ(retry(&how), -4711);
    CHECK_HAS(hark_error_last(), "without words (an unknown code)");
}

INSIDE(retry_words_that_are_too_long_are_cut)
{
    static char much[400];
    const hark_backoff how = {.tries = 4, .steady = true};
    memset(much, 'x', sizeof much - 1);
    CHECK_EQ(hark_retry(&how, fail_in_words, much), -ECONNREFUSED);
    CHECK_HAS(hark_error_last(), "hark_retry: 4 tries in 700 ms, the last one: xxxxxxxx");
    CHECK_LE(strlen(hark_error_last()), 191);
}

INSIDE(retry_EAGAIN_has_no_words_here_either)
{
    code = -EAGAIN;
    logs = false;
    CHECK_EQ(retry(NULL), -EAGAIN);
    CHECK_EQ(tried, 5);
    CHECK_STR(hark_error_last(), "");
}

/* ---- misuse ---------------------------------------------------------------------------------- */

INSIDE(retry_misuse_has_a_code_and_words)
{
    CHECK_MISUSE(hark_retry(NULL, NULL, NULL), -EINVAL, "hark_retry");
    CHECK_MISUSE(retry(&(hark_backoff){.tries = -1}), -EINVAL, "-1 tries");
    CHECK_MISUSE(retry(&(hark_backoff){.first = -1}), -EINVAL, "hark_retry");
    CHECK_MISUSE(retry(&(hark_backoff){.most = -7}), -EINVAL, "-7 ns");
    CHECK_LOG("");
}

TEST(retry_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_retry(NULL, attempt, NULL), -ENOTSUP, "hark_retry");
    CHECK_LOG("");
}
