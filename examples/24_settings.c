/* SPDX-License-Identifier: MIT
 *
 * 24_settings - on SIGHUP the settings are read again, and the others work by the latest.
 * A worker that is busy then must not sleep until they change once more: so each notes the flag's
 * generation before it looks, and waits for a set since then. The flag is only ever set.
 */
#include <hark.h>
#include <signal.h>
#include <stdio.h>

static int version;
static hark_flag changed;

static int worker(void *pace)
{
    int rc = 0;
    while (rc == 0) {
        uint64_t seen = hark_flag_generation(&changed);
        printf("%3d ms: worker of %d ms: version %d\n", (int)(hark_now() / HARK_MS(1)),
               *(int *)pace, version);
        rc = hark_sleep(HARK_MS(*(int *)pace)); /* stands for work by these settings */
        rc = rc < 0 ? rc : hark_flag_wait_since(&changed, seen);
    }
    return rc;
}

static int reload(void *unused)
{
    (void)unused;
    hark_signal hangup = HARK_SIGNAL_INIT;
    int rc = hark_signal_open(&hangup, SIGHUP);
    while (rc == 0 && (rc = hark_signal_wait(&hangup)) == 0) {
        version++; /* stands for reading the file */
        rc = hark_flag_set(&changed);
    }
    hark_signal_close(&hangup);
    return rc;
}

static int first_task(void *unused)
{
    hark_group g;
    int rc = hark_group_open(&g);
    rc = rc < 0 ? rc : (int)hark_go(&g, reload, unused);
    rc = rc < 0 ? rc : (int)hark_go_with(&g, worker, (int){5});
    rc = rc < 0 ? rc : (int)hark_go_with(&g, worker, (int){50});
    for (int i = 0; i < 3 && rc >= 0 && (rc = hark_sleep(HARK_MS(20))) == 0; i++) {
        raise(SIGHUP); /* an operator */
    }
    rc = rc < 0 ? rc : hark_sleep(HARK_MS(100));
    hark_group_cancel(&g);
    return hark_group_close(&g, rc);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
