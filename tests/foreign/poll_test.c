/* SPDX-License-Identifier: MIT
 *
 * poll_test.c - hark inside the plainest loop that there is: one poll(2), and a list of timers.
 */
#include "host.h"

static struct pollfd waited;
static void (*on_readable)(void);
static bool stopped;

static struct {
    int64_t at;
    void (*fn)(void);
} timers[8];

static void host_open(void)
{
    waited.fd = -1;
}

static void host_watch(int fd, void (*fn)(void))
{
    waited = (struct pollfd){.fd = fd, .events = POLLIN};
    on_readable = fn;
}

static void host_later(int milliseconds, void (*fn)(void))
{
    int i = 0;
    while (timers[i].fn) {
        i++;
    }
    CHECK_LT(i, 8);
    timers[i].at = kit_clock() + HARK_MS(milliseconds);
    timers[i].fn = fn;
}

/* How long to sleep: milliseconds until the first is due, rounded up; -1: for ever. */
static int due_in(void)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < 8; i++) {
        first = timers[i].fn && timers[i].at < first ? timers[i].at : first;
    }
    const int64_t span = first == INT64_MAX ? 0 : first - kit_clock();
    return first == INT64_MAX ? -1 : span <= 0 ? 0 : (int)(span / 1000000) + 1;
}

static void run_due(void)
{
    for (int i = 0; i < 8; i++) {
        if (timers[i].fn && timers[i].at <= kit_clock()) {
            void (*fn)(void) = timers[i].fn;
            timers[i].fn = NULL;
            fn();
        }
    }
}

static void host_run(void)
{
    for (stopped = false; !stopped;) {
        const int ready = poll(&waited, 1, due_in());
        if (ready > 0) {
            CHECK_EQ(waited.revents, POLLIN);
            on_readable();
        }
        run_due();
    }
}

static void host_stop(void)
{
    stopped = true;
}

static void host_close(void)
{
}

static const struct host plain = {
    host_open, host_watch, host_later, host_run, host_stop, host_close,
};

IN_HOST(plain)
