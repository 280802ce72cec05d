/* SPDX-License-Identifier: MIT
 *
 * file.c - a file that is in memory: what does a read cost, beside the plain system call (the limit)
 * and through a worker thread?
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

struct way {
    const char *name;
    ssize_t (*read)(size_t size, int64_t offset);
    void (*open_and_close)(void);
};

/* ---- the three ways -------------------------------------------------------------------------- */

static ssize_t read_plainly(size_t size, int64_t offset)
{
    return pread(fd, buffer, size, offset);
}

static void open_plainly(void)
{
    struct stat status;
    int other = open(path, O_RDONLY | O_CLOEXEC);
    bench_must(other >= 0 && fstat(other, &status) == 0, "open");
    close(other);
}

static ssize_t read_by_hark(size_t size, int64_t offset)
{
    return hark_file_pread(fd, buffer, size, offset);
}

static void open_by_hark(void)
{
    struct stat status;
    int other = hark_file_open(path, O_RDONLY, 0);
    bench_must(other >= 0 && fstat(other, &status) == 0, "hark_file_open");
    hark_close(other);
}

struct job {
    size_t size;
    int64_t offset;
};

static int read_in_worker(void *arg)
{
    struct job *job = arg;
    return (int)read_plainly(job->size, job->offset);
}

static int open_in_worker(void *arg)
{
    (void)arg;
    open_plainly();
    return 0;
}

static ssize_t read_by_worker(size_t size, int64_t offset)
{
    struct job job = {size, offset};
    return hark_thread_call(read_in_worker, &job);
}

static void open_by_worker(void)
{
    hark_thread_call(open_in_worker, NULL);
}

static const struct way ways[] = {
    {"plain", read_plainly, open_plainly},
    {"hark", read_by_hark, open_by_hark},
    {"worker", read_by_worker, open_by_worker},
};

/* ---- the questions --------------------------------------------------------------------------- */

static void in_pieces(long n, void *way)
{
    for (long i = 0; i < n; i++)
        bench_must(((struct way *)way)->read(PIECE, i * PIECE % FILE_SIZE) == PIECE, "read");
}

static void all_over(long n, void *way)
{
    for (long i = 0; i < n; i++) {
        int64_t page = (int64_t)(bench_mix((uint64_t)i) % (FILE_SIZE / PAGE));
        bench_must(((struct way *)way)->read(PAGE, page * PAGE) == PAGE, "read");
    }
}

static void names(long n, void *way)
{
    while (n--)
        ((struct way *)way)->open_and_close();
}

static void ask(const struct way *way, const char *what, bench_body *body, long n)
{
    char key[64];
    snprintf(key, sizeof key, "ns_%s_%s", what, way->name);
    bench_say(key, bench_ns(body, n, (void *)way), "ns");
}

static int measure(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        long less = ways[i].read == read_by_worker ? 10 : 1;
        ask(&ways[i], "64k", in_pieces, FILE_SIZE / PIECE / less);
        ask(&ways[i], "4k", all_over, 20000 / less);
        ask(&ways[i], "open", names, 5000 / less);
    }
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
