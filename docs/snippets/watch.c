static hark_event late;
static hark_watch timer;                /* all zero, and stays where it is */

static void ring(void *arg)
{
    hark_event_set(arg);                /* a callback sets, but never waits */
}

static int body(void *arg)
{
    (void)arg;
    int rc = hark_call_later(HARK_MS(50), &timer, ring, &late);
    return rc == 0 ? hark_event_wait(&late) : rc;
}
