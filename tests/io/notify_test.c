/* SPDX-License-Identifier: MIT
 *
 * notify_test.c - what happens to files is told: once, in order, to who waits.
 */
#include "place.h"

#include <hark/notify.h>
#include <sched.h>

static hark_notify *n;

static void wait_and_log(void)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    kit_log("%d:%s:%x", event.id >= 0, event.name, (unsigned)event.what);
}

ON_DISK(notify_tells_what_happens_in_a_folder)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_open(&n), 0);
    const int id = hark_notify_add(n, place, IN_CREATE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE);
    CHECK_GE(id, 0);
    CHECK_EQ(hark_notify_try(n, &event), -EAGAIN);
    put("a", "x");
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    CHECK_EQ(event.id, id);
    CHECK_STR(event.path, place);
    CHECK_STR(event.name, "a");
    CHECK_EQ(event.what, IN_CREATE);
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    CHECK_EQ(event.what, IN_CLOSE_WRITE);
    CHECK_EQ(rename(at("a"), at("b")), 0);
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    CHECK_EQ(event.what, IN_MOVED_FROM);
    const uint32_t cookie = event.cookie;
    CHECK_NE(cookie, 0);
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    CHECK_EQ(event.what, IN_MOVED_TO);
    CHECK_STR(event.name, "b");
    CHECK_EQ(event.cookie, cookie);
    CHECK_EQ(mkdir(at("d"), 0700), 0);
    CHECK_EQ(hark_notify_try(n, &event), 0);
    CHECK_EQ(event.what, IN_CREATE | IN_ISDIR);
    hark_notify_close(n);
}

static int touch(void *name)
{
    put(name, "x");
    return 0;
}

ON_DISK(notify_wakes_who_waits)
{
    CHECK_EQ(hark_notify_open(&n), 0);
    CHECK_GE(hark_notify_add(n, place, IN_CREATE), 0);
    hark_go(&group, touch, "late");
    wait_and_log();
    CHECK_LOG("1:late:100");
    hark_notify_close(n);
}

ON_DISK(notify_in_a_select)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_open(&n), 0);
    CHECK_GE(hark_notify_add(n, place, IN_CREATE), 0);
    hark_go(&group, touch, "a");
    hark_go(&group, touch, "b");
    for (int i = 0; i < 2; i++) { /* the second comes with the first, or is waited for */
        hark_case cases[] = {hark_on_notify(n), hark_on_time(hark_now() + HARK_S(9))};
        CHECK_EQ(hark_select(cases, 2), 0);
        CHECK_EQ(hark_notify_try(n, &event), 0);
        CHECK_EQ(event.name[0], 'a' + i);
    }
    hark_notify_close(n);
    hark_case none[] = {hark_on_notify(NULL)};
    CHECK_EQ(hark_select(none, 1), -EBADF);
}

static int wait_once(void *unused)
{
    hark_notify_event event;
    (void)unused;
    kit_log("%s", outcome(hark_notify_wait(n, &event)));
    return 0;
}

ON_DISK(notify_cancelled_loses_nothing_and_closed_says_so)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_open(&n), 0);
    CHECK_GE(hark_notify_add(n, place, IN_CREATE), 0);
    hark_task task = hark_go(&group, wait_once, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_notify_wait(n, &event), -EBUSY);
    hark_task_cancel(task);
    CHECK_EQ(hark_task_wait(task), 0);
    put("a", "");
    wait_and_log();
    CHECK_LOG("cancelled 1:a:100");
    task = hark_go(&group, wait_once, NULL);
    CHECK_EQ(hark_settle(), 0);
    hark_notify_close(n);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("EBADF");
}

ON_DISK(notify_removed_is_silent)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_open(&n), 0);
    CHECK_EQ(mkdir(at("d"), 0700), 0);
    const int id = hark_notify_add(n, place, IN_CREATE);
    const int other = hark_notify_add(n, at("d"), IN_CREATE);
    CHECK_NE(id, other);
    CHECK_EQ(hark_notify_add(n, place, IN_CREATE | IN_DELETE), id); /* the same again */
    put("a", "");
    CHECK_EQ(hark_notify_remove(n, id), 0);
    CHECK_MISUSE(hark_notify_remove(n, id), -ENOENT, "watched");
    put("b", "");
    put("d/c", "");
    wait_and_log();
    CHECK_LOG("1:c:100");
    CHECK_EQ(hark_notify_try(n, &event), -EAGAIN);
    CHECK_EQ(unlink(at("d/c")), 0);
    CHECK_EQ(rmdir(at("d")), 0);
    CHECK_EQ(hark_notify_wait(n, &event), 0);
    CHECK_EQ(event.what, IN_IGNORED);
    CHECK_STR(event.path, at("d"));
    CHECK_EQ(hark_notify_remove(n, other), -ENOENT);
    hark_notify_close(n);
}

static atomic_int added, go_on;

static int slow_add(int fd, const char *path, uint32_t mask)
{
    const int id = inotify_add_watch(fd, path, mask);
    atomic_store(&added, 1);
    while (!atomic_load(&go_on)) {
        sched_yield();
    }
    return id;
}

static int add_slowly(void *unused)
{
    (void)unused;
    CHECK_GE(hark_notify_add(n, place, IN_CREATE), 0);
    return 0;
}

/* The watch is there, and has an event, before the worker has come back with its id. */
static int removed_id;
static bool was_removed;

static int remove_it(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_notify_remove(n, removed_id), 0);
    was_removed = true;
    return 0;
}

/* Also if it is removed while who was about to tell an event lets others run. */
ON_DISK(notify_removed_is_silent_at_once)
{
    hark_notify_event event;

    CHECK_EQ(hark_notify_open(&n), 0);
    removed_id = hark_notify_add(n, place, IN_CREATE);
    CHECK_GE(removed_id, 0);
    for (int i = 0; i < 400; i++) {
        char name[32];
        snprintf(name, sizeof name, "file%03d", i);
        put(name, "");
    }
    CHECK_GT(hark_go(&group, remove_it, NULL), 0);
    while (!was_removed && hark_within(HARK_MS(20), hark_notify_wait(n, &event)) == 0) {
        CHECK(!was_removed); /* else the path is nobody's */
        CHECK_STR(event.path, place);
    }
    CHECK(was_removed);
    hark_notify_close(n);
}

/* The kit counts what is not freed. */
ON_DISK(notify_add_to_a_closed_descriptor_keeps_nothing)
{
    CHECK_EQ(hark_notify_open(&n), 0);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC) - 1; /* the latest before it */
    CHECK_EQ(close(fd + 1), 0);
    CHECK_EQ(hark_forget(fd), 0);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(hark_notify_add(n, place, IN_CREATE), -EBADF); /* the words have their room now */
    const size_t before = hark__alloc_live();
    CHECK_EQ(hark_notify_add(n, place, IN_CREATE), -EBADF);
    CHECK_EQ(hark__alloc_live(), before);
    hark_notify_close(n);
}

ON_DISK(notify_an_event_that_comes_before_its_id_is_kept)
{
    hark_notify_event event;
    CHECK_EQ(hark_notify_open(&n), 0);
    hark__sys.inotify_add_watch = slow_add;
    hark_go(&group, add_slowly, NULL);
    while (!atomic_load(&added)) {
        CHECK_EQ(hark_yield(), 0);
    }
    put("a", "");
    hark_task waits = hark_go(&group, wait_once, NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_notify_try(n, &event), -EAGAIN);
    hark_case cases[] = {hark_on_notify(n)};
    CHECK_EQ(hark_try_select(cases, 1), -EAGAIN);
    CHECK_LOG("");
    atomic_store(&go_on, 1);
    CHECK_EQ(hark_task_wait(waits), 0);
    CHECK_LOG("ok");
    hark_notify_close(n);
}

static int add_and_log(void *unused)
{
    (void)unused;
    kit_log("%s", outcome(hark_notify_add(n, place, IN_CREATE)));
    return 0;
}

ON_DISK(notify_closed_while_somebody_adds)
{
    CHECK_EQ(hark_notify_open(&n), 0);
    hark__sys.inotify_add_watch = slow_add;
    hark_task waits = hark_go(&group, wait_once, NULL);
    CHECK_EQ(hark_yield(), 0);
    hark_task adds = hark_go(&group, add_and_log, NULL);
    while (!atomic_load(&added)) {
        CHECK_EQ(hark_yield(), 0);
    }
    hark_notify_close(n);
    CHECK_EQ(hark_task_wait(waits), 0);
    CHECK_LOG("EBADF");
    atomic_store(&go_on, 1);
    CHECK_EQ(hark_task_wait(adds), 0);
    CHECK_LOG("EBADF");
}

/* The kernel keeps so many events and drops the rest: that is told. */
ON_DISK(notify_overflow_is_told)
{
    hark_notify_event event = {.id = 0};
    int most = 0, rc, told = 0;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    if (!limit || fscanf(limit, "%d", &most) != 1 || most > 100000) {
        SKIP("the limit on queued events is unknown or large");
    }
    fclose(limit);
    CHECK_EQ(hark_notify_open(&n), 0);
    put("a", "");
    put("b", "");
    CHECK_GE(hark_notify_add(n, place, IN_ATTRIB), 0);
    for (int i = 0; i <= most; i++) { /* two names in turn: the same event twice is one */
        CHECK_EQ(chmod(at(i % 2 ? "a" : "b"), 0600), 0);
    }
    while ((rc = hark_notify_try(n, &event)) == 0) {
        told++;
    }
    CHECK_EQ(rc, -EAGAIN);
    CHECK_EQ(told, most + 1);
    CHECK_EQ(event.id, -1);
    CHECK_EQ(event.what, IN_Q_OVERFLOW);
    hark_notify_close(n);
}

static int no_inotify(int flags)
{
    (void)flags;
    errno = EMFILE;
    return -1;
}

static int no_watches(int fd, const char *path, uint32_t mask)
{
    (void)fd, (void)path, (void)mask;
    errno = ENOSPC;
    return -1;
}

ON_DISK(notify_failures_have_words)
{
    hark_notify_event event;
    CHECK_MISUSE(hark_notify_open(NULL), -EINVAL, "NULL");
    CHECK_EQ(hark_notify_open(&n), 0);
    CHECK_MISUSE(hark_notify_add(n, NULL, IN_CREATE), -EINVAL, "NULL");
    CHECK_MISUSE(hark_notify_add(NULL, place, IN_CREATE), -EINVAL, "NULL");
    CHECK_MISUSE(hark_notify_add(n, place, 0), -EINVAL, "mask");
    CHECK_MISUSE(hark_notify_add(n, at("none"), IN_CREATE), -ENOENT, "none");
    CHECK_MISUSE(hark_notify_wait(NULL, &event), -EINVAL, "NULL");
    CHECK_MISUSE(hark_notify_try(n, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_notify_remove(NULL, 1), -EINVAL, "NULL");
    hark__sys.inotify_add_watch = no_watches;
    CHECK_MISUSE(hark_notify_add(n, place, IN_CREATE), -ENOSPC, "max_user_watches");
    hark_notify_close(n);
    hark_notify_close(NULL);
    hark__sys.inotify_init1 = no_inotify;
    CHECK_MISUSE(hark_notify_open(&n), -EMFILE, "max_user_instances");
    CHECK_PTR(n, NULL);
}

TEST(notify_outside_a_task_is_refused)
{
    CHECK_EQ(hark_notify_open(&n), -ENOTSUP);
    CHECK_PTR(n, NULL);
}
