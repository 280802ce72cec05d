static hark_latch warmed_up = HARK_LATCH_INIT(3);

static int worker(void *arg)
{
    (void)arg;
    int rc = hark_sleep(HARK_MS(10));   /* loads its tables */
    hark_latch_count_down(&warmed_up, 1);
    return rc < 0 ? rc : hark_sleep(HARK_S(3600));  /* goes on working */
}

static int body(void)
{
    hark_group workers;
    int rc = hark_group_open(&workers);
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = (int)hark_go(&workers, worker, NULL);
    }
    rc = rc < 0 ? rc : hark_latch_wait(&warmed_up);
    if (rc == 0) {
        puts("open for business");
    }
    return hark_group_close(&workers, rc);
}
