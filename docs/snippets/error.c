static int check(int version)
{
    if (version != 2)
        return hark_fail(-EPROTO, "version %d, where 2 was expected", version);
    return 0;
}

static int body(void *arg)
{
    int rc = check(*(int *)arg);
    if (rc < 0)
        fprintf(stderr, "%s\n%s\n", hark_error_last(), hark_error_trace());
    return rc;
}
