/* SPDX-License-Identifier: MIT
 *
 * udp.c - the limit of `udp`: sendto and recvfrom, sendmmsg and recvmmsg, and nothing around them.
 * `udp cut`: the batch goes out as one send, which the kernel cuts at its end (UDP_SEGMENT); that
 * is for datagrams of one size to one receiver only.
 */
#include "../bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH = 32, SIZE = 64, DATAGRAMS = 16000 };

static int from, to, cut;
static char out[BATCH][SIZE], in[BATCH][SIZE];
static struct mmsghdr sent[BATCH], received[BATCH];
static struct iovec out_parts[BATCH], in_parts[BATCH];

static void one_by_one(long n, void *arg)
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
        if (cut)
            bench_must(send(from, out, sizeof out, MSG_DONTWAIT) == sizeof out, "send");
        else
            bench_must(sendmmsg(from, sent, BATCH, MSG_DONTWAIT) == BATCH, "sendmmsg");
        bench_must(recvmmsg(to, received, BATCH, MSG_DONTWAIT, NULL) == BATCH, "recvmmsg");
    }
}

static void open_sockets(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int large = 1 << 20;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bench_must(bind(to, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_must(getsockname(to, (struct sockaddr *)&address, &length) == 0, "getsockname");
    bench_must(connect(from, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    setsockopt(to, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    for (int i = 0; i < BATCH; i++) {
        out_parts[i] = (struct iovec){out[i], SIZE};
        in_parts[i] = (struct iovec){in[i], SIZE};
        sent[i].msg_hdr = (struct msghdr){.msg_iov = &out_parts[i], .msg_iovlen = 1};
        received[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i], .msg_iovlen = 1};
    }
}

int main(int argc, char **argv)
{
    int size = SIZE;
    long n = DATAGRAMS;
    cut = argc > 1 && strcmp(argv[1], "cut") == 0;
    open_sockets();
    if (!cut)
        bench_say("ns_one_by_one", bench_ns(one_by_one, n, NULL), "ns");
    else if (setsockopt(from, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) != 0)
        bench_skip("this kernel has no UDP_SEGMENT");
    bench_say("ns_in_batches", bench_ns(in_batches, n, NULL), "ns");
    return 0;
}
