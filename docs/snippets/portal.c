static int ask(void *arg)               /* a task, in the portal's loop */
{
    const char *host = arg;
    char byte;
    int fd = hark_tcp_connect(host, "13");
    if (fd < 0)
        return fd;
    while (hark_read(fd, &byte, 1) == 1)
        putchar(byte);
    return hark_close(fd);
}

static int plain_function(char *host)   /* in any thread: it blocks until ask has returned */
{
    hark_portal portal;
    int rc = hark_portal_open(&portal, NULL);
    if (rc < 0)
        return rc;
    rc = hark_portal_call(&portal, ask, host);
    hark_portal_close(&portal, false);
    return rc;
}
