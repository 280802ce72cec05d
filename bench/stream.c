/* SPDX-License-Identifier: MIT
 *
 * stream.c - lines of 40 bytes from a socket pair, and small plain reads, through a stream.
 *
 * One task fills the socket and empties it, in turns, so that nobody ever waits: what is measured
 * is what a stream adds to the system calls. The limit (limits/getline.c) does the same with
 * getline on a FILE and with read(2); ns_per_hark_read is hark_read without a stream around it.
 */
#include "bench.h"
#include <hark.h>

enum { LINE = 40, LINES = 800 };

static char text[LINE * LINES];
static hark_stream in;
static int out;

static void fill(void)
{
    bench_must(hark_write_full(out, text, sizeof text, NULL) == 0, "hark_write_full");
}

static void lines(long n, void *arg)
{
    char line[128];
    (void)arg;
    for (long i = 0; i < n; i++) {
        if (i % LINES == 0)
            fill();
        bench_must(hark_stream_line(&in, line, sizeof line) == LINE - 1, "hark_stream_line");
    }
    for (; n % LINES; n++)
        hark_stream_line(&in, line, sizeof line);
}

static void reads(long n, void *arg)
{
    char line[LINE];
    (void)arg;
    for (long i = 0; i < n; i++) {
        if (i % LINES == 0)
            fill();
        bench_must(hark_stream_read(&in, line, LINE) == LINE, "hark_stream_read");
    }
    for (; n % LINES; n++)
        hark_stream_read(&in, line, LINE);
}

static void plain_reads(long n, void *arg)
{
    char line[LINE];
    int fd = hark_stream_fd(&in);
    (void)arg;
    for (long i = 0; i < n; i++) {
        if (i % LINES == 0)
            fill();
        bench_must(hark_read(fd, line, LINE) == LINE, "hark_read");
    }
    for (; n % LINES; n++)
        hark_read(fd, line, LINE);
}

static int measure(void *arg)
{
    long n = *(long *)arg;
    int fds[2];
    memset(text, 'x', sizeof text);
    for (int i = LINE - 1; i < (int)sizeof text; i += LINE)
        text[i] = '\n';
    bench_must(hark_socketpair(fds) == 0 && hark_stream_open(&in, fds[0]) == 0, "a socket pair");
    out = fds[1];
    bench_say("ns_per_line", bench_ns(lines, n, NULL), "ns");
    bench_say("ns_per_read", bench_ns(reads, n, NULL), "ns");
    bench_say("ns_per_hark_read", bench_ns(plain_reads, n, NULL), "ns");
    hark_close(out);
    return hark_stream_close(&in);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 400000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
