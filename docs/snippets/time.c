/* Once a second, without drifting. */
static int ticker(void *arg)
{
    int64_t next = hark_now();
    int rc = 0;
    while (rc == 0) {
        puts(arg);
        rc = hark_sleep_until(next += HARK_S(1));
    }
    return rc;
}
