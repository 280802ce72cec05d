/* SPDX-License-Identifier: MIT
 *
 * serve.c - a server: listeners, and a task a connection.
 *
 * Idea     Three things inside one another, each of them ended by the next one outwards:
 *
 *              work          a scope: its deadline is the end of the grace
 *              connections   a group: one task each
 *              acceptors     a group: one task a listener
 *
 *          Stopping cancels the acceptors and sets the scope's deadline; then it is waited for the
 *          connections as for any group. So there is no state of "stopping" that anything could
 *          miss, and cancelling from outside needs no code.
 *
 *          A limit is a semaphore: a permit is taken before a connection is, so what is too much
 *          stays in the backlog. With one listener the acceptor waits for a peer with the permit in
 *          its hand. With several that would keep the permit from the others: there each waits for
 *          news first, takes a permit, and then a connection only if there still is one.
 *
 * Rules    V1  Every connection that was accepted is closed here once, but for those that the
 *              handler has closed or given away: then the entry's generation is another.
 *          V2  The same holds for the listeners, each of which is its acceptor's.
 *          V3  A connection's place (permit, statistics) is given back by its own task, after its
 *              descriptor has been closed.
 */
#include <hark/serve.h>
#include <string.h>

#include "io/io.h"
#include <hark/time.h>

#define SHORTAGE HARK_MS(50) /* without memory for a task: before the next connection */

/* A descriptor of ours, as long as nobody else has closed it or taken it over. */
struct holding {
    int fd;
    uint32_t generation;
};

struct job {
    hark_server *server;
    struct holding holding;
};

/* 0, -ENOMEM, -EBADF. */
static int hold(struct holding *ret, const char *call, int fd)
{
    struct hark__fd *entry;
    int error = hark__io_entry(&entry, call, fd);

    if (!error) {
        *ret = (struct holding){.fd = fd, .generation = entry->generation};
    }
    return error;
}

static void let_go(const struct holding *holding)
{
    const struct hark__fd *entry = hark__fd_peek(hark__here, holding->fd);

    if (planted(connection_is_closed_twice) || entry->generation == holding->generation) {
        hark_close(holding->fd);
    }
}

/* ---- one connection -------------------------------------------------------------------------- */

static void tell(const hark_server *server, int code)
{
    const struct hark__failure *failure = hark__failure_of(hark__here->running);
    const char *words = failure && failure->code == code ? failure->words : strerrordesc_np(-code);

    words = words ? words : "an unknown error";
    if (server->failed) {
        server->failed(server->arg, code, words);
    } else {
        hark__report_line(hark__here->running, "its connection has failed: %s", words);
    }
}

static int connection(void *arg)
{
    const struct job *job = arg;
    hark_server *server = job->server;
    int rc = server->fn(server->arg, job->holding.fd);
    bool cancelled = rc == -ECANCELED && hark_checkpoint() == -ECANCELED;

    if (rc < 0 && !cancelled) {
        tell(server, rc);
    }
    if (!planted(cancelled_connection_stays_open) || !cancelled) {
        let_go(&job->holding);
    }
    server->stats.open--;
    (*(cancelled ? &server->stats.cancelled
       : rc < 0  ? &server->stats.failed
                 : &server->stats.served))++;
    if (server->limit && !(planted(failure_keeps_its_place) && rc < 0)) {
        hark_sem_release(&server->room);
    }
    return cancelled || (server->strict && rc < 0) ? rc : 0;
}

/* 0; -ECANCELED. */
static int begin(hark_server *server, int fd)
{
    struct job job = {.server = server};
    int error = hold(&job.holding, "hark_serve", fd);
    hark_task task =
        error ? error
              : hark_go_copy_at(server->site, &server->connections, connection, &job, sizeof job);

    server->stats.accepted++;
    if (task > 0) {
        server->stats.open++;
        if (server->stats.open > server->stats.most) {
            server->stats.most = server->stats.open;
        }
        return 0;
    }
    hark__io_discard(fd);
    server->stats.refused++;
    if (server->limit) {
        hark_sem_release(&server->room);
    }
    return hark_sleep(SHORTAGE);
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* One of several, who share a limit: see above. */
static int accept_in_turn(hark_server *server, int listener)
{
    int fd;

    do {
        int error = hark_wait_fd(listener, POLLIN);
        if (error < 0 || (error = hark_sem_acquire(&server->room))) {
            return error;
        }
        fd = hark__io_accept_now("hark_serve", listener);
        if (fd < 0) {
            hark_sem_release(&server->room);
        }
    } while (fd == -EAGAIN);
    return fd;
}

static int accept_one(hark_server *server, int listener)
{
    if (!server->limit) {
        return hark_accept(listener, NULL, NULL);
    }
    if (server->several) {
        return accept_in_turn(server, listener);
    }
    int error = hark_sem_acquire(&server->room);
    if (error) {
        return error;
    }
    int fd = hark_accept(listener, NULL, NULL);
    if (fd < 0) {
        hark_sem_release(&server->room);
    }
    return fd;
}

static int acceptor(void *arg)
{
    const struct job *job = arg;
    int rc = 0;

    while (rc == 0 && (rc = accept_one(job->server, job->holding.fd)) >= 0) {
        rc = begin(job->server, rc);
    }
    let_go(&job->holding);
    return rc;
}

static int accept_from_all(hark_server *server, const int *listeners, int count)
{
    int rc = 0;

    hark_group_open(&server->acceptors);
    server->accepting = true;
    for (int i = 0; i < count; i++) {
        struct job job = {.server = server};
        hark_task task = rc ? rc : hold(&job.holding, "hark_serve", listeners[i]);
        if (task == 0) {
            task = hark_go_copy(&server->acceptors, acceptor, &job, sizeof job);
        }
        if (task < 0) {
            rc = (int)task;
            hark_close(listeners[i]);
        }
    }
    rc = hark_group_close(&server->acceptors, rc);
    server->accepting = false;
    return rc;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static int check_listeners(const char *call, const int *listeners, int count)
{
    if (!listeners || count < 1) {
        return hark__fail(-EINVAL, call,
                          listeners ? "there is no listener" : "the listeners are NULL");
    }
    for (int i = 0; i < count; i++) {
        if (hark__io_open(call, listeners[i])) {
            return hark__fail(-EINVAL, call, "listener %d is no open descriptor", listeners[i]);
        }
        for (int other = 0; other < i; other++) {
            if (listeners[other] == listeners[i]) {
                return hark__fail(-EINVAL, call, "listener %d is there twice", listeners[i]);
            }
        }
    }
    return 0;
}

static int check_options(const char *call, const hark_serve_options *options, hark_serve_fn *fn)
{
    if (!fn) {
        return hark__fail(-EINVAL, call, "the handler is NULL");
    }
    if (options->size != sizeof *options) {
        return hark__fail(-EINVAL, call, "options->size is %lu; sizeof(hark_serve_options) is %lu",
                          (unsigned long)options->size, (unsigned long)sizeof *options);
    }
    if (options->limit < 0) {
        return hark__fail(-EINVAL, call, "a limit of %d connections", options->limit);
    }
    return 0;
}

static int prepare(hark_server *server, const char *site, const hark_serve_options *options,
                   hark_serve_fn *fn, void *arg)
{
    *server = (hark_server){
        .fn = fn,
        .arg = arg,
        .site = site,
        .failed = options->failed,
        .limit = options->limit,
        .strict = options->strict,
    };
    if (options->limit) {
        hark_sem_init(&server->room, options->limit, options->limit);
    }
    hark_scope_open(&server->work, HARK_FOREVER);
    hark_group_open(&server->connections);
    return options->stack ? hark_group_stack(&server->connections, options->stack) : 0;
}

static int serve(const char *call, const char *site, const hark_serve_options *options,
                 const int *listeners, int count, hark_serve_fn *fn, void *arg)
{
    static const hark_serve_options plain = {.size = sizeof plain};
    hark_server own, *server = options && options->server ? options->server : &own;
    int cancelled = hark__enter_task(call), error;

    if (cancelled && cancelled != -ECANCELED) {
        return cancelled;
    }
    options = options ? options : &plain;
    if ((error = check_options(call, options, fn)) ||
        (error = check_listeners(call, listeners, count))) {
        return error;
    }
    error = prepare(server, site, options, fn, arg);
    if (error) { /* a wrong size of stacks: nothing has begun */
        hark_group_close(&server->connections, 0);
        hark_scope_close(&server->work, 0);
        return error;
    }
    server->several = count > 1;
    int rc = accept_from_all(server, listeners, count);
    rc = hark_group_close(&server->connections, rc);
    return (int)hark_scope_close(&server->work, rc);
}

int hark_serve_at(const char *site, const hark_serve_options *options, int listener,
                  hark_serve_fn *fn, void *arg)
{
    return serve("hark_serve", site, options, &listener, 1, fn, arg);
}

int hark_serve_many_at(const char *site, const hark_serve_options *options, const int *listeners,
                       int count, hark_serve_fn *fn, void *arg)
{
    return serve("hark_serve_many", site, options, listeners, count, fn, arg);
}

int hark_server_stop(hark_server *server, int64_t grace)
{
    static const char call[] = "hark_server_stop";
    int error = hark__scope_check(server ? &server->work : NULL, "server", call);

    if (error) {
        return error;
    }
    if (server->accepting) {
        hark_group_cancel(&server->acceptors);
    }
    if (grace <= 0) {
        return hark_scope_cancel(&server->work);
    }
    int64_t now = hark_now();
    bool for_ever = grace >= HARK_FOREVER - now;
    int64_t deadline = for_ever || planted(stop_forgets_the_grace) ? HARK_FOREVER : now + grace;
    return hark_scope_set_deadline(&server->work, deadline);
}

hark_server_stats hark_server_statistics(const hark_server *server)
{
    return server ? server->stats : (hark_server_stats){0};
}
