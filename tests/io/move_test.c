/* SPDX-License-Identifier: MIT
 *
 * move_test.c - reading and writing: all kinds of descriptors, whole streams, short and failing
 * calls, cancellation midway, and that nobody hogs the loop.
 */
#include "wire.h"

#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

static int ends[2];

/* ---- whole streams -------------------------------------------------------------------------- */

static size_t stream_size;

static int send_stream(void *seed)
{
    static unsigned char buffer[100000];
    uint64_t state = *(uint64_t *)seed | 1;
    size_t sent = 0;
    while (sent < stream_size) {
        size_t size = 1 + draw(&state) % sizeof buffer;
        size = size < stream_size - sent ? size : stream_size - sent;
        put_bytes(buffer, sent, size);
        size_t done = 0;
        CHECK_EQ(hark_write_full(ends[1], buffer, size, &done), 0);
        CHECK_EQ(done, size);
        sent += size;
    }
    CHECK_EQ(hark_close(ends[1]), 0);
    return 0;
}

static void take_stream(size_t most)
{
    static unsigned char buffer[100000];
    size_t got = 0;
    int64_t moved;
    most = most < sizeof buffer ? most : sizeof buffer;
    while ((moved = hark_read(ends[0], buffer, most)) > 0) {
        check_bytes(buffer, got, (size_t)moved);
        got += (size_t)moved;
    }
    CHECK_EQ(moved, 0);
    CHECK_EQ(got, stream_size);
    CHECK_EQ(hark_read(ends[0], buffer, most), 0); /* the end stays the end */
    CHECK_EQ(hark_close(ends[0]), 0);
}

static void stream(enum transport transport, size_t size, size_t most)
{
    uint64_t seed = kit_seed();
    stream_size = size;
    wire(transport, ends);
    hark_go(&group, send_stream, &seed);
    take_stream(most);
    CHECK_EQ(hark_settle(), 0);
}

ON_WIRE(move_10_MiB_over_tcp_arrive_as_they_were_sent)
{
    stream(TCP, 10 << 20, 64 << 10);
}

ON_WIRE(move_10_MiB_over_a_socketpair_arrive_as_they_were_sent)
{
    stream(UNIX, 10 << 20, 64 << 10);
}

ON_WIRE(move_10_MiB_through_a_pipe_arrive_as_they_were_sent)
{
    stream(PIPE, 10 << 20, 64 << 10);
}

/* ---- calls that are short, interrupted, or too early ---------------------------------------- */

static uint64_t chance;
static int calls;

/* Fails one call in three; else moves a byte or a few. */
static bool fails(size_t *size)
{
    calls++;
    const uint64_t drawn = draw(&chance) % 6;
    *size = *size < 1 + drawn ? *size : 1 + drawn;
    errno = drawn == 0 ? EINTR : EAGAIN;
    return drawn < 2;
}

static ssize_t bad_recv(int fd, void *buffer, size_t size, int flags)
{
    return fails(&size) ? -1 : recv(fd, buffer, size, flags);
}

static ssize_t bad_send(int fd, const void *buffer, size_t size, int flags)
{
    return fails(&size) ? -1 : send(fd, buffer, size, flags);
}

static ssize_t bad_read(int fd, void *buffer, size_t size)
{
    return fails(&size) ? -1 : read(fd, buffer, size);
}

static ssize_t bad_write(int fd, const void *buffer, size_t size)
{
    return fails(&size) ? -1 : write(fd, buffer, size);
}

static ssize_t no_preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    (void)fd, (void)parts, (void)count, (void)offset, (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}

static int bad_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    size_t size = 1;
    if (fails(&size)) {
        errno = EINTR;
        return -1;
    }
    return poll(fds, count, timeout);
}

/* A spurious EAGAIN makes a task wait though there is no edge to come: then it is the look after
 * 100 ms that goes on. So the failing calls fail by EINTR, and EAGAIN has its own test. */
static bool only_eintr(size_t *size)
{
    const bool failed = fails(size);
    errno = EINTR;
    return failed;
}

static ssize_t interrupted_recv(int fd, void *buffer, size_t size, int flags)
{
    return only_eintr(&size) ? -1 : recv(fd, buffer, size, flags);
}

static ssize_t interrupted_send(int fd, const void *buffer, size_t size, int flags)
{
    return only_eintr(&size) ? -1 : send(fd, buffer, size, flags);
}

static ssize_t interrupted_read(int fd, void *buffer, size_t size)
{
    return only_eintr(&size) ? -1 : read(fd, buffer, size);
}

static ssize_t interrupted_write(int fd, const void *buffer, size_t size)
{
    return only_eintr(&size) ? -1 : write(fd, buffer, size);
}

static ssize_t interrupted_preadv2(int fd, const struct iovec *parts, int count, off_t offset,
                                   int flags)
{
    struct iovec part = parts[0];
    return only_eintr(&part.iov_len) ? -1 : preadv2(fd, &part, count, offset, flags);
}

static ssize_t interrupted_pwritev2(int fd, const struct iovec *parts, int count, off_t offset,
                                    int flags)
{
    struct iovec part = parts[0];
    return only_eintr(&part.iov_len) ? -1 : pwritev2(fd, &part, count, offset, flags);
}

ON_WIRE(move_N2_short_and_interrupted_calls_are_invisible)
{
    chance = kit_seed();
    hark__sys.recv = interrupted_recv;
    hark__sys.send = interrupted_send;
    hark__sys.read = interrupted_read;
    hark__sys.write = interrupted_write;
    hark__sys.preadv2 = interrupted_preadv2;
    hark__sys.pwritev2 = interrupted_pwritev2;
    stream(PIPE, 20000, 4096);
    hark__sys.preadv2 = hark__sys.pwritev2 = no_preadv2;
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        stream(transport, 20000, transport == TCP ? 1 : 4096);
    }
    CHECK_GT(calls, 20000);
}

ON_WIRE(move_N2_a_spurious_eagain_costs_time_and_no_bytes)
{
    chance = kit_seed();
    hark__sys.recv = bad_recv;
    hark__sys.send = bad_send;
    hark__sys.read = bad_read;
    hark__sys.write = bad_write;
    hark__sys.poll = bad_poll;
    hark__sys.preadv2 = hark__sys.pwritev2 = no_preadv2;
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        stream(transport, 16, 4);
    }
}

static ssize_t recv_one(int fd, void *buffer, size_t size, int flags)
{
    return recv(fd, buffer, size ? 1 : 0, flags);
}

/* To core a read of one byte that was asked for more looks as if the stream were empty: only the
 * look after 100 ms finds the rest. Asked for one, it is exact. */
ON_WIRE(move_F8_reads_of_one_byte_lose_no_edge)
{
    hark__sys.recv = recv_one;
    stream(TCP, 5000, 1);
    stream(UNIX, 5000, 4096);
}

/* ---- how many calls ------------------------------------------------------------------------- */

static int recvs, sends;

static ssize_t count_recv(int fd, void *buffer, size_t size, int flags)
{
    recvs++;
    return recv(fd, buffer, size, flags);
}

static ssize_t count_send(int fd, const void *buffer, size_t size, int flags)
{
    sends++;
    return send(fd, buffer, size, flags);
}

static int echo(void *arg)
{
    char buffer[256];
    int64_t moved;
    (void)arg;
    while ((moved = hark_read(ends[0], buffer, sizeof buffer)) > 0) {
        CHECK_EQ(hark_write(ends[0], buffer, (size_t)moved), moved);
    }
    return 0;
}

ON_WIRE(move_an_echo_costs_one_call_each_way_where_the_hub_tells_of_edges)
{
    const int rounds = 100;
    char buffer[256];
    wire(TCP, ends);
    hark_go(&group, echo, NULL);
    hark__sys.recv = count_recv;
    hark__sys.send = count_send;
    for (int i = 0; i < rounds; i++) {
        CHECK_EQ(hark_write(ends[1], "hello", 5), 5);
        CHECK_EQ(hark_read(ends[1], buffer, sizeof buffer), 5);
    }
    CHECK_EQ(sends, 2 * rounds);
    const char *hub = getenv("HARK_HUB");
    const bool lasts = !strcmp(hub, "uring") || !strcmp(hub, "epoll");
    CHECK_LE(recvs, lasts ? 2 * rounds + 10 : 4 * rounds + 10);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_sleep(HARK_MS(1)), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
}

/* ---- fairness ------------------------------------------------------------------------------- */

ON_WIRE(move_BG_95_an_always_ready_peer_does_not_starve_the_others)
{
    wire(UNIX, ends);
    hark_go(&group, tick, NULL);
    CHECK_EQ(hark_yield(), 0);
    const int before = ticks.count;
    for (int i = 0; i < 10000; i++) {
        char byte = 'x';
        CHECK_EQ(hark_write(ends[1], &byte, 1), 1);
        CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
        CHECK(hark_wait_fd(ends[0], POLLOUT) & POLLOUT);
    }
    CHECK_GE(ticks.count - before, 100);
    const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const int middle = ticks.count;
    for (int i = 0; i < 10000; i++) {
        char byte;
        CHECK_EQ(hark_read(zero, &byte, 1), 1);
    }
    CHECK_GE(ticks.count - middle, 50);
    ticks.stop = true;
    CHECK_EQ(hark_close(zero), 0);
    unwire(ends);
}

/* ---- blocking descriptors never block the loop ---------------------------------------------- */

static void make_blocking(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
}

static int write_later(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(5)), 0);
    CHECK_EQ(hark_write(ends[1], "hello", 5), 5);
    return 0;
}

static void blocking_ends(enum transport transport)
{
    char buffer[16];
    wire(transport, ends);
    make_blocking(ends[0]);
    make_blocking(ends[1]);
    ticks.stop = false;
    ticks.count = 0;
    hark_go(&group, tick, NULL);
    hark_go(&group, write_later, NULL);
    CHECK_EQ(hark_read(ends[0], buffer, sizeof buffer), 5);
    CHECK_GT(ticks.count, 5);
    CHECK_EQ(hark_within(HARK_MS(5), hark_read(ends[0], buffer, sizeof buffer)), -ETIMEDOUT);
    size_t done = 0;
    char *large = calloc(1, 8 << 20);
    CHECK_EQ(hark_within(HARK_MS(20), hark_write_full(ends[1], large, 8 << 20, &done)), -ETIMEDOUT);
    CHECK_GT(done, 0);
    ticks.stop = true;
    char *sink = malloc(done);
    CHECK_EQ(hark_read_full(ends[0], sink, done, NULL), 0);
    free(sink);
    free(large);
    CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0); /* left as it was */
    unwire(ends);
    CHECK_EQ(hark_settle(), 0);
}

ON_WIRE(move_F12_a_blocking_pipe_never_blocks_the_loop)
{
    blocking_ends(PIPE);
}

ON_WIRE(move_F12_a_blocking_socket_never_blocks_the_loop)
{
    blocking_ends(UNIX);
    blocking_ends(TCP);
}

ON_WIRE(move_F12_a_blocking_pipe_on_a_kernel_without_nowait)
{
    hark__sys.preadv2 = hark__sys.pwritev2 = no_preadv2;
    blocking_ends(PIPE);
}

static void open_terminal(int pair[2])
{
    pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK_GE(pair[0], 0);
    CHECK_EQ(grantpt(pair[0]), 0);
    CHECK_EQ(unlockpt(pair[0]), 0);
    pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK_GE(pair[1], 0);
}

static int type_later(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
    CHECK_EQ(hark_write_full(ends[0], "half", 4, NULL), 0);
    CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
    CHECK_EQ(hark_write_full(ends[0], " line\n", 6, NULL), 0);
    return 0;
}

ON_WIRE(move_F7_a_terminal_reads_lines_and_never_blocks_the_loop)
{
    char line[64];
    open_terminal(ends);
    hark_go(&group, tick, NULL);
    hark_go(&group, type_later, NULL);
    CHECK_EQ(hark_read(ends[1], line, sizeof line), 10);
    CHECK_EQ(memcmp(line, "half line\n", 10), 0);
    CHECK_GT(ticks.count, 3);
    CHECK_EQ(hark_within(HARK_MS(5), hark_read(ends[1], line, sizeof line)), -ETIMEDOUT);
    size_t done = 0; /* nobody reads what the terminal shows */
    char *tabs = memset(malloc(1 << 20), '\n', 1 << 20);
    CHECK_EQ(hark_within(HARK_MS(100), hark_write_full(ends[1], tabs, 1 << 20, &done)), -ETIMEDOUT);
    CHECK_GT(done, 1000);
    free(tabs);
    ticks.stop = true;
    unwire(ends);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void round_trip(void)
{
    static unsigned char out[200000], in[200000];
    const int file = memfd_create("file", MFD_CLOEXEC);
    put_bytes(out, 0, sizeof out);
    CHECK_EQ(hark_write_full(file, out, sizeof out, NULL), 0);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), sizeof out);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    CHECK_EQ(hark_read_full(file, in, sizeof in, NULL), 0);
    check_bytes(in, 0, sizeof in);
    CHECK_EQ(hark_read(file, in, 1), 0);
    CHECK_EQ(hark_close(file), 0);
}

ON_WIRE(move_a_file_is_read_and_written_at_its_position)
{
    round_trip();
}

ON_WIRE(move_a_file_that_is_not_in_memory_goes_through_a_worker)
{
    hark__sys.preadv2 = hark__sys.pwritev2 = no_preadv2;
    hark_go(&group, tick, NULL);
    round_trip();
    CHECK_GT(ticks.count, 0);
    ticks.stop = true;
}

static atomic_int in_worker, let_go;
static int slow_file;

static ssize_t slow_read(int fd, void *buffer, size_t size)
{
    atomic_store(&in_worker, fd == slow_file || atomic_load(&in_worker));
    while (fd == slow_file && !atomic_load(&let_go)) {
        sched_yield();
    }
    return read(fd, buffer, size);
}

static int release_worker(void *reader)
{
    while (!atomic_load(&in_worker)) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(*(hark_task *)reader), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_LOG("");
    atomic_store(&let_go, 1);
    return 0;
}

static int read_file(void *file)
{
    char text[8];
    kit_log("%d", (int)hark_read(*(int *)file, text, sizeof text));
    kit_log("%s", outcome(hark_checkpoint()));
    return 0;
}

ON_WIRE(move_a_worker_that_uses_the_buffer_is_waited_for)
{
    int file = memfd_create("file", MFD_CLOEXEC);
    CHECK_EQ(pwrite(file, "hello", 5, 0), 5);
    slow_file = file;
    hark__sys.preadv2 = no_preadv2;
    hark__sys.read = slow_read;
    hark_task task = hark_go(&group, read_file, &file);
    hark_go(&group, release_worker, &task);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("5 cancelled");
    CHECK_EQ(hark_close(file), 0);
}

static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *arg)
{
    (void)thread, (void)attributes, (void)fn, (void)arg;
    return EAGAIN;
}

ON_WIRE(move_TH_09_without_a_worker_thread_it_says_so)
{
    char byte;
    const int file = memfd_create("file", MFD_CLOEXEC);
    hark__sys.preadv2 = no_preadv2;
    hark__sys.thread_start = no_thread;
    CHECK_MISUSE(hark_read(file, &byte, 1), -ENOMEM, "thread");
    CHECK_EQ(hark_close(file), 0);
    const int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hark__sys.thread_start = pthread_create;
    CHECK_MISUSE(hark_read(folder, &byte, 1), -EISDIR, "hark_read");
    CHECK_EQ(hark_close(folder), 0);
}

/* ---- ends ----------------------------------------------------------------------------------- */

ON_WIRE(move_N3_a_gone_reader_is_EPIPE_and_no_signal)
{
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        wire(transport, ends);
        CHECK_EQ(hark_close(ends[0]), 0);
        int64_t rc = hark_write(ends[1], "x", 1);
        if (transport == TCP) { /* it learns of it by the answer to this byte */
            CHECK_EQ(rc, 1);
            while ((rc = hark_write(ends[1], "x", 1)) == 1) {
                CHECK_EQ(hark_yield(), 0);
            }
        }
        CHECK_MISUSE(hark_write_full(ends[1], "x", 1, NULL), -EPIPE, "hark_write_full");
        CHECK_EQ(hark_close(ends[1]), 0);
    }
}

ON_WIRE(move_N4_a_peer_that_resets_is_an_error_with_words)
{
    char byte;
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    wire(TCP, ends);
    CHECK_EQ(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_MISUSE(hark_read(ends[0], &byte, 1), -ECONNRESET, "hark_read");
    CHECK_EQ(hark_read(ends[0], &byte, 1), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
}

static int read_until_reset(void *arg)
{
    char byte;
    (void)arg;
    kit_log("%s", outcome(hark_read(ends[0], &byte, 1)));
    return 0;
}

ON_WIRE(move_N4_a_reset_wakes_who_reads)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    wire(TCP, ends);
    const hark_task task = hark_go(&group, read_until_reset, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("ECONNRESET");
    CHECK_EQ(hark_close(ends[0]), 0);
}

ON_WIRE(move_N5_half_close_ends_one_direction)
{
    char buffer[8];
    for (enum transport transport = TCP; transport <= UNIX; transport++) {
        wire(transport, ends);
        CHECK_EQ(hark_write(ends[1], "ask", 3), 3);
        CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
        CHECK_EQ(hark_read_full(ends[0], buffer, 3, NULL), 0);
        CHECK_EQ(hark_read(ends[0], buffer, 3), 0);
        CHECK_EQ(hark_write(ends[0], "answer", 6), 6);
        CHECK_EQ(hark_read_full(ends[1], buffer, 6, NULL), 0);
        CHECK_EQ(hark_within(HARK_MS(1), hark_read(ends[1], buffer, 1)), -ETIMEDOUT);
        unwire(ends);
    }
}

/* The stream ends between two short reads: with data before it, and after a wait. */
ON_WIRE(move_the_end_of_a_stream_is_never_missed)
{
    char buffer[64];
    for (int i = 0; i < 50; i++) {
        wire(TCP, ends);
        if (i % 2) {
            CHECK_EQ(hark_within(0, hark_read(ends[0], buffer, sizeof buffer)), -ETIMEDOUT);
        }
        CHECK_EQ(hark_write(ends[1], "last", 4), 4);
        CHECK_EQ(hark_read(ends[0], buffer, sizeof buffer), 4);
        CHECK_EQ(hark_close(ends[1]), 0);
        const int64_t began = kit_clock();
        CHECK_EQ(hark_read(ends[0], buffer, sizeof buffer), 0);
        CHECK_LT(kit_clock() - began, HARK_MS(90) * kit_slow()); /* an edge, not the late look */
        CHECK_EQ(hark_close(ends[0]), 0);
    }
}

/* ---- counts and cancellation ---------------------------------------------------------------- */

static int read_ten(void *arg)
{
    char buffer[10] = "..........";
    size_t done = 99;
    (void)arg;
    kit_log("%s", outcome(hark_read_full(ends[0], buffer, 10, &done)));
    kit_log("%zu:%.*s", done, (int)done, buffer);
    return 0;
}

ON_WIRE(move_read_full_tells_what_moved_before_it_failed)
{
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        wire(transport, ends);
        hark_task task = hark_go(&group, read_ten, NULL);
        CHECK_EQ(hark_settle(), 0);
        CHECK_EQ(hark_write(ends[1], "abc", 3), 3);
        CHECK_EQ(hark_sleep(HARK_MS(2)), 0);
        CHECK_EQ(hark_task_cancel(task), 0);
        CHECK_EQ(hark_task_wait(task), 0);
        CHECK_LOG("cancelled 3:abc");
        task = hark_go(&group, read_ten, NULL);
        CHECK_EQ(hark_write(ends[1], "defg", 4), 4);
        CHECK_EQ(hark_close(ends[1]), 0);
        CHECK_EQ(hark_task_wait(task), 0);
        CHECK_LOG("ENODATA 4:defg");
        CHECK_EQ(hark_close(ends[0]), 0);
    }
}

ON_WIRE(move_an_early_end_has_words)
{
    char buffer[4];
    wire(PIPE, ends);
    CHECK_EQ(hark_write(ends[1], "ab", 2), 2);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_MISUSE(hark_read_full(ends[0], buffer, 4, NULL), -ENODATA, "2 of 4");
    CHECK_MISUSE(hark_read(ends[0], NULL, 1), -EINVAL, "NULL");
    CHECK_MISUSE(hark_write(ends[0], NULL, 1), -EINVAL, "NULL");
    CHECK_EQ(hark_read(ends[0], NULL, 0), 0);
    CHECK_EQ(hark_read_full(ends[0], buffer, 0, NULL), 0);
    CHECK_EQ(hark_write_full(ends[0], NULL, 0, NULL), 0);
    CHECK_MISUSE(hark_write(ends[0], "x", 1), -EBADF, "hark_write"); /* the reading end */
    CHECK_EQ(hark_close(ends[0]), 0);
}

/* What a timeout cut short plus what is sent afterwards is the whole stream: nothing twice. */
ON_WIRE(move_HB_19_partial_writes_with_timeouts_lose_nothing)
{
    enum { SIZE = 4 << 20 };
    unsigned char *out = malloc(SIZE), *in = malloc(SIZE);
    put_bytes(out, 0, SIZE);
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        size_t sent = 0, got = 0;
        wire(transport, ends);
        while (got < SIZE) {
            size_t done = 0;
            const int64_t rc =
                hark_within(HARK_US(200), hark_write_full(ends[1], out + sent, SIZE - sent, &done));
            CHECK(rc == 0 || rc == -ETIMEDOUT);
            sent += done;
            const int64_t moved = hark_within(HARK_US(200), hark_read(ends[0], in + got, SIZE - got));
            CHECK(moved > 0 || moved == -ETIMEDOUT);
            got += moved > 0 ? (size_t)moved : 0;
        }
        CHECK_EQ(sent, SIZE);
        check_bytes(in, 0, SIZE);
        unwire(ends);
    }
    free(out);
    free(in);
}

ON_WIRE(move_a_cancelled_call_moved_nothing)
{
    hark_scope scope;
    for (enum transport transport = TCP; transport < TRANSPORTS; transport++) {
        char byte = '?';
        wire(transport, ends);
        CHECK_EQ(hark_write(ends[1], "x", 1), 1);
        CHECK(hark_wait_fd(ends[0], POLLIN) & POLLIN);
        CHECK_EQ(hark_scope_open(&scope, HARK_FOREVER), 0);
        CHECK_EQ(hark_scope_cancel(&scope), 0);
        CHECK_SILENT(hark_read(ends[0], &byte, 1), -ECANCELED);
        CHECK_SILENT(hark_write(ends[1], "y", 1), -ECANCELED);
        CHECK_SILENT(hark_read(-1, &byte, 1), -ECANCELED); /* the checkpoint comes first */
        CHECK_EQ(hark_scope_close(&scope, -ECANCELED), 0);
        CHECK_EQ(byte, '?');
        CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
        CHECK_EQ(byte, 'x');
        CHECK_EQ(hark_within(HARK_MS(1), hark_read(ends[0], &byte, 1)), -ETIMEDOUT);
        unwire(ends);
    }
}

/* Deadlines and bytes race; whatever wins, the bytes that were read are those that were sent. */
ON_WIRE(move_a_read_that_races_with_its_deadline_loses_no_byte)
{
    uint64_t state = kit_seed();
    size_t sent = 0, got = 0;
    wire(TCP, ends);
    for (int i = 0; i < 3000; i++) {
        unsigned char buffer[8];
        if (draw(&state) % 2) {
            const size_t size = 1 + draw(&state) % 8;
            put_bytes(buffer, sent, size);
            CHECK_EQ(hark_write(ends[1], buffer, size), size);
            sent += size;
        }
        const int64_t moved = hark_within((int64_t)(draw(&state) % 20) * 1000 - 1000,
                                          hark_read(ends[0], buffer, 1 + draw(&state) % 8));
        CHECK(moved > 0 || moved == -ETIMEDOUT);
        if (moved > 0) {
            check_bytes(buffer, got, (size_t)moved);
            got += (size_t)moved;
        }
    }
    CHECK_EQ(hark_close(ends[1]), 0);
    unsigned char rest[8];
    int64_t moved;
    while ((moved = hark_read(ends[0], rest, sizeof rest)) > 0) {
        check_bytes(rest, got, (size_t)moved);
        got += (size_t)moved;
    }
    CHECK_EQ(got, sent);
    CHECK_EQ(hark_close(ends[0]), 0);
}

/* ---- EINTR from real signals ---------------------------------------------------------------- */

static void on_alarm(int signo)
{
    (void)signo;
}

ON_WIRE(move_HB_12_signals_do_not_break_waiting)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    stream(TCP, 1 << 20, 4096);
    stream(PIPE, 1 << 20, 4096);
    char byte;
    wire(UNIX, ends);
    CHECK_EQ(hark_within(HARK_MS(5), hark_read(ends[0], &byte, 1)), -ETIMEDOUT);
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    unwire(ends);
}

/* ---- a file that is closed while a worker writes it ------------------------------------------- */

static sem_t worker_is_in, worker_may_go;
static pthread_t loop_thread;
static int secret_fd;

static ssize_t no_nowait(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    (void)fd, (void)parts, (void)count, (void)offset, (void)flags;
    errno = EAGAIN;
    return -1;
}

static ssize_t write_slowly(int fd, const void *buffer, size_t size)
{
    if (!pthread_equal(pthread_self(), loop_thread) && fd == secret_fd) {
        sem_post(&worker_is_in);
        sem_wait(&worker_may_go);
    }
    return write(fd, buffer, size);
}

static int writes_secret(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_write(secret_fd, "secret", 6), 6);
    return 0;
}

static int closes_meanwhile(void *arg)
{
    hark_group g;
    (void)arg;
    CHECK_GE(secret_fd = memfd_create("secret", MFD_CLOEXEC), 0);
    hark_group_open(&g);
    hark_go(&g, writes_secret, NULL);
    hark_yield();
    sem_wait(&worker_is_in);
    CHECK_EQ(hark_close(secret_fd), 0);
    CHECK_EQ(hark_close(secret_fd), -EBADF);
    CHECK_EQ(hark_read(secret_fd, (char[1]){0}, 1), -EBADF);
    const int other = memfd_create("other", MFD_CLOEXEC);
    CHECK_NE(other, secret_fd);
    sem_post(&worker_may_go);
    CHECK_EQ(hark_group_close(&g, 0), 0);
    CHECK_EQ(fcntl(secret_fd, F_GETFD), -1); /* now it is gone */
    CHECK_EQ(lseek(other, 0, SEEK_END), 0);
    close(other);
    return 0;
}

TEST(move_a_file_that_is_closed_under_a_worker_keeps_its_number_until_that_is_done)
{
    loop_thread = pthread_self();
    sem_init(&worker_is_in, 0, 0);
    sem_init(&worker_may_go, 0, 0);
    hark__sys.pwritev2 = no_nowait;
    hark__sys.write = write_slowly;
    CHECK_EQ(RUN(closes_meanwhile, NULL), 0);
}
