static int serve(void *fd)
{
    int rc = hark_write_full((int)(intptr_t)fd, "hello\n", 6, NULL);
    hark_close((int)(intptr_t)fd);
    return rc == -ECANCELED ? rc : 0;   /* a client's failure is its own */
}

/* A hundred clients at a time; the others wait in the kernel's queue. */
static int accept_clients(int listener)
{
    hark_pool clients;
    int fd, rc = hark_pool_open(&clients, 100);
    while (rc >= 0 && (fd = rc = hark_accept(listener, NULL, NULL)) >= 0) {
        rc = (int)hark_pool_go(&clients, serve, (void *)(intptr_t)fd);
        if (rc < 0) {
            hark_close(fd);
        }
    }
    return hark_pool_close(&clients, rc);
}
