/* SPDX-License-Identifier: MIT
 *
 * uring.c - the hub over io_uring: each descriptor has one multishot poll in the ring, which
 * reports an edge as one completion.
 *
 * What a ring buys a readiness-shaped hub: arming is a store that goes to the kernel with the next
 * wait; and a poll that would find nothing costs no system call, because the kernel says in shared
 * memory whether it has anything for us (TASKRUN_FLAG), where epoll_wait(0) costs 140 ns to say
 * no.
 *
 * Rules    R1  A poll in the ring carries number and generation. Completions of another
 *              generation, and those of cancellations, are dropped: they are late.
 *          R2  A poll in the ring holds the file open: the peer would see no end of the stream. So
 *              a cancellation is submitted at once, not with the next wait.
 *          R3  A completion without F_MORE is the poll's last one: it is put into the ring again.
 *          R4  What arrives is never lost: a full submission queue is submitted; completions that
 *              overflowed are fetched (the flag is looked at in each poll); if the kernel had to
 *              drop some (EBADR), or a poll could not be put back, all polls are renewed, and the
 *              kernel looks at each anew.
 *          R5  Deferred work runs only when this thread enters the kernel for completions, so poll
 *              enters whenever the kernel's flags ask for it, even with a timeout of 0.
 *          R6  One thread: open, arm, disarm, poll and close are called by the thread that opened
 *              it.
 *          R7  Deferred work does not wake who sleeps on the ring's own descriptor, nor does what
 *              was not submitted. So a ring that is asked for it is replaced by one that defers
 *              nothing, and whatever is put into it is submitted at once.
 *          R8  Each setup flag is probed by trying, and stepping down after EINVAL. Required is
 *              only what Linux 5.13 has: waits with a timeout, and multishot polls. Without those
 *              there is nothing here that epoll does not do better, so the hub is refused.
 *
 *          R9  An operation in the ring is named by its address, cut in two around bit 31, which no
 *              descriptor has. It has exactly one completion; until that has come, `operations`
 *              holds it, and nothing is freed or closed. What the answer to its cancellation says
 *              (done, too late, not found) decides nothing: its own completion does.
 *          R10 If the kernel had to drop completions (EBADR) while operations were under way, one
 *              of them may never be told, and its buffer is somebody's: that ends the process.
 *          R11 Writes, and what is large, are done by the kernel's own threads from the start: what
 *              it tries at once it does in this thread, which would be late for the others, and
 *              would get SIGXFSZ for a file that grew too large.
 *
 * Measured on Linux 6.18, ext4: open of a known path 3.2 us in the ring, 2.8 as a plain call, 75 in
 * a worker thread; 4 KiB from the disk 85 us either way, but no thread; what the kernel always
 * gives to its own threads (statx, fsync, writes) 7 to 80 us, as in a worker thread, or better.
 *
 * Not here: accept and recv in the ring; buffers; SQPOLL (slower, and it eats a core).
 */
#ifdef HARK_HAVE_LIBURING

#include "hub/private.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>

/* Newer than the oldest liburing that we build with. Numbers are the kernel's. */
enum {
    SETUP_SUBMIT_ALL = 1 << 7,     /* 5.18 */
    SETUP_COOP_TASKRUN = 1 << 8,   /* 5.19 */
    SETUP_TASKRUN_FLAG = 1 << 9,   /* 5.19 */
    SETUP_SINGLE_ISSUER = 1 << 12, /* 6.0 */
    SETUP_DEFER_TASKRUN = 1 << 13, /* 6.1 */
    SQ_CQ_OVERFLOW = 1 << 1,
    SQ_TASKRUN = 1 << 2,
    NEEDED = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS, /* the last: 5.13 */
};

/* Leaving out the index array needs a liburing that knows of it. */
#ifdef IORING_SETUP_NO_SQARRAY
#define SETUP_NO_SQARRAY IORING_SETUP_NO_SQARRAY
#else
#define SETUP_NO_SQARRAY 0
#endif

enum {
    SUBMISSIONS = 256,
    COMPLETIONS = 1024, /* three pages more to touch, and no overflow in any ordinary turn */
    ROUNDS = 64,
};

#define KEY_CANCEL UINT64_MAX  /* no slot has this number */
#define OPERATION  0x80000000u /* in a key: R9 */

enum { AT_ONCE_MOST = 256 << 10 }; /* bytes that may be read in this thread: R11 */

typedef struct uring_hub {
    hark__hub base;
    hark__slots slots;
    bool renew;                         /* some poll may be missing from the ring: R4 */
    bool prompt;                        /* its descriptor is waited for: R7 */
    unsigned dropped;                   /* completions, by the kernel's count */
    struct hark__operation *operations; /* in the ring */
    uint64_t opcodes;                   /* bits of those that the kernel knows; 0: not asked yet */
    struct io_uring ring;
} uring_hub;

/* ---- opening --------------------------------------------------------------------------------- */

static const hark__refusal refusals[] = {
    {EPERM, "io_uring_setup: EPERM: a seccomp filter (containers often have one) or the sysctl "
            "kernel.io_uring_disabled forbids it; use the hub \"epoll\""},
    {EACCES, "io_uring_setup: EACCES: a security policy forbids it; use the hub \"epoll\""},
    {ENOSYS, "io_uring_setup: ENOSYS: this kernel has no io_uring; use the hub \"epoll\""},
    {ENOMEM, "io_uring_setup: ENOMEM: no memory for a ring, or RLIMIT_MEMLOCK is too small for it; "
             "use the hub \"epoll\""},
    {EMFILE, "io_uring_setup: EMFILE: this process has no descriptor left; raise RLIMIT_NOFILE"},
    {ENFILE, "io_uring_setup: ENFILE: the system has no descriptor left; raise fs.file-max"},
    {EOPNOTSUPP, "io_uring: this kernel's rings have no multishot poll or no timed waits (Linux "
                 "5.13 brought the last of them); use the hub \"epoll\""},
    {0, "io_uring_setup failed; use the hub \"epoll\""},
};

enum { DEFERRING = 0, PROMPT = 2 }; /* where in the list of flags to begin */

static int setup(struct io_uring *ring, size_t from)
{
    static const unsigned flags[] = {
        SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SUBMIT_ALL |
            SETUP_NO_SQARRAY,
        SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SUBMIT_ALL,
        SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SUBMIT_ALL,
        SETUP_SUBMIT_ALL,
        0,
    };
    int rc = -EINVAL;
    for (size_t i = from; rc == -EINVAL && i < sizeof flags / sizeof *flags; i++) {
        struct io_uring_params params = {
            .flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = COMPLETIONS,
        };
        rc = hark__sys.uring_setup(SUBMISSIONS, ring, &params);
    }
    return rc;
}

static int uring_open(hark__hub **ret)
{
    uring_hub *hub = hark__alloc(sizeof *hub);
    if (!hub)
        return hark__hub_refuse(ENOMEM, "uring: ENOMEM: no memory for a hub");
    hub->base.class = &hark__hub_uring;
    int rc = setup(&hub->ring, DEFERRING);
    if (rc == 0 && (hub->ring.features & NEEDED) != NEEDED) {
        hark__sys.uring_exit(&hub->ring);
        rc = -EOPNOTSUPP;
    }
    if (rc < 0) {
        hark__free(hub, sizeof *hub);
        return hark__hub_refuse_by(-rc, refusals);
    }
    *ret = &hub->base;
    return 0;
}

/* ---- into the ring --------------------------------------------------------------------------- */

/* NULL: the queue is full and the kernel takes nothing just now. */
static struct io_uring_sqe *entry(uring_hub *hub)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&hub->ring);
    if (!sqe) {
        hark__sys.uring_enter(&hub->ring, 0, 0);
        sqe = io_uring_get_sqe(&hub->ring);
    }
    return sqe;
}

static int add(uring_hub *hub, hark__slot *slot, int fd)
{
    struct io_uring_sqe *sqe = entry(hub);
    if (!sqe)
        return -ENOMEM;
    slot->mark++;
    io_uring_prep_poll_multishot(sqe, fd, slot->armed);
    sqe->user_data = hark__slot_key(slot, fd);
    return 0;
}

/* A cancellation, not a removal: POLL_REMOVE gives up (EALREADY) on a poll that has an edge to
 * report. */
static int take_out(uring_hub *hub, const hark__slot *slot, int fd)
{
    struct io_uring_sqe *sqe = entry(hub);
    if (!sqe)
        return -ENOMEM;
    io_uring_prep_cancel64(sqe, hark__slot_key(slot, fd), 0);
    sqe->user_data = KEY_CANCEL;
    return 0;
}

/* Rule R7. What the kernel does not take now stays in the queue. */
static void submit_if_prompt(uring_hub *hub)
{
    if (hub->prompt && io_uring_sq_ready(&hub->ring))
        hark__sys.uring_enter(&hub->ring, 0, 0);
}

/* Arming what is armed already renews it: the number may belong to another file by now. */
static int uring_arm(hark__hub *base, int fd, int events, uint64_t token)
{
    uring_hub *hub = (uring_hub *)base;
    int rc = fd < 0 ? -EBADF : hark__hub_check(fd);
    if (rc)
        return rc;
    hark__slot *slot = hark__slots_make(&hub->slots, fd);
    if (!slot)
        return -ENOMEM;
    if (slot->armed && (rc = take_out(hub, slot, fd)))
        return rc;
    slot->armed = POLLIN | POLLOUT | POLLRDHUP | (uint32_t)(events & POLLPRI);
    slot->token = token;
    rc = add(hub, slot, fd);
    if (rc)
        slot->armed = 0;
    submit_if_prompt(hub);
    return rc;
}

/* Entering for completions as well lets the removed poll drop its file before this call returns. */
static int uring_disarm(hark__hub *base, int fd, uint64_t token)
{
    uring_hub *hub = (uring_hub *)base;
    hark__slot *slot = hark__slots_find(&hub->slots, fd);
    if (!slot || !slot->armed || slot->token != token)
        return 0;
    int rc = take_out(hub, slot, fd);
    if (rc)
        return rc;
    slot->armed = 0;
    hark__sys.uring_enter(&hub->ring, 0, 0);
    return 0;
}

/* R4: after this every armed descriptor has exactly one live poll. */
static void renew(uring_hub *hub)
{
    hub->renew = false;
    hub->base.repeats = true;
    for (int fd = 0; fd < hub->slots.count; fd++) {
        hark__slot *slot = &hub->slots.at[fd];
        if (slot->armed && (take_out(hub, slot, fd) || add(hub, slot, fd)))
            hub->renew = true;
    }
}

/* What does not stop a loop: time ran out; a signal; the kernel wants completions taken first, or
 * is short of memory for a moment. In all of these what was not submitted stays in the queue. */
static bool is_passing(int rc)
{
    return rc == -ETIME || rc == -EINTR || rc == -EBUSY || rc == -EAGAIN || rc == -EBADR;
}

/* ---- operations ------------------------------------------------------------------------------ */

static uint64_t operation_key(const struct hark__operation *op)
{
    uint64_t address = (uintptr_t)op;
    return address >> 31 << 32 | OPERATION | (address & (OPERATION - 1));
}

static struct hark__operation *operation_of(uint64_t key)
{
    return (struct hark__operation *)(uintptr_t)(key >> 32 << 31 | (key & (OPERATION - 1)));
}

static void prepare(struct io_uring_sqe *sqe, const struct hark__operation *op)
{
    unsigned size = (unsigned)op->size, flags = (unsigned)op->flags;
    uint64_t offset = (uint64_t)op->offset;
    switch (op->work) {
    case HARK__READ: io_uring_prep_read(sqe, op->fd, op->buffer, size, offset); break;
    case HARK__WRITE: io_uring_prep_write(sqe, op->fd, op->buffer, size, offset); break;
    case HARK__FSYNC: io_uring_prep_fsync(sqe, op->fd, 0); break;
    case HARK__FDATASYNC: io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC); break;
    case HARK__OPEN: io_uring_prep_openat(sqe, AT_FDCWD, op->path, op->flags, op->mode); break;
    case HARK__STATX:
        io_uring_prep_statx(sqe, op->fd, op->path, op->flags, STATX_BASIC_STATS, op->buffer);
        break;
    case HARK__UNLINK: io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, 0); break;
    case HARK__RMDIR: io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, AT_REMOVEDIR); break;
    case HARK__RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->second, flags);
        break;
    case HARK__MKDIR: io_uring_prep_mkdirat(sqe, AT_FDCWD, op->path, op->mode); break;
    case HARK__LINK: io_uring_prep_linkat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->second, 0); break;
    default: io_uring_prep_symlinkat(sqe, op->path, AT_FDCWD, op->second); break;
    }
    if (op->work == HARK__WRITE || (op->work == HARK__READ && op->size > AT_ONCE_MOST))
        sqe->flags |= IOSQE_ASYNC;
    sqe->user_data = operation_key(op);
}

static bool knows(uring_hub *hub, int work)
{
    static const uint8_t opcodes[HARK__WORKS] = {
        [HARK__READ] = IORING_OP_READ,       [HARK__WRITE] = IORING_OP_WRITE,
        [HARK__FSYNC] = IORING_OP_FSYNC,     [HARK__FDATASYNC] = IORING_OP_FSYNC,
        [HARK__OPEN] = IORING_OP_OPENAT,     [HARK__STATX] = IORING_OP_STATX,
        [HARK__UNLINK] = IORING_OP_UNLINKAT, [HARK__RMDIR] = IORING_OP_UNLINKAT,
        [HARK__RENAME] = IORING_OP_RENAMEAT, [HARK__MKDIR] = IORING_OP_MKDIRAT,
        [HARK__LINK] = IORING_OP_LINKAT,     [HARK__SYMLINK] = IORING_OP_SYMLINKAT,
    };
    if (!hub->opcodes)
        hub->opcodes = hark__sys.uring_opcodes(&hub->ring) | 1; /* bit 0 is the NOP's */
    return work < HARK__WORKS && hub->opcodes >> opcodes[work] & 1;
}

/* It goes to the kernel with the next wait, as all else. */
static int uring_submit(hark__hub *base, struct hark__operation *op)
{
    uring_hub *hub = (uring_hub *)base;
    if (!knows(hub, op->work))
        return -EOPNOTSUPP;
    struct io_uring_sqe *sqe = entry(hub);
    if (!sqe)
        return -EAGAIN;
    prepare(sqe, op);
    op->cancelled = false;
    hark__operation_add(&hub->operations, op);
    submit_if_prompt(hub);
    return 0;
}

/* Without an entry it is not asked, and ends when it ends. */
static void uring_cancel(hark__hub *base, struct hark__operation *op)
{
    uring_hub *hub = (uring_hub *)base;
    struct io_uring_sqe *sqe = entry(hub);
    if (!sqe)
        return;
    op->cancelled = true;
    io_uring_prep_cancel64(sqe, operation_key(op), 0);
    sqe->user_data = KEY_CANCEL;
    submit_if_prompt(hub);
}

/* `operations` is a ring, and somebody may have cancelled some of them. */
static void cancel_all(uring_hub *hub)
{
    struct hark__operation *last = hub->operations ? hub->operations->prev : NULL, *op = last;
    while (op) {
        op = op->next;
        if (!op->cancelled)
            uring_cancel(&hub->base, op);
        op = op == last ? NULL : op;
    }
}

/* Rule R9. */
static void operation_ended(uring_hub *hub, const struct io_uring_cqe *cqe)
{
    struct hark__operation *op = operation_of(cqe->user_data);
    hark__operation_remove(&hub->operations, op);
    hark__operation_end(&hub->base, op, cqe->res);
}

static inline bool is_operation(uint64_t key)
{
    return key & OPERATION && key != KEY_CANCEL;
}

/* Wait until there is none. What polls report meanwhile is dropped. */
static void drain(uring_hub *hub)
{
    int rc = 0;
    while (hub->operations && (rc >= 0 || is_passing(rc))) {
        unsigned head, seen = 0;
        struct io_uring_cqe *cqe;
        rc = hark__sys.uring_enter(&hub->ring, 1, -1);
        io_uring_for_each_cqe(&hub->ring, head, cqe)
        {
            if (is_operation(cqe->user_data))
                operation_ended(hub, cqe);
            seen++;
        }
        io_uring_cq_advance(&hub->ring, seen);
    }
}

/* The kernel takes a ring down in its own time, and until then its polls hold their files open: a
 * port that was listened on would be in use. So they are removed first. */
static void uring_close(hark__hub *base)
{
    uring_hub *hub = (uring_hub *)base;
    cancel_all(hub);
    drain(hub);
    for (int fd = 0; fd < hub->slots.count; fd++) {
        if (hub->slots.at[fd].armed)
            take_out(hub, &hub->slots.at[fd], fd);
    }
    if (io_uring_sq_ready(&hub->ring))
        hark__sys.uring_enter(&hub->ring, 0, 0);
    hark__sys.uring_exit(&hub->ring);
    hark__slots_free(&hub->slots);
    hark__free(hub, sizeof *hub);
}

/* The polls are the parent's, and so is what was not submitted. */
static void uring_abandon(hark__hub *base, bool whole)
{
    uring_hub *hub = (uring_hub *)base;
    hark__sys.uring_exit(&hub->ring);
    if (whole) {
        hark__slots_free(&hub->slots);
        hark__free(hub, sizeof *hub);
    }
}

/* ---- out of the ring ------------------------------------------------------------------------- */

/* A poll that failed is over; everybody who waits shall look. */
static int events_of_failure(hark__slot *slot, int error)
{
    slot->armed = 0;
    return error == -EBADF ? POLLNVAL : POLLERR;
}

/* One completion into at most one report. */
static int digest(uring_hub *hub, const struct io_uring_cqe *cqe, struct hark__report *to)
{
    hark__slot *slot = hark__slots_match(&hub->slots, cqe->user_data);
    if (!slot) {
        if (is_operation(cqe->user_data))
            operation_ended(hub, cqe);
        return 0;
    }
    to->token = slot->token;
    if (cqe->res < 0) {
        to->events = events_of_failure(slot, cqe->res);
        return 1;
    }
    to->events = cqe->res;
    if (!(cqe->flags & IORING_CQE_F_MORE)) { /* a new one looks anew, at what we are just told */
        hub->base.repeats = true;
        hub->renew |= add(hub, slot, (int)(uint32_t)cqe->user_data) != 0;
    }
    return 1;
}

static int reap(uring_hub *hub, struct hark__report *reports, int max)
{
    unsigned head, seen = 0;
    int told = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&hub->ring, head, cqe)
    {
        if (told == max)
            break;
        told += digest(hub, cqe, &reports[told]);
        seen++;
    }
    io_uring_cq_advance(&hub->ring, seen);
    return told;
}

/* Must this poll enter the kernel although it does not wait? */
static bool asked_for(const uring_hub *hub)
{
    unsigned flags = __atomic_load_n(hub->ring.sq.kflags, __ATOMIC_RELAXED);
    return flags & (SQ_TASKRUN | SQ_CQ_OVERFLOW) || io_uring_sq_ready(&hub->ring);
}

/* Rule R10. The kernel counts what it drops. */
static bool has_lost(uring_hub *hub)
{
    unsigned dropped = __atomic_load_n(hub->ring.cq.koverflow, __ATOMIC_RELAXED);
    bool more = dropped != hub->dropped;
    hub->dropped = dropped;
    return more && hub->operations;
}

static int enter(uring_hub *hub, unsigned wait, int64_t timeout)
{
    int rc = hark__sys.uring_enter(&hub->ring, wait, timeout);
    if (rc == -EBADR) {
        hub->renew = true;
        return has_lost(hub) ? rc : 0;
    }
    return rc < 0 && !is_passing(rc) ? rc : 0;
}

/* The kernel works off some twenty polls an enter. If all that these brought was late, there may
 * be more behind them, and "nothing" must mean nothing: so it goes on, but not for ever if the
 * kernel takes no entries. */
static int uring_poll(hark__hub *base, int64_t timeout, struct hark__report *reports, int max)
{
    uring_hub *hub = (uring_hub *)base;
    if (hub->renew)
        renew(hub);
    unsigned wait = timeout != 0 && !io_uring_cq_ready(&hub->ring);
    int told = 0;
    for (int round = 0; round < ROUNDS && !told && !base->ended; round++) {
        int rc = wait || asked_for(hub) ? enter(hub, wait, timeout) : 0;
        if (rc < 0)
            return rc;
        wait = 0;
        told = reap(hub, reports, max);
        if (!asked_for(hub))
            break;
    }
    submit_if_prompt(hub);
    return told;
}

/* Rule R7. */
static int uring_fd(hark__hub *base)
{
    uring_hub *hub = (uring_hub *)base;
    struct io_uring prompt;
    if (hub->ring.flags & SETUP_DEFER_TASKRUN) {
        int rc = setup(&prompt, PROMPT);
        if (rc < 0)
            return rc;
        drain(hub);
        hark__sys.uring_exit(&hub->ring);
        hub->ring = prompt;
        hub->renew = true;
    }
    hub->prompt = true;
    return hub->ring.ring_fd;
}

const struct hark__hub_class hark__hub_uring = {
    .name = "uring",
    .lasts = true,
    .open = uring_open,
    .close = uring_close,
    .abandon = uring_abandon,
    .arm = uring_arm,
    .disarm = uring_disarm,
    .poll = uring_poll,
    .fd = uring_fd,
    .submit = uring_submit,
    .cancel = uring_cancel,
};

#endif
