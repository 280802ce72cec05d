/* SPDX-License-Identifier: MIT
 *
 * 14_pipeline - a producer, three workers and a collector, joined by two channels.
 * A channel ends when its last sender has closed: so the end of the work travels down the line.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static hark_chan numbers, squares;

static int produce(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 10; i++) {
        hark_chan_send(&numbers, &i);
    }
    return hark_chan_close_sender(&numbers);
}

static int work(void *unused)
{
    int n, rc;
    (void)unused;
    while ((rc = hark_chan_recv(&numbers, &n)) == 0) {
        hark_sleep(HARK_MS(n % 3)); /* the work */
        n *= n;
        rc = hark_chan_send(&squares, &n);
    }
    hark_chan_close_sender(&squares);
    return rc == -ENODATA ? 0 : rc;
}

static int collect(void *unused)
{
    hark_group workers;
    int n, rc = hark_chan_init(&numbers, sizeof(int), 0); /* no buffer: who sends waits */
    rc = rc < 0 ? rc : hark_chan_init(&squares, sizeof(int), 4);
    hark_group_open(&workers);
    rc = rc < 0 ? rc : (int)hark_go(&workers, produce, unused);
    for (int i = 0; i < 3 && rc >= 0; i++) {
        hark_chan_add_sender(&squares);
        rc = (int)hark_go(&workers, work, unused);
    }
    hark_chan_close_sender(&squares); /* our own end */
    while (rc >= 0 && (rc = hark_chan_recv(&squares, &n)) == 0) {
        printf("%d\n", n);
    }
    rc = hark_group_close(&workers, rc == -ENODATA ? 0 : rc);
    hark_chan_free(&numbers);
    hark_chan_free(&squares);
    return rc;
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, collect, NULL) < 0;
}
