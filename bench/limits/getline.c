/* SPDX-License-Identifier: MIT
 *
 * getline.c - the limit of `stream`: the same lines from the same socket pair, by getline on a
 * FILE, and plain reads by read(2). It blocks, and so knows neither deadlines nor other tasks.
 */
#include "../bench.h"
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 40, LINES = 800 };

static char text[LINE * LINES];
static FILE *in;
static int fds[2];

static void fill(void)
{
    bench_must(write(fds[1], text, sizeof text) == (ssize_t)sizeof text, "write");
}

static void lines(long n, void *arg)
{
    char **line = arg;
    size_t size = 128;
    for (long i = 0; i < n; i++) {
        if (i % LINES == 0)
            fill();
        bench_must(getline(line, &size, in) == LINE, "getline");
    }
    for (; n % LINES; n++)
        bench_must(getline(line, &size, in) == LINE, "getline");
}

static void reads(long n, void *arg)
{
    char line[LINE];
    (void)arg;
    for (long i = 0; i < n; i++) {
        if (i % LINES == 0)
            fill();
        bench_must(read(fds[0], line, LINE) == LINE, "read");
    }
    for (; n % LINES; n++)
        bench_must(read(fds[0], line, LINE) == LINE, "read");
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 400000);
    char *line = malloc(128);
    memset(text, 'x', sizeof text);
    for (int i = LINE - 1; i < (int)sizeof text; i += LINE)
        text[i] = '\n';
    bench_must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
    in = fdopen(fds[0], "r");
    bench_say("ns_per_line", bench_ns(lines, n, &line), "ns");
    bench_say("ns_per_read", bench_ns(reads, n, NULL), "ns");
    free(line);
    fclose(in);
    close(fds[1]);
    return 0;
}
