/* SPDX-License-Identifier: MIT
 *
 * file_test.c - files: what each call does, that none holds up the loop, faults, limits, and that
 * all hubs do the same as the plain system calls.
 */
#include "place.h"

#include "core/core.h"

#include <hark/dir.h>
#include <hark/file.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static ssize_t no_preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    (void)fd, (void)parts, (void)count, (void)offset, (void)flags;
    errno = EAGAIN;
    return -1;
}

static struct {
    bool stop;
    int count;
} ticks;

static int tick(void *arg)
{
    (void)arg;
    while (!ticks.stop) {
        ticks.count++;
        CHECK_EQ(hark_yield(), 0);
    }
    return 0;
}

/* ---- what it does ---------------------------------------------------------------------------- */

ON_DISK(file_is_written_and_read_at_offsets)
{
    char text[16] = "";
    const int fd = hark_file_open(at("a"), O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK_GE(fd, 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(hark_file_pwrite(fd, "world", 5, 6), 5);
    CHECK_EQ(hark_file_pwrite_full(fd, "hello ", 6, 0, NULL), 0);
    CHECK_EQ(hark_file_pread(fd, text, sizeof text, 0), 11);
    CHECK_STR(text, "hello world");
    CHECK_EQ(hark_file_pread(fd, text, sizeof text, 11), 0);
    CHECK_EQ(hark_file_pread(fd, text, 0, 0), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(hark_file_sync(fd), 0);
    CHECK_EQ(hark_file_datasync(fd), 0);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_file_open(at("a"), O_RDWR | O_CREAT | O_EXCL, 0640), -EEXIST);
    CHECK_HAS(hark_error_last(), place);
}

/* What is not in memory takes the other way, and the loop goes on meanwhile. */
ON_DISK(file_U18_what_is_not_in_memory_comes_while_others_yield)
{
    enum { SIZE = 1 << 20 };
    static char out[SIZE], in[SIZE];
    size_t done = 0;
    for (int i = 0; i < SIZE; i++) {
        out[i] = (char)(i * 31 >> 3);
    }
    hark__sys.preadv2 = no_preadv2;
    hark_go(&group, tick, NULL);
    const int fd = hark_file_open(at("a"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(hark_file_pwrite_full(fd, out, SIZE, 3, &done), 0);
    CHECK_EQ(done, SIZE);
    CHECK_EQ(hark_file_sync(fd), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    CHECK_EQ(hark_file_pread_full(fd, in, SIZE, 3, &done), 0);
    CHECK_EQ(done, SIZE);
    CHECK(memcmp(in, out, SIZE) == 0);
    CHECK_GT(ticks.count, 0);
    ticks.stop = true;
    CHECK_EQ(hark_file_pread_full(fd, in, 10, SIZE, &done), -ENODATA);
    CHECK_EQ(done, 3);
    CHECK_EQ(hark_close(fd), 0);
}

ON_DISK(file_stat_says_what_stat_says)
{
    struct stat ours, theirs;
    put("a", "12345");
    CHECK_EQ(symlink("a", at("l")), 0);
    CHECK_EQ(mkfifo(at("f"), 0600), 0);
    CHECK_EQ(mkdir(at("s"), 0700), 0);
    const char *names[] = {"a", "l", "f", ".", "s/..", "/dev/null"}; /* nobody else's folder */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = names[i][0] == '/' ? names[i] : at(names[i]);
        CHECK_EQ(stat(path, &theirs), 0);
        CHECK_EQ(hark_file_stat(path, &ours), 0);
        CHECK_EQ(ours.st_atim.tv_nsec == theirs.st_atim.tv_nsec, 1);
        ours.st_atim = theirs.st_atim;
        CHECK(memcmp(&ours, &theirs, sizeof ours) == 0);
        CHECK_EQ(lstat(path, &theirs), 0);
        CHECK_EQ(hark_file_lstat(path, &ours), 0);
        CHECK_EQ(ours.st_mode, theirs.st_mode);
        CHECK_EQ(ours.st_ino, theirs.st_ino);
    }
    const int fd = hark_file_open(at("a"), O_RDONLY, 0);
    CHECK_EQ(hark_file_fstat(fd, &ours), 0);
    CHECK_EQ(ours.st_size, 5);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_file_stat(at("none"), &ours), -ENOENT);
    CHECK_EQ(hark_file_fstat(fd, &ours), -EBADF);
}

ON_DISK(file_names_are_made_moved_and_removed)
{
    char text[64];
    struct stat status;
    put("a", "x");
    CHECK_EQ(hark_file_rename(at("a"), at("b")), 0);
    CHECK_EQ(hark_file_rename(at("a"), at("b")), -ENOENT);
    CHECK_EQ(hark_file_link(at("b"), at("c")), 0);
    CHECK_EQ(hark_file_link(at("b"), at("c")), -EEXIST);
    CHECK_EQ(hark_file_symlink("b", at("d")), 0);
    CHECK_EQ(hark_file_readlink(at("d"), text, sizeof text), 1);
    CHECK_EQ(text[0], 'b');
    CHECK_EQ(hark_file_readlink(at("b"), text, sizeof text), -EINVAL);
    CHECK_EQ(hark_file_truncate(at("d"), 100), 0);
    CHECK_EQ(stat(at("b"), &status), 0);
    CHECK_EQ(status.st_size, 100);
    CHECK_EQ(status.st_nlink, 2);
    const int fd = hark_file_open(at("b"), O_RDWR, 0);
    CHECK_EQ(hark_file_ftruncate(fd, 7), 0);
    CHECK_EQ(fstat(fd, &status), 0);
    CHECK_EQ(status.st_size, 7);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_file_unlink(at("b")), 0);
    CHECK_EQ(hark_file_unlink(at("c")), 0);
    CHECK_EQ(hark_file_unlink(at("b")), -ENOENT);
    CHECK_EQ(hark_file_unlink(place), -EISDIR);
    CHECK_HAS(hark_error_last(), place);
}

ON_DISK(file_beyond_2_GiB_has_its_offsets)
{
    const int64_t far = (int64_t)5 << 30;
    char text[8] = "";
    struct stat status;
    const int fd = hark_file_open(at("a"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(hark_file_pwrite_full(fd, "far", 3, far, NULL), 0);
    CHECK_EQ(hark_file_fstat(fd, &status), 0);
    CHECK_EQ(status.st_size, far + 3);
    CHECK_EQ(hark_file_pread(fd, text, 8, far), 3);
    CHECK_STR(text, "far");
    CHECK_EQ(hark_file_ftruncate(fd, far), 0);
    CHECK_EQ(hark_file_pread(fd, text, 8, far), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_DISK(file_misuse_has_words)
{
    char byte;
    int fds[2];
    void *data = &byte;
    size_t size;
    CHECK_MISUSE(hark_file_open(NULL, O_RDONLY, 0), -EINVAL, "hark_file_open");
    CHECK_MISUSE(hark_file_open("", O_RDONLY, 0), -ENOENT, "hark_file_open");
    CHECK_MISUSE(hark_file_rename(place, NULL), -EINVAL, "second");
    CHECK_MISUSE(hark_file_stat(place, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_file_readlink(place, NULL, 1), -EINVAL, "room");
    CHECK_MISUSE(hark_file_pread(-1, &byte, 1, 0), -EBADF, "-1");
    CHECK_MISUSE(hark_file_pread(999, &byte, 0, 0), -EBADF, "999");
    CHECK_MISUSE(hark_file_sync(999), -EBADF, "999");
    CHECK_MISUSE(hark_file_read_whole(place, &data, &size, 9), -EINVAL, "regular");
    CHECK_PTR(data, NULL);
    CHECK_MISUSE(hark_file_read_whole(place, NULL, &size, 9), -EINVAL, "place");
    CHECK_MISUSE(hark_file_write_whole(at("x"), NULL, 1, 0600), -EINVAL, "NULL");
    CHECK_EQ(hark_pipe(fds), 0);
    CHECK_MISUSE(hark_file_pread(fds[0], &byte, 1, 0), -ESPIPE, "offsets");
    CHECK_MISUSE(hark_file_pread(fds[0], &byte, 1, -1), -EINVAL, "offset");
    CHECK_MISUSE(hark_file_pread(fds[0], NULL, 1, 0), -EINVAL, "NULL");
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    const int folder = hark_file_open(place, O_RDONLY, 0);
    CHECK_MISUSE(hark_file_pread(folder, &byte, 1, 0), -EISDIR, "descriptor");
    CHECK_MISUSE(hark_file_pwrite(folder, &byte, 1, 0), -EBADF, "descriptor");
    CHECK_EQ(hark_close(folder), 0);
    hark_file_free(NULL);
}

TEST(file_outside_a_task_is_refused)
{
    char byte;
    CHECK_EQ(hark_file_open("/dev/null", O_RDONLY, 0), -ENOTSUP);
    CHECK_EQ(hark_file_pread(0, &byte, 1, 0), -ENOTSUP);
    CHECK_EQ(hark_file_unlink("/none"), -ENOTSUP);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

ON_DISK(file_in_a_cancelled_scope_nothing_is_done)
{
    struct stat status;
    char byte;
    void *data;
    size_t size;
    put("a", "x");
    const int fd = hark_file_open(at("a"), O_RDWR, 0);
    hark_scope scope;
    hark_scope_open(&scope, HARK_FOREVER);
    hark_scope_cancel(&scope);
    CHECK_SILENT(hark_file_open(at("b"), O_CREAT | O_WRONLY, 0600), -ECANCELED);
    CHECK_SILENT(hark_file_unlink(at("a")), -ECANCELED);
    CHECK_SILENT(hark_file_pwrite(fd, "y", 1, 0), -ECANCELED);
    CHECK_SILENT(hark_file_pread(fd, &byte, 1, 0), -ECANCELED);
    CHECK_SILENT(hark_file_stat(at("a"), &status), -ECANCELED);
    CHECK_SILENT(hark_file_sync(fd), -ECANCELED);
    CHECK_SILENT(hark_file_read_whole(at("a"), &data, &size, 9), -ECANCELED);
    CHECK_SILENT(hark_file_write_whole(at("a"), "z", 1, 0600), -ECANCELED);
    hark_scope_close(&scope, 0);
    CHECK_EQ(hark_file_stat(at("b"), &status), -ENOENT);
    CHECK_EQ(hark_file_pread(fd, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(hark_close(fd), 0);
}

static atomic_int in_worker, let_go;

static ssize_t slow_pread(int fd, void *buffer, size_t size, off_t offset)
{
    atomic_store(&in_worker, 1);
    while (!atomic_load(&let_go)) {
        sched_yield();
    }
    return pread(fd, buffer, size, offset);
}

static int cancel_and_let_go(void *reader)
{
    while (!atomic_load(&in_worker)) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_task_cancel(*(hark_task *)reader), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_LOG("");
    atomic_store(&let_go, 1);
    return 0;
}

static int read_one(void *fd)
{
    char text[8];
    kit_log("%d", (int)hark_file_pread(*(int *)fd, text, sizeof text, 0));
    kit_log("%s", outcome(hark_checkpoint()));
    return 0;
}

static uint64_t no_opcodes(struct io_uring *ring)
{
    (void)ring;
    return 0;
}

/* Here the buffer is a worker's: it is waited for, and the descriptor keeps its number. */
ON_DISK(file_U11_a_buffer_that_somebody_has_is_waited_for)
{
    hark__sys.preadv2 = no_preadv2;
    hark__sys.pread = slow_pread;
    hark__sys.uring_opcodes = no_opcodes;
    put("a", "hello");
    int fd = hark_file_open(at("a"), O_RDONLY, 0);
    hark_task task = hark_go(&group, read_one, &fd);
    hark_go(&group, cancel_and_let_go, &task);
    while (!atomic_load(&in_worker)) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_close(fd), 0);
    CHECK_GE(fcntl(fd, F_GETFD), 0); /* for the worker */
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("5 cancelled");
    CHECK_EQ(fcntl(fd, F_GETFD), -1);
}

static int read_cold(void *fd)
{
    char text[4096];
    memset(text, 'x', sizeof text);
    const ssize_t rc = hark_file_pread(*(int *)fd, text, sizeof text, 0);
    CHECK(rc == -ECANCELED || rc == sizeof text);
    CHECK_EQ(text[0], rc > 0 ? 0 : 'x');
    return 0;
}

/* At the moment of each step, whatever the disk is doing: it moved, or nothing did. */
ON_DISK(file_U10_cancelled_at_any_time_it_moved_or_nothing_did)
{
    const int fd = hark_file_open(at("a"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(ftruncate(fd, 4096), 0);
    hark__sys.preadv2 = no_preadv2;
    for (int steps = 0; steps < 40; steps++) {
        hark_task task = hark_go(&group, read_cold, (void *)(intptr_t)&fd);
        for (int i = 0; i < steps; i++) {
            CHECK_EQ(hark_yield(), 0);
        }
        if (hark_task_cancel(task) == 0) { /* else it has ended by now */
            CHECK_EQ(hark_task_wait(task), 0);
        }
    }
    CHECK_EQ(hark_close(fd), 0);
}

static int read_forever(void *fd)
{
    char text[4096];
    while (hark_file_pread(*(int *)fd, text, sizeof text, 0) >= 0) {}
    return -ECANCELED;
}

/* The run ends with operations under way: they are waited for. */
ON_DISK(file_U12_a_run_that_is_cancelled_drains_its_operations)
{
    hark_group readers;
    int fd = hark_file_open(at("a"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(ftruncate(fd, 4096), 0);
    hark__sys.preadv2 = no_preadv2;
    hark_group_open(&readers);
    for (int i = 0; i < 300; i++) { /* more than the submission queue has room for: U6 */
        hark_go(&readers, read_forever, &fd);
    }
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hark_yield(), 0);
    }
    hark_group_cancel(&readers);
    CHECK_EQ(hark_group_close(&readers, 0), 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* ---- FIFOs and what else opening could wait for ---------------------------------------------- */

static int open_fifo(void *how)
{
    const int fd = hark_file_open(at("f"), (int)(intptr_t)how, 0);
    kit_log("%s", fd < 0 ? outcome(fd) : (intptr_t)how == O_RDONLY ? "reader" : "writer");
    return fd < 0 ? 0 : hark_close(fd);
}

ON_DISK(file_F7_opening_a_fifo_waits_for_its_other_end)
{
    CHECK_EQ(mkfifo(at("f"), 0600), 0);
    hark_task reader = hark_go(&group, open_fifo, (void *)O_RDONLY);
    CHECK_EQ(hark_sleep(HARK_MS(30)), 0);
    CHECK_LOG("");
    const int writer = hark_file_open(at("f"), O_WRONLY, 0); /* nothing is written */
    CHECK_GE(writer, 0);
    const int rc = hark_task_wait(reader); /* it may have ended by now */
    CHECK(rc == 0 || rc == -ESRCH);
    CHECK_LOG("reader");
    CHECK_EQ(hark_close(writer), 0);
    hark_task other = hark_go(&group, open_fifo, (void *)O_WRONLY);
    CHECK_EQ(hark_sleep(HARK_MS(30)), 0);
    CHECK_LOG("");
    hark_go(&group, open_fifo, (void *)O_RDONLY);
    CHECK_EQ(hark_task_wait(other), 0);
    CHECK_EQ(hark_settle(), 0);
}

ON_DISK(file_F7_opening_a_fifo_can_be_cancelled)
{
    CHECK_EQ(mkfifo(at("f"), 0600), 0);
    CHECK_EQ(hark_within(HARK_MS(25), hark_file_open(at("f"), O_RDONLY, 0)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_MS(25), hark_file_open(at("f"), O_WRONLY, 0)), -ETIMEDOUT);
    CHECK_EQ(hark_file_open(at("f"), O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    const int fd = hark_file_open(at("f"), O_RDONLY | O_NONBLOCK, 0);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* ---- whole files ----------------------------------------------------------------------------- */

ON_DISK(file_whole_is_written_and_read)
{
    enum { SIZE = 300000 };
    static char text[SIZE];
    void *data;
    size_t size;
    struct stat status;
    memset(text, 'q', SIZE);
    put("a", "old");
    CHECK_EQ(hark_file_write_whole(at("a"), text, SIZE, 0604), 0);
    CHECK_EQ(stat(at("a"), &status), 0);
    CHECK_EQ(status.st_mode & 07777, 0604);
    CHECK_EQ(hark_file_read_whole(at("a"), &data, &size, SIZE), 0);
    CHECK_EQ(size, SIZE);
    CHECK(memcmp(data, text, SIZE) == 0);
    CHECK_EQ(((char *)data)[SIZE], 0);
    hark_file_free(data);
    CHECK_MISUSE(hark_file_read_whole(at("a"), &data, &size, SIZE - 1), -EFBIG, "more than");
    CHECK_EQ(hark_file_write_whole(at("a"), NULL, 0, 0600), 0);
    CHECK_EQ(hark_file_read_whole(at("a"), &data, &size, 0), 0);
    CHECK_EQ(size, 0);
    hark_file_free(data);
    CHECK_EQ(hark_file_read_whole("/proc/self/status", &data, &size, 1 << 20), 0); /* "0 bytes" */
    CHECK_GT(size, 100);
    hark_file_free(data);
    CHECK_EQ(hark_file_read_whole(at("none"), &data, &size, 9), -ENOENT);
    CHECK_EQ(hark_file_read_whole("/dev/zero", &data, &size, 9), -EINVAL);
}

static int names_in_place(void)
{
    DIR *dir = opendir(place);
    int count = 0;
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

/* Which call the disk refuses. The calls are replaced once, before there is a worker that reads the
   table of calls; from then on only this changes. */
static _Atomic enum { NONE, FSYNC, WRITE, RENAME, FOLDER } refused;

static int may_fsync(int fd)
{
    errno = EIO;
    return refused == FSYNC ? -1 : fsync(fd);
}

static ssize_t may_write(int fd, const void *buffer, size_t size)
{
    errno = ENOSPC;
    return refused == WRITE && size == 3 ? -1 : write(fd, buffer, size); /* the box writes eight */
}

static int may_rename(const char *from, const char *to)
{
    errno = EXDEV;
    return refused == RENAME ? -1 : rename(from, to);
}

static int may_open(const char *path, int flags, mode_t mode)
{
    errno = EMFILE;
    return refused == FOLDER && flags & O_DIRECTORY ? -1 : open(path, flags, mode);
}

static void on_a_disk_that_refuses(void)
{
    hark__sys.fsync = may_fsync;
    hark__sys.write = may_write;
    hark__sys.rename = may_rename;
    hark__sys.open = may_open;
    put("a", "old");
}

static void still_old(void)
{
    void *data;
    size_t size;
    refused = NONE;
    CHECK_EQ(names_in_place(), 1);
    CHECK_EQ(hark_file_read_whole(at("a"), &data, &size, 10), 0);
    CHECK_STR(data, "old");
    hark_file_free(data);
}

ON_DISK(file_whole_that_cannot_be_written_leaves_the_old_one)
{
    on_a_disk_that_refuses();
    refused = FSYNC;
    CHECK_MISUSE(hark_file_write_whole(at("a"), "new", 3, 0600), -EIO, place);
    still_old();
    refused = WRITE;
    CHECK_MISUSE(hark_file_write_whole(at("a"), "new", 3, 0600), -ENOSPC, "No space");
    still_old();
    refused = RENAME;
    CHECK_MISUSE(hark_file_write_whole(at("a"), "new", 3, 0600), -EXDEV, place);
    still_old();
    CHECK_EQ(hark_file_write_whole(at("none/a"), "new", 3, 0600), -ENOENT);
}

ON_DISK(file_whole_whose_folder_cannot_be_opened_leaves_the_old_one)
{
    on_a_disk_that_refuses();
    refused = FOLDER;
    CHECK_MISUSE(hark_file_write_whole(at("a"), "new", 3, 0600), -EMFILE, place);
    still_old();
}

ON_DISK(file_whole_may_have_the_longest_name_there_can_be)
{
    char name[NAME_MAX + 1];
    void *data;
    size_t size;
    memset(name, 'n', NAME_MAX);
    name[NAME_MAX] = 0;
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hark_file_write_whole(at(name), "long", 4, 0600), 0);
        CHECK_EQ(names_in_place(), 1);
    }
    CHECK_EQ(hark_file_read_whole(at(name), &data, &size, 9), 0);
    CHECK_STR(data, "long");
    hark_file_free(data);
}

ON_DISK(file_whole_fifo_is_refused_at_once)
{
    void *data = NULL;
    size_t size;
    CHECK_EQ(mkfifo(at("f"), 0600), 0);
    CHECK_EQ(hark_within(HARK_S(2), hark_file_read_whole(at("f"), &data, &size, 9)), -EINVAL);
    CHECK(!data);
}

/* ---- in somebody else's loop ----------------------------------------------------------------- */

static bool finished;

static int write_and_read(void *path)
{
    char text[8] = "";
    hark__sys.preadv2 = no_preadv2;
    const int fd = hark_file_open(path, O_RDWR | O_CREAT, 0600);
    CHECK_GE(fd, 0);
    CHECK_EQ(hark_file_pwrite_full(fd, "hello", 5, 0, NULL), 0);
    CHECK_EQ(hark_file_sync(fd), 0);
    CHECK_EQ(hark_file_pread_full(fd, text, 5, 0, NULL), 0);
    CHECK_STR(text, "hello");
    CHECK_EQ(hark_close(fd), 0);
    finished = true;
    return 0;
}

/* The host waits for one descriptor, for as long as it takes: each end must show there. */
TEST_ON_HUBS(file_H7_the_ends_of_operations_show_in_a_hosts_loop)
{
    make_place();
    hark_loop *loop = hark_loop_new(NULL);
    CHECK(loop);
    struct pollfd readable = {.fd = hark_loop_fd(loop), .events = POLLIN};
    CHECK_GT(hark_loop_go(loop, write_and_read, (void *)(uintptr_t)at("a")), 0);
    while (!finished) {
        if (readable.fd >= 0) {
            CHECK_EQ(poll(&readable, 1, 8000), 1);
        }
        CHECK_EQ(hark_loop_step(loop, 0), 0);
    }
    CHECK_EQ(hark_loop_free(loop), 0);
    remove_place();
}

/* ---- a hub that gives odd answers ------------------------------------------------------------- */

static struct hark__hub_class odd_class;
static int odd_answer;

static int answer_oddly(hark__hub *hub, struct hark__operation *op)
{
    op->result = odd_answer;
    op->next = NULL;
    hub->ended = hub->ended_last = op;
    return 0;
}

static int ask_the_odd_hub(void *unused)
{
    static const int answers[] = {-EAGAIN, -EINTR, -EINVAL, -ENOSYS, -EOPNOTSUPP, -ECANCELED};
    struct stat status;
    (void)unused;
    odd_class = *hark__here->hub->class;
    odd_class.submit = answer_oddly;
    const struct hark__hub_class *before = hark__here->hub->class;
    hark__here->hub->class = &odd_class;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        odd_answer = answers[i];
        CHECK_EQ(hark_file_stat("/", &status), 0);
        CHECK(S_ISDIR(status.st_mode));
        CHECK_EQ(hark_file_stat("/none", &status), -ENOENT);
    }
    odd_answer = -EIO;
    CHECK_EQ(hark_file_stat("/", &status), -EIO);
    hark__here->hub->class = before;
    return 0;
}

/* A worker has the last word where the answer cannot be the plain call's. */
TEST(file_O5_odd_answers_of_a_hub_are_asked_again)
{
    const hark_options options = {.size = sizeof options, .hub = "sim"};
    CHECK_EQ(hark_run_with(&options, ask_the_odd_hub, NULL), 0);
}

/* ---- full disks, limits, errors -------------------------------------------------------------- */

ON_DISK(file_ENOSPC_a_full_disk_says_so)
{
    const int fd = hark_file_open("/dev/full", O_RDWR, 0);
    CHECK_GE(fd, 0);
    CHECK_MISUSE(hark_file_pwrite(fd, "x", 1, 0), -ENOSPC, "No space");
    CHECK_MISUSE(hark_write(fd, "x", 1), -ENOSPC, "No space");
    CHECK_EQ(hark_close(fd), 0);
}

ON_DISK(file_EFBIG_past_its_limit_and_no_signal)
{
    const struct rlimit limit = {4096, 4096};
    static char text[8192];
    size_t done;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const int fd = hark_file_open(at("a"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(hark_file_pwrite_full(fd, text, sizeof text, 0, &done), -EFBIG);
    CHECK_EQ(done, 4096);
    CHECK_EQ(hark_write_full(fd, text, sizeof text, &done), -EFBIG);
    CHECK_EQ(done, 4096);
    CHECK_EQ(hark_close(fd), 0);
    CHECK_EQ(hark_file_write_whole(at("a"), text, sizeof text, 0600), -EFBIG);
    CHECK_EQ(names_in_place(), 1);
}

static ssize_t bad_pread(int fd, void *buffer, size_t size, off_t offset)
{
    (void)fd, (void)buffer, (void)size, (void)offset;
    errno = EIO;
    return -1;
}

static ssize_t short_pread(int fd, void *buffer, size_t size, off_t offset)
{
    static int calls;
    errno = EINTR;
    return calls++ % 2 ? pread(fd, buffer, size ? 1 : 0, offset) : -1;
}

ON_DISK(file_EIO_and_short_and_interrupted_reads)
{
    char text[8] = "";
    put("a", "hello");
    hark__sys.uring_opcodes = no_opcodes; /* U5: the operations go to workers */
    hark__sys.preadv2 = no_preadv2;
    hark__sys.pread = bad_pread;
    const int fd = hark_file_open(at("a"), O_RDONLY, 0);
    CHECK_MISUSE(hark_file_pread(fd, text, 5, 0), -EIO, "Input/output");
    hark__sys.pread = short_pread;
    CHECK_EQ(hark_file_pread_full(fd, text, 5, 0, NULL), 0);
    CHECK_STR(text, "hello");
    CHECK_EQ(hark_close(fd), 0);
}

ON_DISK(file_EMFILE_leaves_nothing_open)
{
    const struct rlimit limit = {16, 16};
    int fds[16], count = 0, fd;
    put("a", "hello");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((fd = hark_file_open(at("a"), O_RDONLY, 0)) >= 0) {
        fds[count++] = fd;
    }
    CHECK_EQ(fd, -EMFILE);
    CHECK_HAS(hark_error_last(), "Too many open files");
    CHECK_GT(count, 3);
    while (count) {
        CHECK_EQ(hark_close(fds[--count]), 0);
    }
}

static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *arg)
{
    (void)thread, (void)attributes, (void)fn, (void)arg;
    return EAGAIN;
}

ON_DISK(file_TH_09_without_a_worker_thread_it_says_so)
{
    struct stat status;
    hark__sys.uring_opcodes = no_opcodes;
    hark__sys.thread_start = no_thread;
    CHECK_MISUSE(hark_file_stat(place, &status), -ENOMEM, "thread");
    CHECK_EQ(hark_file_open(place, O_RDONLY, 0), -ENOMEM);
}

/* ---- sending --------------------------------------------------------------------------------- */

static int take_all(void *arg)
{
    const int *fds = arg;
    static char buffer[70000];
    int64_t all = 0;
    ssize_t moved;
    while ((moved = hark_read(fds[0], buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < moved; i++) {
            if (buffer[i] != (char)((all + i) % 251)) {
                CHECK_EQ(all + i, -1);
            }
        }
        all += moved;
    }
    kit_log("%ld", (long)all);
    return 0;
}

ON_DISK(file_N22_is_sent_to_a_socket)
{
    enum { SIZE = 1 << 20 };
    static char text[SIZE];
    int fds[2];
    int64_t done;
    for (int i = 0; i < SIZE; i++) {
        text[i] = (char)(i % 251);
    }
    CHECK_EQ(hark_file_write_whole(at("a"), text, SIZE, 0600), 0);
    const int fd = hark_file_open(at("a"), O_RDWR, 0);
    CHECK_EQ(hark_socketpair(fds), 0);
    hark_go(&group, take_all, fds);
    CHECK_EQ(hark_file_send(fds[1], fd, 0, 1000, &done), 0);
    CHECK_EQ(done, 1000);
    CHECK_EQ(hark_file_send(fds[1], fd, 1000, -1, &done), 0);
    CHECK_EQ(done, SIZE - 1000);
    CHECK_EQ(hark_file_send(fds[1], fd, SIZE, 10, &done), -ENODATA);
    CHECK_EQ(done, 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("1048576");
    CHECK_EQ(hark_file_send(999, fd, 0, 1, &done), -EBADF);
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fd), 0);
}

ON_DISK(file_truncated_while_it_is_sent_is_told)
{
    enum { SIZE = 4 << 20 };
    static char text[SIZE], buffer[1 << 16];
    int fds[2];
    int64_t done;
    CHECK_EQ(hark_file_write_whole(at("a"), text, SIZE, 0600), 0);
    const int fd = hark_file_open(at("a"), O_RDONLY, 0);
    CHECK_EQ(hark_file_truncate(at("a"), 100000), 0);
    CHECK_EQ(hark_socketpair(fds), 0);
    CHECK_EQ(hark_file_send(fds[1], fd, 0, SIZE, &done), -ENODATA);
    CHECK_EQ(done, 100000);
    CHECK_GT(hark_read(fds[0], buffer, sizeof buffer), 0);
    CHECK_EQ(hark_close(fds[0]), 0);
    CHECK_EQ(hark_close(fds[1]), 0);
    CHECK_EQ(hark_close(fd), 0);
}

/* ---- the same as the plain calls ------------------------------------------------------------- */

/* One operation of a random sequence, by hark and by the system's own calls, in two folders that
 * began alike. */
struct twin {
    char folder[2][80];
    int fds[2];
};

static const char *twin_path(const struct twin *twin, int which, uint64_t name)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%c", twin->folder[which], (char)('a' + name % 4));
    return path;
}

static long ours(struct twin *twin, uint64_t a, uint64_t b, uint64_t c, char *out)
{
    const char *x = twin_path(twin, 0, b), *y = twin_path(twin, 0, c);
    struct stat status;
    switch (a % 14) {
    case 0:
        if (twin->fds[0] >= 0) {
            CHECK_EQ(hark_close(twin->fds[0]), 0);
        }
        twin->fds[0] = hark_file_open(x, (c & 1 ? O_CREAT : 0) | (c & 2 ? O_RDWR : O_RDONLY), 0600);
        return twin->fds[0] < 0 ? twin->fds[0] : 0;
    case 1: return hark_file_pwrite(twin->fds[0], "twelve bytes", b % 13, (int64_t)(c % 100));
    case 2: return hark_file_pread(twin->fds[0], out, b % 50, (int64_t)(c % 100));
    case 3: return hark_file_rename(x, y);
    case 4: return hark_file_unlink(x);
    case 5: return hark_file_link(x, y);
    case 6: return hark_file_symlink("a", y);
    case 7: return hark_file_readlink(x, out, 20);
    case 8: return hark_dir_make(x, 0700);
    case 9: return hark_dir_remove(x);
    case 10: return hark_file_truncate(x, (int64_t)(c % 64));
    case 11: return hark_file_ftruncate(twin->fds[0], (int64_t)(c % 64));
    case 12: return hark_file_sync(twin->fds[0]);
    default: {
        const int rc = hark_file_lstat(x, &status);
        return rc ? rc : (long)status.st_mode + (S_ISDIR(status.st_mode) ? 0 : status.st_size);
    }
    }
}

static long plain(struct twin *twin, uint64_t a, uint64_t b, uint64_t c, char *out)
{
    const char *x = twin_path(twin, 1, b), *y = twin_path(twin, 1, c);
    struct stat status;
    long rc;
    switch (a % 14) {
    case 0:
        if (twin->fds[1] >= 0) {
            close(twin->fds[1]);
        }
        rc = twin->fds[1] =
            open(x, O_CLOEXEC | (c & 1 ? O_CREAT : 0) | (c & 2 ? O_RDWR : O_RDONLY), 0600);
        rc = rc < 0 ? rc : 0;
        break;
    case 1:
        rc = b % 13 || twin->fds[1] < 0
                 ? pwrite(twin->fds[1], "twelve bytes", b % 13, (off_t)(c % 100))
                 : 0;
        break;
    case 2:
        rc = b % 50 || twin->fds[1] < 0 ? pread(twin->fds[1], out, b % 50, (off_t)(c % 100)) : 0;
        break;
    case 3: rc = rename(x, y); break;
    case 4: rc = unlink(x); break;
    case 5: rc = link(x, y); break;
    case 6: rc = symlink("a", y); break;
    case 7: rc = readlink(x, out, 20); break;
    case 8: rc = mkdir(x, 0700); break;
    case 9: rc = rmdir(x); break;
    case 10: rc = truncate(x, (off_t)(c % 64)); break;
    case 11: rc = ftruncate(twin->fds[1], (off_t)(c % 64)); break;
    case 12: rc = fsync(twin->fds[1]); break;
    default:
        rc = lstat(x, &status);
        rc = rc ? rc : (long)status.st_mode + (S_ISDIR(status.st_mode) ? 0 : status.st_size);
    }
    return rc < 0 ? -errno : rc;
}

ON_DISK(file_U26_any_sequence_is_as_the_plain_calls_say)
{
    struct twin twin = {.fds = {-1, -1}};
    uint64_t state = kit_seed();
    for (int i = 0; i < 2; i++) {
        snprintf(twin.folder[i], sizeof twin.folder[i], "%s/%d", place, i);
        CHECK_EQ(mkdir(twin.folder[i], 0700), 0);
    }
    for (int i = 0; i < 800 / kit_slow(); i++) {
        char out[2][64] = {"", ""};
        const uint64_t a = draw(&state) >> 20, b = draw(&state) >> 20, c = draw(&state) >> 20;
        const long mine = ours(&twin, a, b, c, out[0]), theirs = plain(&twin, a, b, c, out[1]);
        if (mine != theirs) {
            kit_fail(__FILE__, __LINE__, "operation %d (%d %d %d): %ld, and by the plain call %ld",
                     i, (int)(a % 14), (int)(b % 4), (int)(c % 4), mine, theirs);
        }
        CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0);
    }
    if (twin.fds[0] >= 0) {
        hark_close(twin.fds[0]);
    }
    if (twin.fds[1] >= 0) {
        close(twin.fds[1]);
    }
}
