/* SPDX-License-Identifier: MIT
 *
 * guard.c - guards below stacks: three kinds, and which one this process can have.
 *
 * Idea     MADV_GUARD_INSTALL (Linux 6.13) marks pages in the page table, so a million guards
 *          need no mapping of their own; process_madvise does many in one call. Before it there
 *          was only mprotect, two mappings each, of which a process has 65,530: half of these may
 *          be ours, and what comes later has a canary.
 *
 * Rules    G1  Probed once a process, by looking whether a guard is there and not by the call's
 *              result: emulators take any advice and do nothing.
 *          G2  Never fails. A kind that does not work gives way to the next.
 *          G3  A canary is the zeros of fresh memory. Nothing is written, so it costs no page;
 *              what an overflow writes is hardly ever all zero.
 *          G4  Guards outlive MADV_DONTNEED: a stack whose memory was given back is still
 *              guarded.
 *
 * Not here when a canary is looked at: whoever gives a stack back asks hark__stack_intact().
 */
#include "fiber/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "fiber/fiber.h"
#include "fiber/tools.h"

enum {
    GUARD_INSTALL = 102, /* MADV_GUARD_INSTALL, younger than the headers of Debian 12 */
    MANY = 64,           /* guards in one call: its cost is spread, 1 KiB of the caller's stack */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static size_t page;
static atomic_int method;       /* enum hark__guard: the best kind that works */
static atomic_bool in_one_call; /* process_madvise works */
static atomic_long left;        /* mprotect guards that may still be made */
static atomic_int newest;

/* ---- what this process can have ------------------------------------------------------------ */

static bool advise(char *base, size_t size)
{
    return hark__sys.madvise(base, size, GUARD_INSTALL) == 0;
}

/* Reading a stack_t from a guard is EFAULT; from zeroed memory it is a stack that is too small. */
static bool faults(const char *address)
{
    return hark__sys.sigaltstack((const stack_t *)address, NULL) == -1 && errno == EFAULT;
}

static void probe_advice(void)
{
    char *map = hark__map(2 * page);
    if (!map) {
        return;
    }
    struct iovec range = {.iov_base = map, .iov_len = page};
    if (hark__sys.process_madvise(&range, 1, GUARD_INSTALL) == (ssize_t)page && faults(map)) {
        atomic_store(&in_one_call, true);
        atomic_store(&method, HARK__GUARD_ADVICE);
    } else if (advise(map + page, page) && faults(map + page)) {
        atomic_store(&method, HARK__GUARD_ADVICE);
    }
    hark__unmap(map, 2 * page);
}

/* A guard splits a mapping in three, and shares one with its neighbour: two a guard. Some are left
 * for the program's own libraries, threads and files. */
static long budget(void)
{
    char text[32] = "";
    int fd = hark__sys.open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        ssize_t n = hark__sys.read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        hark__sys.close(fd);
    }
    long most = strtol(text, NULL, 10);
    if (most <= 0) {
        most = 65530;
    }
    long slack = most / 4 < 8192 ? most / 4 : 8192;
    return (most - slack) / 2;
}

static void choose(void)
{
    const char *wish = getenv("HARK_GUARD");
    page = (size_t)sysconf(_SC_PAGESIZE);
    atomic_store(&left, budget());
    atomic_store(&method, HARK__GUARD_MPROTECT);
    if (wish && strcmp(wish, "canary") == 0) {
        atomic_store(&method, HARK__GUARD_CANARY);
    } else if (!(wish && strcmp(wish, "mprotect") == 0) && !hark__tools_valgrind()) {
        probe_advice();
    }
    atomic_store(&newest, atomic_load(&method));
}

const char *hark__guard_method(void)
{
    static const char *const names[] = {"MADV_GUARD_INSTALL", "mprotect", "canary"};
    pthread_once(&once, choose);
    return names[atomic_load(&newest)];
}

/* ---- installing ---------------------------------------------------------------------------- */

size_t hark__guard_size(uint32_t class)
{
    pthread_once(&once, choose);
    size_t stack = hark__stack_size(class);
    size_t guard = stack >= 1u << 20 ? 16u << 10 : 4u << 10;
    if (guard < page && page <= stack / 4) {
        guard = page;
    }
    return guard;
}

static uint32_t advise_many(char *base, uint32_t class, uint32_t count)
{
    struct iovec ranges[MANY];
    size_t size = hark__guard_size(class);
    count = count < MANY ? count : MANY;
    for (uint32_t i = 0; i < count; i++) {
        ranges[i].iov_base = base + i * hark__stack_size(class);
        ranges[i].iov_len = size;
    }
    ssize_t done = hark__sys.process_madvise(ranges, count, GUARD_INSTALL);
    if (done < 0 && errno != ENOMEM && errno != EINTR && errno != EAGAIN) {
        atomic_store(&in_one_call, false);
    }
    return done > 0 ? (uint32_t)((size_t)done / size) : 0;
}

static uint32_t install_advice(char *base, uint32_t class, uint32_t count)
{
    uint32_t done = 0;
    if (count > 1 && atomic_load_explicit(&in_one_call, memory_order_relaxed)) {
        done = advise_many(base, class, count);
    }
    return done ? done : advise(base, hark__guard_size(class));
}

static bool install_mprotect(char *base, size_t size)
{
    if (atomic_fetch_sub(&left, 1) <= 0 || hark__sys.mprotect(base, size, PROT_NONE) != 0) {
        atomic_fetch_add(&left, 1);
        return false;
    }
    return true;
}

uint32_t hark__guard_install(char *base, uint32_t class, uint32_t count, enum hark__guard *ret)
{
    size_t size = hark__guard_size(class);
    int best = size % page ? HARK__GUARD_CANARY : atomic_load(&method);
    uint32_t done = 0;
    *ret = HARK__GUARD_CANARY;
    if (best == HARK__GUARD_ADVICE && (done = install_advice(base, class, count)) > 0) {
        *ret = HARK__GUARD_ADVICE;
    } else if (best <= HARK__GUARD_MPROTECT && install_mprotect(base, size)) {
        *ret = HARK__GUARD_MPROTECT;
    }
    atomic_store_explicit(&newest, *ret, memory_order_relaxed);
    return done ? done : 1;
}

void hark__guard_release(uint32_t count)
{
    atomic_fetch_add(&left, (long)count);
}

HARK__UNWATCHED bool hark__guard_whole(const char *base, size_t size)
{
    const uint64_t *words = (const uint64_t *)base;
    uint64_t seen = 0;
    for (size_t i = 0; i < size / sizeof(*words); i++) {
        seen |= words[i];
    }
    return seen == 0;
}
