/* SPDX-License-Identifier: MIT
 *
 * child.c - the limit of `child`: a program is run to its end.
 *
 * `blocking` is posix_spawn and waitpid: the thread stands still until the child has ended. A loop
 * may not, so what counts is `polled`: posix_spawn, and a descriptor of the child that epoll waits
 * for.
 */
#include "../bench.h"
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 200l
#define BESIDE   8

extern char **environ;

static const char *const argv[] = {"/bin/true", NULL};
static int64_t standing; /* in starting them, all together */
static int poller;

static pid_t start(void)
{
    pid_t pid;
    int64_t begun = bench_now();
    int error = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
    standing += bench_now() - begun;
    bench_must(error == 0, "posix_spawn");
    return pid;
}

/* ---- blocking ------------------------------------------------------------------------------ */

static void blocking(long n, void *arg)
{
    long side = *(const long *)arg;
    pid_t pids[BESIDE];
    for (long done = 0; done < n; done += side) {
        for (long i = 0; i < side; i++)
            pids[i] = start();
        for (long i = 0; i < side; i++)
            bench_must(waitpid(pids[i], NULL, 0) == pids[i], "waitpid");
    }
}

/* ---- polled -------------------------------------------------------------------------------- */

/* Told of once: a child that is not quite the program yet has a copy of each descriptor, so closing
 * ours does not take it from epoll. */
static void start_and_watch(void)
{
    int fd = (int)syscall(SYS_pidfd_open, start(), 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
    bench_must(fd >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "pidfd_open");
}

static void polled(long n, void *arg)
{
    long side = *(const long *)arg, begun = 0;
    struct epoll_event events[BESIDE];
    for (; begun < side && begun < n; begun++)
        start_and_watch();
    for (long ended = 0; ended < n;) {
        int some = epoll_wait(poller, events, BESIDE, -1);
        for (int i = 0; i < some; i++, ended++) {
            siginfo_t how;
            int rc = waitid(P_PIDFD, (id_t)events[i].data.fd, &how, WEXITED);
            bench_must(rc == 0 && how.si_status == 0, "waitid");
            close(events[i].data.fd);
            if (begun < n) {
                start_and_watch();
                begun++;
            }
        }
    }
}

int main(int argc, char **arguments)
{
    long n = bench_size(argc, arguments, 2, CHILDREN), one = 1, side = BESIDE;
    bench_body *body = argc > 1 && strcmp(arguments[1], "blocking") == 0 ? blocking : polled;
    poller = epoll_create1(EPOLL_CLOEXEC);
    bench_say("ns_alone", bench_ns(body, n, &one), "ns");
    bench_say("ns_beside", bench_ns(body, n, &side), "ns");
    standing = 0;
    body(n, &one);
    bench_say("ns_standing", (double)standing / n, "ns");
    return 0;
}
