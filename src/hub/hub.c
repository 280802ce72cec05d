/* SPDX-License-Identifier: MIT
 *
 * hub.c - which hub a loop gets, why it did not get another one, and what the hubs share.
 *
 * A name is a demand: what was asked for by name, or in $HARK_HUB, is opened or refused with
 * words, never replaced. "auto" is a wish: the ring, else epoll, else poll, silently;
 * hub->class->name tells.
 *
 * Why the ring first. Measured on Linux 6.18 (2.5 GHz, virtual, best of five, two to four
 * interleaved runs), the same readiness-shaped program on both, hubs called as core calls them:
 *
 *                                                          uring       epoll
 *     eventfd: write, poll, read (1 / 64 descriptors)      740 / 560   840 / 620 ns
 *     unix socket, 64 bytes, the same                      2.0 / 1.6   2.0 / 1.7 us
 *     TCP echo between two processes (1 / 64)              14 / 5.4    14 / 5.3 us   no difference
 *     poll(0) that finds nothing                           2.5         112 ns        no system call
 *     poll that sleeps 1 us, all in all                    18          80 us         no timer slack
 *     arm, disarm, poll                                    1.3         1.6 us
 *     open and close                                       40          2.3 us
 *
 * So the ring wins or draws wherever a loop spends its time, by a tenth at most where messages are
 * moved, and by much where a busy loop looks whether anything came. It loses 40 us at the start of
 * a loop, once.
 *
 * Rules    C1  With a name other than "uring" and "auto", given or in $HARK_HUB, no ring call is
 *              made at all: some sandboxes kill the process for one.
 *          C2  The words of a refusal are constant strings: remembering them cannot fail and needs
 *              one pointer.
 *          C3  "auto" gives way to any refusal of the ring, even EMFILE and ENOMEM (RLIMIT_MEMLOCK
 *              on old kernels); of epoll, only where epoll itself is not to be had.
 *          C4  Descriptors 0 to 2 are open, on /dev/null if need be, before a hub takes any number.
 */
#include "hub/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- the choice ------------------------------------------------------------------------------ */

static _Thread_local const char *refusal = "";

const char *hark__hub_refusal(void)
{
    return refusal;
}

int hark__hub_refuse(int error, const char *words)
{
    refusal = words;
    if (error == EMFILE || error == ENFILE)
        return -EMFILE;
    return error == ENOMEM ? -ENOMEM : -EOPNOTSUPP;
}

int hark__hub_refuse_by(int error, const hark__refusal *list)
{
    while (list->error && list->error != error)
        list++;
    return hark__hub_refuse(error, list->words);
}

#ifdef HARK_HAVE_LIBURING
/* valgrind (3.19) does not know that a ring waits: meanwhile no other thread runs and no signal
 * comes, and a program that waits for one hangs. It shows itself by what it preloads. */
static bool in_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "/vgpreload_");
}

static int open_uring(hark__hub **ret)
{
    if (in_valgrind())
        return hark__hub_refuse(EOPNOTSUPP, "uring: under valgrind, waiting in a ring stops the "
                                            "other threads and signals; use the hub \"epoll\"");
    return hark__hub_uring.open(ret);
}
#else
static int open_uring(hark__hub **ret)
{
    (void)ret;
    return hark__hub_refuse(ENOSYS, "uring: this build has no liburing; use the hub \"epoll\", or "
                                    "build hark where pkg-config finds liburing");
}
#endif

/* Descriptors that ran out for epoll too are told, not worked around: the loop needs some more
 * anyway. */
static int open_auto(hark__hub **ret)
{
    int rc = open_uring(ret);
    if (rc < 0)
        rc = hark__hub_epoll.open(ret);
    return rc == -EOPNOTSUPP ? hark__hub_poll.open(ret) : rc;
}

static int open_unknown(void)
{
    refusal = "no hub has this name; the names are \"uring\", \"epoll\", \"poll\", \"select\" and "
              "\"auto\"";
    return -EINVAL;
}

/* Set but empty is how shells unset. A program that gives an empty name has made a mistake. */
static const char *name_in_environment(void)
{
    const char *name = getenv("HARK_HUB");
    return name && *name ? name : "auto";
}

/* A program that was started with standard descriptors closed would get a socket of ours in their
 * place, and its next printf would go there. */
static void keep_standard(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (hark__sys.fcntl_int(fd, F_GETFD, 0) < 0 && errno == EBADF)
            hark__sys.open("/dev/null", O_RDWR, 0);
    }
}

int hark__hub_open(hark__hub **ret, const char *name)
{
    static const struct hark__hub_class *const named[] = {
        &hark__hub_epoll,
        &hark__hub_poll,
        &hark__hub_select,
        &hark__hub_sim,
    };

    *ret = NULL;
    refusal = "";
    keep_standard();
    if (!name)
        name = name_in_environment();
    if (!strcmp(name, "auto"))
        return open_auto(ret);
    if (!strcmp(name, "uring"))
        return open_uring(ret);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (!strcmp(name, named[i]->name))
            return named[i]->open(ret);
    }
    return open_unknown();
}

/* ---- slots ----------------------------------------------------------------------------------- */

static size_t slots_size(int count)
{
    return (size_t)count * sizeof(hark__slot);
}

/* A fresh zeroed array, not a resized one: its untouched pages cost nothing. */
static int slots_grow(hark__slots *slots, int count)
{
    hark__slot *at = hark__alloc(slots_size(count));
    if (!at)
        return -ENOMEM;
    if (slots->count)
        memcpy(at, slots->at, slots_size(slots->count));
    hark__free(slots->at, slots_size(slots->count));
    slots->at = at;
    slots->count = count;
    return 0;
}

hark__slot *hark__slots_make(hark__slots *slots, int fd)
{
    if (fd < slots->count)
        return &slots->at[fd];
    int count = slots->count ? slots->count : 64;
    while (count <= fd)
        count = count > INT32_MAX / 2 ? INT32_MAX : count * 2;
    return fd < count && slots_grow(slots, count) == 0 ? &slots->at[fd] : NULL;
}

void hark__slots_free(hark__slots *slots)
{
    hark__free(slots->at, slots_size(slots->count));
    slots->at = NULL;
    slots->count = 0;
}

/* ---- descriptors and time -------------------------------------------------------------------- */

/* Devices differ: a terminal can be waited for, /dev/null cannot, and only epoll tells which is
 * which. If there is no epoll to ask, the device gets the benefit of the doubt. */
static int check_device(int fd)
{
    int epoll = hark__sys.epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return 0;
    struct epoll_event event = {.events = 0};
    int rc = hark__sys.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    int error = rc < 0 ? errno : 0;
    hark__sys.close(epoll);
    return error == EPERM ? -EPERM : 0;
}

int hark__hub_check(int fd)
{
    struct stat status;
    if (hark__sys.fstat(fd, &status) < 0)
        return -errno;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
        return -EPERM;
    return S_ISCHR(status.st_mode) ? check_device(fd) : 0;
}

struct timespec hark__hub_span(int64_t timeout)
{
    return (struct timespec){timeout / 1000000000, timeout % 1000000000};
}

/* ---- operations ------------------------------------------------------------------------------ */

void hark__operation_add(struct hark__operation **all, struct hark__operation *op)
{
    struct hark__operation *first = *all ? *all : op;
    op->next = first;
    op->prev = *all ? first->prev : op;
    op->prev->next = op;
    first->prev = op;
    *all = first;
}

void hark__operation_remove(struct hark__operation **all, struct hark__operation *op)
{
    op->prev->next = op->next;
    op->next->prev = op->prev;
    if (*all == op)
        *all = op->next == op ? NULL : op->next;
}

void hark__operation_end(hark__hub *hub, struct hark__operation *op, int result)
{
    op->result = result;
    op->next = NULL;
    *(hub->ended ? &hub->ended_last->next : &hub->ended) = op;
    hub->ended_last = op;
}

/* What `ended` does may make the operation disappear, and submit others. */
void hark__hub_tell(hark__hub *hub)
{
    struct hark__operation *op;
    while ((op = hub->ended)) {
        hub->ended = op->next;
        op->ended(op);
    }
}
