static hark_barrier day = HARK_BARRIER_INIT(3);

/* Each of three tasks: nobody begins the next day before all have ended this one. */
static int live(hark_fn *work, void *arg)
{
    int rc = 0;
    for (int i = 0; i < 7 && rc >= 0; i++) {
        rc = work(arg);
        if (rc < 0) {
            hark_barrier_abort(&day);   /* or the others would wait for ever */
        } else {
            rc = hark_barrier_wait(&day);
        }
    }
    return rc < 0 ? rc : 0;
}
