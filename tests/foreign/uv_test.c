/* SPDX-License-Identifier: MIT
 *
 * uv_test.c - hark inside libuv's loop.
 */
#include "host.h"

#include <uv.h>

static uv_loop_t uv_loop;
static uv_poll_t uv_readable;
static void (*uv_step)(void);

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)events;
    CHECK_EQ(status, 0);
    uv_step();
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data ? handle : NULL); /* timers only */
}

static void on_due(uv_timer_t *timer)
{
    void (*fn)(void) = (void (*)(void))timer->data;
    uv_close((uv_handle_t *)timer, on_closed);
    fn();
}

static void host_open(void)
{
    CHECK_EQ(uv_loop_init(&uv_loop), 0);
}

static void host_watch(int fd, void (*fn)(void))
{
    uv_step = fn;
    CHECK_EQ(uv_poll_init(&uv_loop, &uv_readable, fd), 0);
    CHECK_EQ(uv_poll_start(&uv_readable, UV_READABLE, on_readable), 0);
}

static void host_later(int milliseconds, void (*fn)(void))
{
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    CHECK(timer);
    CHECK_EQ(uv_timer_init(&uv_loop, timer), 0);
    timer->data = (void *)fn;
    CHECK_EQ(uv_timer_start(timer, on_due, (uint64_t)milliseconds, 0), 0);
}

static void host_run(void)
{
    uv_run(&uv_loop, UV_RUN_DEFAULT);
}

static void host_stop(void)
{
    uv_stop(&uv_loop);
}

static void close_one(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

static void host_close(void)
{
    uv_walk(&uv_loop, close_one, NULL);
    uv_run(&uv_loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&uv_loop), 0);
    uv_library_shutdown(); /* the pipe for its signals */
}

static const struct host uv = {host_open, host_watch, host_later, host_run, host_stop, host_close};

IN_HOST(uv)
