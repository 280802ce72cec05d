/* SPDX-License-Identifier: MIT
 *
 * 30_host_loop.c - hark inside a program that has a main loop of its own.
 *
 * The host's loop is a plain poll(2) here; with GLib, libuv or a game's frames it is the same: wait
 * for one descriptor, and step when it is readable. Between the steps the host's own code may wake
 * hark's tasks, and the descriptor then says so.
 */
#include <hark.h>
#include <poll.h>
#include <stdio.h>

static hark_event pressed = HARK_EVENT_INIT;
static bool finished;

static int worker(void *arg)
{
    (void)arg;
    printf("task: waits for the button\n");
    int rc = hark_event_wait(&pressed);
    if (!rc) {
        printf("task: pressed; works for 20 ms\n");
        rc = hark_sleep(HARK_MS(20));
    }
    printf("task: done\n");
    finished = true;
    return rc;
}

/* The host has its own waiting, and its own events: here a button that is pressed after 10 ms. */
static int run_host(hark_loop *loop)
{
    struct pollfd readable = {.fd = hark_loop_fd(loop), .events = POLLIN};

    while (!finished) {
        int ready = poll(&readable, 1, 10);
        if (ready > 0 && hark_loop_step(loop, 0)) {
            return 1;
        }
        if (ready == 0 && !hark_event_is_set(&pressed)) {
            printf("host: the button is pressed\n");
            hark_event_set(&pressed);
        }
    }
    return 0;
}

int main(void)
{
    hark_options options = {.size = sizeof(hark_options), .hub = "epoll"};
    hark_loop *loop = hark_loop_new(&options);

    if (!loop || hark_loop_go(loop, worker, NULL) < 0) {
        fprintf(stderr, "%s\n", hark_error_last());
        return 1;
    }
    int failed = run_host(loop);
    return hark_loop_free(loop) || failed;
}
