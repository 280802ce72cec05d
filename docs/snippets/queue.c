struct job {
    int urgency;                        /* the smallest first */
    int number;
};

static hark_queue jobs;

static int by_urgency(const void *a, const void *b)
{
    const struct job *one = a, *other = b;
    return (one->urgency > other->urgency) - (one->urgency < other->urgency);
}

static int open_queue(void)
{
    return hark_queue_init(&jobs, sizeof(struct job), 100, HARK_PRIORITY, by_urgency);
}

static int worker(void *arg)
{
    struct job job;
    int rc;
    (void)arg;
    while ((rc = hark_queue_get(&jobs, &job)) == 0) {
        printf("job %d\n", job.number);
        hark_queue_task_done(&jobs);    /* hark_queue_join waits for it */
    }
    return rc == -EPIPE ? 0 : rc;       /* it was shut down */
}
