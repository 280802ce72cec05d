struct job {
    int from, to;
};

static int work(void *arg)
{
    struct job *job = arg;              /* a copy of its own */
    return hark_sleep(HARK_MS(job->to - job->from));
}

static int all_of_it(void)
{
    hark_group g;
    int rc = hark_group_open(&g);
    for (int i = 0; i < 10 && rc >= 0; i++)
        rc = (int)hark_go_with(&g, work, (struct job){i, i + 1});
    /* Waits for all; the first failure cancels the others. */
    return hark_group_close(&g, rc < 0 ? rc : 0);
}
