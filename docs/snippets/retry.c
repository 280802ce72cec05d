static int dial(void *host)
{
    return (int)hark_within(HARK_S(1), hark_tcp_connect(host, "7000"));
}

/* Ten tries of a second at most, all of them within half a minute. */
static int connect_to(char *host)
{
    hark_backoff how = {.tries = 10, .first = HARK_MS(200), .most = HARK_S(5)};
    return (int)hark_within(HARK_S(30), hark_retry(&how, dial, host));
}
