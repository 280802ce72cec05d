/* SPDX-License-Identifier: MIT
 *
 * stands_test.c - what the audit and a dump say of those who wait for locks, conditions, channels
 * and queues, when something is wrong there.
 *
 * Idea     As in core/audit_edges_test.c: a small healthy scene; one field is made wrong, the audit
 *          is asked, the field is put back, and the audit must be content again. So each rule is
 *          seen to be asked, and not only to hold.
 */
#include "scene.h"

#include "core/core.h"
#include "sync/sync.h"

static char words[800];

/* What the audit says. */
static const char *said(bool at_rest)
{
    struct hark__text text;
    hark__text_to_string(&text, words, sizeof(words));
    const int broken = hark__audit(hark__here, at_rest, &text);
    CHECK_EQ(broken > 0, words[0] != 0);
    return words;
}

/* Do, ask, undo; then say. */
#define BROKEN(breaks, mends, needle) \
    do { \
        static char found_[800]; \
        breaks; \
        snprintf(found_, sizeof(found_), "%s", said(true)); \
        mends; \
        CHECK_HAS(found_, needle); \
        CHECK_STR(said(true), ""); \
    } while (0)

/* The same for one value that is overwritten. */
#define WRONG(place, value, needle) \
    do { \
        __typeof__(place) before_ = (place); \
        BROKEN((place) = (value), (place) = before_, needle); \
    } while (0)

static const char *dumped(void)
{
    static char text[8192];
    FILE *out = fmemopen(text, sizeof(text), "w");
    hark_dump(out);
    fclose(out);
    return text;
}

static hark__task *spawn(hark_fn *fn, void *arg)
{
    hark__task *task = hark__task_find(hark__here, hark_go(&group, fn, arg));
    CHECK_EQ(hark_settle(), 0);
    CHECK_STR(said(true), "");
    return task;
}

static hark_task ended(void)
{
    const hark_task task = hark_go(&group, nothing, NULL);
    CHECK_EQ(hark_settle(), 0);
    return task;
}

/* Nobody gives them what they wait for: they end when their group is cancelled. */
static int as_cancelled(int rc)
{
    CHECK_EQ(rc, -ECANCELED);
    return rc;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static hark_lock lock;

static int acquires(void *unused)
{
    (void)unused;
    const int rc = hark_lock_acquire(&lock);
    return rc == 0 ? hark_lock_release(&lock) : as_cancelled(rc);
}

INSIDE(stands_for_a_lock_that_is_free_or_dead_or_whose_holders_end_is_not_heard)
{
    const hark_task dead = ended();
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    hark__task *waiter = spawn(acquires, NULL), *holder = hark__here->running;
    WRONG(lock.owner, 0, "waits for a lock that is free");
    WRONG(lock.owner, dead, "waits for a lock that has died with its holder");
    BROKEN(hark__list_remove(&lock.end), hark__list_add(&holder->extra->joiners, &lock.end),
           "would not be told that the lock's holder has ended");
    WRONG(holder->extra, NULL, "would not be told that the lock's holder has ended");
    WRONG(waiter->in.waiter.list, NULL, "P1");
    WRONG(lock.end.owner, OWNER_HOOK, "P1");
    CHECK_EQ(hark_lock_release(&lock), 0);
}

INSIDE(stands_nowhere_and_a_dump_says_no_more_than_what_it_waits_for)
{
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    hark__task *waiter = spawn(acquires, NULL);
    struct hark_waitlist *list = waiter->in.waiter.list;
    CHECK_HAS(dumped(), "waits for a lock at 0x");
    waiter->in.waiter.list = NULL;
    CHECK_HAS(dumped(), "waits for a lock");
    CHECK(!strstr(dumped(), "waits for a lock at 0x"));
    waiter->in.waiter.list = list;
    CHECK_EQ(hark_lock_release(&lock), 0);
}

static int selects_lock(void *unused)
{
    hark_case one = hark_on_acquire(&lock);
    (void)unused;
    const int rc = hark_select(&one, 1);
    return rc == 0 ? hark_lock_release(&lock) : as_cancelled(rc);
}

static hark_task gone;

/* A callback: no task runs, as between two steps. */
static void asks_of_the_case(void *unused)
{
    (void)unused;
    CHECK(!hark__here->running);
    WRONG(lock.owner, 0, "waits for a lock that is free");
    WRONG(lock.owner, gone, "waits for a lock that has died with its holder");
    CHECK_EQ(hark_lock_release(&lock), -EPERM);
    kit_log("asked");
}

INSIDE(stands_for_a_lock_in_a_select_and_the_audit_that_asks_takes_nothing)
{
    hark_event event = HARK_EVENT_INIT;
    hark_watch watch = HARK_WATCH_INIT;
    gone = ended();
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    spawn(selects_lock, NULL);
    CHECK_EQ(hark_event_watch(&event, &watch, asks_of_the_case, NULL), 0);
    CHECK_EQ(hark_event_set(&event), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("asked");
    CHECK_EQ(hark_lock_owner(&lock), hark_self());
    CHECK_EQ(hark_lock_release(&lock), 0);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static hark_cond cond;

static int waits_for_cond(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    const int rc = hark_cond_wait(&cond, &lock);
    return rc == -EOWNERDEAD ? 0 : rc == 0 ? hark_lock_release(&lock) : as_cancelled(rc);
}

static int keeps_the_lock(void *unused)
{
    (void)unused;
    return hark_lock_acquire(&lock);
}

INSIDE(stands_for_a_condition_and_a_dump_says_whether_the_lock_is_free_or_dead)
{
    hark__task *waiter = spawn(waits_for_cond, NULL);
    struct hark_waitlist *list = waiter->in.waiter.list;
    CHECK_HAS(dumped(), "waits for a condition");
    CHECK(!strstr(dumped(), "with a lock"));
    waiter->in.waiter.list = NULL;
    CHECK_HAS(dumped(), "waits for a condition");
    CHECK(!strstr(dumped(), "with a lock"));
    waiter->in.waiter.list = list;
    CHECK_GT(hark_go(&group, keeps_the_lock, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_HAS(dumped(), ", with a lock that died with task ");
    CHECK_EQ(hark_lock_init(&lock), 0);
    CHECK_EQ(hark_lock_acquire(&lock), 0);
    CHECK_EQ(hark_cond_notify(&cond, 1), 1);
    CHECK_EQ(hark_lock_release(&lock), 0);
}

/* ---- reader-writer locks --------------------------------------------------------------------- */

static hark_rwlock rwlock;

static int reads(void *unused)
{
    (void)unused;
    const int rc = hark_rwlock_read(&rwlock);
    return rc == 0 ? hark_rwlock_release(&rwlock) : as_cancelled(rc);
}

static int writes(void *unused)
{
    (void)unused;
    const int rc = hark_rwlock_write(&rwlock);
    return rc == 0 ? hark_rwlock_release(&rwlock) : as_cancelled(rc);
}

INSIDE(stands_for_a_rwlock_that_it_could_enter_or_whose_writers_end_is_not_heard)
{
    const hark_task dead = ended();
    CHECK_EQ(hark_rwlock_write(&rwlock), 0);
    hark__task *reader = spawn(reads, NULL), *holder = hark__here->running;
    WRONG(rwlock.state, 0, "waits at the front, and may go in");
    WRONG(rwlock.state, -1, "waits at the front, and may go in");
    WRONG(rwlock.state, dead, "waits for a writer whose end nobody would tell");
    BROKEN(hark__list_remove(&rwlock.end), hark__list_add(&holder->extra->joiners, &rwlock.end),
           "waits for a writer whose end nobody would tell");
    WRONG(holder->extra, NULL, "waits for a writer whose end nobody would tell");
    WRONG(reader->in.waiter.list, NULL, "P1");
    CHECK_EQ(hark_rwlock_release(&rwlock), 0);
}

INSIDE(stands_for_a_rwlock_and_a_dump_says_how_many_read)
{
    CHECK_EQ(hark_rwlock_read(&rwlock), 0);
    hark__task *writer = spawn(writes, NULL);
    CHECK_HAS(dumped(), ", 1 reads");
    const int64_t state = rwlock.state;
    struct hark_waitlist *list = writer->in.waiter.list;
    rwlock.state = -2;
    CHECK_HAS(dumped(), ", 2 read\n");
    rwlock.state = state;
    writer->in.waiter.list = NULL;
    CHECK_HAS(dumped(), "waits for a lock, to write,");
    CHECK(!strstr(dumped(), ", 1 reads"));
    writer->in.waiter.list = list;
    CHECK_EQ(hark_rwlock_release(&rwlock), 0);
}

/* ---- channels -------------------------------------------------------------------------------- */

static hark_chan chan, other;

static int sends(void *unused)
{
    int item = 1;
    (void)unused;
    return as_cancelled(hark_chan_send(&chan, &item));
}

static int receives(void *c)
{
    int item;
    return as_cancelled(hark_chan_recv(c, &item));
}

static void open_chans(size_t capacity)
{
    CHECK_EQ(hark_chan_init(&chan, sizeof(int), capacity), 0);
    CHECK_EQ(hark_chan_init(&other, sizeof(int), capacity), 0);
}

static int loses_nothing_sending(void *unused)
{
    int item = 0;
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    open_chans(1);
    CHECK_EQ(hark_chan_send(&chan, &item), 0);
    spawn(sends, NULL);
    spawn(receives, &other);
    WRONG(chan.used, 0, "a channel to take an item");
    WRONG(chan.open_senders, 0, "a channel to take an item");
    WRONG(chan.open_receivers, 0, "a channel to take an item");
    WRONG(chan.receivers, other.receivers, "lost wake-up");
    hark_group_cancel(&group);
    const int rc = hark_group_close(&group, 0);
    hark_chan_free(&chan);
    hark_chan_free(&other);
    return rc;
}

TEST(stands_to_send_though_there_is_a_place_or_a_receiver_or_nobody_any_more)
{
    CHECK_EQ(RUN_VIRTUAL(loses_nothing_sending, NULL), 0);
}

static int loses_nothing_receiving(void *unused)
{
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    open_chans(0);
    spawn(receives, &other);
    spawn(sends, NULL);
    WRONG(other.used, 1, "an item of a channel");
    WRONG(other.open_senders, 0, "an item of a channel");
    WRONG(other.open_receivers, 0, "an item of a channel");
    WRONG(other.senders, chan.senders, "lost wake-up");
    hark_group_cancel(&group);
    const int rc = hark_group_close(&group, 0);
    hark_chan_free(&chan);
    hark_chan_free(&other);
    return rc;
}

TEST(stands_to_receive_though_there_is_an_item_or_a_sender_or_nobody_any_more)
{
    CHECK_EQ(RUN_VIRTUAL(loses_nothing_receiving, NULL), 0);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static hark_queue full, empty;

static int puts_in(void *unused)
{
    int item = 1;
    (void)unused;
    return as_cancelled(hark_queue_put(&full, &item));
}

static int gets(void *unused)
{
    int item;
    (void)unused;
    return as_cancelled(hark_queue_get(&empty, &item));
}

static int loses_nothing_queued(void *unused)
{
    int item = 0;
    (void)unused;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark_queue_init(&full, sizeof(int), 1, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_queue_init(&empty, sizeof(int), 1, HARK_FIFO, NULL), 0);
    CHECK_EQ(hark_queue_put(&full, &item), 0);
    spawn(puts_in, NULL);
    spawn(gets, NULL);
    WRONG(full.ended, true, "a place in a queue");
    WRONG(full.used, 0, "a place in a queue");
    WRONG(empty.ended, true, "an item of a queue");
    WRONG(empty.used, 1, "an item of a queue");
    hark_group_cancel(&group);
    const int rc = hark_group_close(&group, 0);
    hark_queue_free(&full);
    hark_queue_free(&empty);
    return rc;
}

TEST(stands_at_a_queue_though_there_is_a_place_or_an_item_or_it_has_ended)
{
    CHECK_EQ(RUN_VIRTUAL(loses_nothing_queued, NULL), 0);
}

/* ---- flags and limiters ---------------------------------------------------------------------- */

static hark_flag flag;
static hark_limiter limiter;

static int waits_since(void *unused)
{
    (void)unused;
    return as_cancelled(hark_flag_wait_since(&flag, 0));
}

static int selects_since(void *unused)
{
    hark_case one = hark_on_flag_since(&flag, 0);
    (void)unused;
    return as_cancelled(hark_select(&one, 1));
}

static int selects_limiter(void *unused)
{
    hark_case one = hark_on_limiter(&limiter);
    (void)unused;
    return as_cancelled(hark_select(&one, 1));
}

INSIDE(stands_for_a_set_that_was_and_a_dump_says_no_more_than_it_can)
{
    hark__task *waiter = spawn(waits_since, NULL);
    WRONG(flag.state, 2, "waits for what is there: a flag");
    struct hark_waiter *place = &waiter->in.waiter;
    CHECK_HAS(dumped(), "to be set again (0 times so far)");
    place->list = NULL;
    CHECK(!strstr(dumped(), "to be set again"));
    place->list = &flag.waiters;
    hark_task_cancel(waiter->id);
    CHECK_EQ(hark_settle(), 0);
    waiter = spawn(selects_since, NULL);
    WRONG(flag.state, 3, "waits for what is there: the first of");
    hark_task_cancel(waiter->id);
}

INSIDE(stands_for_a_token_that_is_free)
{
    hark__task *waiter = spawn(selects_limiter, NULL);
    WRONG(limiter.tokens, 1, "waits for what is there: the first of");
    CHECK_EQ(hark_limiter_borrowed(&limiter), 0); /* asking has borrowed nothing */
    hark_task_cancel(waiter->id);
}
