/* SPDX-License-Identifier: MIT
 *
 * hark/serve.h - a server: it accepts, and every connection has a task of its own.
 *
 *     int echo(void *arg, int fd) { ... hark_read(fd, ...), hark_write(fd, ...) ... return 0; }
 *     ...
 *     rc = hark_serve(NULL, hark_tcp_listen(NULL, "7777", 0), echo, NULL);
 *
 * hark_serve returns when the server has ended, and then nothing of it is left: no task, no
 * connection, no listener. It ends when its scope is cancelled (at once), when somebody calls
 * hark_server_stop (gracefully), or when it cannot accept any more. What one connection's handler
 * does, or fails with, is none of the others' business.
 *
 * In hark_run_workers each loop serves a listener of its own.
 */
#ifndef HARK_SERVE_H
#define HARK_SERVE_H

#include <hark/base.h>
#include <hark/group.h>
#include <hark/scope.h>
#include <hark/sem.h>

HARK_BEGIN

/* One connection's handler, in a task of its own. fd is closed when it returns, unless it was
 * closed by hark_close, or given away by hark_forget, before. A negative result has failed;
 * -ECANCELED in a cancelled scope has not. */
typedef int hark_serve_fn(void *arg, int fd);

typedef struct hark_server_stats {
    int open;         /* connections now */
    int most;         /* at once, until now */
    int64_t accepted; /* since it began: served, failed, cancelled or refused, or open */
    int64_t served;   /* their handlers returned 0 or more */
    int64_t failed;
    int64_t cancelled;
    int64_t refused; /* closed at once: there was no memory for a task */
} hark_server_stats;

/* How to reach a server while it serves. */
typedef struct hark_server {
    /* private */
    hark_scope work;
    hark_group connections, acceptors;
    hark_sem room;
    hark_serve_fn *fn;
    void *arg;
    void (*failed)(void *arg, int code, const char *words);
    const char *site;
    hark_server_stats stats;
    int limit;
    bool strict, accepting, several;
} hark_server;

/* All zero, but for `size`, is: no limit, and who fails is told on stderr. */
typedef struct hark_serve_options {
    size_t size;  /* sizeof(hark_serve_options) */
    int limit;    /* connections at once: then no more are accepted, and the backlog holds them; 0:
                   * no limit */
    size_t stack; /* of a handler's task, as hark_group_stack; 0: the loop's */
    bool strict;  /* the first handler that fails ends the server, with its failure */
    /* What else to do with a failed handler than tell it on stderr: in its task, before its
     * connection is closed. arg is hark_serve's. */
    void (*failed)(void *arg, int code, const char *words);
    hark_server *server; /* to stop it, and to look at it; what it held before does not matter */
} hark_serve_options;

/* hark_serve - accept from a listening socket, and run fn(arg, fd) for each connection. options:
 * NULL is all zero.
 *
 * Takes the listener over: it is closed when this returns (unless it says -EINVAL or -ENOTSUP), as
 * soon as no more is accepted. Peers that have gone again are skipped; without descriptors or
 * memory it waits a moment and goes on. Blocks: a checkpoint. Returns 0 (it was stopped, and the
 * connections had ended, or were to be cancelled at once); -ETIMEDOUT (it was stopped, and when the
 * grace was over some were cancelled); -ECANCELED; with `strict` the failure of a handler; -EBADF
 * (somebody else closed the listener) and what else hark_accept says: then the connections are
 * cancelled; -EBUSY (somebody else accepts from it); -EINVAL (NULL, a descriptor that is not open,
 * a wrong option); -ENOMEM; -ENOTSUP outside a task. Source: trio.serve_listeners,
 * asyncio.start_server. */
HARK_API int hark_serve_at(const char *site, const hark_serve_options *options, int listener,
                           hark_serve_fn *fn, void *arg);
#define hark_serve(...) hark_serve_at(HARK_SITE(2, __VA_ARGS__), __VA_ARGS__)

/* hark_serve_many - the same with `count` listeners, all of which are taken over. The limit is for
 * all of them together. */
HARK_API int hark_serve_many_at(const char *site, const hark_serve_options *options,
                                const int *listeners, int count, hark_serve_fn *fn, void *arg);
#define hark_serve_many(...) hark_serve_many_at(HARK_SITE(3, __VA_ARGS__), __VA_ARGS__)

/* hark_server_stop - stop accepting now (who still is in the backlog is refused), wait `grace`
 * nanoseconds at most for the connections to end, then cancel them. grace <= 0: cancel them at
 * once; HARK_FOREVER: wait. hark_serve returns when all have ended. Again: only the grace is set
 * anew.
 *
 * Never blocks. Thread: the loop's own, in a task or a callback. Returns 0; -EINVAL (NULL, or it
 * does not serve); -EXDEV. */
HARK_API int hark_server_stop(hark_server *server, int64_t grace);

/* hark_server_statistics - its figures, also after it has ended; all 0 for NULL. */
HARK_API hark_server_stats hark_server_statistics(const hark_server *server);

HARK_END
#endif
