/* SPDX-License-Identifier: MIT
 *
 * file.c - the limit of `file`: the system calls. Who calls them must be ready to stand still while
 * a disk turns; what a runtime does so as not to is what it adds.
 */
#include "../bench.h"
#include <fcntl.h>
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
        bench_must(pread(fd, buffer, PIECE, i * PIECE % FILE_SIZE) == PIECE, "pread");
}

static void all_over(long n, void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++) {
        int64_t page = (int64_t)(bench_mix((uint64_t)i) % (FILE_SIZE / PAGE));
        bench_must(pread(fd, buffer, PAGE, page * PAGE) == PAGE, "pread");
    }
}

static void names(long n, void *arg)
{
    struct stat status;
    (void)arg;
    while (n--) {
        int other = open(path, O_RDONLY | O_CLOEXEC);
        bench_must(other >= 0 && fstat(other, &status) == 0, "open");
        close(other);
    }
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/hark-bench-XXXXXX");
    fd = mkstemp(path);
    bench_must(fd >= 0, "mkstemp");
    for (long i = 0; i < FILE_SIZE; i += PIECE)
        bench_must(pwrite(fd, buffer, PIECE, i) == PIECE, "pwrite");
    bench_say("ns_64k", bench_ns(in_pieces, FILE_SIZE / PIECE, NULL), "ns");
    bench_say("ns_4k", bench_ns(all_over, 20000, NULL), "ns");
    bench_say("ns_open", bench_ns(names, 5000, NULL), "ns");
    unlink(path);
    return 0;
}
