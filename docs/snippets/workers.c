#include <string.h>

static int answer(void *words, int fd)
{
    return hark_write_full(fd, words, strlen(words), NULL);
}

static int worker(void *port)           /* in each loop; the kernel deals connections out */
{
    hark_cancel_on(SIGTERM);            /* it cancels all of them, whoever asked */
    int listener = hark_tcp_listen(NULL, port, 0);
    return listener < 0 ? listener : hark_serve(NULL, listener, answer, "hello\n");
}

static int run(void)
{
    return hark_run_workers(NULL, 0, worker, "7777");
}
