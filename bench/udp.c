/* SPDX-License-Identifier: MIT
 *
 * udp.c - datagrams of 64 bytes to oneself over lo: one by one, and in batches.
 *
 * One task sends 32 and receives them, again and again, so nobody ever waits: what is measured is
 * the calls.
 */
#include "bench.h"
#include <arpa/inet.h>
#include <hark.h>
#include <unistd.h>

enum { BATCH = HARK_UDP_BATCH, SIZE = 64, DATAGRAMS = 16000 };

static int from, to;
static char out[BATCH][SIZE], in[BATCH][SIZE];
static hark_datagram sent[BATCH], received[BATCH];

static void one_by_one(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= BATCH) {
        for (int i = 0; i < BATCH; i++)
            bench_must(hark_udp_send(from, out[i], SIZE, NULL, 0) == SIZE, "hark_udp_send");
        for (int i = 0; i < BATCH; i++)
            bench_must(hark_udp_recv(to, in[i], SIZE, NULL, NULL) == SIZE, "hark_udp_recv");
    }
}

static void in_batches(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= BATCH) {
        bench_must(hark_udp_send_many(from, sent, BATCH) == BATCH, "hark_udp_send_many");
        bench_must(hark_udp_recv_many(to, received, BATCH) == BATCH, "hark_udp_recv_many");
    }
}

static void prepare(void)
{
    char port[16];
    int large = 1 << 20;
    to = hark_udp_open("127.0.0.1", "0");
    snprintf(port, sizeof port, "%d", hark_udp_port(to));
    from = hark_udp_connect("127.0.0.1", port);
    bench_must(from >= 0, "hark_udp_connect");
    setsockopt(to, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    for (int i = 0; i < BATCH; i++) {
        sent[i] = (hark_datagram){.data = out[i], .size = SIZE};
        received[i] = (hark_datagram){.data = in[i], .room = SIZE};
    }
}

static int measure(void *arg)
{
    long n = *(long *)arg;
    prepare();
    bench_say("ns_one_by_one", bench_ns(one_by_one, n, NULL), "ns");
    bench_say("ns_in_batches", bench_ns(in_batches, n, NULL), "ns");
    hark_close(from);
    return hark_close(to);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, DATAGRAMS);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
