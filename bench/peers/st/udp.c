/* SPDX-License-Identifier: MIT
 *
 * State Threads: udp. It has no call for many datagrams at a time.
 */
#include "../../bench.h"
#include "peer.h"
#include <arpa/inet.h>
#include <sys/socket.h>

enum { BATCH = 32, SIZE = 64, DATAGRAMS = 16000 };

static st_netfd_t from, to;
static struct sockaddr_in address;

static void datagrams(long n, void *arg)
{
    char buffer[SIZE] = {0};
    (void)arg;
    for (; n > 0; n -= BATCH) {
        for (int i = 0; i < BATCH; i++)
            bench_must(st_sendto(from, buffer, SIZE, (struct sockaddr *)&address, sizeof address,
                                 ST_UTIME_NO_TIMEOUT) == SIZE,
                       "st_sendto");
        for (int i = 0; i < BATCH; i++)
            bench_must(st_recvfrom(to, buffer, SIZE, NULL, NULL, ST_UTIME_NO_TIMEOUT) == SIZE,
                       "st_recvfrom");
    }
}

static st_netfd_t open_one(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    getsockname(fd, (struct sockaddr *)&address, &(socklen_t){sizeof address});
    return st_netfd_open_socket(fd);
}

int main(int argc, char **argv)
{
    begin();
    from = open_one();
    to = open_one();
    long n = bench_size(argc, argv, 1, DATAGRAMS);
    bench_say("ns_one_by_one", bench_ns(datagrams, n, NULL), "ns");
    return 0;
}
