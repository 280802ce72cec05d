/* SPDX-License-Identifier: MIT
 *
 * embed.c - a loop that somebody else drives: stepped from a foreign event loop, run until stopped,
 * freed.
 *
 * Idea     A loop runs or rests. While it rests, hark__here is NULL: so every call from outside a
 *          task takes its slow path, and there (hark__loop_here) the first of them rouses the loop:
 *          makes it this thread's again, and its descriptor readable. A loop that is roused for
 *          nothing costs its host one empty step; the fast paths cost nothing at all.
 *
 *              rests --first use--> roused --step--> runs --leave--> rests
 *
 *          The descriptor is the hub's own. Timers reach it through one timer descriptor, set to the
 *          next deadline when the loop comes to rest, and other threads through the post box, which
 *          believes that the loop sleeps.
 * Rules    E1  A loop that comes to rest has told the kernel all it wants, has read the post box,
 *              and either has nothing ready or its descriptor is readable.
 *          E2  Only the loop's own thread drives it, and only one loop of a thread runs.
 *          E3  A loop whose tasks were all cancelled at once (deadlock, hark_cancel_on) is as new
 *              when the last of them has ended.
 */
#include <hark/loop.h>
#include <sys/timerfd.h>

#include "core/core.h"

/* ---- running and resting --------------------------------------------------------------------- */

hark_loop *hark__loop_rouse(void)
{
    if (hark__resting) {
        hark__here = hark__resting;
        hark__inbox_wake(hark__here->inbox);
    }
    return hark__here;
}

static void arrive(hark_loop *loop)
{
    hark__here = loop;
    hark__resting = NULL;
    loop->runs = true;
    hark__inbox_awake(loop);
}

/* An alarm that cannot be set rings now: the host steps in vain, but no timer is missed. */
static void set_alarm(hark_loop *loop)
{
    int64_t at = loop->wheel.count ? hark__wheel_next(&loop->wheel) : HARK_FOREVER;
    struct itimerspec when = {.it_value.tv_sec = 0};

    if (loop->alarm < 0 || at == loop->alarm_at) {
        return;
    }
    if (at != HARK_FOREVER) {
        at = at > 0 ? at : 1; /* 0 would mean never */
        when.it_value = (struct timespec){at / HARK_S(1), at % HARK_S(1)};
    }
    if (hark__sys.timerfd_settime(loop->alarm, TFD_TIMER_ABSTIME, &when, NULL)) {
        hark__inbox_ring(loop->inbox);
        return;
    }
    loop->alarm_at = at;
}

bool hark__alarm_report(hark_loop *loop, uint64_t token)
{
    if (token != HARK__TOKEN_ALARM) {
        return false;
    }
    loop->alarm_at = HARK_FOREVER;
    return true;
}

/* Rule E1. Settlers go on as soon as the loop is stepped with nothing ready. */
static void leave(hark_loop *loop)
{
    hark__loop_look(loop);
    if (!hark__inbox_sleep(loop) || loop->head != loop->tail || loop->settlers.first) {
        hark__inbox_ring(loop->inbox);
    } else {
        set_alarm(loop);
    }
    loop->runs = false;
    hark__here = NULL;
    hark__resting = loop;
}

/* Rule E3. */
static void renew(hark_loop *loop)
{
    if (!loop->tasks && loop->root.flags & LEVEL_CANCELLED) {
        loop->root.flags &= ~(unsigned)(LEVEL_CANCELLED | LEVEL_REACHED);
        loop->cancelled_all = loop->deadlocked = false;
        hark__signals_renew(loop);
    }
}

static void stop_here(hark_loop *loop)
{
    loop->stopping = true;
    loop->stop_at = loop->tail;
    loop->look_at_head = loop->head;
}

static void drive(hark_loop *loop, enum hark__until until)
{
    arrive(loop);
    if (loop->stopping) { /* already: one look at the world, and what is ready then */
        hark__loop_look(loop);
        stop_here(loop);
    }
    hark__loop_run(loop, until);
    if (loop->root.flags & LEVEL_CANCELLED) {
        hark__loop_run(loop, UNTIL_EMPTY);
    }
    loop->stopping = false;
    leave(loop);
}

/* ---- who may --------------------------------------------------------------------------------- */

static int whose(hark_loop *loop)
{
    return pthread_equal(loop->thread, pthread_self()) ? 0 : -EXDEV;
}

static int refuse(int error, const hark_loop *loop, const char *call)
{
    switch (error) {
    case 0: return 0;
    case -EINVAL: return hark__fail(error, call, "the loop is NULL");
    case -EXDEV: return hark__fail(error, call, "the loop belongs to another thread");
    case -ESHUTDOWN:
        return hark__fail(
            error, call, "%s",
            hark__loop_is_inherited(loop)
                ? "this process was forked, and the loop is its parent's: let go of it with hark_after_fork, and make another"
                : "there is no such loop any more: it was freed");
    default:
        return hark__fail(
            error, call,
            "a loop of hark_run runs until its tasks have ended; cancel its main task instead");
    }
}

static int check(const hark_loop *loop, const char *call)
{
    return refuse(loop ? hark__loop_with(loop, whose) : -EINVAL, loop, call);
}

static int check_rests(const hark_loop *loop, const char *call)
{
    int error = check(loop, call);

    if (!error && hark__here && hark__here->runs) {
        return hark__fail(-EBUSY, call, "%s runs in this thread, and a thread runs one at a time",
                          hark__here == loop ? "this loop" : "another loop");
    }
    return error;
}

static int check_fn(int error, hark_fn *fn, const char *call)
{
    return error || fn ? error : hark__no_function(call);
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* What its host will wait for, unless there can be no such thing. */
static int open_descriptor(hark_loop *loop)
{
    int fd = loop->virtual_clock ? -EOPNOTSUPP : loop->hub->class->fd(loop->hub);

    if (fd < 0) {
        return fd == -EOPNOTSUPP ? 0 : fd;
    }
    loop->alarm = hark__sys.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->alarm_at = HARK_FOREVER;
    loop->descriptor = fd;
    return loop->alarm < 0
               ? -errno
               : loop->hub->class->arm(loop->hub, loop->alarm, POLLIN, HARK__TOKEN_ALARM);
}

static void close_loop(hark_loop *loop)
{
    if (loop->alarm >= 0) {
        loop->hub->class->disarm(loop->hub, loop->alarm, HARK__TOKEN_ALARM);
        hark__sys.close(loop->alarm);
    }
    hark__loop_close(loop);
}

hark_loop *hark_loop_new(const hark_options *options)
{
    static const char call[] = "hark_loop_new";
    hark_loop *loop = NULL;
    int error = hark__loop_open(&loop, options, call);

    if (!error && ((error = hark__inbox_open(loop)) || (error = open_descriptor(loop)))) {
        close_loop(loop);
        hark__fail(error, call, "no descriptor or memory for the loop's post box and alarm");
    }
    if (error) {
        errno = -error;
        return NULL;
    }
    loop->embedded = loop->opened = true;
    leave(loop);
    return loop;
}

int hark_loop_free(hark_loop *loop)
{
    hark_loop *other = hark__resting != loop ? hark__resting : NULL;
    int error = check_rests(loop, "hark_loop_free");

    if (error) {
        return error;
    }
    arrive(loop);
    hark__cancel_all(loop, false);
    hark__loop_run(loop, UNTIL_EMPTY);
    hark__loop_finish(loop);
    close_loop(loop);
    hark__resting = other;
    return 0;
}

/* ---- driving --------------------------------------------------------------------------------- */

hark_loop *hark_loop_self(void)
{
    return hark__here ? hark__here : hark__resting;
}

int hark_loop_fd(const hark_loop *loop)
{
    static const char call[] = "hark_loop_fd";
    int error = check(loop, call);

    if (error) {
        return error;
    }
    if (loop->descriptor < 0) {
        return hark__fail(-EOPNOTSUPP, call, "%s has no descriptor that could be waited for; %s",
                          loop->virtual_clock ? "a loop with a virtual clock" : "this loop",
                          loop->embedded ? "use the hub \"uring\" or \"epoll\", and the real clock"
                                         : "only one that hark_loop_new made has");
    }
    return loop->descriptor;
}

int hark_loop_step(hark_loop *loop, int64_t timeout)
{
    static const char call[] = "hark_loop_step";
    int error = check_rests(loop, call);

    if (error) {
        return error;
    }
    arrive(loop);
    hark__loop_turn(loop, timeout > 0 ? timeout : 0);
    if (loop->deadlocked) {
        hark__loop_run(loop, UNTIL_EMPTY);
    }
    leave(loop);
    error = loop->deadlocked ? hark__loop_result(loop, call) : 0;
    renew(loop);
    return error;
}

hark_task hark_loop_go_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_loop_go";
    int error = check_fn(check(loop, call), fn, call);

    if (error) {
        return error;
    }
    hark_task id = hark__loop_spawn(loop, fn, arg, site, call);
    if (!loop->runs) {
        hark__inbox_wake(loop->inbox);
    }
    return id;
}

int hark_loop_run_forever(hark_loop *loop)
{
    static const char call[] = "hark_loop_run_forever";
    int result = check_rests(loop, call);

    if (result) {
        return result;
    }
    drive(loop, UNTIL_STOP);
    if (loop->deadlocked) {
        result = hark__loop_result(loop, call);
    } else if (loop->root.flags & LEVEL_CANCELLED) {
        result = -ECANCELED;
    }
    renew(loop);
    return result;
}

int hark_loop_run_until_at(const char *site, hark_loop *loop, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_loop_run_until";
    int error = check_fn(check_rests(loop, call), fn, call);

    if (error) {
        return error;
    }
    hark_task id = hark__loop_spawn(loop, fn, arg, site, call);
    if (id < 0) {
        return (int)id;
    }
    loop->main = id;
    drive(loop, UNTIL_MAIN);
    if (loop->main) {
        loop->main = 0;
        return hark__fail(
            -EINTR, call,
            "hark_loop_stop came before its task had ended; the task goes on when the loop runs again");
    }
    int result = hark__loop_result(loop, call);
    renew(loop);
    return result;
}

/* In the loop, for who asked in another thread. */
static void stop_came(void *arg)
{
    hark_loop *loop = arg;

    atomic_store(&loop->stop_asked, false);
    stop_here(loop);
}

static int ask_to_stop(hark_loop *loop)
{
    if (!loop->embedded) {
        return -ENOTSUP;
    }
    if (pthread_equal(loop->thread, pthread_self())) {
        stop_here(loop);
    } else if (!atomic_exchange(&loop->stop_asked, true)) {
        loop->stop.fn = stop_came;
        loop->stop.arg = loop;
        hark__inbox_post(loop->inbox, &loop->stop);
    }
    return 0;
}

int hark_loop_stop(hark_loop *loop)
{
    return refuse(loop ? hark__loop_with(loop, ask_to_stop) : -EINVAL, loop, "hark_loop_stop");
}

/* The calls that note no place: for those who take their address. */
hark_task(hark_loop_go)(hark_loop *loop, hark_fn *fn, void *arg)
{
    return hark_loop_go_at("a call of hark_loop_go\0"
                           "0task",
                           loop, fn, arg);
}

int(hark_loop_run_until)(hark_loop *loop, hark_fn *fn, void *arg)
{
    return hark_loop_run_until_at("a call of hark_loop_run_until\0"
                                  "0task",
                                  loop, fn, arg);
}
