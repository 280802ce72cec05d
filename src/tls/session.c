/* SPDX-License-Identifier: MIT
 *
 * session.c - a session as a stream: bytes between OpenSSL and the stream below.
 *
 * Idea     OpenSSL works on two rings of memory, one in each direction (a pair of BIOs):
 *
 *              reading   OpenSSL wants more    -> fill:  wait for bytes from below, into the ring
 *              writing   a record is complete  -> flush: wait until the ring is sent
 *
 *          The ring outwards has room for the largest record and more, and is empty before a record
 *          is made: so a record is made whole or not at all, and whoever is cancelled leaves a ring
 *          that only wants to be sent. The same goes for what OpenSSL says on its own account while
 *          it reads (alerts, answers): it lies in the ring until somebody sends it.
 *
 * Rules    N1  A record that was made will be sent, whole, before any other. Its bytes count as
 *              written, even if the writer is cut short while they are sent. Over a descriptor the
 *              loop sends the rest, when there is room; else whoever comes next.
 *          N2  No more than two tasks are here, one that reads and one that writes (stream.h sees
 *              to that). Each direction of what lies below is a turn that one of them has; both may
 *              need either.
 *          N3  Who reads never waits for room below, unless OpenSSL can do nothing else: the other
 *              side may be waiting for us to read. It sends what there is room for (flush_now).
 *          N4  The session is freed when the stream is closed and the last task has left. After
 *              each wait `closed` is looked at before OpenSSL is asked again.
 *          N5  That the stream below has ended is never told to OpenSSL, which would give up: it is
 *              -ENOLINK for who reads, and who writes may go on.
 *          N6  OpenSSL reads one record a call, and only if there is room for an answer: an alert that
 *              does not fit is torn, and everything after it is lost.
 * Not here Handshakes: handshake.c, by the same fill and flush.
 */
#include "tls.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum { RECORD_MOST = 16384 }; /* plain bytes of one record */
enum { ANSWER_MOST = 1024 };  /* what OpenSSL may have to say to one record that it reads */

/* ---- turns ----------------------------------------------------------------------------------- */

static int turn_take(struct hark__tls_turn *turn)
{
    while (turn->taken) {
        hark_event given = HARK_EVENT_INIT;
        turn->other = &given;
        const int error = hark_event_wait(&given);
        if (turn->other == &given) {
            turn->other = NULL;
        }
        if (error) {
            return error;
        }
    }
    turn->taken = true;
    return 0;
}

static void turn_give(struct hark__tls_turn *turn)
{
    hark_event *other = turn->other;

    turn->taken = false;
    if (other) {
        turn->other = NULL;
        hark_event_set(other);
    }
}

/* ---- from below ------------------------------------------------------------------------------ */

static int cut(void)
{
    return hark_fail(-ENOLINK, "TLS: the connection was cut: it ended without close_notify, so what "
                               "came may not be all that was sent");
}

static int fill_ring(hark__tls_session *t)
{
    char *room;
    const int size = BIO_nwrite0(t->wire, &room);

    if (size <= 0) {
        return 0; /* OpenSSL has not looked at what is there */
    }
    const ssize_t moved = hark_stream_read(&t->below, room, (size_t)size);
    if (moved > 0) {
        BIO_nwrite(t->wire, &room, (int)moved);
        return 0;
    }
    return moved == 0 ? cut() : (int)moved;
}

int hark__tls_fill(hark__tls_session *t)
{
    const bool others = t->in.taken;
    int error = 0;

    if (BIO_ctrl_pending(SSL_get_rbio(t->ssl))) {
        return 0; /* it only wanted to be asked again: N6 */
    }
    hark__tls_flush_now(t);
    if (t->closed) {
        return -EBADF;
    }
    error = turn_take(&t->in);
    if (error) {
        return error;
    }
    /* If another had to do the same first, then it is done. */
    if (!others && !t->closed) {
        error = fill_ring(t);
    }
    turn_give(&t->in);
    return error;
}

/* ---- to below -------------------------------------------------------------------------------- */

/* To a descriptor, without any waiting; false: that cannot be done, errno says whether ever. */
static bool send_now(int fd, const char *bytes, size_t size, ssize_t *moved)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    *moved = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (*moved < 0 && errno == ENOTSOCK) {
        /* A pipe that is ready takes so much at once. */
        const int count = poll(&ready, 1, 0);
        if (count == 1 && ready.revents == POLLOUT) {
            *moved = write(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
        }
        errno = count == 0 ? EAGAIN : errno;
    }
    return *moved > 0;
}

/* As much as goes without waiting; false: nobody would take more, ever. */
static bool push_ring(hark__tls_session *t)
{
    ssize_t moved = 0;
    char *bytes;
    int size;

    while ((size = BIO_nread0(t->wire, &bytes)) > 0 &&
           send_now(t->below.out, bytes, (size_t)size, &moved)) {
        BIO_nread(t->wire, &bytes, (int)moved);
    }
    return moved >= 0 || errno == EAGAIN || errno == EINTR;
}

static void stop_pushing(hark__tls_session *t)
{
    if (t->pushes) {
        t->pushes = false;
        hark_unwatch(&t->push);
    }
}

static void there_is_room(void *session)
{
    hark__tls_session *t = session;

    if (!push_ring(t) || BIO_ctrl_pending(t->wire) == 0) {
        stop_pushing(t);
    }
}

/* A writer was cut short. Nobody may ever write again, so the loop sends the rest. */
static void leave_rest_to_loop(hark__tls_session *t)
{
    if (t->shaken && !t->closed && t->below.out >= 0 && !t->pushes && BIO_ctrl_pending(t->wire)) {
        t->push = (hark_watch)HARK_WATCH_INIT;
        t->pushes = hark_add_writer(t->below.out, &t->push, there_is_room, t) == 0;
    }
}

static int flush_ring(hark__tls_session *t)
{
    char *bytes;
    int size;

    stop_pushing(t);
    while (!t->closed && (size = BIO_nread0(t->wire, &bytes)) > 0) {
        const ssize_t moved = hark_stream_write(&t->below, bytes, (size_t)size);
        if (moved < 0) {
            return (int)moved;
        }
        BIO_nread(t->wire, &bytes, (int)moved);
    }
    return t->closed ? -EBADF : 0;
}

int hark__tls_flush(hark__tls_session *t)
{
    int error = turn_take(&t->out);

    if (!error) {
        error = flush_ring(t);
        turn_give(&t->out);
    }
    if (error == -ECANCELED) {
        leave_rest_to_loop(t);
    }
    return error;
}

struct turn_of_loop {
    hark_watch watch; /* at its end */
    hark_scope scope;
    bool over;
};

static void turn_is_over(void *turn)
{
    struct turn_of_loop *this = turn;

    this->over = true;
    hark_scope_cancel(&this->scope);
}

/* Writing, for one turn of the loop at most. */
static void flush_for_a_turn(hark__tls_session *t)
{
    struct turn_of_loop turn = {.watch = HARK_WATCH_INIT};
    int error = 0;

    if (hark_scope_open(&turn.scope, HARK_FOREVER) == 0) {
        hark_scope_shield(&turn.scope, true);
        if (hark_call_soon(&turn.watch, turn_is_over, &turn) == 0) {
            error = flush_ring(t);
            if (!turn.over) {
                hark_unwatch(&turn.watch);
            }
        }
        hark_scope_close(&turn.scope, error);
    }
}

void hark__tls_flush_now(hark__tls_session *t)
{
    if (!t->out.taken && BIO_ctrl_pending(t->wire) && hark_self()) {
        t->out.taken = true;
        flush_for_a_turn(t);
        turn_give(&t->out);
        leave_rest_to_loop(t);
    }
}

/* ---- what OpenSSL says ----------------------------------------------------------------------- */

enum hark__tls_step hark__tls_judge(hark__tls_session *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_NONE: return STEP_DONE;
    case SSL_ERROR_WANT_READ: return STEP_READ;
    case SSL_ERROR_WANT_WRITE: return STEP_WRITE;
    case SSL_ERROR_ZERO_RETURN: return STEP_END;
    default: break;
    }
    if (!t->broken) {
        t->broken = hark__tls_verdict(t->ssl, t->words);
    }
    ERR_clear_error();
    return STEP_FAILED;
}

static int broken(hark__tls_session *t)
{
    return hark_fail(t->broken, "TLS: %s", t->words);
}

static int failed(hark__tls_session *t)
{
    hark__tls_flush_now(t); /* the alert */
    return broken(t);
}

/* ---- reading and writing --------------------------------------------------------------------- */

void hark__tls_leave(hark__tls_session *t)
{
    if (--t->holds) {
        return;
    }
    ERR_clear_error();
    SSL_free(t->ssl);
    BIO_free(t->wire);
    ERR_clear_error();
    hark__tls_set_drop(t->set);
    hark_tls_context_close(t->context);
    OPENSSL_free(t->peer);
    OPENSSL_free(t);
}

static ssize_t read_some(hark__tls_session *t, void *buffer, size_t size)
{
    size_t count;

    for (;;) {
        if (unlikely(t->broken)) {
            return broken(t);
        }
        if (unlikely(BIO_ctrl_get_write_guarantee(SSL_get_wbio(t->ssl)) < ANSWER_MOST)) { /* N6 */
            const int clogged = hark__tls_flush(t);
            if (clogged) {
                return clogged;
            }
        }
        ERR_clear_error();
        const int result = SSL_read_ex(t->ssl, buffer, size, &count);
        if (likely(result > 0)) {
            return (ssize_t)count;
        }
        int error = 0;
        switch (hark__tls_judge(t, result)) {
        case STEP_END: return 0;
        case STEP_READ: error = hark__tls_fill(t); break;
        case STEP_WRITE: error = hark__tls_flush(t); break;
        default: return failed(t);
        }
        if (unlikely(error || t->closed)) {
            return error ? error : -EBADF;
        }
    }
}

static ssize_t tls_read(hark_stream *s, void *buffer, size_t size)
{
    hark__tls_session *t = s->inner;

    t->holds++;
    const ssize_t moved = t->closed ? -EBADF : read_some(t, buffer, size);
    hark__tls_leave(t);
    return moved;
}

static bool said_goodbye(const hark__tls_session *t)
{
    return SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN;
}

/* A record of it, into the ring. */
static ssize_t make_record(hark__tls_session *t, const void *bytes, size_t size)
{
    size_t count;

    for (;;) {
        if (unlikely(t->broken)) {
            return broken(t);
        }
        ERR_clear_error();
        const int result = SSL_write_ex(t->ssl, bytes, size, &count);
        if (likely(result > 0)) {
            return (ssize_t)count;
        }
        int error = 0;
        switch (hark__tls_judge(t, result)) {
        case STEP_READ: error = hark__tls_fill(t); break;
        case STEP_WRITE: error = hark__tls_flush(t); break;
        default: return failed(t);
        }
        if (unlikely(error || t->closed)) {
            return error ? error : -EBADF;
        }
    }
}

static ssize_t write_some(hark__tls_session *t, const void *bytes, size_t size)
{
    if (unlikely(said_goodbye(t))) { /* by a half-close that was cut short */
        return hark_fail(-EPIPE, "TLS: the session was half-closed: nothing more can be written");
    }
    int error = hark__tls_flush(t); /* what others have left there: N1 */
    if (unlikely(error)) {
        return error;
    }
    const ssize_t made = make_record(t, bytes, size < RECORD_MOST ? size : RECORD_MOST);
    if (unlikely(made < 0)) {
        return made;
    }
    error = hark__tls_flush(t);
    return error && error != -ECANCELED ? error : made;
}

static ssize_t tls_write(hark_stream *s, const void *bytes, size_t size)
{
    hark__tls_session *t = s->inner;

    t->holds++;
    const ssize_t moved = t->closed ? -EBADF : write_some(t, bytes, size);
    hark__tls_leave(t);
    return moved;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static int say_goodbye(hark__tls_session *t)
{
    ERR_clear_error();
    const int result = SSL_shutdown(t->ssl);
    return result < 0 && hark__tls_judge(t, result) == STEP_FAILED ? broken(t) : 0;
}

static int half_close(hark__tls_session *t)
{
    int error = hark__tls_flush(t);

    if (!error && t->broken) {
        error = broken(t);
    }
    if (!error && !said_goodbye(t)) {
        error = say_goodbye(t);
        error = error ? error : hark__tls_flush(t);
    }
    return error;
}

static int tls_half_close(hark_stream *s)
{
    hark__tls_session *t = s->inner;

    t->holds++;
    const int error = t->closed ? -EBADF : half_close(t);
    hark__tls_leave(t);
    return error;
}

static void flush_at_once(hark__tls_session *t)
{
    if (t->below.out >= 0) {
        push_ring(t);
    } else {
        hark__tls_flush_now(t);
    }
}

int hark__tls_end(hark__tls_session *t)
{
    stop_pushing(t);
    t->closed = true;
    const int error = hark_stream_close(&t->below);
    hark__tls_leave(t);
    return error;
}

static int tls_close(hark_stream *s)
{
    hark__tls_session *t = s->inner;

    if (t->closing) {
        return -EXDEV; /* another task is about to */
    }
    t->closing = true;
    if (t->shaken && !t->broken && !t->out.taken && (said_goodbye(t) || say_goodbye(t) == 0)) {
        flush_at_once(t);
    }
    return hark__tls_end(t);
}

static int tls_fd(const hark_stream *s)
{
    const hark__tls_session *t = s->inner;
    return hark_stream_fd(&t->below);
}

const hark_stream_class hark__tls_kind = {
    .size = sizeof(hark_stream_class),
    .name = "TLS",
    .read = tls_read,
    .write = tls_write,
    .half_close = tls_half_close,
    .close = tls_close,
    .fd = tls_fd,
};

hark__tls_session *hark__tls_session_of(const hark_stream *s)
{
    return s && s->kind == &hark__tls_kind ? s->inner : NULL;
}
