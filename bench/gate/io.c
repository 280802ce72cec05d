/* SPDX-License-Identifier: MIT
 *
 * gate/io.c - operations of descriptors, streams, and other threads' posts.
 *
 * What stands for the other side (a byte that comes, another thread) goes to the system directly:
 * it is not counted.
 */
#include "gate.h"
#include <hark.h>
#include <poll.h>
#include <unistd.h>

#define MANY 1000

static int fds[2];
static hark_group group;
static hark_flag came;

static void open_pair(void)
{
    bench_must(hark_socketpair(fds) == 0, "hark_socketpair");
}

static void write_byte(int fd)
{
    bench_must(write(fd, "x", 1) == 1, "write");
}

static void read_byte(int fd)
{
    char byte;
    bench_must(read(fd, &byte, 1) == 1, "read");
}

static void with_helper(hark_fn *helper, bench_body *body)
{
    open_pair();
    hark_group_open(&group);
    hark_go(&group, helper, NULL);
    hark_yield();
    gate_count(body, NULL);
    hark_group_cancel(&group);
    hark_group_close(&group, 0);
}

/* ---- reading and writing -------------------------------------------------------------------- */

static void reads(long n, void *arg)
{
    char byte;
    (void)arg;
    GATE_EACH(n, 1)
    {
        write_byte(fds[1]);
        GATE_DO(hark_read(fds[0], &byte, 1));
    }
}

static void read_ready(void)
{
    open_pair();
    gate_count(reads, NULL);
}

static void writes(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_write(fds[1], "x", 1));
        read_byte(fds[0]);
    }
}

static void write_room(void)
{
    open_pair();
    gate_count(writes, NULL);
}

static int reader(void *arg)
{
    char byte;
    (void)arg;
    while (hark_read(fds[0], &byte, 1) == 1)
        GATE_DO(hark_flag_set(&came));
    return 0;
}

static void bytes(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        write_byte(fds[1]);
        GATE_DO(hark_flag_wait(&came));
        GATE_DO(hark_flag_clear(&came));
    }
}

static void read_waits(void)
{
    with_helper(reader, bytes);
}

static int echo(void *arg)
{
    char byte;
    (void)arg;
    while (hark_read(fds[0], &byte, 1) == 1 && hark_write(fds[0], &byte, 1) == 1)
        ;
    return 0;
}

static void trips(long n, void *arg)
{
    char byte = 'x';
    (void)arg;
    GATE_EACH(n, 1)
    {
        GATE_DO(hark_write(fds[1], &byte, 1));
        GATE_DO(hark_read(fds[1], &byte, 1));
    }
}

static void echo_trip(void)
{
    with_helper(echo, trips);
}

static void on_readable(void *arg)
{
    (void)arg;
    read_byte(fds[0]);
    hark_flag_set(&came);
}

static void watch_readable(void)
{
    hark_watch w = HARK_WATCH_INIT;
    open_pair();
    bench_must(hark_add_reader(fds[0], &w, on_readable, NULL) == 0, "hark_add_reader");
    gate_count(bytes, NULL);
    hark_unwatch(&w);
}

/* Each time a descriptor that the loop has not seen yet, waited for and closed. */
static int waits_once(void *arg)
{
    (void)arg;
    hark_wait_fd(fds[0], POLLIN);
    hark_flag_set(&came);
    return 0;
}

static void fresh(long n, void *arg)
{
    (void)arg;
    GATE_EACH(n, 1)
    {
        open_pair();
        GATE_DO(hark_go(&group, waits_once, NULL));
        GATE_DO(hark_yield());
        write_byte(fds[1]);
        GATE_DO(hark_flag_wait(&came));
        GATE_DO(hark_flag_clear(&came));
        GATE_DO(hark_close(fds[0]));
        close(fds[1]);
    }
}

static void fresh_fd(void)
{
    hark_group_open(&group);
    gate_count(fresh, NULL);
    hark_group_close(&group, 0);
}

/* ---- streams -------------------------------------------------------------------------------- */

enum { LINE = 40, LINES = 800 };

static char text[LINE * LINES];
static hark_stream in;

static void fill(void)
{
    bench_must(write(fds[1], text, sizeof text) == sizeof text, "write");
}

static void open_stream(void)
{
    open_pair();
    memset(text, 'x', sizeof text);
    for (int i = LINE - 1; i < (int)sizeof text; i += LINE)
        text[i] = '\n';
    bench_must(hark_stream_open(&in, fds[0]) == 0, "hark_stream_open");
}

static void lines(long n, void *arg)
{
    char line[128];
    (void)arg;
    GATE_EACH(n, LINES)
    {
        fill();
        for (int i = 0; i < LINES; i++)
            bench_must(hark_stream_line(&in, line, sizeof line) == LINE - 1, "hark_stream_line");
    }
}

static void stream_line(void)
{
    open_stream();
    gate_count(lines, NULL);
}

static void stream_reads(long n, void *arg)
{
    char line[LINE];
    (void)arg;
    GATE_EACH(n, LINES)
    {
        fill();
        for (int i = 0; i < LINES; i++)
            bench_must(hark_stream_read(&in, line, LINE) == LINE, "hark_stream_read");
    }
}

static void stream_read(void)
{
    open_stream();
    gate_count(stream_reads, NULL);
}

/* ---- posts ---------------------------------------------------------------------------------- */

static hark_loop *loop;
static hark_watch nodes[MANY];
static long to_come;

static void arrived(void *arg)
{
    (void)arg;
    if (--to_come == 0)
        GATE_DO(hark_flag_set(&came));
}

static void post_all(void)
{
    for (long i = 0, count = to_come; i < count; i++)
        GATE_DO(hark_loop_post(loop, &nodes[i], arrived, NULL));
}

/* The loop falls asleep, and then the posts come. */
static void posts(long n, void *batch)
{
    GATE_EACH(n, *(long *)batch)
    {
        to_come = *(long *)batch;
        gate_outside = post_all;
        GATE_DO(hark_flag_wait(&came));
        GATE_DO(hark_flag_clear(&came));
    }
}

static void count_posts(long batch)
{
    loop = hark_loop_hold(hark_loop_self());
    bench_must(loop != NULL, "hark_loop_hold");
    gate_count(posts, &batch);
    hark_loop_drop(loop);
}

static void post_asleep(void)
{
    count_posts(1);
}

static void post_1000(void)
{
    count_posts(MANY);
}

const gate_operation gate_io[] = {
    {"read_ready", "a read that finds a byte", 2000, read_ready},
    {"write_room", "a write that finds room", 2000, write_room},
    {"read_waits", "a byte that comes to a task that waits, which wakes another", 2000, read_waits},
    {"echo", "a byte to a task behind a socket, and back", 2000, echo_trip},
    {"watch_readable", "a byte that comes to a callback, which wakes a task", 2000, watch_readable},
    {"fresh_fd", "a socket pair, waited for by a task of its own, closed", 2000, fresh_fd},
    {"stream_line", "a line of 40 bytes", 4000, stream_line},
    {"stream_read", "40 bytes from a stream, nothing read ahead", 4000, stream_read},
    {"post_asleep", "a post to a loop that sleeps, and a task woken by it", 2000, post_asleep},
    {"post_1000", "one of 1,000 posts to it", 10000, post_1000},
    {NULL, NULL, 0, NULL},
};
