static hark_chan lines;                 /* hark_chan_init(&lines, sizeof(char *), 8) */

static int producer(void *texts)        /* has a sender's end of its own */
{
    int rc = 0;
    for (const char **text = texts; *text && rc == 0; text++) {
        rc = hark_chan_send(&lines, text);
    }
    hark_chan_close_sender(&lines);     /* the last one to close ends it */
    return rc;
}

static int consumer(void *arg)
{
    const char *line;
    int rc;
    (void)arg;
    while ((rc = hark_chan_recv(&lines, &line)) == 0) {
        puts(line);
    }
    hark_chan_close_receiver(&lines);   /* who still sends hears -EPIPE */
    return rc == -ENODATA ? 0 : rc;
}
