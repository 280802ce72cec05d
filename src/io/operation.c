/* SPDX-License-Identifier: MIT
 *
 * operation.c - what the kernel offers only as a call that may take its time (files, and names of
 * files) is done elsewhere, while one task waits.
 *
 * Idea     One struct says what is to be done, whoever does it: the hub, if it takes operations
 *          (the ring), else a worker thread with the plain system call. The task waits, and the
 *          loop goes on.
 *
 *              submitted --the kernel--> ended
 *                  |                       |
 *                  |                       +-- not so (EAGAIN, EINVAL, ...): a worker does it
 *                  '-- cancelled: the hub is asked to; then waited for all the same
 * Rules    O1  While the kernel or a worker has the operation, its buffers and paths are theirs:
 *              the task waits for the end, cancelled or not. So they may lie on its stack.
 *          O2  -ECANCELED means that nothing was done. If it was done in spite of the cancellation,
 *              that is the result.
 *          O3  Each operation under way holds the loop: no deadlock is reported, and a virtual
 *              clock stands still.
 *          O4  A descriptor in use keeps its number until then (hark__fd.workers), whoever closes
 *              it.
 *          O5  A worker has the last word: what the hub would not do, or answered in a way that the
 *              plain call cannot, is asked there again.
 * Not here What is done, and how it is named to users: file.c, dir.c, notify.c, move.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io/io.h"

/* ---- in a worker ---------------------------------------------------------------------------- */

static ssize_t read_plainly(struct hark__operation *op)
{
    return op->offset < 0 ? hark__sys.read(op->fd, op->buffer, op->size)
                          : hark__sys.pread(op->fd, op->buffer, op->size, op->offset);
}

static ssize_t write_plainly(struct hark__operation *op)
{
    return op->offset < 0 ? hark__sys.write(op->fd, op->buffer, op->size)
                          : hark__sys.pwrite(op->fd, op->buffer, op->size, op->offset);
}

/* Some sandboxes know no statx; what it would say fits into a struct stat. */
static int stat_plainly(struct hark__io_operation *o)
{
    o->is_stat = true;
    return hark__sys.fstatat(o->op.fd, o->op.path, o->status, o->op.flags);
}

static ssize_t once(struct hark__io_operation *o)
{
    struct hark__operation *op = &o->op;

    switch (op->work) {
    case HARK__READ: return read_plainly(op);
    case HARK__WRITE: return write_plainly(op);
    case HARK__FSYNC: return hark__sys.fsync(op->fd);
    case HARK__FDATASYNC: return hark__sys.fdatasync(op->fd);
    case HARK__OPEN: return hark__sys.open(op->path, op->flags, op->mode);
    case HARK__STATX: return stat_plainly(o);
    case HARK__UNLINK: return hark__sys.unlink(op->path);
    case HARK__RMDIR: return hark__sys.rmdir(op->path);
    case HARK__RENAME: return hark__sys.rename(op->path, op->second);
    case HARK__MKDIR: return hark__sys.mkdir(op->path, op->mode);
    case HARK__LINK: return hark__sys.link(op->path, op->second);
    case HARK__SYMLINK: return hark__sys.symlink(op->path, op->second);
    default: return o->own(op);
    }
}

static void in_worker(hark__thread_job *job)
{
    struct hark__io_operation *o = container_of(job, struct hark__io_operation, job);
    ssize_t result;

    do {
        result = once(o);
    } while (result < 0 && errno == EINTR);
    o->op.result = result < 0 ? -errno : (int)result;
}

/* ---- in the hub ----------------------------------------------------------------------------- */

static struct hark__io_operation *operation_of(const hark__task *task)
{
    return (struct hark__io_operation *)task->in.waiter.next;
}

static void ended(struct hark__operation *op)
{
    struct hark__io_operation *o = container_of(op, struct hark__io_operation, op);
    hark_loop *loop = hark__here;

    loop->holds--;
    o->done = true;
    if (o->task && !planted(operation_ends_for_nobody)) {
        hark__ready(loop, o->task, 0);
    }
}

static void leave(hark__task *task)
{
    operation_of(task)->task = NULL;
}

static void describe(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " %s", operation_of(task)->job.what);
}

static bool is_done(const hark__task *task)
{
    return operation_of(task)->done;
}

static void stands(const hark__task *task, struct hark__audit *audit)
{
    if (operation_of(task)->task != task) {
        hark__audit_broken(audit, "O1", task, "waits for an operation that does not know it");
    }
    hark__audit_hold(audit);
}

static const struct hark__wait_kind kind = {
    .what = "the kernel to work on",
    .describe = describe,
    .there = is_done,
    .stands = stands,
};
static const struct hark__wait_kind kind_that_asks = {
    .what = "the kernel to work on",
    .leave = leave,
    .describe = describe,
    .there = is_done,
    .stands = stands,
};

static int wait_for(struct hark__io_operation *o, const struct hark__wait_kind *how)
{
    hark__task *self = hark__here->running;

    self->in.waiter.next = (struct hark_waiter *)o;
    o->task = self;
    return hark__park(how);
}

/* Has the hub said what stands? Then true. */
static bool by_hub(struct hark__io_operation *o)
{
    hark_loop *loop = hark__here;
    const struct hark__hub_class *class = loop->hub->class;
    bool by_position = o->op.work <= HARK__WRITE && o->op.offset < 0; /* it would not be locked */

    if (!class->submit || o->op.work >= HARK__WORKS || by_position) {
        return false;
    }
    o->done = false;
    o->op.ended = ended;
    if (class->submit(loop->hub, &o->op)) {
        return false;
    }
    loop->holds++;
    bool asked = wait_for(o, &kind_that_asks) == -ECANCELED;
    if (asked && !o->done && !planted(operation_is_left_behind)) {
        class->cancel(loop->hub, &o->op);
        wait_for(o, &kind);
    }
    switch (o->op.result) {
    case -EAGAIN:
    case -EINTR:
    case -EINVAL:
    case -ENOSYS:
    case -EOPNOTSUPP:
    case -ECANCELED: o->op.result = asked ? -ECANCELED : o->op.result; return asked;
    default: return true;
    }
}

int hark__io_operate(struct hark__io_operation *o, const char *what, const char *call)
{
    o->job = (hark__thread_job){.fn = in_worker, .what = what};
    o->is_stat = false;
    return by_hub(o) ? 0 : hark__thread_run(&o->job, HARK__THREAD_FILES, call);
}

/* Rule O4. */
int hark__io_operate_on(struct hark__fd *entry, struct hark__io_operation *o, const char *call)
{
    if (entry->workers == UINT16_MAX) {
        return hark__fail(-EAGAIN, call, "descriptor %d: too many operations at once", entry->fd);
    }
    o->op.fd = entry->fd;
    entry->workers++;
    int error = hark__io_operate(o, "a file", call);
    hark__io_worked(entry);
    return error;
}

/* ---- what statx says ------------------------------------------------------------------------ */

static struct timespec time_of(const struct statx_timestamp *time)
{
    return (struct timespec){.tv_sec = time->tv_sec, .tv_nsec = time->tv_nsec};
}

void hark__io_status(struct stat *to, const struct statx *from)
{
    *to = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = time_of(&from->stx_atime),
        .st_mtim = time_of(&from->stx_mtime),
        .st_ctim = time_of(&from->stx_ctime),
    };
}
