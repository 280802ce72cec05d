/* SPDX-License-Identifier: MIT
 *
 * stream_test.c - streams of every kind against the checker, and what only some kinds have: resets,
 * urgent bytes, terminals, standard input, system calls and allocations that fail.
 */
#include "core/core.h"
#include "stream_checker.h"

#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <termios.h>

/* ---- the kinds ------------------------------------------------------------------------------- */

static int make_tcp(hark_stream *x, hark_stream *y)
{
    char port[16];
    const int listener = hark_tcp_listen("127.0.0.1", "0", 1);
    CHECK_GE(listener, 0);
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    CHECK_EQ(hark_stream_connect(x, "127.0.0.1", port), 0);
    CHECK_EQ(hark_stream_accept(y, listener), 0);
    return hark_close(listener);
}

static int make_unix(hark_stream *x, hark_stream *y)
{
    int fds[2];
    CHECK_EQ(hark_socketpair(fds), 0);
    CHECK_EQ(hark_stream_open(x, fds[0]), 0);
    return hark_stream_open(y, fds[1]);
}

static int make_pipes(hark_stream *x, hark_stream *y)
{
    int there[2], back[2];
    CHECK_EQ(hark_pipe(there), 0);
    CHECK_EQ(hark_pipe(back), 0);
    CHECK_EQ(hark_stream_open_two(x, back[0], there[1]), 0);
    return hark_stream_open_two(y, there[0], back[1]);
}

static int make_pipe(hark_stream *x, hark_stream *y)
{
    int fds[2];
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(hark_stream_open(x, fds[1]), 0);
    return hark_stream_open(y, fds[0]);
}

/* Both sides of a terminal that changes nothing of what goes through it. */
static void terminal(int fds[2], int flags, bool raw)
{
    struct termios mode;
    fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
    CHECK_GE(fds[1], 0);
    CHECK_EQ(grantpt(fds[1]), 0);
    CHECK_EQ(unlockpt(fds[1]), 0);
    fds[0] = open(ptsname(fds[1]), O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
    CHECK_GE(fds[0], 0);
    CHECK_EQ(tcgetattr(fds[0], &mode), 0);
    if (raw) {
        cfmakeraw(&mode);
    } else {
        mode.c_lflag &= ~(tcflag_t)ECHO;
    }
    CHECK_EQ(tcsetattr(fds[0], TCSANOW, &mode), 0);
}

static int make_terminal(hark_stream *x, hark_stream *y)
{
    int fds[2];
    terminal(fds, O_NONBLOCK, true);
    CHECK_EQ(hark_stream_open(x, fds[0]), 0);
    return hark_stream_open(y, fds[1]);
}

static int make_memory(hark_stream *x, hark_stream *y)
{
    return hark_stream_pair(x, y, 4096);
}

static int make_memory_of_1(hark_stream *x, hark_stream *y)
{
    return hark_stream_pair(x, y, 1);
}

static int make_lockstep(hark_stream *x, hark_stream *y)
{
    return hark_stream_pair(x, y, 0);
}

/* A kind of the test's own, over another stream: one byte a call. */
static ssize_t byte_read(hark_stream *s, void *buffer, size_t size)
{
    CHECK(buffer && size > 0);
    return hark_stream_read(s->inner, buffer, 1);
}

static ssize_t byte_write(hark_stream *s, const void *buffer, size_t size)
{
    CHECK(buffer && size > 0);
    return hark_stream_write(s->inner, buffer, 1);
}

static int byte_half_close(hark_stream *s)
{
    return hark_stream_half_close(s->inner);
}

static int byte_close(hark_stream *s)
{
    const int rc = hark_stream_close(s->inner);
    free(s->inner);
    return rc;
}

static const hark_stream_class byte_class = {.size = sizeof(hark_stream_class),
                                             .name = "bytewise",
                                             .read = byte_read,
                                             .write = byte_write,
                                             .half_close = byte_half_close,
                                             .close = byte_close};

static int make_bytewise(hark_stream *x, hark_stream *y)
{
    hark_stream *inner[2] = {malloc(sizeof(hark_stream)), malloc(sizeof(hark_stream))};
    CHECK_EQ(hark_stream_pair(inner[0], inner[1], 100), 0);
    CHECK_EQ(hark_stream_open_class(x, &byte_class, inner[0]), 0);
    return hark_stream_open_class(y, &byte_class, inner[1]);
}

static const struct stream_kind tcp = {.make = make_tcp, .holds = 4096};
static const struct stream_kind unix_socket = {.make = make_unix, .holds = 4096};
static const struct stream_kind pipes = {.make = make_pipes, .holds = 4096, .no_peers = true};
static const struct stream_kind pipe_alone = {.make = make_pipe, .holds = 4096, .no_peers = true};
static const struct stream_kind pty = {.make = make_terminal, .holds = 512, .no_peers = true};
static const struct stream_kind memory = {.make = make_memory, .holds = 4096, .no_fd = true};
static const struct stream_kind memory_of_1 = {.make = make_memory_of_1, .no_fd = true};
static const struct stream_kind lockstep = {.make = make_lockstep, .no_fd = true};
static const struct stream_kind bytewise = {
    .make = make_bytewise, .holds = 100, .no_fd = true, .slow = true};

STREAM_HALF_CLOSEABLE(tcp, TEST_ON_HUBS, RUN)
STREAM_HALF_CLOSEABLE(unix_socket, TEST, RUN)
STREAM_HALF_CLOSEABLE(pipes, TEST, RUN)
STREAM_ONE_WAY(pipe_alone, TEST, RUN)
STREAM_TWO_WAY(pty, TEST, RUN)
STREAM_HALF_CLOSEABLE(memory, TEST, RUN_VIRTUAL)
STREAM_HALF_CLOSEABLE(memory_of_1, TEST, RUN_VIRTUAL)
STREAM_HALF_CLOSEABLE(lockstep, TEST, RUN_VIRTUAL)
STREAM_HALF_CLOSEABLE(bytewise, TEST, RUN_VIRTUAL)

/* ---- opening --------------------------------------------------------------------------------- */

TEST(stream_what_cannot_be_opened)
{
    hark_stream s, other;
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_MISUSE(hark_stream_open(NULL, fds[0]), -EINVAL, "hark_stream_open");
    CHECK_MISUSE(hark_stream_open(&s, -1), -EBADF, "hark_stream_open");
    CHECK(!s.kind);
    CHECK_MISUSE(hark_stream_open(&s, 1000000), -EBADF, "not open");
    CHECK_MISUSE(hark_stream_open_two(&s, -1, -1), -EINVAL, "-1");
    CHECK_MISUSE(hark_stream_open_two(&s, fds[1], -1), -EBADF, "not for this");
    CHECK_MISUSE(hark_stream_open_two(&s, fds[0], fds[0]), -EBADF, "not for this");
    CHECK_MISUSE(hark_stream_open_two(&s, fds[0], 1000000), -EBADF, "not open");
    CHECK_MISUSE(hark_stream_open_two(&s, -2, fds[1]), -EBADF, "not open");
    CHECK(!s.kind && fcntl(fds[0], F_GETFD) >= 0 && fcntl(fds[1], F_GETFD) >= 0);
    CHECK_MISUSE(hark_stream_pair(NULL, &s, 1), -EINVAL, "hark_stream_pair");
    CHECK_MISUSE(hark_stream_pair(&s, &s, 1), -EINVAL, "same");
    CHECK_MISUSE(hark_stream_pair(&s, &other, SIZE_MAX / 2), -EINVAL, "capacity");
    CHECK_MISUSE(hark_stream_connect(NULL, "", ""), -EINVAL, "hark_stream_connect");
    CHECK_MISUSE(hark_stream_connect(&s, "127.0.0.1", "1"), -ENOTSUP, "hark_tcp_connect");
    CHECK_MISUSE(hark_stream_accept(&s, fds[0]), -ENOTSUP, "hark_accept");
    CHECK_EQ(hark_stream_close(&s), -EBADF);
    close(fds[0]);
    close(fds[1]);
}

TEST(stream_classes_are_looked_at)
{
    hark_stream s;
    hark_stream_class class = byte_class;
    class.size = 8;
    CHECK_MISUSE(hark_stream_open_class(&s, &class, NULL), -EINVAL, "sizeof(hark_stream_class)");
    class = (hark_stream_class){.size = sizeof class, .name = "nothing"};
    CHECK_MISUSE(hark_stream_open_class(&s, &class, NULL), -EINVAL, "read or written");
    class = byte_class;
    class.name = NULL;
    CHECK_MISUSE(hark_stream_open_class(&s, &class, NULL), -EINVAL, "name");
    CHECK_MISUSE(hark_stream_open_class(&s, NULL, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_stream_open_class(NULL, &byte_class, NULL), -EINVAL, "NULL");
    CHECK(!s.kind);
}

TEST(stream_outside_a_task)
{
    char byte;
    const void *bytes;
    CHECK_EQ(hark_stream_pair(&a, &b, 8), 0);
    CHECK_MISUSE(hark_stream_read(&a, &byte, 1), -ENOTSUP, "hark_stream_read");
    CHECK_MISUSE(hark_stream_write(&a, &byte, 1), -ENOTSUP, "hark_stream_write");
    CHECK_MISUSE(hark_stream_line(&a, &byte, 1), -ENOTSUP, "hark_stream_line");
    CHECK_MISUSE(hark_stream_peek(&a, &bytes, 1), -ENOTSUP, "hark_stream_peek");
    CHECK_MISUSE(hark_stream_copy(&a, &b, NULL), -ENOTSUP, "hark_stream_copy");
    CHECK_EQ(hark_stream_half_close(&a), 0);
    CHECK_MISUSE(hark_stream_finish(&a), -ENOTSUP, "hark_stream_finish");
    CHECK_EQ(hark_stream_close(&a), -EBADF);
    CHECK_EQ(hark_stream_close(&b), 0);
}

static void *use_elsewhere(void *arg)
{
    (void)arg;
    CHECK_MISUSE(hark_stream_close(&a), -EXDEV, "loop");
    CHECK_MISUSE(hark_stream_half_close(&a), -EXDEV, "loop");
    return NULL;
}

INSIDE(stream_in_memory_belongs_to_one_loop)
{
    CHECK_EQ(hark_stream_pair(&a, &b, 8), 0);
    CHECK_EQ(hark_stream_write(&a, "x", 1), 1);
    in_thread(use_elsewhere, NULL);
    expect(&b, "x");
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
}

/* ---- kinds that lie -------------------------------------------------------------------------- */

static ssize_t says_too_much(hark_stream *s, void *buffer, size_t size)
{
    (void)s, (void)buffer;
    return (ssize_t)size + 1;
}

static ssize_t writes_nothing(hark_stream *s, const void *buffer, size_t size)
{
    (void)s, (void)buffer, (void)size;
    return 0;
}

INSIDE(stream_a_kind_that_lies_is_found_out)
{
    static const hark_stream_class liar = {
        .size = sizeof liar, .name = "liar", .read = says_too_much, .write = writes_nothing};
    char bytes[4];
    CHECK_EQ(hark_stream_open_class(&a, &liar, NULL), 0);
    CHECK_MISUSE(hark_stream_read(&a, bytes, 4), -EIO, "liar");
    CHECK_MISUSE(hark_stream_line(&a, bytes, 4), -EIO, "liar");
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EIO, "liar");
    CHECK_MISUSE(hark_stream_write_full(&a, "x", 1, NULL), -EIO, "liar");
    CHECK_MISUSE(hark_stream_half_close(&a), -EOPNOTSUPP, "liar");
    CHECK_EQ(hark_stream_finish(&a), 0);
}

static hark_stream looked_at;

static int close_looked_at(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_stream_close(&looked_at), 0);
    return 0;
}

/* What peek tells of is there when it returns, also if it let others run. */
INSIDE(stream_closed_under_a_look_is_told)
{
    hark_stream other;
    const void *bytes;
    ssize_t count = 0;

    CHECK_EQ(hark_stream_pair(&looked_at, &other, 100), 0);
    CHECK_EQ(hark_stream_write(&other, "abcd", 4), 4);
    CHECK_GT(hark_go(&group, close_looked_at, NULL), 0);
    for (int i = 0; i < 1000 && count >= 0; i++) {
        count = hark_stream_peek(&looked_at, &bytes, 4);
        CHECK(count == 4 ? looked_at.kind != NULL : count == -EBADF);
    }
    CHECK_EQ(count, -EBADF);
    CHECK_EQ(hark_stream_close(&other), 0);
}

INSIDE(stream_one_way_kinds)
{
    static const hark_stream_class only_reads = {
        .size = sizeof only_reads, .name = "source", .read = says_too_much};
    static const hark_stream_class only_writes = {
        .size = sizeof only_writes, .name = "sink", .write = writes_nothing};
    char byte;
    CHECK_EQ(hark_stream_open_class(&a, &only_reads, NULL), 0);
    CHECK_MISUSE(hark_stream_write(&a, "x", 1), -EBADF, "write this stream (source)");
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_open_class(&a, &only_writes, NULL), 0);
    CHECK_MISUSE(hark_stream_read(&a, &byte, 1), -EBADF, "read this stream (sink)");
    CHECK_EQ(hark_stream_close(&a), 0);
}

/* ---- system calls that are short, or interrupted --------------------------------------------- */

static uint64_t chance;

static ssize_t short_recv(int fd, void *buffer, size_t size, int flags)
{
    if (draw(&chance) % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return recv(fd, buffer, size < 3 ? size : 1 + draw(&chance) % 3, flags);
}

static ssize_t short_send(int fd, const void *buffer, size_t size, int flags)
{
    if (draw(&chance) % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return send(fd, buffer, size < 3 ? size : 1 + draw(&chance) % 3, flags);
}

/* Only where another try would succeed: the hub will say so. */
static ssize_t early_recv(int fd, void *buffer, size_t size, int flags)
{
    const ssize_t moved = recv(fd, buffer, 1, flags | MSG_PEEK);
    if (moved < 0 || draw(&chance) % 2) {
        return recv(fd, buffer, size, flags);
    }
    errno = EINTR;
    return -1;
}

static void lines_and_marks(void)
{
    char line[64], right[64];
    struct voice *v = voice_new(&a, NULL, 0);
    static char text[8000];
    for (int i = 0; i < 200; i++) {
        v->size +=
            (size_t)snprintf(text + v->size, sizeof text - v->size, "line %d\r\nmark %d--", i, i);
    }
    v->bytes = text;
    v->closes = true;
    voice_go(v);
    for (int i = 0; i < 200; i++) {
        snprintf(right, sizeof right, "line %d", i);
        expect_line(&b, right);
        snprintf(right, sizeof right, "mark %d--", i);
        CHECK_EQ(hark_stream_read_until(&b, "--", 2, line, sizeof line), strlen(right));
        CHECK_EQ(memcmp(line, right, strlen(right)), 0);
    }
    expect_end(&b);
    spoken(&a);
    CHECK_EQ(hark_stream_close(&b), 0);
}

ON_WIRE(stream_N1_N2_calls_that_are_short_or_interrupted)
{
    chance = kit_seed();
    hark__sys.recv = short_recv;
    hark__sys.send = short_send;
    CHECK_EQ(make_tcp(&a, &b), 0);
    lines_and_marks();
    CHECK_EQ(make_unix(&a, &b), 0);
    hark__sys.recv = early_recv;
    lines_and_marks();
}

/* ---- resets, signals, urgent bytes ----------------------------------------------------------- */

static int write_to_nobody(void *arg)
{
    int (*const *makes)(hark_stream *, hark_stream *) = arg;
    for (; *makes; makes++) {
        ssize_t rc = 0;
        CHECK_EQ((*makes)(&a, &b), 0);
        CHECK_EQ(hark_stream_close(&b), 0);
        for (int i = 0; rc >= 0 && i < 1000; i++) {
            rc = hark_stream_write(&a, "x", 1);
            hark_yield();
        }
        check_gone(rc);
        CHECK_EQ(hark_stream_close(&a), 0);
    }
    return 0;
}

TEST(stream_N3_writing_to_nobody_raises_no_signal)
{
    int (*const makes[])(hark_stream *, hark_stream *) = {make_tcp,   make_unix,     make_pipe,
                                                          make_pipes, make_terminal, NULL};
    sigset_t pending;
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR); /* it would end this process */
    CHECK_EQ(RUN(write_to_nobody, (void *)makes), 0);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK(!sigismember(&pending, SIGPIPE));
}

static void reset(hark_stream *s)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    CHECK_EQ(setsockopt(hark_stream_fd(s), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    CHECK_EQ(hark_stream_close(s), 0);
}

ON_WIRE(stream_N4_a_reset_is_no_end)
{
    char bytes[16];
    const void *place;
    CHECK_EQ(make_tcp(&a, &b), 0);
    const struct ear *e = listen_to(&b, HEAR_LINE);
    speak(&a, "half a li");
    spoken(&a);
    CHECK_EQ(hark_settle(), 0);
    reset(&a);
    CHECK_EQ(heard(e), -ECONNRESET); /* and not: "that was the last line" */
    for (int i = 0; i < 3; i++) {
        CHECK_MISUSE(hark_stream_line(&b, bytes, sizeof bytes), -ECONNRESET, "broke");
        CHECK_EQ(hark_stream_peek(&b, &place, 16), -ECONNRESET);
        CHECK_EQ(hark_stream_read_until(&b, "-", 1, bytes, sizeof bytes), -ECONNRESET);
    }
    CHECK_LE(hark_stream_buffered(&b), 9);
    const size_t left = hark_stream_buffered(&b);
    if (left) { /* what had come can be had */
        CHECK_EQ(hark_stream_read(&b, bytes, sizeof bytes), left);
        CHECK_EQ(memcmp(bytes, "half a li", left), 0);
    }
    CHECK_MISUSE(hark_stream_read(&b, bytes, 1), -ECONNRESET, "broke");
    check_gone(hark_stream_write(&b, "x", 1));
    check_gone(hark_stream_write(&b, "x", 1));
    CHECK_EQ(hark_stream_close(&b), 0);
}

static int finish_b(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_stream_finish(&b), 0);
    return 0;
}

ON_WIRE(stream_N6_both_finish_at_once)
{
    CHECK_EQ(make_tcp(&a, &b), 0);
    speak(&a, "to nobody");
    speak(&b, "nor this");
    spoken(&a);
    spoken(&b);
    hark_go(&group, finish_b, NULL);
    CHECK_EQ(hark_stream_finish(&a), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK(!a.kind && !b.kind);
}

/* The server has not read all of the request, and its answer arrives all the same. */
ON_WIRE(stream_N20_an_answer_survives_an_unread_request)
{
    static unsigned char answer[200000], request[100000];
    CHECK_EQ(make_tcp(&a, &b), 0);
    put_bytes(answer, 0, sizeof answer);
    voice_go(voice_new(&a, (const char *)request, sizeof request));
    char bytes[10];
    CHECK_EQ(hark_stream_read_full(&b, bytes, 10, NULL), 0);
    voice_go(voice_new(&b, (const char *)answer, sizeof answer));
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(drink(&a, 0, 100), 100);
    hark_stream *client = &a;
    size_t got = 100;
    got += drink(client, got, sizeof answer - got);
    spoken(&b);
    hark_go(&group, finish_b, NULL);
    CHECK_EQ(hark_settle(), 0);
    expect_end(client);
    spoken(&a);
    CHECK_EQ(got, sizeof answer);
    CHECK_EQ(hark_stream_close(&a), 0);
}

ON_WIRE(stream_N24_an_urgent_byte_is_not_in_the_stream)
{
    CHECK_EQ(make_tcp(&a, &b), 0);
    const int fd = hark_stream_fd(&a);
    const struct ear *e = listen_to(&b, HEAR_LINE);
    CHECK_EQ(send(fd, "ab", 2, 0), 2);
    CHECK_EQ(send(fd, "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(fd, "cd\nef", 5, 0), 5);
    CHECK_EQ(heard(e), 4);
    CHECK_STR(e->bytes, "abcd");
    CHECK_EQ(send(fd, "!", 1, MSG_OOB), 1);
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect(&b, "ef");
    expect_end(&b);
    stream_kind = &tcp;
    stream_end();
}

/* ---- the moment before the call -------------------------------------------------------------- */

ON_WIRE(stream_IO_09_closed_between_readiness_and_the_call)
{
    CHECK_EQ(make_unix(&a, &b), 0);
    const int fd = hark_stream_fd(&b);
    const struct ear *e = listen_to(&b, HEAR_LINE);
    CHECK_EQ(hark_stream_write(&a, "x\n", 2), 2);
    while (hark__fd_peek(hark__here, fd)->waits[FD_IN]) {
        hark__interest_report(
            hark__here, /* as the hub would */
            (uint64_t)hark__fd_peek(hark__here, fd)->generation << 32 | (uint32_t)fd, POLLIN);
    }
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(heard(e), -EBADF);
    CHECK_EQ(hark_stream_close(&a), 0);
}

/* What a timeout cut short plus what is sent afterwards is the whole stream: nothing twice. */
ON_WIRE(stream_HB_19_partial_writes_with_timeouts_lose_nothing)
{
    enum { SIZE = 1 << 20 };
    static unsigned char out[SIZE], in[SIZE];
    size_t sent = 0, got = 0;
    CHECK_EQ(make_tcp(&a, &b), 0);
    put_bytes(out, 0, SIZE);
    while (got < SIZE) {
        size_t done = 0;
        const int64_t rc =
            hark_within(HARK_US(200), hark_stream_write_full(&a, out + sent, SIZE - sent, &done));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        sent += done;
        const int64_t moved = hark_within(HARK_US(200), hark_stream_read(&b, in + got, SIZE - got));
        CHECK(moved > 0 || moved == -ETIMEDOUT);
        got += moved > 0 ? (size_t)moved : 0;
    }
    CHECK_EQ(sent, SIZE);
    check_bytes(in, 0, SIZE);
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

INSIDE(stream_plain_reads_allocate_nothing)
{
    CHECK_EQ(make_memory(&a, &b), 0);
    const size_t before = hark__alloc_live();
    CHECK_EQ(hark_stream_write(&a, "hello\nworld\n", 12), 12);
    expect(&b, "hello\n");
    CHECK_EQ(hark__alloc_live(), before);
    expect_line(&b, "world");
    CHECK_EQ(hark__alloc_live(), before + 4096);
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(hark__alloc_live(), before);
    CHECK_EQ(hark_stream_close(&a), 0);
}

/* A peer cannot make the buffer larger than what is asked for. */
INSIDE(stream_N19_the_buffer_has_its_limit)
{
    char line[10000];
    CHECK_EQ(make_memory(&a, &b), 0);
    struct flood *f = jam(&a);
    hark_fail(-EIO, "words need memory, too");
    const size_t before = hark__alloc_live();
    CHECK_EQ(hark_stream_read_until(&b, "there is no such mark", 21, line, sizeof line), -EMSGSIZE);
    CHECK_LE(hark__alloc_live(), before + sizeof line);
    CHECK_LE(hark_stream_buffered(&b), sizeof line);
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(flood_ended(f), -EBADF);
    CHECK_EQ(hark_stream_close(&b), 0);
}

static void *no_memory(void *old, size_t size)
{
    (void)old, (void)size;
    return NULL;
}

INSIDE(stream_without_memory_nothing_is_lost)
{
    char line[16];
    const void *bytes;
    void *(*const resize)(void *, size_t) = hark__memory.resize;
    CHECK_EQ(make_memory(&a, &b), 0);
    speak(&a, "hello\n");
    spoken(&a);
    hark__memory.resize = no_memory;
    CHECK_MISUSE(hark_stream_line(&b, line, sizeof line), -ENOMEM, "hark_stream_line");
    CHECK_MISUSE(hark_stream_read_until(&b, "\n", 1, line, sizeof line), -ENOMEM, "memory");
    CHECK_MISUSE(hark_stream_peek(&b, &bytes, 1), -ENOMEM, "hark_stream_peek");
    CHECK_MISUSE(hark_stream_copy(&b, &a, NULL), -ENOMEM, "hark_stream_copy");
    hark__memory.resize = resize;
    expect_line(&b, "hello");
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
}

/* ---- standard input, whatever it is ---------------------------------------------------------- */

static int file_with(const char *text)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void read_input(int input)
{
    hark_stream in;
    CHECK_EQ(dup2(input, STDIN_FILENO), STDIN_FILENO);
    close(input);
    CHECK_EQ(hark_stream_open(&in, STDIN_FILENO), 0);
    expect_line(&in, "first");
    expect_line(&in, "second");
    char line[8];
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_stream_line(&in, line, sizeof line), -ENODATA);
        expect_end(&in);
    }
    CHECK_EQ(hark_stream_close(&in), 0);
}

ON_WIRE(stream_standard_input_is_a_file)
{
    const int before = dup(STDIN_FILENO);
    read_input(file_with("first\nsecond\n"));
    CHECK_EQ(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}

ON_WIRE(stream_standard_input_is_a_pipe)
{
    const int before = dup(STDIN_FILENO);
    int fds[2];
    CHECK_EQ(pipe(fds), 0); /* a blocking one, as a shell's */
    CHECK_EQ(write(fds[1], "first\nsecond", 12), 12);
    close(fds[1]);
    read_input(fds[0]);
    CHECK_EQ(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}

/* Who types, edits and ends the input: the terminal itself is asked for lines. */
ON_WIRE(stream_standard_input_is_a_terminal)
{
    const int before = dup(STDIN_FILENO);
    int fds[2];
    struct termios mode;
    terminal(fds, 0, false);
    CHECK_EQ(tcgetattr(fds[0], &mode), 0);
    mode.c_cc[VERASE] = '\b';
    CHECK_EQ(tcsetattr(fds[0], TCSANOW, &mode), 0);
    CHECK_EQ(write(fds[1], "first\nsecunt\b\b\bond\n\x04", 20), 20);
    read_input(fds[0]);
    close(fds[1]);
    CHECK_EQ(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}

ON_WIRE(stream_standard_input_is_nothing)
{
    hark_stream in;
    char line[8];
    const int before = dup(STDIN_FILENO);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(dup2(null, STDIN_FILENO), STDIN_FILENO);
    close(null);
    CHECK_EQ(hark_stream_open(&in, STDIN_FILENO), 0);
    CHECK_EQ(hark_stream_line(&in, line, sizeof line), -ENODATA);
    CHECK_EQ(hark_stream_close(&in), 0);
    CHECK_MISUSE(hark_stream_open(&in, STDIN_FILENO), -EBADF, "not open"); /* as if started so */
    CHECK_EQ(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}

/* A program behind a terminal: blocking descriptors, and the terminal goes away. */
ON_WIRE(stream_a_terminal_that_hangs_up_is_the_end)
{
    int fds[2];
    char line[8];
    terminal(fds, 0, true);
    CHECK_EQ(hark_stream_open(&a, fds[0]), 0);
    CHECK_EQ(hark_stream_open(&b, fds[1]), 0);
    CHECK_MISUSE(hark_stream_half_close(&a), -EOPNOTSUPP, "no half-close");
    speak(&b, "hello\n");
    expect_line(&a, "hello");
    spoken(&b);
    const struct ear *e = listen_to(&a, HEAR_LINE);
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(heard(e), -ENODATA);
    CHECK_EQ(hark_stream_line(&a, line, sizeof line), -ENODATA);
    CHECK_EQ(hark_stream_write(&a, "x", 1), -EPIPE);
    CHECK_EQ(hark_stream_close(&a), 0);
}

/* Standard input and output of one terminal, a lone pipe, a half-closed pair of pipes. */
INSIDE_REAL(stream_two_descriptors)
{
    int fds[2];
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_EQ(hark_stream_open_two(&a, -1, fds[1]), 0);
    CHECK_EQ(hark_stream_open_two(&b, fds[0], -1), 0);
    CHECK_EQ(hark_stream_fd(&a), fds[1]);
    CHECK_EQ(hark_stream_fd(&b), fds[0]);
    speak(&a, "x");
    expect(&b, "x");
    spoken(&a);
    char byte;
    CHECK_MISUSE(hark_stream_read(&a, &byte, 1), -EBADF, "read this stream");
    CHECK_MISUSE(hark_stream_write(&b, "x", 1), -EBADF, "write this stream");
    CHECK_EQ(hark_stream_half_close(&a), 0);
    expect_end(&b);
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
    CHECK_EQ(fcntl(fds[0], F_GETFD), -1);
    CHECK_EQ(fcntl(fds[1], F_GETFD), -1);
}

/* ---- while a worker thread reads ------------------------------------------------------------- */

static atomic_bool may_read;

static ssize_t slow_read(int fd, void *buffer, size_t size)
{
    while (!atomic_load(&may_read)) {
        usleep(100);
    }
    return read(fd, buffer, size);
}

static ssize_t not_now(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    (void)fd, (void)parts, (void)count, (void)offset, (void)flags;
    errno = EAGAIN;
    return -1;
}

/* A worker fills the buffer; the stream is closed, and its struct opened anew, meanwhile. */
INSIDE_REAL(stream_closed_while_a_worker_reads_a_file)
{
    struct ear *e = &ears[1];
    hark__sys.preadv2 = not_now;
    hark__sys.read = slow_read;
    CHECK_EQ(hark_stream_open(&b, file_with("first\nsecond\n")), 0);
    *e = (struct ear){.from = &b, .how = HEAR_LINE};
    e->task = hark_go(&group, ear_task, e);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_yield(), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
    memset(&b, 0xee, sizeof b);
    CHECK(!e->over);
    atomic_store(&may_read, true);
    CHECK_EQ(heard(e), -EBADF);
}

/* ---- words ----------------------------------------------------------------------------------- */

INSIDE(stream_who_is_busy_is_named)
{
    char byte;
    CHECK_EQ(make_memory(&a, &b), 0);
    const struct ear *e = listen_to(&b, HEAR_READ);
    CHECK_MISUSE(hark_stream_read(&b, &byte, 1), -EBUSY, "ear_task");
    speak(&a, "x");
    CHECK_EQ(heard(e), 1);
    CHECK_EQ(hark_stream_close(&a), 0);
    CHECK_EQ(hark_stream_close(&b), 0);
}
