/* SPDX-License-Identifier: MIT
 *
 * echo_uring.c - the least that echoes with io_uring: multishot accept, multishot recv out of a
 * ring of buffers, a send each, and one call a batch. `echo_uring direct` keeps the connections in
 * the ring's own table, so that no descriptor is looked up.
 *
 * Built without liburing it says so and is left out.
 */
#include "../serve.h"

#if defined(HARK_HAVE_LIBURING) || defined(BENCH_HAVE_LIBURING)
#include <liburing.h>

#define BUFFERS          4096
#define BUFFER_SIZE      256
#define BUFFER_GROUP     1
#define MOST_CONNECTIONS 4096
enum { ACCEPT, RECV, SEND, CLOSE };

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory;
static int direct;

/* What was asked, of which connection, with which buffer: all in the 64 bits that come back. */
static uint64_t token(int what, int fd, int buffer)
{
    return (uint64_t)what << 48 | (uint64_t)buffer << 32 | (uint32_t)fd;
}

static struct io_uring_sqe *entry(int what, int fd, int buffer)
{
    struct io_uring_sqe *e = io_uring_get_sqe(&ring);
    if (!e) {
        io_uring_submit(&ring);
        e = io_uring_get_sqe(&ring);
    }
    bench_must(e != NULL, "io_uring_get_sqe");
    e->user_data = token(what, fd, buffer);
    return e;
}

static void on_connection(struct io_uring_sqe *e, uint64_t data)
{
    e->user_data = data; /* liburing's preparation clears it */
    if (direct)
        e->flags |= IOSQE_FIXED_FILE;
}

static void ask_accept(int listener)
{
    struct io_uring_sqe *e = entry(ACCEPT, listener, 0);
    uint64_t data = e->user_data;
    if (direct)
        io_uring_prep_multishot_accept_direct(e, listener, NULL, NULL, 0);
    else
        io_uring_prep_multishot_accept(e, listener, NULL, NULL, 0);
    e->user_data = data;
}

static void ask_recv(int fd)
{
    struct io_uring_sqe *e = entry(RECV, fd, 0);
    uint64_t data = e->user_data;
    io_uring_prep_recv_multishot(e, fd, NULL, 0, 0);
    on_connection(e, data);
    e->flags |= IOSQE_BUFFER_SELECT;
    e->buf_group = BUFFER_GROUP;
}

static void ask_send(int fd, int buffer, int size)
{
    struct io_uring_sqe *e = entry(SEND, fd, buffer);
    uint64_t data = e->user_data;
    io_uring_prep_send(e, fd, memory + buffer * BUFFER_SIZE, size, MSG_NOSIGNAL | MSG_WAITALL);
    on_connection(e, data);
}

static void ask_close(int fd)
{
    struct io_uring_sqe *e = entry(CLOSE, fd, 0);
    uint64_t data = e->user_data;
    if (direct)
        io_uring_prep_close_direct(e, fd);
    else
        io_uring_prep_close(e, fd);
    e->user_data = data;
}

static void give_back(int buffer)
{
    io_uring_buf_ring_add(buffers, memory + buffer * BUFFER_SIZE, BUFFER_SIZE, buffer,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(buffers, 1);
}

static void on_recv(int fd, const struct io_uring_cqe *c)
{
    int more = c->flags & IORING_CQE_F_MORE;
    if (c->res > 0)
        ask_send(fd, c->flags >> IORING_CQE_BUFFER_SHIFT, c->res);
    if (c->res > 0 ? !more : c->res == -ENOBUFS)
        ask_recv(fd);
    else if (c->res <= 0 && !more)
        ask_close(fd);
}

static void on_completion(const struct io_uring_cqe *c)
{
    int fd = (int)(uint32_t)c->user_data, buffer = c->user_data >> 32 & 0xffff;
    switch (c->user_data >> 48) {
    case ACCEPT:
        if (c->res >= 0)
            ask_recv(c->res);
        if (!(c->flags & IORING_CQE_F_MORE))
            ask_accept(fd);
        break;
    case RECV: on_recv(fd, c); break;
    case SEND: give_back(buffer); break;
    }
}

static void open_ring(void)
{
    struct io_uring_params p = {0};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    p.cq_entries = 16384;
    int rc = io_uring_queue_init_params(4096, &ring, &p);
    if (rc != 0)
        bench_skip(rc == -EINVAL ? "this kernel's io_uring has no DEFER_TASKRUN"
                                 : "this kernel refuses io_uring_setup");
    io_uring_register_ring_fd(&ring);
    rc = direct ? io_uring_register_files_sparse(&ring, MOST_CONNECTIONS) : 0;
    if (rc != 0)
        bench_skip(rc == -EMFILE ? "too few descriptors are allowed here for a table (ulimit -n)"
                                 : "this kernel's io_uring has no table of descriptors");
}

static void open_buffers(void)
{
    struct io_uring_buf_reg reg = {0};
    buffers = aligned_alloc(4096, BUFFERS * sizeof(struct io_uring_buf));
    memory = aligned_alloc(4096, BUFFERS * BUFFER_SIZE);
    bench_must(buffers && memory, "aligned_alloc");
    reg.ring_addr = (uintptr_t)buffers;
    reg.ring_entries = BUFFERS;
    reg.bgid = BUFFER_GROUP;
    if (io_uring_register_buf_ring(&ring, &reg, 0) != 0)
        bench_skip("this kernel's io_uring has no ring of buffers");
    io_uring_buf_ring_init(buffers);
    for (int i = 0; i < BUFFERS; i++)
        give_back(i);
}

int main(int argc, char **argv)
{
    direct = argc > 1 && strcmp(argv[1], "direct") == 0;
    open_ring();
    open_buffers();
    int listener = serve_listen(0);
    ask_accept(listener);
    serve_port(listener);
    for (;;) {
        struct io_uring_cqe *c;
        unsigned head, n = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, c)
        {
            on_completion(c);
            n++;
        }
        io_uring_cq_advance(&ring, n);
    }
}

#else

int main(void)
{
    bench_skip("built without liburing (Debian: apt-get install liburing-dev)");
}

#endif
