/* SPDX-License-Identifier: MIT
 *
 * libuv: file. Its files are read by its threads, with a callback for each call.
 */
#include "../../bench.h"
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#define FILE_SIZE (64l << 20)
#define PIECE     (64l << 10)
#define PAGE      4096l

static uv_loop_t *loop;
static char buffer[PIECE], path[64];
static int fd, other;
static long left, at;

/* ---- reads ----------------------------------------------------------------------------------- */

static void read_piece(uv_fs_t *r);
static void read_page(uv_fs_t *r);

static int came(uv_fs_t *r, long size)
{
    if (r->fs_type == UV_FS_READ) {
        bench_must(r->result == size, "uv_fs_read");
        uv_fs_req_cleanup(r);
    }
    return left-- > 0;
}

static void read_at(uv_fs_t *r, long size, int64_t offset, uv_fs_cb next)
{
    uv_buf_t b = uv_buf_init(buffer, (unsigned)size);
    bench_must(uv_fs_read(loop, r, fd, &b, 1, offset, next) == 0, "uv_fs_read");
}

static void read_piece(uv_fs_t *r)
{
    if (came(r, PIECE))
        read_at(r, PIECE, at++ * PIECE % FILE_SIZE, read_piece);
}

static void read_page(uv_fs_t *r)
{
    if (!came(r, PAGE))
        return;
    int64_t page = (int64_t)(bench_mix((uint64_t)at++) % (FILE_SIZE / PAGE));
    read_at(r, PAGE, page * PAGE, read_page);
}

static void reads(long n, void *arg)
{
    uv_fs_t r = {0};
    left = n;
    at = 0;
    if (*(long *)arg == PIECE)
        read_piece(&r);
    else
        read_page(&r);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- open, stat, close ----------------------------------------------------------------------- */

static void open_one(uv_fs_t *r);

static void closed(uv_fs_t *r)
{
    uv_fs_req_cleanup(r);
    if (--left > 0)
        open_one(r);
}

static void asked(uv_fs_t *r)
{
    bench_must(r->result == 0, "uv_fs_fstat");
    uv_fs_req_cleanup(r);
    uv_fs_close(loop, r, other, closed);
}

static void opened(uv_fs_t *r)
{
    other = (int)r->result;
    bench_must(other >= 0, "uv_fs_open");
    uv_fs_req_cleanup(r);
    uv_fs_fstat(loop, r, other, asked);
}

static void open_one(uv_fs_t *r)
{
    uv_fs_open(loop, r, path, O_RDONLY, 0, opened);
}

static void opens(long n, void *arg)
{
    uv_fs_t r;
    (void)arg;
    left = n;
    open_one(&r);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(void)
{
    long piece = PIECE, page = PAGE;
    loop = uv_default_loop();
    snprintf(path, sizeof path, "/tmp/hark-bench-XXXXXX");
    fd = mkstemp(path);
    bench_must(fd >= 0, "mkstemp");
    for (long i = 0; i < FILE_SIZE; i += PIECE)
        bench_must(pwrite(fd, buffer, PIECE, i) == PIECE, "pwrite");
    bench_say("ns_64k", bench_ns(reads, FILE_SIZE / PIECE, &piece), "ns");
    bench_say("ns_4k", bench_ns(reads, 8000, &page), "ns");
    bench_say("ns_open", bench_ns(opens, 2000, NULL), "ns");
    unlink(path);
    return 0;
}
