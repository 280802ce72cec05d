/* SPDX-License-Identifier: MIT
 *
 * serve_model.c - a server in every order: connections that come, fail and are cancelled, while
 * somebody stops it.
 *
 * Idea     There is no kernel: the listener is an end of a pair in memory, a byte that arrives
 *          there is somebody who wants to connect, and accepting takes the byte and makes another
 *          pair. What the server does with them is the code that ships.
 *
 * Rules    1  However it ends, every connection that was accepted is closed, once, and so is the
 *             listener; nobody's place is lost.
 *          2  The figures add up.
 */
#include <errno.h>
#include <fcntl.h>
#include <hark.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "stage.h"

enum { MOST = 4 };

static hark_server server;
static hark_serve_options options;
static int clients[MOST], count; /* the other ends of what was accepted */
static int knocks;               /* our end of the listener */
static int served;               /* handlers that have begun */
static int own[2];               /* a handler's, which may get any number that is free */
static int result;               /* of hark_serve; 1: not yet */
static struct hark__sys kernel;

static int model_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    char byte;
    int pair[2];

    (void)address, (void)length, (void)flags;
    if (hark__sys.recv(fd, &byte, 1, MSG_DONTWAIT) != 1) {
        return -1;
    }
    if (count == MOST || hark_test_pair(pair, 0) != 0) {
        errno = ECONNABORTED;
        return -1;
    }
    clients[count++] = pair[1];
    return pair[0];
}

static void quiet(void *arg, int code, const char *words)
{
    (void)arg, (void)words;
    MUST(code < 0);
}

static void begin(int limit)
{
    MUST(hark_test_pair(fds, 0) == 0);
    knocks = fds[1];
    count = served = 0;
    result = 1;
    own[0] = own[1] = -1;
    kernel = hark__sys;
    hark__sys.accept4 = model_accept4;
    options = (hark_serve_options){
        .size = sizeof options, .server = &server, .limit = limit, .failed = quiet};
    memset(&server, 0, sizeof server);
    open_stage();
}

/* Rules 1 and 2. */
static int end(void)
{
    const int rc = hark_group_close(&group, 0);
    const hark_server_stats stats = hark_server_statistics(&server);

    hark__sys.accept4 = kernel.accept4;
    MUST(stats.open == 0);
    MUST(stats.accepted == stats.served + stats.failed + stats.cancelled + stats.refused);
    if (first > 0) {
        MUST(hark__sys.fcntl_int(fds[0], F_GETFD, 0) < 0 || fds[0] == own[0] || fds[0] == own[1]);
        fds[0] = -1;
    } else {
        close_end(0);
    }
    for (int i = 0; i < count; i++) {
        char byte;
        MUST(kernel.recv(clients[i], &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN);
        hark_close(clients[i]);
    }
    close_end(1);
    return rc;
}

/* Where a fault may have refused those who would have ended the server. */
static int give_up(void *arg)
{
    (void)arg;
    hark_sleep(HARK_S(1));
    return hark_group_cancel(&group);
}

static void knock(void)
{
    if (hark_test_disturbed()) {
        go(give_up, NULL);
    }
    kernel.send(knocks, "k", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int serve_with(hark_serve_fn *fn)
{
    return result = hark_serve(&options, fds[0], fn, NULL);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static int waits_for_ever(void *arg, int fd)
{
    char byte;

    (void)arg;
    served++;
    return (int)hark_read(fd, &byte, 1);
}

static int serve_waiting(void *arg)
{
    (void)arg;
    return serve_with(waits_for_ever) == -ETIMEDOUT ? 0 : result;
}

static int stop(void *arg)
{
    (void)arg;
    nap();
    if (hark_server_stop(&server, hark_test_choose(2)) == 0) {
        return 0;
    }
    /* it did not serve yet, or not any more */
    return result == 1 ? hark_group_cancel(&group) : 0;
}

/* Grace or no grace, with one connection or none: it ends. */
MODEL(serve_stop_against_a_connection, .yields = 1)
{
    begin(0);
    first = go(serve_waiting, NULL);
    knock();
    go(stop, NULL);
    return end();
}

/* ---- failing --------------------------------------------------------------------------------- */

static int fails_or_not(void *arg, int fd)
{
    (void)arg, (void)fd;
    if (served++ == 0) {
        nap();
        return -EPROTO;
    }
    hark_server_stop(&server, HARK_FOREVER);
    return 0;
}

static int serve_failing(void *arg)
{
    (void)arg;
    return serve_with(fails_or_not);
}

static int knock_late(void *arg)
{
    (void)arg;
    stroll();
    knock();
    return 0;
}

/* One at a time: whoever comes after one that has failed has its turn. */
MODEL(serve_a_failure_gives_its_place_back, .yields = 1)
{
    begin(1);
    first = go(serve_failing, NULL);
    knock();
    go(knock_late, NULL);
    const int rc = end();
    WANT(served == 2 && result == 0);
    return rc;
}

/* ---- closing --------------------------------------------------------------------------------- */

static int closes_and_opens(void *arg, int fd)
{
    (void)arg;
    hark_close(fd);
    if (hark_test_pair(own, 0) != 0) {
        own[0] = own[1] = -1;
    }
    hark_server_stop(&server, HARK_FOREVER);
    return 0;
}

static int serve_closing(void *arg)
{
    (void)arg;
    return serve_with(closes_and_opens);
}

/* The number that a handler has closed is somebody else's when it returns. */
MODEL(serve_a_handler_that_closes_its_connection, .yields = 1)
{
    begin(0);
    first = go(serve_closing, NULL);
    knock();
    const int rc = end();
    for (int i = 0; i < 2; i++) {
        MUST(own[i] < 0 || kernel.fcntl_int(own[i], F_GETFD, 0) >= 0);
        if (own[i] >= 0) {
            hark_close(own[i]);
        }
    }
    return rc;
}

/* ---- being cancelled ------------------------------------------------------------------------- */

static int cancel_first(void *arg)
{
    (void)arg;
    stroll();
    hark_task_cancel(first);
    return 0;
}

/* The whole server is, while one connects and one is connected. */
MODEL(serve_cancelled_with_its_connections, .yields = 1)
{
    begin(2);
    first = go(serve_waiting, NULL);
    knock();
    go(knock_late, NULL);
    go(cancel_first, NULL);
    return end();
}
