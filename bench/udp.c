/* SPDX-License-Identifier: MIT
 *
 * udp.c - datagrams of 64 bytes to oneself over lo: one by one, and in batches.
 *
 * One task sends 32 and receives them, again and again, so nobody ever waits: what is measured is
 * the calls. The limit is beside each, in the same rounds: sendto and recvfrom, sendmmsg and
 * recvmmsg, and nothing around them. The fifth number is the kernel's cutting of one large send
 * into datagrams (UDP_SEGMENT), received in a batch.
 */
#include "bench.h"
#include <arpa/inet.h>
#include <hark.h>
#include <netinet/udp.h>
#include <unistd.h>

enum { BATCH = HARK_UDP_BATCH, SIZE = 64, DATAGRAMS = 16000 };

static int from, to;
static char out[BATCH][SIZE], in[BATCH][SIZE];
static hark_datagram sent[BATCH], received[BATCH];
static struct mmsghdr raw_out[BATCH], raw_in[BATCH];
static struct iovec out_parts[BATCH], in_parts[BATCH];

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

static void raw_one_by_one(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= BATCH) {
        for (int i = 0; i < BATCH; i++)
            bench_must(sendto(from, out[i], SIZE, MSG_DONTWAIT, NULL, 0) == SIZE, "sendto");
        for (int i = 0; i < BATCH; i++)
            bench_must(recvfrom(to, in[i], SIZE, MSG_DONTWAIT, NULL, NULL) == SIZE, "recvfrom");
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

static void raw_receive(void)
{
    bench_must(recvmmsg(to, raw_in, BATCH, MSG_DONTWAIT, NULL) == BATCH, "recvmmsg");
}

static void raw_in_batches(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= BATCH) {
        bench_must(sendmmsg(from, raw_out, BATCH, MSG_DONTWAIT) == BATCH, "sendmmsg");
        raw_receive();
    }
}

static void raw_cut_by_the_kernel(long n, void *arg)
{
    (void)arg;
    for (; n > 0; n -= BATCH) {
        bench_must(sendto(from, out, sizeof out, MSG_DONTWAIT, NULL, 0) == sizeof out, "sendto");
        raw_receive();
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
        out_parts[i] = (struct iovec){out[i], SIZE};
        in_parts[i] = (struct iovec){in[i], SIZE};
        raw_out[i].msg_hdr = (struct msghdr){.msg_iov = &out_parts[i], .msg_iovlen = 1};
        raw_in[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i], .msg_iovlen = 1};
    }
}

static int measure(void *arg)
{
    int size = SIZE;
    long n = *(long *)arg;
    prepare();
    double one = bench_ns(one_by_one, n, NULL), raw_one = bench_ns(raw_one_by_one, n, NULL);
    double many = bench_ns(in_batches, n, NULL), raw_many = bench_ns(raw_in_batches, n, NULL);
    bench_say("ns_one_by_one", one, "ns");
    bench_say("limit_one_by_one", raw_one, "ns");
    bench_say("ns_in_batches", many, "ns");
    bench_say("limit_in_batches", raw_many, "ns");
    bench_say("per_second_in_batches", 1e9 / many, "-");
    if (setsockopt(from, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0)
        bench_say("limit_cut_by_the_kernel", bench_ns(raw_cut_by_the_kernel, n, NULL), "ns");
    hark_close(from);
    return hark_close(to);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, DATAGRAMS);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
