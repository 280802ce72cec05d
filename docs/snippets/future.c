static int measure(void *arg)
{
    (void)arg;
    return hark_sleep(HARK_MS(10)) == 0 ? 42 : -EIO;
}

static int body(void *arg)
{
    (void)arg;
    hark_future answer = HARK_FUTURE_INIT;
    hark_group g;
    void *value = NULL;
    hark_group_open(&g);
    hark_go_future(&g, &answer, measure, NULL);
    int rc = hark_future_wait(&answer, &value);
    if (rc == 0)
        printf("measured %d\n", (int)(intptr_t)value);
    else
        printf("failed: %s\n", hark_error_last());
    return hark_group_close(&g, rc);
}
