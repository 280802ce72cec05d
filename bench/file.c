/* SPDX-License-Identifier: MIT
 *
 * file.c - a file that is in memory: what does a read cost, and a name that is opened?
 *
 * 64 MiB in pieces of 64 KiB, one after another; 4 KiB at places all over it; and a name opened,
 * asked and closed.
 */
#include "bench.h"
#include <fcntl.h>
#include <hark.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE (64l << 20)
#define PIECE     (64l << 10)
#define PAGE      4096l

static char buffer[PIECE];
static char path[64];
static int fd;

static void in_pieces(long n, void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++)
        bench_must(hark_file_pread(fd, buffer, PIECE, i * PIECE % FILE_SIZE) == PIECE,
                   "hark_file_pread");
}

static void all_over(long n, void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++) {
        int64_t page = (int64_t)(bench_mix((uint64_t)i) % (FILE_SIZE / PAGE));
        bench_must(hark_file_pread(fd, buffer, PAGE, page * PAGE) == PAGE, "hark_file_pread");
    }
}

static void names(long n, void *arg)
{
    struct stat status;
    (void)arg;
    while (n--) {
        int other = hark_file_open(path, O_RDONLY, 0);
        bench_must(other >= 0 && fstat(other, &status) == 0, "hark_file_open");
        hark_close(other);
    }
}

static int measure(void *arg)
{
    (void)arg;
    bench_say("ns_64k", bench_ns(in_pieces, FILE_SIZE / PIECE, NULL), "ns");
    bench_say("ns_4k", bench_ns(all_over, 20000, NULL), "ns");
    bench_say("ns_open", bench_ns(names, 5000, NULL), "ns");
    return 0;
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/hark-bench-XXXXXX");
    fd = mkstemp(path);
    bench_must(fd >= 0, "mkstemp");
    for (long i = 0; i < FILE_SIZE; i += PIECE)
        bench_must(pwrite(fd, buffer, PIECE, i) == PIECE, "pwrite");
    int rc = hark_run(measure, NULL);
    unlink(path);
    bench_must(rc == 0, "hark_run");
    return 0;
}
