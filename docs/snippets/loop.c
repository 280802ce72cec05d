static hark_loop *loop;                 /* hark_loop_new(NULL), in this thread */

/* In a program whose own main loop is poll(): one more descriptor. */
static void main_loop(struct pollfd *fds, int n, void (*handle)(struct pollfd *))
{
    fds[0] = (struct pollfd){.fd = hark_loop_fd(loop), .events = POLLIN};
    hark_loop_step(loop, 0);
    while (poll(fds, (nfds_t)n, -1) >= 0) {
        for (int i = 1; i < n; i++) {
            if (fds[i].revents) {
                handle(&fds[i]);        /* may set events, arm watches, ... */
            }
        }
        hark_loop_step(loop, 0);
    }
}
