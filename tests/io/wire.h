/* SPDX-License-Identifier: MIT
 *
 * wire.h - what the tests of descriptors have in common: connected ends of every kind, bytes that
 * can be checked, and system calls that fail now and then.
 *
 * Rules    1  ON_WIRE(name) is INSIDE of the scene, once a hub and with the real clock.
 *          2  Ports are the kernel's choice; nothing leaves this machine.
 */
#ifndef HARK_TESTS_WIRE_H
#define HARK_TESTS_WIRE_H

#include "../sync/scene.h"
#include "base/sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ON_WIRE(name) INSIDE_BY(TEST_ON_HUBS, RUN, name)

enum transport { TCP, UNIX, PIPE, TRANSPORTS };

SCENE_MAYBE int dial(int listener)
{
    char port[16];
    snprintf(port, sizeof port, "%d", hark_tcp_port(listener));
    const int fd = hark_tcp_connect("127.0.0.1", port);
    CHECK_GE(fd, 0);
    return fd;
}

/* ends[0] reads what ends[1] writes; sockets also the other way round. */
SCENE_MAYBE void wire(enum transport transport, int ends[2])
{
    if (transport == PIPE) {
        CHECK_EQ(hark_pipe(ends), 0);
    } else if (transport == UNIX) {
        CHECK_EQ(hark_socketpair(ends), 0);
    } else {
        const int listener = hark_tcp_listen("127.0.0.1", "0", 1);
        CHECK_GE(listener, 0);
        ends[1] = dial(listener);
        ends[0] = hark_accept(listener, NULL, NULL);
        CHECK_GE(ends[0], 0);
        CHECK_EQ(hark_close(listener), 0);
    }
}

SCENE_MAYBE void unwire(const int ends[2])
{
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* The byte at place i of a stream, so that losing, repeating or swapping any shows. */
SCENE_MAYBE unsigned char byte_at(size_t i)
{
    return (unsigned char)((i * 2654435761u) >> 13);
}

SCENE_MAYBE void put_bytes(unsigned char *buffer, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buffer[i] = byte_at(from + i);
    }
}

SCENE_MAYBE void check_bytes(const unsigned char *buffer, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (buffer[i] != byte_at(from + i)) {
            CHECK_EQ(from + i, SIZE_MAX); /* which one it was */
        }
    }
}

/* Fill a non-blocking descriptor until it does not take a single byte; how many it took. */
SCENE_MAYBE size_t stuff(int fd)
{
    static unsigned char buffer[1 << 16];
    size_t total = 0;
    for (size_t size = sizeof buffer; size > 0;) {
        const ssize_t moved = write(fd, buffer, size);
        total += moved > 0 ? (size_t)moved : 0;
        size = moved > 0 ? size : size / 2;
    }
    return total;
}

/* Is the loop alive? Ticks until it is told to stop. */
SCENE_MAYBE struct {
    bool stop;
    int count;
} ticks;

SCENE_MAYBE int tick(void *arg)
{
    (void)arg;
    while (!ticks.stop) {
        ticks.count++;
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

#endif
