/* SPDX-License-Identifier: MIT
 *
 * libuv: udp. It receives one by one, or many at a time if it is asked to; it sends one by one, for
 * only what cannot be sent at once is sent with others. Connected, uv_udp_try_send, its fastest.
 */
#include "../../bench.h"
#include <arpa/inet.h>
#include <uv.h>

enum { BATCH = 32, SIZE = 64, DATAGRAMS = 16000 };

static uv_loop_t *loop;
static uv_udp_t from;
static char out[SIZE], in[BATCH * 65536];
static int left;

static void give_buffer(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    (void)hint;
    *b = uv_buf_init(in, uv_udp_using_recvmmsg((uv_udp_t *)h) ? sizeof in : 65536);
}

static void received(uv_udp_t *u, ssize_t n, const uv_buf_t *b, const struct sockaddr *a,
                     unsigned flags)
{
    (void)u, (void)b, (void)flags;
    if (n == 0 && a == NULL)
        return; /* no more for now */
    bench_must(n == SIZE, "a datagram");
    left--;
}

static void datagrams(long n, void *arg)
{
    uv_buf_t b = uv_buf_init(out, SIZE);
    (void)arg;
    for (; n > 0; n -= BATCH) {
        for (int i = 0; i < BATCH; i++)
            bench_must(uv_udp_try_send(&from, &b, 1, NULL) == SIZE, "uv_udp_try_send");
        for (left = BATCH; left > 0;)
            uv_run(loop, UV_RUN_ONCE);
    }
}

static void measure(const char *key, unsigned flags, long n)
{
    struct sockaddr_in address;
    uv_udp_t to;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_udp_init_ex(loop, &to, AF_INET | flags);
    bench_must(uv_udp_bind(&to, (struct sockaddr *)&address, 0) == 0, "uv_udp_bind");
    uv_udp_getsockname(&to, (struct sockaddr *)&address, &length);
    uv_udp_init(loop, &from);
    bench_must(uv_udp_connect(&from, (struct sockaddr *)&address) == 0, "uv_udp_connect");
    uv_udp_recv_start(&to, give_buffer, received);
    bench_say(key, bench_ns(datagrams, n, NULL), "ns");
    uv_close((uv_handle_t *)&from, NULL);
    uv_close((uv_handle_t *)&to, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, DATAGRAMS);
    loop = uv_default_loop();
    measure("ns_one_by_one", 0, n);
    measure("ns_in_batches", UV_UDP_RECVMMSG, n);
    return 0;
}
