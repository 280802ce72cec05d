/* SPDX-License-Identifier: MIT
 *
 * 08_select - wait for the first of many: bytes in a pipe, an event, or an instant.
 * Prints which one happened, each time round: the others leave no trace, and are used again.
 */
#include <hark.h>
#include <poll.h>
#include <stdio.h>

static hark_event quiet, stop;

static int driver(void *arg)
{
    int rc = hark_event_wait(&quiet);
    if (rc == 0)
        rc = hark_write_full(*(int *)arg, "hello", 5, NULL);
    if (rc == 0)
        rc = hark_sleep(HARK_MS(20));
    hark_event_set(&stop);
    return rc;
}

static int listener(int fd)
{
    enum { BYTES, STOP, CLOCK };
    hark_case cases[] = {
        [BYTES] = hark_on_fd(fd, POLLIN),
        [STOP] = hark_on_event(&stop),
        [CLOCK] = hark_on_time(hark_now() + HARK_MS(20)),
    };
    int which;
    while ((which = hark_select(cases, 3)) != STOP && which >= 0) {
        if (which == CLOCK) {
            puts("nothing for 20 ms");
            cases[CLOCK] = hark_on_time(HARK_FOREVER);
            hark_event_set(&quiet);
            continue;
        }
        char text[16];
        ssize_t n = hark_read(fd, text, sizeof text);
        printf("the pipe says %.*s\n", (int)n, text);
    }
    puts(which == STOP ? "told to stop" : hark_error_last());
    return which == STOP ? 0 : which;
}

static int first_task(void *arg)
{
    int *fds = arg;
    hark_group g;
    hark_group_open(&g);
    hark_go(&g, driver, &fds[1]);
    return hark_group_close(&g, listener(fds[0]));
}

int main(void)
{
    int fds[2];
    return hark_pipe(fds) < 0 || hark_run(first_task, fds) < 0;
}
