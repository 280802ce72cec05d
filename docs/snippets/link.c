static hark_link connections;           /* hark_link_init(&connections, sizeof(int), 64) */

static int accept_all(int listener)     /* in one worker */
{
    int fd, rc = 0;
    while (rc == 0 && (fd = hark_accept(listener, NULL, NULL)) >= 0) {
        hark_forget(fd);                /* this loop knows it no more */
        rc = hark_link_send(&connections, &fd);
        if (rc < 0)
            close(fd);                  /* it was not sent */
    }
    hark_link_close_sender(&connections);
    return rc < 0 ? rc : fd;
}

static int work(int (*serve)(int fd))   /* in all the others */
{
    int fd, rc;
    while ((rc = hark_link_recv(&connections, &fd)) == 0) {
        serve(fd);
        hark_close(fd);
    }
    return rc == -ENODATA ? 0 : rc;
}
