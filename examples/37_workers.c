/* SPDX-License-Identifier: MIT
 *
 * 37_workers - an echo server on two loops and one port; promises tell one loop of the other. */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static char number[16] = "0";     /* worker 0 finds a free port, */
static hark_promise port, tested; /* and says so by the first of these */

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char byte;
    while (hark_read(fd, &byte, 1) == 1 && hark_write(fd, &byte, 1) == 1)
        continue;
    return hark_close(fd);
}

static int serve(void *listener)
{
    hark_group clients;
    int fd = hark_group_open(&clients);
    while ((fd = hark_accept(*(int *)listener, NULL, NULL)) >= 0)
        hark_go_with(&clients, echo, (int){fd});
    return hark_group_close(&clients, fd);
}

static int test(int number_found)
{
    snprintf(number, sizeof number, "%d", number_found);
    hark_promise_send(&port, NULL);
    for (char byte = 'a'; byte <= 'z'; byte++) {
        int fd = hark_tcp_connect("127.0.0.1", number);
        if (fd < 0 || hark_write(fd, &byte, 1) != 1 || hark_read(fd, &byte, 1) != 1)
            return -EIO;
        putchar(byte);
        hark_close(fd);
    }
    return puts(" from two workers, one port") < 0 ? -EIO : hark_promise_send(&tested, NULL);
}

static int worker(void *unused)
{
    hark_group group;
    int told = hark_worker() > 0 ? hark_promise_wait(&port, unused) : 0;
    int listener = told ? told : hark_tcp_listen("127.0.0.1", number, 0);
    if (listener < 0 || hark_group_open(&group))
        return -EIO;
    hark_go(&group, serve, &listener);
    int rc = hark_worker() == 0 ? test(hark_tcp_port(listener)) : hark_promise_wait(&tested, NULL);
    hark_group_cancel(&group);
    hark_close(listener);
    return hark_group_close(&group, rc);
}

int main(void)
{
    return hark_run_workers(NULL, 2, worker, NULL) < 0;
}
