/* SPDX-License-Identifier: MIT
 *
 * event_test.c - hark inside libevent's loop.
 */
#include "host.h"

#include <event2/event.h>

static struct event_base *base;
static struct event *readable;
static void (*on_step)(void);

static void host_readable(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    on_step();
}

static void host_due(evutil_socket_t fd, short what, void *fn)
{
    void (*call)(void) = (void (*)(void))fn;
    (void)fd, (void)what;
    call();
}

static void host_open(void)
{
    base = event_base_new();
    CHECK(base);
}

static void host_watch(int fd, void (*fn)(void))
{
    on_step = fn;
    readable = event_new(base, fd, EV_READ | EV_PERSIST, host_readable, NULL);
    CHECK(readable);
    CHECK_EQ(event_add(readable, NULL), 0);
}

static void host_later(int milliseconds, void (*fn)(void))
{
    const struct timeval after = {.tv_usec = milliseconds * 1000};
    CHECK_EQ(event_base_once(base, -1, EV_TIMEOUT, host_due, (void *)fn, &after), 0);
}

static void host_run(void)
{
    CHECK_GE(event_base_dispatch(base), 0);
}

static void host_stop(void)
{
    event_base_loopbreak(base);
}

static void host_close(void)
{
    event_free(readable);
    event_base_free(base);
    libevent_global_shutdown();
}

static const struct host libevent = {
    host_open, host_watch, host_later, host_run, host_stop, host_close,
};

IN_HOST(libevent)
