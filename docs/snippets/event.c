static hark_event ready;

static int waiter(void *arg)
{
    int rc = hark_event_wait(&ready);   /* 0, or -ECANCELED */
    if (rc == 0)
        printf("%s goes on\n", (const char *)arg);
    return rc;
}
